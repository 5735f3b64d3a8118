"""Made-up people of SpineTrack's 37 keypoints for the report tests."""

from spinepose_mmpose.evaluation.coco import subset_curves
from spinepose_mmpose.evaluation.figures import STANDING
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.evaluation.report import ReportOptions, build_report
from spinepose_mmpose.metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SIGMAS,
    SKELETON,
    SUBSETS,
)

import numpy as np

LINKS = [tuple(KEYPOINT_IDS[end] for end in link) for link, _ in SKELETON]


def standing(x=0, height=200):
    """(37, 3) a person of ``height`` pixels, all labelled."""
    xy = np.array([STANDING[name] for name in KEYPOINT_NAMES]) * height
    return np.column_stack([xy + [x + height / 2, 10], np.full(37, 2.0)])


def exchanged(person):
    return person[list(FLIP_INDICES)]


def dataset(*people):
    """COCO annotations, each person in an image of their own, box 100x200."""
    return dict(
        images=[dict(id=i, file_name=f'{i}.png') for i in range(len(people))],
        annotations=[
            dict(
                id=i,
                image_id=i,
                category_id=1,
                iscrowd=0,
                area=100 * 200,
                bbox=[50, 10, 100, 200],
                keypoints=person.ravel().tolist(),
            )
            for i, person in enumerate(people)
        ],
    )


def make_report(labelled, predicted, **options):
    """Report of people by image; None where nothing is predicted."""
    gts = ground_truth_from_coco(dataset(*labelled), "'made up'")
    dts = detections_from_coco(
        [
            dict(
                image_id=i,
                category_id=1,
                score=1 - i / 100,
                keypoints=person.ravel().tolist(),
            )
            for i, person in enumerate(predicted)
            if person is not None
        ],
        gts,
    )
    curves = subset_curves(gts, dts, SUBSETS, SIGMAS)
    return build_report(
        gts,
        dts,
        SIGMAS,
        KEYPOINT_NAMES,
        SUBSETS,
        curves,
        ReportOptions(**options),
        LINKS,
    )
