"""Detectors as MMDetection config and checkpoint, run by PyTorch."""

import warnings
from typing import Optional, Tuple

import numpy as np

from ..utils import need, read_config
from .backends.pytorch import PIP, find_device, load_all_weights
from .detectors import PERSON, keep_people


class MMDetDetector:
    """Finds people with any detector of MMDetection, RTMDet for instance;
    arguments and errors as in :class:`.PyTorchNetwork`."""

    def __init__(
        self,
        config,
        checkpoint,
        device: str = 'auto',
        threads: Optional[int] = None,
        score_threshold: float = 0.3,
    ) -> None:
        torch, mmdet = (
            need(module, 'this detector', PIP)
            for module in ('torch', 'mmdet.apis')
        )
        if threads:
            torch.set_num_threads(int(threads))
        self.device = find_device(torch, device)
        self.score_threshold = score_threshold
        self.model = _build(config, checkpoint).to(self.device)
        self._infer = mmdet.inference_detector

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        found = self._infer(self.model, image).pred_instances.cpu().numpy()
        people = found.labels == PERSON
        return keep_people(
            found.bboxes[people],
            found.scores[people],
            (image.shape[1], image.shape[0]),
            self.score_threshold,
        )


def _build(config, checkpoint):
    """The model with all weights of the checkpoint, on the CPU."""
    from mmdet.apis import init_detector

    cfg = read_config(config)
    for part in ('backbone', 'neck', 'bbox_head'):
        if isinstance(cfg.model.get(part), dict):
            # Else pre-trained weights are fetched, to be replaced at once.
            cfg.model[part].pop('init_cfg', None)
    with warnings.catch_warnings():
        # The weights come below, and the class names are not needed.
        warnings.filterwarnings('ignore', 'checkpoint is None')
        model = init_detector(cfg, None, palette='random', device='cpu')
    load_all_weights(model, checkpoint)
    return model.eval()
