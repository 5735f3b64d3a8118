"""Networks that label images, and what they say of a person (opinions).

Letters: T opinions, N people, K = 37 keypoints.
"""

import hashlib
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..inference.estimator import SpinePoseEstimator
from ..metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
    SUBSETS,
)
from ..utils import read_config
from .convert import ELSEWHERE

# What a teacher can be asked for beside keypoints by name.
GROUPS = {**SUBSETS, 'limbs': SUBSETS['body'][5:]}


class Teacher(NamedTuple):
    """A network and what it is asked for."""

    network: object  # names and pose(), as SpinePoseEstimator has them
    columns: Dict[int, int]  # SpineTrack id -> place in the network's output
    ids: List[int]  # of the keypoints that are used
    source: dict  # what the record says of it


class MMPoseNetwork:
    """Any top-down model of MMPose, through ``inference_topdown``; arguments
    and errors are those of :class:`.PyTorchNetwork`."""

    def __init__(self, config: str, checkpoint: str, device: str) -> None:
        from ..inference.backends import pytorch

        torch = pytorch.import_torch()
        self.config = config
        settings = read_config(config)
        if settings.model.get('test_cfg'):
            settings.model.test_cfg.flip_test = False  # done here for all
        device = pytorch.find_device(torch, device)
        self.model = pytorch.load_model(settings, checkpoint, device)
        names = self.model.dataset_meta['keypoint_id2name']
        self.names = tuple(names[i] for i in range(len(names)))

    def pose(self, images, boxes) -> list:
        """See :meth:`.SpinePoseEstimator.pose`."""
        from mmpose.apis import inference_topdown

        results = []
        for image, of_image in zip(images, boxes):
            found = []
            if len(of_image):  # nobody would mean the whole image
                found = inference_topdown(self.model, image, of_image)
            people = [sample.pred_instances for sample in found]
            xy = np.float32([p.keypoints[0] for p in people])
            scores = np.float32([p.keypoint_scores[0] for p in people])
            count = len(self.names)
            if people and xy.shape[1] != count:
                raise ValueError(
                    f'the model of {self.config} predicts {xy.shape[1]} '
                    f'keypoints, but its metainfo names {count}'
                )
            shape = len(people), count
            results.append((xy.reshape(*shape, 2), scores.reshape(shape)))
        return results


def load_teacher(text: str, device: str = 'auto', threads=None) -> Teacher:
    """A teacher from what the command line calls it: ``NETWORK[:names]``.

    The network is a model's name or file (see :class:`.SpinePoseEstimator`;
    ``.tflite`` is BlazePose), or ``CONFIG,CHECKPOINT`` of any MMPose model.
    The names are keypoints or ``GROUPS``, joined by commas; all that the
    network has by default. ValueError if it has none of them.
    """
    name, wanted = _split_names(text)
    config, comma, checkpoint = name.partition(',')
    if comma:
        network = MMPoseNetwork(config, checkpoint, device)
        path = Path(checkpoint)
    else:
        network = SpinePoseEstimator(
            model=name, device=device, threads=threads, detector=None
        )
        path = network.files.path
    # Other skeletons call other points neck and hip.
    foreign = () if 'spine_01' in network.names else ELSEWHERE
    columns = {
        KEYPOINT_IDS[keypoint]: place
        for place, keypoint in enumerate(network.names)
        if keypoint in KEYPOINT_IDS and keypoint not in foreign
    }
    ids = sorted(wanted & set(columns))
    if not ids:
        raise ValueError(
            f'the teacher {text} has none of the keypoints that it is asked '
            f'for, but {", ".join(map(str, network.names))}'
        )
    digest = hashlib.sha256(path.read_bytes()) if path.is_file() else None
    source = dict(teacher=text, sha256=digest and digest.hexdigest())
    return Teacher(network, columns, ids, source)


def _split_names(text: str) -> Tuple[str, set]:
    """The network's name, and the ids of the keypoints asked for."""
    name, colon, names = text.rpartition(':')
    names = names.split(',')
    ids = {n: (i,) for n, i in KEYPOINT_IDS.items()} | GROUPS
    unknown = [n for n in names if n not in ids]
    if not colon or (unknown and not Path(name.partition(',')[0]).exists()):
        return text, set(range(NUM_KEYPOINTS))  # a colon of the name itself
    if unknown:
        raise ValueError(
            f'{unknown[0]!r} in {text} is not a keypoint: choose from '
            f'{", ".join(GROUPS)}, {", ".join(KEYPOINT_NAMES)}'
        )
    return name, {i for n in names for i in ids[n]}


def ask(
    teachers: Sequence[Teacher], images: list, boxes: list, flip_test: bool
) -> List[Tuple[np.ndarray, np.ndarray]]:
    """All opinions about the people of several images (H, W, 3) uint8 BGR with
    boxes (N, 4) x1, y1, x2, y2: of each image points (T, N, K, 2) in pixels
    and scores (T, N, K), 0 where there is no opinion."""
    opinions = [([], []) for _ in images]
    for teacher in teachers:
        columns = teacher.columns
        for mirrored in (False, True) if flip_test else (False,):
            views, regions, names = images, boxes, range(NUM_KEYPOINTS)
            if mirrored:
                views = [np.ascontiguousarray(i[:, ::-1]) for i in images]
                is_x = np.float32([1, 0, 1, 0])
                regions = [
                    (i.shape[1] - 1) * is_x
                    + b[:, [2, 1, 0, 3]] * (1 - 2 * is_x)
                    for b, i in zip(boxes, images)
                ]
                names = FLIP_INDICES
            known = [i for i in teacher.ids if names[i] in columns]
            used = [columns[names[i]] for i in known]
            poses = teacher.network.pose(views, regions)
            for pose, image, (points, scores) in zip(poses, images, opinions):
                xy, found = pose[0][:, used], pose[1][:, used].clip(0, 1)
                if mirrored:
                    xy[..., 0] = image.shape[1] - 1 - xy[..., 0]
                points.append(np.zeros((len(xy), NUM_KEYPOINTS, 2)))
                points[-1][:, known] = xy
                scores.append(np.zeros((len(xy), NUM_KEYPOINTS)))
                scores[-1][:, known] = found
    return [(np.stack(points), np.stack(scores)) for points, scores in opinions]
