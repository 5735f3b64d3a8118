"""Mean OKS on people from other datasets: the test images of MMPose.

    git clone https://github.com/open-mmlab/mmpose
    python benchmarks/real_people.py mmpose/tests/data spinepose-t-demo

The images are a few each from COCO, AI Challenger, CrowdPose, MPII, JHMDB, MHP,
OCHuman and PoseTrack18. The OKS covers the labelled ones of twelve limb joints,
including occluded ones, with labelled boxes, COCO's sigmas, and half the box as
the area.
"""

import argparse
import collections
import json
import tempfile
from pathlib import Path

from spinepose_mmpose.datasets.convert import spinetrack_file
from spinepose_mmpose.datasets.label_teachers import GROUPS, load_teacher
from spinepose_mmpose.datasets.pseudo_label import (
    LabelSettings,
    label_folder,
)
from spinepose_mmpose.metainfo import KEYPOINT_NAMES
from spinepose_mmpose.utils import one_sentence

import numpy as np
from mmpose.registry import DATASETS

SETS = [  # dataset, annotations, folder of the images
    ('CocoDataset', 'coco/test_coco.json', 'coco'),
    ('AicDataset', 'aic/test_aic.json', 'aic'),
    ('CrowdPoseDataset', 'crowdpose/test_crowdpose.json', 'crowdpose'),
    ('MpiiDataset', 'mpii/test_mpii.json', 'mpii'),
    ('JhmdbDataset', 'jhmdb/test_jhmdb_sub1.json', 'jhmdb'),
    ('MhpDataset', 'mhp/test_mhp.json', 'mhp'),
    ('OCHumanDataset', 'ochuman/test_ochuman.json', 'ochuman'),
    (
        'PoseTrack18Dataset',
        'posetrack18/annotations/test_posetrack18_val.json',
        'posetrack18',
    ),
]


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('data', type=Path, help="MMPose's tests/data")
    parser.add_argument(
        'teachers', nargs='+', help='like --teacher of pseudo_label.py'
    )
    parser.add_argument('--no-flip-test', action='store_true')
    return parser.parse_args()


def people_of(data: Path, kind: str, labels: str, folder: str):
    """SpineTrack annotations without ids of one set's people, by image."""
    dataset = DATASETS.build(
        dict(
            type=kind,
            data_root=str(data),
            ann_file=labels,
            data_prefix=dict(img=folder),
            test_mode=True,
            pipeline=[],
        )
    )
    columns = {
        name: i for i, name in dataset.metainfo['keypoint_id2name'].items()
    }
    for i in range(len(dataset)):
        sample = dataset[i]
        points = np.zeros((len(KEYPOINT_NAMES), 3))
        for k in GROUPS['limbs']:
            column = columns[KEYPOINT_NAMES[k]]
            xy = sample['keypoints'][0, column]
            visible = sample['keypoints_visible'][0, column] > 0
            points[k] = [*(visible * xy), 2 * visible]
        x1, y1, x2, y2 = (float(v) for v in sample['bbox'][0])
        yield (
            str(Path(sample['img_path']).relative_to(data)),
            dict(
                category_id=1,
                iscrowd=0,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=0.5 * (x2 - x1) * (y2 - y1),
                keypoints=points.ravel().tolist(),
                num_keypoints=int((points[:, 2] > 0).sum()),
            ),
        )


def main() -> None:
    args = parse_args()
    with one_sentence():
        people = [
            (name, person)
            for spec in SETS
            for name, person in people_of(args.data, *spec)
            if person['num_keypoints']
        ]
    names = sorted({name for name, _ in people})
    content = spinetrack_file(
        [dict(id=i, file_name=name) for i, name in enumerate(names, 1)],
        [
            dict(person, id=i, image_id=1 + names.index(name))
            for i, (name, person) in enumerate(people, 1)
        ],
        {},
    )
    sets = [Path(name).parts[0] for name, _ in people]
    print('| | all | ' + ' | '.join(dict.fromkeys(sets)) + ' |')
    print('|---' * (2 + len(set(sets))) + '|')
    with tempfile.TemporaryDirectory() as folder, one_sentence():
        boxes = Path(folder, 'boxes.json')
        boxes.write_text(json.dumps(content))
        for name in args.teachers:
            print(row(name, args, boxes, sets))


def row(name: str, args, boxes: Path, sets: list) -> str:
    found, records = label_folder(
        args.data,
        boxes.with_name('found.json'),
        [load_teacher(f'{name}:limbs', 'cpu')],
        None,
        LabelSettings(flip_test=not args.no_flip_test),
        boxes,
    )
    for record in records:
        if 'error' in record:
            raise FileNotFoundError(record['error'])
    scores = collections.defaultdict(list)
    for person in found['annotations']:
        scores[sets[person['id'] - 1]].append(person['agreement'])
    everybody = [score for part in scores.values() for score in part]
    means = [f'{np.mean(everybody):.3f} ({len(everybody)})'] + [
        f'{np.mean(scores[s]):.3f} ({len(scores[s])})'
        for s in dict.fromkeys(sets)
    ]
    return f'| {Path(name).stem} | {" | ".join(means)} |'


if __name__ == '__main__':
    main()
