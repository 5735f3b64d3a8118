import math

from spinepose_mmpose.evaluation.keypoint_errors import (
    chain_errors,
    keypoint_report,
    match_people,
    side_confusion,
)

import numpy as np
import pytest
from made_people import annotation, parsed


def people(*points):
    """(N, K, 3), all labelled."""
    points = np.array(points, dtype=float)
    return np.concatenate([points, np.full_like(points[..., :1], 2)], -1)


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


STRAIGHT = people([[0, 0], [0, 10], [0, 20]])
BENT = people([[0, 0], [0, 10], [10, 20]])
# Moving the chain is no error.
MOVED = BENT + [50, 0, 0]
LEFT, RIGHT = (people([[0, 0], [x, -10], [2 * x, -20]]) for x in (-1, 1))


@pytest.mark.parametrize(
    'gt, dt, angle, curvature, bends',
    [
        (STRAIGHT, MOVED, [0, 45], 45, (0, 45)),
        (BENT, MOVED, [0, 0], 0, (45, 45)),
        (BENT, STRAIGHT, [0, 45], 45, (45, 0)),
        # Turned as a whole: no bend, and the short way around.
        (RIGHT, LEFT, [2 * math.degrees(math.atan(0.1))] * 2, 0, (0, 0)),
    ],
)
def test_chain(gt, dt, angle, curvature, bends):
    errors = chain_errors(gt, dt, (0, 1, 2))
    expected = [[angle], [[curvature]], [[bends[0]]], [[bends[1]]]]
    for values, wanted in zip(errors.values(), expected):
        np.testing.assert_allclose(values, wanted, atol=1e-9)


def test_chain_without_a_label():
    gt = STRAIGHT.copy()
    gt[0, 2, 2] = 0
    errors = chain_errors(gt, MOVED, (0, 1, 2))
    np.testing.assert_array_equal(errors['angle'], [[0, np.nan]])
    assert np.isnan(errors['curvature']).all()


def test_sides():
    gt = people(*[[[0, 0], [10, 0], [0, 5], [10, 5]]] * 4)
    dt = gt.copy()
    dt[0, [0, 1]] = dt[0, [1, 0]]
    gt[1:, 2, 2] = 0
    shares = side_confusion(gt, dt, [(0, 1), (2, 3)])
    np.testing.assert_allclose(shares, [0.25, 0])
    gt[:, 2, 2] = 0
    assert np.isnan(side_confusion(gt, dt, [(2, 3)])).all()


def test_match():
    def person(id_, x, seen=2, **changes):
        points = [x, 0, seen, x, 9, seen]
        return annotation(points, id_, area=100, score=1 / id_, **changes)

    people = parsed(
        [
            person(1, 0),
            person(2, 3),
            person(3, 50, iscrowd=1),
            person(4, 80, seen=0),
            person(5, 0, image_id=2),
        ],
        [person(1, 200), person(2, 1), person(3, 0), person(4, 50)],
    )
    assert np.transpose(match_people(*people, [0.2, 0.2])).tolist() == [
        [0, 1],
        [1, 2],
    ]
    assert match_people(*people, [0.02, 0.02])[0].tolist() == [0]
