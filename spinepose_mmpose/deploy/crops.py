"""The user's people as network inputs, and what an ONNX file says of them."""

import contextlib
import io
import os
import os.path as osp
import tempfile
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Tuple

from spinepose_mmpose.evaluation.coco import evaluate_subsets
from spinepose_mmpose.evaluation.people import make_detections
from spinepose_mmpose.evaluation.predictions import (
    PredictedPeople,
    ground_truth_of_samples,
    person_scores,
    sample_annotations,
    suppress_people,
)
from spinepose_mmpose.inference.backends.onnxruntime import OnnxSession
from spinepose_mmpose.inference.backends.openvino import OpenVinoSession
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS
from spinepose_mmpose.utils import config_file

import numpy as np
import onnx
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpose.codecs.utils import get_simcc_maximum
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
        if step.type == 'FastTopdownAffine':
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


SPLIT_RATIO = 2.0
# Images (B, 3, H, W) to the list of the network's outputs.
Run = Callable[[np.ndarray], List[np.ndarray]]


@dataclass(frozen=True)
class Predicted:
    """Keypoints of N people.

    Attributes:
        inputs: (N, K, 2), [x, y] in pixels of the network input.
        photos: (N, K, 2), [x, y] in pixels of the photo.
        scores: (N, K).
    """

    inputs: np.ndarray
    photos: np.ndarray
    scores: np.ndarray


def open_run(
    model: onnx.ModelProto, threads: int = 0, backend: str = 'onnxruntime'
) -> Run:
    """ONNX Runtime or OpenVINO on the CPU, in float32 or 8 bits; 0 threads are
    its own choice."""
    if backend == 'openvino':
        with tempfile.TemporaryDirectory() as folder:
            path = osp.join(folder, 'model.onnx')
            onnx.save(model, path)
            session = OpenVinoSession(path, 'cpu', threads)
    else:
        session = OnnxSession(model.SerializeToString(), 'cpu', threads)
    return lambda images: list(session.run(images).values())


def predict(run: Run, crops: Crops, order: str = 'rgb') -> Predicted:
    """Keypoints of all crops, one at a time."""
    decoded = [decode(run(image)) for image in crops.inputs(order=order)]
    inputs, scores = (np.concatenate(parts) for parts in zip(*decoded))
    size = np.array(crops.pixels.shape[:1:-1])  # w, h
    scale, center = crops.scales[:, None], crops.centers[:, None]
    return Predicted(inputs, inputs / size * scale + center - scale / 2, scores)


def decode(outputs: List[np.ndarray]):
    """Keypoints (B, K, 2) in pixels of the input and scores (B, K).

    Args:
        outputs: SimCC logits (B, K, Wx), (B, K, Wy); or keypoints and scores
            of a file that decodes by itself.
    """
    first, second = (output.astype(np.float32) for output in outputs[:2])
    if second.ndim == 2:
        return first, second
    places, scores = get_simcc_maximum(first, second)
    return places / SPLIT_RATIO, scores


def mean_shift(a: Predicted, b: Predicted) -> float:
    """Mean distance of the keypoints, in pixels of the network input."""
    return float(np.linalg.norm(a.inputs - b.inputs, axis=-1).mean())


def average_precision(predicted: Predicted, crops: Crops) -> Optional[float]:
    """AP over all keypoints, 0 to 1, of these people alone; None where they
    have no labels for these keypoints."""
    if not crops.labelled or predicted.scores.shape[1] != NUM_KEYPOINTS:
        return None
    keypoints = np.concatenate(
        [predicted.photos, predicted.scores[..., None]], axis=-1
    )
    people = PredictedPeople(
        [record['img_id'] for record in crops.records],
        keypoints.astype(np.float64),
        np.ones(len(crops)),
        crops.scales.prod(axis=1).astype(np.float64),
        np.ones(len(crops), dtype=int),
    )
    sigmas = np.asarray(SIGMAS, np.float64)
    scores = person_scores(people.keypoints[..., 2], people.box_scores)
    rows = suppress_people(people, scores, sigmas, 'oks_nms', 0.9)
    people, scores = people.take(rows), scores[rows]
    truth = ground_truth_of_samples(
        [sample_annotations(record) for record in crops.records]
    )
    detections = make_detections(
        people.image_ids,
        people.keypoints,
        scores,
        people.category_ids,
        truth,
    )
    every = dict(all=range(NUM_KEYPOINTS))
    return evaluate_subsets(truth, detections, every, sigmas)['all']['AP']
