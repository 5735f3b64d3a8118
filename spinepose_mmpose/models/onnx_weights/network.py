"""The MMPose side: which RTMPose a graph is, and that network."""

from typing import Iterator, Optional, Tuple

from spinepose_mmpose.utils import config_file

from mmcv.cnn import ConvModule
from mmdet.models.layers import CSPLayer
from mmengine.config import Config
from mmengine.model.utils import revert_sync_batchnorm
from mmpose.registry import MODELS
from mmpose.utils import register_all_modules
from torch import Tensor, nn

SIZES = ('t', 's', 'm', 'l', 'x')


class PoseNetwork(nn.Module):
    """Backbone and head of a pose estimator, with its names of weights."""

    def __init__(self, model_cfg: dict) -> None:
        super().__init__()
        register_all_modules()
        self.backbone = MODELS.build(model_cfg['backbone'])
        self.head = MODELS.build(model_cfg['head'])

    def forward(self, images: Tensor) -> Tuple[Tensor, Tensor]:
        """SimCC logits (B, K, Wx) and (B, K, Wy)."""
        return self.head(self.backbone(images))


def size_config(in_channels: int) -> Tuple[str, Config]:
    """Name and config of the size whose head has so many input channels.

    Raises:
        ValueError: No size has.
    """
    known = {}
    for size in SIZES:
        name = f'configs/spinepose-{size}.py'
        config = Config.fromfile(config_file(name))
        known[config.model.head.in_channels] = size
        if config.model.head.in_channels == in_channels:
            return size, config
    raise ValueError(
        f'its last convolution has {in_channels} channels, but the sizes '
        f'{", ".join(SIZES)} have {sorted(known)}; give --config'
    )


def build_network(
    config: Config, num_keypoints: int, input_size: Optional[tuple] = None
) -> PoseNetwork:
    """The network of a config, in evaluation mode.

    Args:
        config: Of a top-down model with an RTMCC head; not changed.
        num_keypoints: Outputs.
        input_size: [w, h] in pixels; None for that of the config.
    """
    model = config.copy().model
    head = model.head
    head.out_channels = num_keypoints
    if input_size is not None:
        head.input_size = tuple(input_size)
        head.in_featuremap_size = tuple(size // 32 for size in input_size)
        if head.get('decoder'):
            head.decoder.input_size = tuple(input_size)
    return revert_sync_batchnorm(PoseNetwork(model)).eval()


def convolution_names(
    module: nn.Module, prefix: str
) -> Iterator[Tuple[str, Optional[str]]]:
    """Convolution and its norm, None without, by name; each after those it
    depends on, in the order in which
    :attr:`~spinepose_mmpose.models.onnx_weights.graph.Graph.nodes` has
    them."""
    if isinstance(module, ConvModule):
        norm = f'{prefix}.{module.norm_name}' if module.with_norm else None
        yield f'{prefix}.conv', norm
    elif isinstance(module, nn.Conv2d):
        yield prefix, None
    else:
        for name in _data_flow(module):
            yield from convolution_names(
                module.get_submodule(name), f'{prefix}.{name}'
            )


def _data_flow(module: nn.Module):
    if not isinstance(module, CSPLayer):  # as they are defined
        return [name for name, _ in module.named_children()]
    # The concatenation reads the blocks first; they are defined last.
    names = ['main_conv', 'blocks', 'short_conv', 'attention', 'final_conv']
    return [name for name in names if hasattr(module, name)]
