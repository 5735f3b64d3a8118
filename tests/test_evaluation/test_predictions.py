import math

from spinepose_mmpose.evaluation.predictions import (
    PredictedPeople,
    oks_nms,
    person_scores,
    suppress_people,
)

import numpy as np
import pytest

SIGMAS = np.array([0.1, 0.1])
# OKS of neighbours that lie 1 pixel apart: exp(-1 / (2 * 100 * 0.2^2))
NEIGHBOUR = math.exp(-1 / 8)
ABOVE, BELOW = NEIGHBOUR + 1e-9, NEIGHBOUR - 1e-9


def at(*xs):
    """(N, 2, 2) people."""
    points = np.zeros((len(xs), 2, 2))
    points[..., 0] = np.array(xs)[:, None]
    return points


@pytest.mark.parametrize(
    'xs, scores, areas, threshold, kept',
    [
        # 0 drops its neighbour 1; 2 is similar to 1 only, which is gone.
        ((0, 1, 2), (0.9, 0.8, 0.7), 100, BELOW, [0, 2]),
        # An OKS equal to the threshold is no reason to drop.
        ((0, 1, 2), (0.9, 0.8, 0.7), 100, ABOVE, [0, 1, 2]),
        ((0, 500, 0), (0.2, 0.5, 0.9), 100, 0.9, [2, 1]),
        # Of equals the last comes first.
        ((0, 500, 0), (0.5, 0.5, 0.5), 100, 0.9, [2, 1]),
        # The mean of the areas 50 and 150 gives NEIGHBOUR.
        ((0, 1), (2, 1), (50, 150), BELOW, [0]),
        ((0, 1), (2, 1), (50, 150), ABOVE, [0, 1]),
        ((), (), 100, 0.9, []),
    ],
)
def test_oks_nms(xs, scores, areas, threshold, kept):
    areas = np.broadcast_to(areas, len(xs))
    assert oks_nms(at(*xs), scores, areas, SIGMAS, threshold).tolist() == kept


def test_soft_nms_postpones_the_similar():
    # 1 equals 0, so its score falls to 0.8 exp(-1 / 0.9) = 0.26 < 0.5
    given = at(0, 0, 500), [0.9, 0.8, 0.5], [100] * 3, SIGMAS, 0.9, True
    assert oks_nms(*given).tolist() == [0, 2, 1]
    assert oks_nms(*given, max_people=2).tolist() == [0, 2]
    assert oks_nms(at(), [], [], SIGMAS, 0.9, True).size == 0


@pytest.mark.parametrize('mode', ['oks_nms', 'soft_oks_nms'])
def test_images_do_not_mix(mode):
    rng = np.random.default_rng(0)
    points, areas = at(*rng.uniform(0, 6, 60)), np.full(60, 100.0)
    scores = rng.random(60)
    images = np.repeat([5, 3, 9], 20)
    people = PredictedPeople(
        images.tolist(), points, np.ones(60), areas, np.ones(60)
    )
    rows = suppress_people(people, scores, SIGMAS, mode, 0.8)
    soft = mode == 'soft_oks_nms'
    expected = []
    for image in (5, 3, 9):
        of = np.flatnonzero(images == image)
        kept = oks_nms(points[of], scores[of], areas[of], SIGMAS, 0.8, soft)
        expected += of[kept].tolist()
    assert rows.tolist() == expected
    with pytest.raises(ValueError, match="'nms' is none of.*'soft_oks_nms'"):
        suppress_people(people, scores, SIGMAS, 'nms', 0.8)


@pytest.mark.parametrize(
    'mode, expected',
    [
        ('bbox', [0.5, 0.8]),
        ('keypoint', [0.4, 0.15]),
        ('bbox_keypoint', [0.5 * 0.6, 0]),
        ('bbox_rle', [0.5 + 0.4 + 0.7, 0.8 + 0.15 + 0.2]),
    ],
)
def test_score_modes(mode, expected):
    # Mean of the scores above 0.2, which 0.2 itself is not.
    points, boxes = [[0.5, 0.7, 0], [0.2, 0.2, 0.05]], [0.5, 0.8]
    scores = person_scores(points, boxes, mode, 0.2)
    np.testing.assert_allclose(scores, expected, atol=1e-14)
    with pytest.raises(ValueError, match="'area' is none of.*'bbox_keypoint'"):
        person_scores(points, boxes, 'area')
