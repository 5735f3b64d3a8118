import math

from spinepose_mmpose.evaluation.keypoint_errors import (
    chain_errors,
    keypoint_report,
    match_people,
    side_confusion,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)

import numpy as np
import pytest


def people(*points, visibility=2):
    points = np.array(points, dtype=float)
    return np.concatenate(
        [points, np.full(points.shape[:2] + (1,), visibility)], -1
    )


def test_known_offsets():
    gt = people([[0, 0], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]])
    gt[1, 1, 2] = gt[:, 2, 2] = 0
    dt = people([[3, 4], [0, 6], [9, 9]], [[0, 0], [99, 99], [9, 9]])
    report = keypoint_report(
        gt, dt, [10000, 2500], [0.05, 0.1, 0.1], pck_fraction=0.05
    )
    assert report['count'].tolist() == [2, 1, 0]
    # 5 px at scale 100 is 0.05, correct; 6 px is 0.06, not.
    np.testing.assert_allclose(report['error'][:, 0], [0.025, 0.06, np.nan])
    np.testing.assert_allclose(report['pck'][:, 0], [1, 0, np.nan])
    # exp(-25 / (2 * 10000 * 0.1^2)) and exp(-36 / (2 * 10000 * 0.2^2))
    np.testing.assert_allclose(
        report['oks'][:, 0],
        [(math.exp(-25 / 200) + 1) / 2, math.exp(-36 / 800), np.nan],
    )
    # Drawn from {0.05, 0}; 97.5 % of the draws hold both or one of them.
    np.testing.assert_allclose(report['error'][0, 1:], [0, 0.05])
    np.testing.assert_allclose(report['error'][1, 1:], [0.06, 0.06])


def test_confidence_covers_the_known_spread():
    # The mean of 400 draws from {0, 1} deviates by 1.96 * 0.5 / 20 = 0.049.
    gt = people(*[[[0, 0]]] * 400)
    dt = people(*[[[10 * (i % 2), 0]] for i in range(400)])
    value, low, high = keypoint_report(gt, dt, [10000] * 400, [0.1])['pck'][0]
    assert value == 0.5
    assert (low, high) == pytest.approx((0.451, 0.549), abs=0.006)


def test_chain():
    gt = people([[0, 0], [0, 10], [0, 20]])
    dt = people([[50, 0], [50, 10], [60, 20]])
    # Second segment turned by 45 degrees; moving the chain is no error.
    errors = chain_errors(gt, dt, (0, 1, 2))
    np.testing.assert_allclose(errors['angle'], [[0, 45]])
    np.testing.assert_allclose(errors['curvature'], [[45]])
    np.testing.assert_allclose(errors['bend_labelled'], [[0]])
    np.testing.assert_allclose(errors['bend_predicted'], [[45]])
    # The same bend elsewhere is no error of curvature, a straight chain is.
    bent = people([[0, 0], [0, 10], [10, 20]])
    assert chain_errors(bent, dt, (0, 1, 2))['curvature'][0] == pytest.approx(0)
    assert chain_errors(bent, gt, (0, 1, 2))['curvature'][0] == pytest.approx(
        45
    )
    # Turned as a whole: no bend, and the short way around.
    turned = people([[0, 0], [1, -10], [2, -20]])
    errors = chain_errors(
        turned, people([[0, 0], [-1, -10], [-2, -20]]), (0, 1, 2)
    )
    np.testing.assert_allclose(
        errors['angle'], [[2 * math.degrees(math.atan(0.1))] * 2]
    )
    np.testing.assert_allclose(errors['curvature'], [[0]], atol=1e-9)
    gt[0, 2, 2] = 0
    errors = chain_errors(gt, dt, (0, 1, 2))
    np.testing.assert_array_equal(errors['angle'], [[0, np.nan]])
    assert np.isnan(errors['curvature']).all()


def test_scales_and_groups():
    gt = people([[0, 0], [0, 0], [0, 0]])
    gt[0, 2, 2] = 0
    dt = people([[3, 4], [0, 15], [9, 9]])
    report = keypoint_report(
        gt,
        dt,
        [10000],
        [0.05] * 3,
        scales=[50],
        pck_fraction=0.1,
        groups=[(0, 1), (1, 2), (2,)],
        num_bootstrap=0,
    )
    # 5 px and 15 px of 50; the third keypoint has no label.
    np.testing.assert_allclose(report['error'][:, 0], [0.2, 0.3, np.nan])
    np.testing.assert_allclose(report['pck'][:, 0], [0.5, 0, np.nan])
    assert report['count'].tolist() == [2, 1, 0]
    assert np.isnan(report['error'][:, 1:]).all()


def test_sides():
    gt = people(*[[[0, 0], [10, 0], [0, 5], [10, 5]]] * 4)
    dt = gt.copy()
    dt[0, [0, 1]] = dt[0, [1, 0]]
    gt[1:, 2, 2] = 0
    np.testing.assert_allclose(
        side_confusion(gt, dt, [(0, 1), (2, 3)]), [0.25, 0]
    )
    gt[:, 2, 2] = 0
    assert np.isnan(side_confusion(gt, dt, [(2, 3)])).all()


def test_match():
    def person(id_, x, **changes):
        return dict(
            dict(
                id=id_,
                image_id=1,
                category_id=1,
                area=100,
                iscrowd=0,
                bbox=[x, 0, 10, 10],
                score=1 / id_,
                keypoints=[x, 0, 2, x, 9, 2],
            ),
            **changes,
        )

    gts = ground_truth_from_coco(
        dict(
            images=[dict(id=1), dict(id=2)],
            annotations=[
                person(1, 0),
                person(2, 3),
                person(3, 50, iscrowd=1),
                person(4, 80, keypoints=[0] * 6),
                person(5, 0, image_id=2),
            ],
        )
    )
    dts = detections_from_coco(
        [person(1, 200), person(2, 1), person(3, 0), person(4, 50)], gts
    )
    rows_gt, rows_dt = match_people(gts, dts, [0.2, 0.2])
    assert list(zip(rows_gt, rows_dt)) == [(0, 1), (1, 2)]
    assert match_people(gts, dts, [0.02, 0.02])[0].tolist() == [0]
