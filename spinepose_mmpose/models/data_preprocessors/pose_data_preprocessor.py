from typing import Any, List, Optional, Sequence, Tuple, Union

import torch
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.registry import MODELS
from torch import Tensor

from ...datasets.batches import PoseBatch
from .photometric import distort, draw_distortions


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
        """As the parent's.

        Args:
            data: ``inputs``, (B, 3, H, W) or B images (3, H, W) of bytes, and
                ``data_samples``.
            training: Whether to distort colours.
        """
        data = dict(data, inputs=_batched(data['inputs']))
        if training and self.photometric is not None:
            data = self.cast_data(data)
            data['inputs'] = self._distort(data['inputs'])
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

    def _distort(
        self, inputs: Union[Tensor, Sequence[Tensor]]
    ) -> Union[Tensor, Sequence[Tensor]]:
        # Drawn on the CPU, whose seed every run sets: any device then gets
        # the same.
        drawn = draw_distortions(len(inputs), **self.photometric)
        if isinstance(inputs, Tensor):
            return distort(inputs, drawn)
        return [
            distort(image[None], drawn.take(i))[0]
            for i, image in enumerate(inputs)
        ]


def _batched(
    inputs: Union[Tensor, Sequence[Tensor]],
) -> Union[Tensor, Sequence[Tensor]]:
    """Images of one size in one tensor; others as they are."""
    if isinstance(inputs, Tensor) or len({i.shape for i in inputs}) != 1:
        return inputs
    return torch.stack(tuple(inputs))
