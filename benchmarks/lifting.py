"""Measure the 3D errors of a lifter on synthetic people.

The 2D points are the true ones and those of a model.

    python tools/dataset_tools/make_synthetic.py --out data/lift --train 0 \\
        --val 250 --seed 21
    python benchmarks/lifting.py data/lift

The boxes are the true ones. A keypoint counts as missing if it is outside the
image (true 2D) or if its score is below --score (detected 2D). The last two
columns are in degrees. P-MPJPE aligns each group of points separately.
"""

import argparse
import json
from pathlib import Path

from spinepose_mmpose.camera import SEEN, to_rays
from spinepose_mmpose.evaluation.mpjpe import pose_errors
from spinepose_mmpose.inference import Lifter, SpinePoseEstimator, read_image
from spinepose_mmpose.utils import one_sentence

import numpy as np

SPLIT = 'val2017'
COLUMNS = ('spine_P-MPJPE', 'spine_N-MPJPE', 'spine_MPJPE', 'body_P-MPJPE',
           'body_MPJPE', 'all_P-MPJPE', 'all_MPJPE', 'thoracic_angle',
           'lumbar_angle')  # fmt: skip


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('data', type=Path, help='made by make_synthetic.py')
    parser.add_argument('--lifter', default='spinepose-lifter')
    parser.add_argument('--model', default='spinepose-t-demo')
    parser.add_argument('--score', type=float, default=SEEN)
    parser.add_argument('--limit', type=int, help='maximum number of images')
    parser.add_argument('--out', type=Path, help='write the poses as .npz')
    return parser.parse_args()


def detect(args, rows):
    """(N, 37, 3) x, y, score of the people of the rows."""
    folder = args.data / 'annotations' / f'person_keypoints_{SPLIT}.json'
    with open(folder, encoding='utf-8') as file:
        content = json.load(file)
    boxes = {}
    for annotation in content['annotations']:
        x, y, w, h = annotation['bbox']
        own = boxes.setdefault(annotation['image_id'], [])
        own.append((x, y, x + w, y + h))
    estimator = SpinePoseEstimator(model=args.model, detector=None, threads=1)
    found = {}
    for image in content['images'][: args.limit]:
        if image['id'] not in boxes:
            continue
        path = args.data / 'images' / SPLIT / image['file_name']
        people = estimator.predict(read_image(path), boxes[image['id']])
        found[image['id']] = [
            np.column_stack([p.keypoints, p.scores]) for p in people
        ]
    used = [i for i, key in enumerate(rows['image_id']) if key in found]
    # Annotations and rows of an image have the same order.
    return np.stack([p for own in found.values() for p in own]), used


def main():
    args = parse_args()
    path = args.data / 'annotations' / f'synthetic3d_{SPLIT}.npz'
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} is missing: make_synthetic.py makes it'
        )
    with np.load(path) as file:
        rows = {key: file[key] for key in file}
    lifter = Lifter(args.lifter, threads=1)
    detected, used = detect(args, rows)
    rows = {k: v[used] for k, v in rows.items() if len(v) == len(rows['S'])}
    truth, inside = rows['S'][..., :3], rows['part'][..., 2] > 0
    whole = inside.all(1)
    print(f'{len(truth)} people, {whole.sum()} entirely in the image')
    print('| 2D | people | ' + ' | '.join(COLUMNS) + ' |')
    print('|---' * (len(COLUMNS) + 2) + '|')
    for name, points, seen in (
        ('true', rows['part'][..., :2], inside),
        ('detected', detected[..., :2], detected[..., 2] >= args.score),
    ):
        rays = np.stack([to_rays(*one) for one in zip(points, rows['K'], seen)])
        lifted = lifter(rays)
        if args.out:
            np.savez(
                f'{args.out}_{name}.npz', lifted=lifted, truth=truth,
                points=points, scores=detected[..., 2], part=rows['part'],
            )  # fmt: skip
        for people, chosen in (('all', slice(None)), ('whole', whole)):
            errors = pose_errors(lifted[chosen], truth[chosen])
            values = ' | '.join(f'{errors[c]:.1f}' for c in COLUMNS)
            print(f'| {name} | {people} | {values} |')


if __name__ == '__main__':
    with one_sentence():
        main()
