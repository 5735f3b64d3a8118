"""The user's people as network inputs, and what networks say of them."""

import contextlib
import io
import os
import os.path as osp
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import DATASETS
from mmpose.utils import register_all_modules

from ..evaluation.metric import SpineTrackMetric
from ..inference.images import is_image, read_image
from ..inference.network import MEAN, SPLIT_RATIO, STD
from ..inference.preprocess import (
    Normalizer,
    Points,
    Simcc,
    crop_people,
    decode,
    regions_of,
)
from ..metainfo import NUM_KEYPOINTS, SIGMAS
from ..utils import config_file

# What this package's configs say of preprocessing, whatever their size.
CONFIG = 'configs/spinepose-m.py'
VAL_SPLIT = 'val2017'
TRAIN_SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal')

# Images (B, 3, H, W) to the list of the network's outputs.
Run = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Crops:
    """N people cut out for the network."""

    pixels: np.ndarray  # (N, H, W, 3) uint8, BGR
    source: str  # for messages
    samples: list  # MMPose's data samples; empty without annotations

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, count: int) -> 'Crops':
        """The first ``count``."""
        return Crops(self.pixels[:count], self.source, self.samples[:count])

    def inputs(self, order: str = 'rgb') -> Iterator[np.ndarray]:
        """(1, 3, H, W) float32 of each, normalised as in training; ``bgr`` for
        a file made for clients that feed BGR and normalise by position."""
        normalise = Normalizer(
            MEAN, STD, to_rgb=dict(rgb=True, bgr=False)[order]
        )
        for pixels in self.pixels:
            yield normalise(pixels[None])


def load_crops(
    folder: str,
    input_size: tuple[int, int],
    count: int,
    split: str = VAL_SPLIT,
    seed: int = 0,
) -> Crops:
    """Up to ``count`` people, drawn evenly over ``split`` of a data set in
    SpineTrack's layout or over images, each of one person that fills it.

    Raises:
        FileNotFoundError: Nothing of that is there.
        ValueError: A file is not what it should be.
    """
    if not osp.isdir(folder):
        raise FileNotFoundError(
            f'{folder} is not a folder: expected one with annotations/ and '
            'images/ as SpineTrack has them, or with photos'
        )
    random = np.random.default_rng(seed)
    if not osp.isdir(osp.join(folder, 'annotations')):
        names = sorted(filter(is_image, os.listdir(folder)))
        if not names:
            raise FileNotFoundError(
                f'{folder} holds neither annotations/ nor images'
            )
        rows = np.sort(random.permutation(len(names))[:count])
        paths = [osp.join(folder, names[row]) for row in rows]
        pixels = np.stack([_whole_image(path, input_size) for path in paths])
        return Crops(pixels, f'{len(names)} photos in {folder}', [])
    config = Config.fromfile(config_file(CONFIG))
    for step in config.val_dataloader.dataset.pipeline:
        if step.type == 'FastTopdownAffine':
            step.input_size = tuple(input_size)
    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmpose'):
        people = build_dataset(
            config,
            folder,
            ann_file=_ann_file(split),
            data_prefix=dict(img=f'images/{split}/'),
            on_bad_annotation='skip',
        )
        rows = np.sort(random.permutation(len(people))[:count])
        packed = [people[int(row)] for row in rows]
    pixels = np.stack([sample['inputs'].numpy() for sample in packed])
    return Crops(
        np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)),
        f'{folder} ({split})',
        [sample['data_samples'] for sample in packed],
    )


def calibration_split(folder: str) -> str:
    """A training split if there is one, or else the validation split."""
    for split in TRAIN_SPLITS:
        if osp.isfile(osp.join(folder, _ann_file(split))):
            return split
    return VAL_SPLIT


def _ann_file(split: str) -> str:
    return f'annotations/person_keypoints_{split}.json'


def build_dataset(model_cfg: Config, root: str, **changes):
    """The validation set of a config with the files below ``root``."""
    settings = model_cfg.val_dataloader.dataset.copy()
    settings.update(changes, data_root=root, test_mode=True)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        return DATASETS.build(settings)


def _whole_image(path: str, input_size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3), as of a person whose box is the whole photo."""
    image = read_image(path)
    box = np.float32([[0, 0, *image.shape[1::-1]]])
    return crop_people(image, regions_of(box, input_size), input_size)[0]


def predict(run: Run, crops: Crops, order: str = 'rgb') -> Points:
    """Keypoints of all crops, one at a time."""
    decoded = [decoded_outputs(run(image)) for image in crops.inputs(order)]
    return Points(*map(np.concatenate, zip(*decoded)))


def decoded_outputs(outputs: list[np.ndarray]) -> Points:
    """Of SimCC logits (B, K, Wx), (B, K, Wy); or of keypoints and scores of a
    file that decodes by itself."""
    first, second = (output.astype(np.float32) for output in outputs[:2])
    if second.ndim == 2:
        return Points(first, second)
    return decode(Simcc(first, second), SPLIT_RATIO)


def mean_shift(a: Points, b: Points) -> float:
    """Mean distance of the keypoints, in pixels of the network input."""
    return float(np.linalg.norm(a.xy - b.xy, axis=-1).mean())


def average_precision(predicted: Points, crops: Crops) -> float | None:
    """AP over all keypoints, 0 to 1, of these people alone; None where they
    have no labels for these keypoints."""
    if not crops.samples or predicted.scores.shape[1] != NUM_KEYPOINTS:
        return None
    metric = SpineTrackMetric(subsets=dict(all=range(NUM_KEYPOINTS)))
    # Without a name: the annotation file of that name has others, too.
    metric.dataset_meta = dict(num_keypoints=NUM_KEYPOINTS, sigmas=SIGMAS)
    metric.process({}, metric_results(crops.samples, *predicted))
    return metric.compute_metrics(metric.results)['all_AP']


def metric_results(
    samples: list, keypoints: np.ndarray, scores: np.ndarray
) -> list[dict]:
    """Keypoints (N, K, 2) in pixels of the network input and scores (N, K) in
    the image, as the metric takes them."""
    found = [
        InstanceData(keypoints=points[None].copy(), keypoint_scores=of_each)
        for points, of_each in zip(keypoints, scores[:, None])
    ]
    no_settings = SimpleNamespace(test_cfg={})
    add = TopdownPoseEstimator.add_pred_to_datasample
    return [sample.to_dict() for sample in add(no_settings, found, [], samples)]


def latencies(
    runs: dict[str, Callable], image: np.ndarray, rounds: int = 50
) -> dict[str, np.ndarray]:
    """Times of each in milliseconds, after two calls that do not count; in
    turns, so that whatever else the machine does hits all alike."""
    times = {name: np.zeros(rounds + 2) for name in runs}
    for turn in range(rounds + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run(image)
            times[name][turn] = 1e3 * (time.perf_counter() - start)
    return {name: values[2:] for name, values in times.items()}
