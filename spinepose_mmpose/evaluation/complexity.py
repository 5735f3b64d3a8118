"""Parameters and FLOPs of a pose model."""

import contextlib
import logging
from typing import Tuple

import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

# What remains of a distiller outside of training.
_ESTIMATOR_KEYS = {
    'data_preprocessor',
    'backbone',
    'neck',
    'head',
    'test_cfg',
    'type',
}


def model_complexity(config: str) -> Tuple[float, float]:
    """Millions of parameters, and billions of multiply-adds for one person.

    Weights are not loaded. As in the published tables a multiplication with
    its addition counts once, and flipping is left out.

    Args:
        config (str): Config file.
    """
    with torch.no_grad(), quietly():
        cfg = Config.fromfile(config)
        init_default_scope(cfg.get('default_scope', 'mmpose'))
        width, height = cfg.codec['input_size']
        model = revert_sync_batchnorm(MODELS.build(_network(cfg.model)))
        model.eval()
        # The network alone, without decoding.
        model.forward = model._forward
        info = get_model_complexity_info(
            model,
            input_shape=(3, height, width),
            show_table=False,
            show_arch=False,
        )
    return info['params'] / 1e6, info['flops'] / 1e9


def _network(model_cfg):
    """The config without what is fetched from elsewhere, and without what
    only training needs."""
    model_cfg = model_cfg.copy()
    model_cfg.pop('init_cfg', None)
    model_cfg.backbone.pop('init_cfg', None)
    if model_cfg.type == 'SpinePoseDistiller':
        model_cfg.type = 'TopdownPoseEstimator'
        for key in set(model_cfg) - _ESTIMATOR_KEYS:
            model_cfg.pop(key)
    return model_cfg


@contextlib.contextmanager
def quietly():
    """Without mmengine's remarks: each operator that it takes for free, each
    variable that a config reads."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
