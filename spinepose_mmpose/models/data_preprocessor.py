"""A batch on the device: transfer, normalisation, photometric distortion."""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor

from ..datasets.collate import PoseBatch

LEVELS = 255.0


class Distortions(NamedTuple):
    """How to distort each of B images; what is not done has no effect."""

    offset: Tensor  # (B,), added to all levels
    contrast: Tensor  # (B,), of all levels, before and after the next two
    saturation: Tensor  # (B,), factor
    hue: Tensor  # (B,), added, in turns
    order: Tensor  # (B, 3), of the channels


def draw_distortions(
    count: int,
    brightness_delta: float = 32,
    contrast_range: Tuple[float, float] = (0.5, 1.5),
    saturation_range: Tuple[float, float] = (0.5, 1.5),
    hue_delta: int = 18,
) -> Distortions:
    """Draw as ``PhotometricDistortion`` does, from PyTorch's CPU generator.

    Each is done to half of the images, but contrast to a quarter and then
    twice, as it comes out in MMPose.

    Args:
        count: Number of images, B.
        brightness_delta: Levels of 0..255.
        contrast_range, saturation_range: Lowest and highest factor.
        hue_delta: In OpenCV's units of 2 degrees.
    """

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count) * (high - low) + low

    def chosen(share: float = 0.5) -> Tensor:
        return torch.rand(count) < share

    one, zero = torch.ones(count), torch.zeros(count)
    hue = torch.randint(-hue_delta, hue_delta, (count,)) / 180
    order = torch.rand(count, 3).argsort(1)
    return Distortions(
        torch.where(
            chosen(), uniform(-brightness_delta, brightness_delta), zero
        ),
        torch.where(chosen(0.25), uniform(*contrast_range), one),
        torch.where(chosen(), uniform(*saturation_range), one),
        torch.where(chosen(), hue, zero),
        torch.where(chosen()[:, None], order, torch.arange(3)),
    )


def distort(images: Tensor, drawn: Distortions) -> Tensor:
    """Distort images (B, 3, H, W), blue, green, red, of levels 0..255; the
    result is float32 and not rounded."""
    to = dict(device=images.device, non_blocking=True)

    def column(values: Tensor) -> Tensor:
        return values.to(**to)[:, None, None, None]

    contrast = column(drawn.contrast)
    images = (images.float() + column(drawn.offset)).clamp(0, LEVELS)
    images = (images * contrast).clamp(0, LEVELS)
    images = turn_colours(images, column(drawn.saturation), column(drawn.hue))
    images = (images * contrast).clamp(0, LEVELS)
    order = drawn.order.to(**to)[:, :, None, None].expand_as(images)
    return images.gather(1, order)


def turn_colours(images: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Scale the saturation and turn the hue of the HSV hexcone (Smith 1978).

    The brightest channel keeps its level.

    Args:
        images: (B, 3, H, W) of any levels >= 0, in the order blue, green,
            red.
        saturation: Factors, (B, 1, 1, 1); saturation ends at full colour.
        hue: In turns, (B, 1, 1, 1).
    """
    blue, green, red = images.split(1, 1)
    value = images.amax(1, True)
    chroma = value - images.amin(1, True)
    safe = chroma.clamp(min=1e-6)
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(
            value == green, (blue - red) / safe + 2, (red - green) / safe + 4
        ),
    )
    chroma = torch.minimum(chroma * saturation, value)
    sector = sector + 6 * hue
    # How far each channel lies below the brightest, as a share of the chroma.
    offset = sector.new_tensor([1.0, 3.0, 5.0])[:, None, None]
    place = (sector + offset) % 6
    share = torch.minimum(place, 4 - place).clamp(0, 1)
    return value - chroma * share


@MODELS.register_module()
class SpinePoseDataPreprocessor(PoseDataPreprocessor):
    """MMPose's on whole batches: one transfer of bytes, then colour order and
    normalisation on the device.

    MMPose does each image by itself, which on a GPU is several thousand small
    steps for a batch of 256. The results are bit for bit the same.

    Args:
        photometric: Settings of :func:`.draw_distortions`, ``{}`` for
            MMPose's own, to distort the colours of training images on the
            device in place of ``PhotometricDistortion`` in the pipeline. None
            by default: not here.
        channels_last: Hand on inputs in that memory format, for networks
            that are in it.
        *args, **kwargs: As :class:`PoseDataPreprocessor`.
    """

    def __init__(
        self,
        *args,
        photometric: Optional[dict] = None,
        channels_last: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if photometric is not None:
            draw_distortions(1, **photometric)  # refuses unknown settings
        self.photometric = photometric
        self.channels_last = channels_last

    def forward(self, data: dict, training: bool = False) -> dict:
        """As the parent's; ``inputs`` are (B, 3, H, W) or B images of bytes,
        whose colours are distorted in training."""
        data = dict(data, inputs=_batched(data['inputs']))
        if training and self.photometric is not None:
            data = self.cast_data(data)
            # Drawn on the CPU, whose seed every run sets: any device then
            # gets the same.
            drawn = draw_distortions(len(data['inputs']), **self.photometric)
            data['inputs'] = distort(data['inputs'], drawn)
        data = super().forward(data, training)
        if self.channels_last:
            data['inputs'] = data['inputs'].contiguous(
                memory_format=torch.channels_last
            )
        return data

    def cast_data(self, data: Any) -> Any:
        """As the parent's; a :class:`.PoseBatch` is moved as a whole."""
        if isinstance(data, PoseBatch):
            return data.to(self.device, non_blocking=self._non_blocking)
        return super().cast_data(data)

    def _get_pad_shape(self, data: dict) -> List[Tuple[int, int]]:
        # MMPose's takes a batch's channels for its height.
        return super()._get_pad_shape(dict(inputs=list(data['inputs'])))


def _batched(
    inputs: Union[Tensor, Sequence[Tensor]],
) -> Union[Tensor, Sequence[Tensor]]:
    """Images of one size in one tensor; others as they are."""
    if isinstance(inputs, Tensor) or len({i.shape for i in inputs}) != 1:
        return inputs
    return torch.stack(tuple(inputs))
