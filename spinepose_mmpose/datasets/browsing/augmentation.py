"""Samples as a config's training pipeline hands them to the network."""

import random
from typing import Dict, List, NamedTuple, Optional

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab

import numpy as np

from ..checking.sets import DataSet

# What follows the last change to the picture, FastGenerateTarget too.
_LAST = ('GenerateTarget', 'PackPoseInputs')


class Augmented(NamedTuple):
    """``image`` (H, W, 3) uint8 BGR at the network's input size, ``keypoints``
    (K, 3) in its pixels; visibility 2 for each labelled point."""

    image: np.ndarray
    keypoints: np.ndarray


class Augmenter:
    """The train pipeline of a config, up to the targets.

    Args:
        config: a config file of MMPose.
        options: overrides as of ``--cfg-options``.

    Raises:
        ValueError: if the config has no training pipeline.
    """

    def __init__(self, config: str, options: Optional[dict] = None):
        from mmengine.config import Config
        from mmengine.dataset import Compose
        from mmengine.registry import init_default_scope
        from mmpose.utils import register_all_modules

        register_all_modules(init_default_scope=False)
        init_default_scope('mmpose')
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(options or {})
        pipeline = cfg.get('train_pipeline')
        if not pipeline:
            data_set = cfg.get('train_dataloader', {}).get('dataset', {})
            pipeline = data_set.get('pipeline')
        if not pipeline:
            raise ValueError(
                f'{config} has no train_pipeline and no pipeline in '
                'train_dataloader.dataset'
            )
        steps = [s for s in pipeline if not s['type'].endswith(_LAST)]
        self._compose = Compose(steps)
        self._sets: Dict[str, object] = {}
        self._places: Dict[str, dict] = {}

    def views(
        self, source: DataSet, annotation, count: int, seed: int
    ) -> List[Augmented]:
        """``count`` draws of one person; empty if the data set leaves the
        person out."""
        place = self._place(source, annotation)
        if place is None:
            return []
        views = []
        for number in range(count):
            # Albumentations draws from a generator of its own.
            random.seed(seed + number)
            np.random.seed((seed + number) % 2**32)
            info = self._sets[source.name].get_data_info(place)
            result = self._compose(info)
            if result is not None:
                views.append(_augmented(result))
        return views

    def _place(self, source: DataSet, annotation) -> Optional[int]:
        from spinepose_mmpose.datasets.body import SpineTrackDataset

        if source.name not in self._sets:
            self._sets[source.name] = made = SpineTrackDataset(
                ann_file=str(source.ann_file),
                data_prefix=dict(img=str(source.image_dir or '')),
                on_bad_annotation='skip',
                pipeline=[],
            )
            self._places[source.name] = {
                made.get_data_info(i)['id']: i for i in range(len(made))
            }
        return self._places[source.name].get(annotation)


def _augmented(result: dict) -> Augmented:
    image = np.clip(np.asarray(result['img']), 0, 255).astype(np.uint8)
    points = result.get('transformed_keypoints', result['keypoints'])[0]
    visible = np.asarray(result['keypoints_visible'], float)
    visible = visible[0, :, 0] if visible.ndim == 3 else visible[0]
    shown = np.where(visible > 0, 2, 0)
    return Augmented(
        np.ascontiguousarray(image), np.column_stack([points[:, :2], shown])
    )
