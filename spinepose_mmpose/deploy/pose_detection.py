"""mmdeploy's pose detection task for our training configs."""

import inspect
from copy import deepcopy
from typing import Optional, Sequence

import torch
from mmdeploy.codebase.mmpose.deploy.pose_detection import (
    MMPOSE_TASK,
    PoseDetection,
)
from mmdeploy.utils import Task, get_codebase_config
from mmengine import Config
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from torch import Tensor, nn

from ..models.distiller import plain_model_config

CHANNEL_ORDERS = ('rgb', 'bgr')


def first_convolution(model: nn.Module) -> nn.Conv2d:
    """The convolution that reads the image.

    Raises:
        ValueError: the first one of the model does not take three channels.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            if module.in_channels == 3:
                return module
            break
    raise ValueError(
        'channel_order="bgr" needs a model whose first convolution takes '
        'three channels'
    )


def swap_input_channels(
    conv: nn.Conv2d, mean: Sequence[float], std: Sequence[float]
) -> None:
    r"""Rewrite ``conv`` in place for BGR images.

    Clients that skip the swap to RGB normalise by position: channel c of the
    BGR image becomes :math:`y_c = (p_c - mean_c) / std_c` with the figures of
    R first. The network was trained on
    :math:`x_{2-c} = (p_c - mean_{2-c}) / std_{2-c}`, so

    .. math::
        x_{2-c} = \frac{std_c}{std_{2-c}}
            \left(y_c + \frac{mean_c - mean_{2-c}}{std_c}\right).

    The exchange and the factor go into the weights. The summand is added to
    the input, not to the bias: the convolution pads with zeros, which mean
    the average colour.

    Args:
        conv: Takes three channels.
        mean: Of the channels R, G, B.
        std: Likewise.
    """
    mean, std = torch.tensor(mean), torch.tensor(std)
    factor, shift = std / std.flip(0), (mean - mean.flip(0)) / std
    with torch.no_grad():
        conv.weight.copy_(conv.weight.flip(1) * factor.view(1, 3, 1, 1))
    if not shift.any():
        return
    conv.register_buffer('input_shift', shift.view(1, 3, 1, 1))
    conv.register_forward_pre_hook(_add_input_shift)


def _add_input_shift(conv: nn.Conv2d, args: tuple) -> Tensor:
    return args[0] + conv.input_shift


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
    for step in model_cfg.test_dataloader.dataset.pipeline:
        if step.type == 'FastTopdownAffine':  # mmdeploy knows MMPose's names
            step.type = 'TopdownAffine'
        step.pop('lazy', None)
    return model_cfg


def _plain(settings: dict, parent: type) -> dict:
    """The settings of one of our classes as those of its parent."""
    known = inspect.signature(parent.__init__).parameters
    kept = {k: v for k, v in settings.items() if k in known}
    return dict(kept, type=parent.__name__)
