"""Small networks whose activations are of the size of trained ones."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine import Config
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules
from torch import nn

CONFIG = """
_base_ = ['{base}']

model = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.125),
    head=dict(in_channels=128),
)
"""
BASE = Path(__file__).parents[2] / 'configs' / 'spinepose-t.py'


def picture(rng, height: int, width: int) -> np.ndarray:
    """Smooth coloured spots, uint8 BGR: something to look at for a network."""
    small = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def write_model(folder: Path):
    """Config and checkpoint of a small SpinePoseDistiller."""
    from spinepose_mmpose.deploy.rewriters import deployed_config

    config, checkpoint = folder / 'tiny.py', folder / 'tiny.pth'
    config.write_text(CONFIG.format(base=BASE))
    model = build(deployed_config(Config.fromfile(str(config))))
    torch.save(dict(state_dict=model.state_dict(), meta={}), checkpoint)
    return str(config), str(checkpoint)


def build(config, seed: int = 0) -> nn.Module:
    """A model in eval mode with random weights, batch norm of real statistics
    and a head whose distributions have clear peaks."""
    register_all_modules(init_default_scope=True)
    torch.manual_seed(seed)
    model = MODELS.build(config.model)
    spread_head(model.head)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    w, h = config.codec.input_size
    rng = np.random.default_rng(seed)
    images = np.stack([picture(rng, h, w) for _ in range(4)])
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        model.train()
        model.extract_feat((inputs - 127) / 58)
    return model.eval()


def spread_head(head: nn.Module) -> None:
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
        nn.init.normal_(head.final_layer.weight, std=0.02)
        nn.init.normal_(head.gau.gamma)
        nn.init.normal_(head.gau.beta, std=0.1)
