"""Made-up people for the tests of the evaluation."""

from spinepose_mmpose.evaluation.coco import subset_curves
from spinepose_mmpose.evaluation.figures import STANDING
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.evaluation.report import ReportOptions, build_report
from spinepose_mmpose.metainfo import (
    BONES,
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SIGMAS,
    SUBSETS,
)

import numpy as np

LINKS = [tuple(KEYPOINT_IDS[end] for end in bone) for bone in BONES]


def annotation(keypoints, id_=1, image_id=1, **changes):
    """A labelled person, and with ``score`` a predicted one."""
    return dict(
        dict(
            id=id_,
            image_id=image_id,
            category_id=1,
            iscrowd=0,
            area=5000.0,
            bbox=[40, 50, 100, 100],
            keypoints=np.ravel(keypoints).tolist(),
        ),
        **changes,
    )


def dataset(*annotations):
    images = sorted({person['image_id'] for person in annotations})
    return dict(
        images=[dict(id=i, file_name=f'{i}.png') for i in images],
        annotations=list(annotations),
    )


def parsed(annotations, results, source='the ground truth'):
    """Ground truth and detections."""
    gts = ground_truth_from_coco(dataset(*annotations), source)
    return gts, detections_from_coco(list(results), gts)


def standing(x=0, height=200):
    """(37, 3) a person of ``height`` pixels, all labelled."""
    xy = np.array([STANDING[name] for name in KEYPOINT_NAMES]) * height
    return np.column_stack([xy + [x + height / 2, 10], np.full(37, 2.0)])


def exchanged(person):
    return person[list(FLIP_INDICES)]


def labelled(people):
    """Each person in an image of their own, box 100x200."""
    box = dict(area=100 * 200, bbox=[50, 10, 100, 200])
    return [annotation(p, i, i, **box) for i, p in enumerate(people)]


def make_report(people, predicted, **options):
    """Report of people by image; None where nothing is predicted."""
    results = [
        annotation(person, image_id=i, score=1 - i / 100)
        for i, person in enumerate(predicted)
        if person is not None
    ]
    return report_of(labelled(people), results, **options)


def report_of(annotations, results, **options):
    gts, dts = parsed(annotations, results, "'made up'")
    curves = subset_curves(gts, dts, SUBSETS, SIGMAS)
    options = ReportOptions(**options)
    return build_report(
        gts, dts, SIGMAS, KEYPOINT_NAMES, SUBSETS, curves, options, LINKS
    )
