"""Detectors as MMDetection config and checkpoint, run by PyTorch."""

import os
import warnings
from typing import Optional, Tuple

import numpy as np

from ..backends.pytorch import PIP, find_device, load_all_weights
from .boxes import keep_people

PERSON = 0


class MMDetDetector:
    """Finds people with any detector of MMDetection, RTMDet for instance.

    Args:
        config: a config file, or ``mmdet::...``.
        checkpoint: its weights.
        device: ``auto``, or what torch calls a device.
        threads: of the CPU, for the whole process.
        score_threshold: the lowest score that counts.

    Raises:
        FileNotFoundError: there is no such config or checkpoint.
        ValueError: torch or MMDetection is not installed, the weights are not
            those of the config, or the device is not there.
    """

    def __init__(
        self,
        config,
        checkpoint,
        device: str = 'auto',
        threads: Optional[int] = None,
        score_threshold: float = 0.3,
    ) -> None:
        config, checkpoint = os.fspath(config), os.fspath(checkpoint)
        for what, path in (('config', config), ('checkpoint', checkpoint)):
            if not _is_remote(path) and not os.path.isfile(path):
                raise FileNotFoundError(f'no such detector {what}: {path}')
        try:
            import torch
            from mmdet.apis import inference_detector
        except ImportError as error:
            raise ValueError(
                f'this detector needs torch and MMDetection ({error}): {PIP}'
            ) from error
        if threads:
            torch.set_num_threads(int(threads))
        self.device = find_device(torch, device)
        self.score_threshold = score_threshold
        self.model = build_detector(config, checkpoint, self.device)
        self._infer = inference_detector

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        found = self._infer(self.model, image).pred_instances.cpu().numpy()
        people = found.labels == PERSON
        return keep_people(
            found.bboxes[people],
            found.scores[people],
            (image.shape[1], image.shape[0]),
            self.score_threshold,
        )


def _is_remote(path: str) -> bool:
    return '://' in path or '::' in path


def build_detector(config: str, checkpoint: str, device: str):
    """An MMDetection model with all weights of the checkpoint.

    Raises:
        ValueError: the weights are not those of the config.
    """
    from mmdet.apis import init_detector
    from mmengine.config import Config
    from mmengine.hub import get_config

    cfg = get_config(config) if '::' in config else Config.fromfile(config)
    # Else the backbone's pre-trained weights are fetched.
    _drop_init(cfg.model)
    with warnings.catch_warnings():
        # The weights come below, and the class names are not needed.
        warnings.filterwarnings('ignore', 'checkpoint is None')
        model = init_detector(cfg, None, palette='random', device='cpu')
    load_all_weights(model, checkpoint)
    return model.to(device).eval()


def _drop_init(model: dict) -> None:
    for part in ('backbone', 'neck', 'bbox_head'):
        if isinstance(model.get(part), dict):
            model[part].pop('init_cfg', None)
