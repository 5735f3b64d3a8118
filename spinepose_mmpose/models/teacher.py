"""The teacher of the distillation."""

from contextlib import nullcontext
from typing import List, Optional, Tuple, Union

import torch
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.utils.tta import flip_vectors
from mmpose.registry import DATASETS, MODELS
from torch import Tensor, nn

from ..utils import read_config
from .head_extension import find_mismatch, metainfo_names, read_checkpoint
from .simcc import full_precision


class FrozenTeacher:
    """A trained SimCC model that serves training targets and nothing else.

    It is no ``nn.Module`` and holds its model in a plain attribute, so that
    the model which owns it neither trains, saves nor switches the teacher to
    train mode. Copies (the EMA model) and pickles hold the settings alone.
    Nothing is read before :meth:`load`.

    Args:
        config: The teacher's config: a file, ``'mmpose::...'``, the content
            of a config, or the ``model`` part of one.
        checkpoint: Its weights: a file, a URL or ``'spinepose://NAME'``.
        metainfo: The teacher's keypoints, MMPose's dictionary or
            ``dict(from_file=...)``. Defaults to that of the config's training
            set, then to what the checkpoint says.
        flip_test: Average with the prediction for the mirrored image, at
            twice the cost.
        half: Run the teacher's backbone in float16 on a GPU. Under AMP it
            runs as the student does either way.
    """

    def __init__(
        self,
        config: Union[str, dict],
        checkpoint: Optional[str] = None,
        metainfo: Optional[dict] = None,
        flip_test: bool = False,
        half: bool = False,
    ) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.metainfo = metainfo
        self.flip_test = flip_test
        self.half = half
        self.model: Optional[nn.Module] = None
        self.keypoint_names: List[str] = []
        self.flip_indices: List[int] = []

    def __getstate__(self) -> dict:
        return dict(self.__dict__, model=None)

    def load(self, device: torch.device) -> None:
        """Build the teacher.

        Raises:
            FileNotFoundError: when the config or the weights do not exist.
            ValueError: when the weights are not those of the config, or when
                its keypoints are unknown or of another number.
        """
        config = self.config
        if isinstance(config, str):
            config = read_config(config)
        elif 'model' not in config:
            config = dict(model=config)
        if not self.checkpoint:
            raise ValueError(
                'teacher.checkpoint is not set: an untrained teacher '
                'would teach noise.'
            )
        weights, meta = read_checkpoint(self.checkpoint)
        # init_weights() would fetch the backbone's pre-trained weights.
        model = MODELS.build(config['model'])
        head = getattr(model, 'head', None)
        if not hasattr(head, 'simcc_split_ratio'):
            raise ValueError(
                'The teacher has no SimCC head (RTMCCHead, SimCCHead, ...) but '
                f'{type(head).__name__}.'
            )
        mismatch = find_mismatch(weights, model.state_dict())
        if mismatch:
            raise ValueError(
                f'The weights "{self.checkpoint}" are not those of the '
                f"teacher's config: {mismatch}."
            )
        model.load_state_dict(weights, strict=False)

        metainfo = self._find_metainfo(config, meta)
        self.keypoint_names = metainfo_names(metainfo)
        if len(self.keypoint_names) != head.out_channels:
            raise ValueError(
                f'The teacher "{self.checkpoint}" has {head.out_channels} '
                f'keypoints, its metainfo {metainfo.get("dataset_name")!r} '
                f'{len(self.keypoint_names)}. Set teacher.metainfo to its own.'
            )
        self.flip_indices = list(metainfo['flip_indices'])
        self.model = model.requires_grad_(False).eval().to(device)

    def _find_metainfo(self, config: dict, meta: dict) -> dict:
        """Parsed metainfo of the teacher's keypoints."""
        dataset = (config.get('train_dataloader') or {}).get('dataset', {})
        metainfo = self.metainfo or dataset.get('metainfo')
        if metainfo is None and 'type' in dataset:
            cls = DATASETS.get(dataset['type'])
            metainfo = getattr(cls, 'METAINFO', None)
        if metainfo:
            return parse_pose_metainfo(metainfo)
        metainfo = meta.get('dataset_meta') or {}
        if 'keypoint_id2name' not in metainfo:
            raise ValueError(
                "The names of the teacher's keypoints are unknown: neither its "
                'config nor its checkpoint has them. Set teacher.metainfo, for '
                "instance to dict(from_file='configs/_base_/datasets/"
                "halpe26.py')."
            )
        return metainfo

    @torch.no_grad()
    def predict(
        self, inputs: Tensor, preprocessor: nn.Module
    ) -> Tuple[Tensor, Tensor]:
        """SimCC logits, (B, K, Wx) and (B, K, Wy), in the teacher's order, of
        images (B, C, H, W) that the student's ``preprocessor`` made."""
        inputs = _renormalize(
            inputs, preprocessor, self.model.data_preprocessor
        )
        logits = self._forward(inputs)
        if self.flip_test:
            mirrored = flip_vectors(
                *self._forward(inputs.flip(-1)), flip_indices=self.flip_indices
            )
            logits = [(a + b) / 2 for a, b in zip(logits, mirrored)]
        return tuple(logits)

    def _forward(self, inputs: Tensor) -> Tuple[Tensor, Tensor]:
        half = self.half and inputs.device.type == 'cuda'
        with torch.autocast('cuda', torch.float16) if half else nullcontext():
            feats = self.model.extract_feat(inputs)
        with full_precision(*feats) as feats:
            return self.model.head.forward(feats)


def _renormalize(
    inputs: Tensor, source: nn.Module, target: nn.Module
) -> Tensor:
    """Images normalised by ``source`` as ``target`` would have them."""

    def convention(preprocessor):
        mean = getattr(preprocessor, 'mean', inputs.new_zeros(1, 1, 1))
        std = getattr(preprocessor, 'std', inputs.new_ones(1, 1, 1))
        return mean, std, getattr(preprocessor, '_channel_conversion', False)

    mean, std, swapped = convention(source)
    to_mean, to_std, to_swapped = convention(target)
    if (
        swapped == to_swapped
        and torch.equal(mean, to_mean)
        and torch.equal(std, to_std)
    ):
        return inputs
    images = inputs * std + mean
    if swapped != to_swapped:
        images = images.flip(1)  # BGR <-> RGB
    return (images - to_mean) / to_std
