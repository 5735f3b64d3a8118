"""SpineTrack, COCO and Halpe sets of drawn people, and samples of them as a
model that knows the answers would give."""

import copy
import json

from spinepose_mmpose.datasets.synthetic.writer import write_dataset

import numpy as np

BOXES = 'COCO_val2017_detections_AP_H_56_person.json'
FILES = dict(
    spinetrack='spinetrack/annotations/person_keypoints_val2017.json',
    coco='coco/annotations/person_keypoints_val2017.json',
    halpe='halpe/annotations/halpe_val_v1.json',
)
COUNTS = dict(coco=17, halpe=136)
PIPELINE = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='PackPoseInputs'),
]


def write_roots(folder):
    """``spinetrack``, ``coco`` and ``halpe`` in the folder, as the configs
    expect them; the detector found every person of COCO."""
    write_dataset(str(folder / 'spinetrack'), 0, 3, seed=4)
    spinetrack = json.loads((folder / FILES['spinetrack']).read_text())
    for name, count in COUNTS.items():
        path = folder / FILES[name]
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(cut(spinetrack, count)))
    boxes = folder / 'coco/person_detection_results' / BOXES
    boxes.parent.mkdir()
    boxes.write_text(
        json.dumps(
            [
                dict(
                    image_id=p['image_id'],
                    category_id=1,
                    bbox=p['bbox'],
                    score=0.9,
                )
                for p in spinetrack['annotations']
            ]
        )
    )
    (folder / 'coco/val2017').symlink_to(folder / 'spinetrack/images/val2017')


def cut(dataset, count):
    """Annotations with ``count`` keypoints: cut, or unlabelled ones added."""
    dataset = copy.deepcopy(dataset)
    for person in dataset['annotations']:
        points = (person['keypoints'] + [0] * 3 * count)[: 3 * count]
        person['keypoints'] = points
        person['num_keypoints'] = sum(v > 0 for v in points[2::3])
    return dataset


def predictions(dataset, folder, ids):
    """Samples of all people of a built data set.

    ``ids`` are the SpineTrack ids of the keypoints that the model predicts,
    in its order; its answer is the same in all data sets.
    """
    people = json.loads((folder / FILES['spinetrack']).read_text())
    found = {}
    for person in people['annotations']:
        found.setdefault(person['image_id'], []).append(person)
    for i in range(len(dataset)):
        packed = dataset[i]['data_samples']
        box = packed.gt_instances.bboxes[0]
        person = min(
            found[packed.img_id],
            key=lambda p: (
                np.abs(np.array(p['bbox'][:2]) - box[:2]).sum()
                + abs(p['bbox'][2] - (box[2] - box[0]))
            ),
        )
        points = np.reshape(person['keypoints'], (-1, 3)).astype(float)
        # Anywhere within the person, so that they count as found.
        points[points[:, 2] == 0, :2] = (box[:2] + box[2:]) / 2
        sample = packed.to_dict()
        keypoints = np.asarray(points[list(ids), :2], np.float32)[None]
        sample['pred_instances'] = dict(
            keypoints=keypoints,
            keypoint_scores=np.full(keypoints.shape[:2], 0.8, np.float32),
            bboxes=sample['gt_instances']['bboxes'],
            bbox_scores=sample['gt_instances']['bbox_scores'],
        )
        yield sample


def run(evaluator, dataset, folder, ids):
    """Metrics of the model that predicts ``ids``."""
    evaluator.dataset_meta = dataset.metainfo
    samples = list(predictions(dataset, folder, ids))
    blank = [None] * len(samples)
    evaluator.process(samples, dict(inputs=blank, data_samples=blank))
    return evaluator.evaluate(len(samples))
