"""Label files of any size, without images: a relaxed body in all directions.

As a command it writes a set of SpineTrack's size, to time the check with:

    PYTHONPATH=. python tests/test_datasets/generated_set.py OUT
    time python tools/dataset_tools/check_dataset.py OUT --no-images
"""

import argparse
import json
from functools import lru_cache
from pathlib import Path

from spinepose_mmpose.datasets.synthetic import body, poses
from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np

WIDTH, HEIGHT = 1280, 960
# People a split of a set of SpineTrack's size: 58,766 in 50,962 images.
SIZES = {
    'train-real-coco': 22000,
    'train-real-yoga': 6000,
    'train-unreal': 25000,
    'val2017': 5766,
}
PEOPLE_AN_IMAGE = 58_766 / 50_962
CATEGORIES = [dict(id=1, name='person', keypoints=list(KEYPOINT_NAMES))]


@lru_cache
def standing() -> np.ndarray:
    """(37, 3) metres of the mean adult: to its left, up, ahead."""
    adult = body.make_body(body.MEAN_ADULT)
    local = poses.local_rotations(adult, poses.standing())
    points = body.posed_keypoints(adult, local)
    return points[:, [0, 2, 1]] * [1, 1, -1]


def person_keypoints(turn: float, height: float, left: float, top: float):
    """(37, 3) of the body turned about the vertical (radians), ``height``
    pixels tall, its box's corner at left, top."""
    side, up, ahead = standing().T
    x = np.cos(turn) * side + np.sin(turn) * ahead
    y = -up
    factor = height / np.ptp(y)
    points = np.stack([x - x.min(), y - y.min()], axis=1) * factor
    return np.column_stack([points + (left, top), np.full(len(x), 2)])


def annotation(id_, image_id, keypoints) -> dict:
    low, high = keypoints[:, :2].min(axis=0), keypoints[:, :2].max(axis=0)
    w, h = high - low
    return dict(
        id=id_,
        image_id=image_id,
        category_id=1,
        iscrowd=0,
        bbox=[*map(float, low), float(w), float(h)],
        area=float(0.6 * w * h),
        num_keypoints=37,
        keypoints=[round(float(v), 2) for v in keypoints.ravel()],
    )


def generated_file(people: int, seed: int = 0, first: int = 1) -> dict:
    """A file of ``people`` without a fault; ids from ``first``."""
    rng = np.random.default_rng(seed)
    count = max(1, int(people / PEOPLE_AN_IMAGE))
    annotations = []
    for i in range(people):
        height = rng.uniform(120, 600)
        left = rng.uniform(0, WIDTH - 0.6 * height)
        top = rng.uniform(0, HEIGHT - height)
        annotations.append(
            annotation(
                first + i,
                first + i % count,
                person_keypoints(rng.uniform(0, 6.28), height, left, top),
            )
        )
    images = [
        dict(
            id=first + i,
            file_name=f'{first + i:012d}.jpg',
            width=WIDTH,
            height=HEIGHT,
        )
        for i in range(count)
    ]
    return dict(images=images, annotations=annotations, categories=CATEGORIES)


def write_set(root, sizes) -> Path:
    folder = Path(root) / 'annotations'
    folder.mkdir(parents=True)
    for number, (split, people) in enumerate(sizes.items()):
        content = generated_file(people, number, 1 + number * 1_000_000)
        (folder / f'person_keypoints_{split}.json').write_text(
            json.dumps(content)
        )
    return Path(root)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out')
    parser.add_argument('--people', type=int, default=sum(SIZES.values()))
    args = parser.parse_args()
    write_set(
        args.out,
        {
            split: max(1, round(size * args.people / sum(SIZES.values())))
            for split, size in SIZES.items()
        },
    )
