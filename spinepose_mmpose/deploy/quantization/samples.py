"""The user's people as network inputs, by MMPose's own pipeline."""

import contextlib
import io
import os
import os.path as osp
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from spinepose_mmpose.utils import config_file

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpose.registry import DATASETS
from mmpose.utils import register_all_modules

# What this package's configs say of preprocessing, whatever their size.
CONFIG = 'configs/spinepose-m.py'
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
VAL_SPLIT = 'val2017'
TRAIN_SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal')
CHANNEL_ORDERS = ('rgb', 'bgr')


@dataclass(frozen=True)
class Crops:
    """N people cut out for the network.

    Attributes:
        pixels: (N, 3, H, W) uint8, BGR.
        centers: (N, 2), [x, y] in pixels of the photo.
        scales: (N, 2), [w, h] in pixels of the photo that the crop covers.
        records: Of each person ``img_id``, ``id`` and the annotation
            ``raw_ann_info``, None in a folder of photos.
        source: What to call them in a message.
    """

    pixels: np.ndarray
    centers: np.ndarray
    scales: np.ndarray
    records: List[dict]
    source: str

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def labelled(self) -> bool:
        return all(r['raw_ann_info'] is not None for r in self.records)

    def take(self, count: int) -> 'Crops':
        """The first ``count``."""
        return Crops(
            self.pixels[:count],
            self.centers[:count],
            self.scales[:count],
            self.records[:count],
            self.source,
        )

    def inputs(self, batch: int = 1, order: str = 'rgb') -> Iterator:
        """(B, 3, H, W) float32, normalised as in training.

        Args:
            batch: B; the last one may be smaller.
            order: ``bgr`` for a file made for clients that feed BGR and
                normalise by position.
        """
        if order not in CHANNEL_ORDERS:
            raise ValueError(
                f'channel order {order!r}, expected one of {CHANNEL_ORDERS}'
            )
        settings = Config.fromfile(config_file(CONFIG)).model.data_preprocessor
        mean, std = (
            np.array(settings[name], np.float32).reshape(1, 3, 1, 1)
            for name in ('mean', 'std')
        )
        step = -1 if order == 'rgb' else 1
        for i in range(0, len(self), batch):
            yield (self.pixels[i : i + batch, ::step] - mean) / std


def load_crops(
    folder: str,
    input_size: Tuple[int, int],
    count: int,
    split: Optional[str] = None,
    seed: int = 0,
) -> Crops:
    """Up to ``count`` people of a data set, or photos of a folder.

    Args:
        folder: SpineTrack's layout (``annotations/``, ``images/``); or
            images, each of one person that fills it.
        input_size: [w, h] in pixels.
        count: People are drawn evenly over the set.
        split: Of the data set; None for ``val2017``.
        seed: Of the draw.

    Raises:
        FileNotFoundError: Nothing of that is there.
        ValueError: A file is not what it should be.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(
            f'{folder} is no folder: expected one with annotations/ and '
            'images/ as SpineTrack has them, or with photos'
        )
    register_all_modules(init_default_scope=False)
    settings = _dataset_settings(input_size)
    with DefaultScope.overwrite_default_scope('mmpose'):
        if osp.isdir(osp.join(folder, 'annotations')):
            samples, source = _annotated(folder, settings, split or VAL_SPLIT)
        else:
            samples, source = _photos(folder, settings)
        rows = np.random.default_rng(seed).permutation(len(samples))[:count]
        return _stack([samples[int(row)] for row in sorted(rows)], source)


def calibration_split(folder: str) -> str:
    """A training split if there is one, or else the validation split."""
    for split in TRAIN_SPLITS:
        if osp.isfile(osp.join(folder, _ann_file(split))):
            return split
    return VAL_SPLIT


def _ann_file(split: str) -> str:
    return f'annotations/person_keypoints_{split}.json'


def _dataset_settings(input_size: Tuple[int, int]) -> dict:
    settings = Config.fromfile(config_file(CONFIG)).val_dataloader.dataset
    for step in settings.pipeline:
        if step.type == 'TopdownAffine':
            step.input_size = tuple(input_size)
        if step.type == 'PackPoseInputs':
            step.meta_keys = (
                'id',
                'img_id',
                'input_center',
                'input_scale',
                'raw_ann_info',
            )
    return settings


def _annotated(folder: str, settings: dict, split: str):
    settings.update(
        data_root=folder,
        ann_file=_ann_file(split),
        data_prefix=dict(img=f'images/{split}/'),
        on_bad_annotation='skip',
    )
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        return DATASETS.build(settings), f'{folder} ({split})'


class _Photos:
    """Photos as samples, each with one box around it."""

    def __init__(self, paths: List[str], pipeline: list) -> None:
        self.paths, self.pipeline = paths, Compose(pipeline)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> dict:
        import mmcv

        image = mmcv.imread(self.paths[row])
        if image is None:
            raise ValueError(f'{self.paths[row]} is no image')
        height, width = image.shape[:2]
        return self.pipeline(
            dict(
                img=image,
                img_path=self.paths[row],
                img_id=row,
                id=row,
                raw_ann_info=None,
                bbox=np.array([[0, 0, width, height]], np.float32),
                bbox_score=np.ones(1, np.float32),
            )
        )


def _photos(folder: str, settings: dict):
    paths = sorted(
        osp.join(folder, name)
        for name in os.listdir(folder)
        if name.lower().endswith(IMAGE_SUFFIXES)
    )
    if not paths:
        raise FileNotFoundError(
            f'{folder} holds neither annotations/ nor images '
            f'({", ".join(IMAGE_SUFFIXES)})'
        )
    return _Photos(paths, settings.pipeline), f'{len(paths)} photos in {folder}'


def _stack(samples: List[dict], source: str) -> Crops:
    metas = [sample['data_samples'].metainfo for sample in samples]
    return Crops(
        np.stack([sample['inputs'].numpy() for sample in samples]),
        np.stack([meta['input_center'].reshape(2) for meta in metas]),
        np.stack([meta['input_scale'].reshape(2) for meta in metas]),
        [
            {key: meta.get(key) for key in ('img_id', 'id', 'raw_ann_info')}
            for meta in metas
        ],
        source,
    )
