import inspect
from copy import deepcopy
from typing import Optional

import torch
from mmdeploy.codebase.mmpose.deploy.pose_detection import (
    MMPOSE_TASK,
    PoseDetection,
)
from mmdeploy.utils import Task, get_codebase_config
from mmengine import Config
from mmpose.models.data_preprocessors import PoseDataPreprocessor

from ..models.distiller import plain_model_config
from .channel_order import (
    CHANNEL_ORDERS,
    first_convolution,
    swap_input_channels,
)

# What training configs name and mmdeploy does not know.
DISTILLER = 'SpinePoseDistiller'
PREPROCESSOR = 'SpinePoseDataPreprocessor'


@MMPOSE_TASK.register_module(Task.POSE_DETECTION.value, force=True)
class SpinePoseDetection(PoseDetection):
    """mmdeploy's pose detection task for training configs too.

    - A ``SpinePoseDistiller`` is the ``TopdownPoseEstimator`` that it is
      outside of training: mmdeploy goes by that name, and neither builds nor
      looks for a teacher.
    - ``channel_order='bgr'`` in ``codebase_config`` makes a model for clients
      that normalise BGR images with the RGB figures.

    The configs passed in are not modified.
    """

    def __init__(
        self, model_cfg: Config, deploy_cfg: Config, device: str
    ) -> None:
        self.channel_order = channel_order(deploy_cfg)
        super().__init__(
            deployed_config(model_cfg, self.channel_order), deploy_cfg, device
        )
        self._trained = model_cfg

    def build_pytorch_model(
        self, model_checkpoint: Optional[str] = None, *args, **kwargs
    ) -> torch.nn.Module:
        model = super().build_pytorch_model(model_checkpoint, *args, **kwargs)
        trained = self._trained.model.data_preprocessor
        if self.channel_order == 'bgr' and trained.get('bgr_to_rgb', False):
            swap_input_channels(
                first_convolution(model), trained.mean, trained.std
            )
        return model


def channel_order(deploy_cfg: Config) -> str:
    """``codebase_config.channel_order``.

    Raises:
        ValueError: It is none of ``CHANNEL_ORDERS``.
    """
    order = get_codebase_config(deploy_cfg).get('channel_order', 'rgb')
    if order not in CHANNEL_ORDERS:
        raise ValueError(
            f'codebase_config.channel_order is {order!r}, expected one of '
            f'{CHANNEL_ORDERS}'
        )
    return order


def deployed_config(model_cfg: Config, order: str = 'rgb') -> Config:
    """A copy of a model config as mmdeploy and the SDK should see it."""
    model_cfg = deepcopy(model_cfg)
    if model_cfg.model.type.rpartition('.')[2] == DISTILLER:
        model_cfg.model = plain_model_config(model_cfg.model)
    model = model_cfg.model
    if model.data_preprocessor.type.rpartition('.')[2] == PREPROCESSOR:
        model.data_preprocessor = _plain(
            model.data_preprocessor, PoseDataPreprocessor
        )
    if order == 'bgr':
        model.data_preprocessor.bgr_to_rgb = False
    return model_cfg


def _plain(settings: dict, parent: type) -> dict:
    """The settings of one of our classes as those of its parent."""
    known = inspect.signature(parent.__init__).parameters
    kept = {k: v for k, v in settings.items() if k in known}
    return dict(kept, type=parent.__name__)
