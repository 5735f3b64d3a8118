import math

from spinepose_mmpose.evaluation.keypoint_errors import (
    chain_errors,
    keypoint_errors,
    link_errors,
    match_people,
    mean_with_confidence,
    side_confusion,
)

import numpy as np
import pytest
import scipy.stats
from made_people import annotation, parsed


def people(*points):
    """(N, K, 3), all labelled."""
    points = np.array(points, dtype=float)
    return np.concatenate([points, np.full_like(points[..., :1], 2)], -1)


def test_known_offsets():
    gt = people([[0, 0], [0, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]])
    gt[1, 1, 2] = gt[:, 2, 2] = 0
    dt = people([[3, 4], [0, 6], [9, 9]], [[0, 0], [99, 99], [9, 9]])
    areas, scales, nan = [10000, 2500], [100, 50], np.nan
    errors = keypoint_errors(gt, dt, areas, scales, [0.05, 0.1, 0.1], 0.05)
    # 5 px at scale 100 is 0.05, correct; 6 px is 0.06, not.
    np.testing.assert_allclose(
        errors['error'], [[0.05, 0.06, nan], [0, nan, nan]]
    )
    np.testing.assert_allclose(errors['pck'], [[1, 0, nan], [1, nan, nan]])
    # exp(-25 / (2 * 10000 * 0.1^2)) and exp(-36 / (2 * 10000 * 0.2^2))
    np.testing.assert_allclose(
        errors['oks'],
        [[math.exp(-25 / 200), math.exp(-36 / 800), nan], [1, nan, nan]],
    )
    assert gt[1, 1, 0] == 0  # not edited in place


def test_means_of_groups():
    values = np.array([[0.05, 0.06, np.nan], [0, np.nan, np.nan]])
    counts, means = mean_with_confidence(values, [[0], [1], [2], [0, 1]])
    assert counts.tolist() == [2, 1, 0, 3]
    np.testing.assert_allclose(means[:, 0], [0.025, 0.06, np.nan, 0.11 / 3])
    # Drawn from {0.05, 0}; 97.5 % of the draws hold both or one of them.
    np.testing.assert_allclose(means[0, 1:], [0, 0.05])
    np.testing.assert_allclose(means[1, 1:], [0.06, 0.06])
    assert np.isnan(means[2]).all()
    _, means = mean_with_confidence(values, [[0]], num_bootstrap=0)
    np.testing.assert_allclose(means, [[0.025, np.nan, np.nan]])


def test_confidence_covers_the_known_spread():
    # The mean of 400 draws from {0, 1} deviates by 1.96 * 0.5 / 20 = 0.049.
    values = np.arange(400)[:, None] % 2.0
    _, ((value, low, high),) = mean_with_confidence(values, [[0]])
    assert value == 0.5
    assert (low, high) == pytest.approx((0.451, 0.549), abs=0.006)


def test_confidence_of_scipy():
    values = np.random.default_rng(1).random((50, 3))
    values[values < 0.2] = np.nan
    _, means = mean_with_confidence(values, [[0], [1], [2]], 200)
    expected = scipy.stats.bootstrap(
        (values,),
        np.nanmean,
        n_resamples=200,
        batch=1,
        method='percentile',
        rng=np.random.default_rng(0),
    ).confidence_interval
    np.testing.assert_allclose(means[:, 1], expected.low)
    np.testing.assert_allclose(means[:, 2], expected.high)


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


def test_links_turn_the_short_way_around():
    # 179 and -179 degrees are 2 degrees apart.
    a, b = math.radians(179), math.radians(-179)
    gt = people([[0, 0], [math.cos(a), math.sin(a)]])
    dt = people([[0, 0], [math.cos(b), math.sin(b)]])
    assert link_errors(gt, dt, [(0, 1)]) == pytest.approx(2)


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
    np.testing.assert_array_equal(
        side_confusion(gt, dt, [(0, 1), (2, 3)]),
        [[1, 0], [0, np.nan], [0, np.nan], [0, np.nan]],
    )


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
    rows, found, oks = match_people(*people, [0.2, 0.2])
    assert (rows.tolist(), found.tolist()) == ([0, 1], [1, 2])
    # Both points are 1 px and 3 px away; s^2 = 100, k = 0.4.
    assert oks == pytest.approx(np.exp([-1 / 32, -9 / 32]))
    assert match_people(*people, [0.02, 0.02])[0].tolist() == [0]
