import math

from spinepose_mmpose.evaluation.predictions import (
    PredictedPeople,
    oks_nms,
    person_scores,
    soft_oks_nms,
    suppress_people,
)

import numpy as np
import pytest

SIGMAS = np.array([0.1, 0.1])
# OKS of neighbours that lie 1 pixel apart: exp(-1 / (2 * 100 * 0.2^2))
NEIGHBOUR = math.exp(-1 / 8)


def people_at(*xs):
    points = np.zeros((len(xs), 2, 2))
    points[..., 0] = np.array(xs)[:, None]
    return points, np.full(len(xs), 100.0)


def test_chain_of_similar_people():
    # 0 drops its neighbour 1; 2 is similar to 1 only, which is gone.
    points, areas = people_at(0, 1, 2)
    kept = oks_nms(points, [0.9, 0.8, 0.7], areas, SIGMAS, NEIGHBOUR - 1e-9)
    assert kept.tolist() == [0, 2]
    # An OKS equal to the threshold is no reason to drop.
    kept = oks_nms(points, [0.9, 0.8, 0.7], areas, SIGMAS, NEIGHBOUR + 1e-9)
    assert kept.tolist() == [0, 1, 2]


def test_best_first_and_ties():
    points, areas = people_at(0, 500, 0)
    assert oks_nms(points, [0.2, 0.5, 0.9], areas, SIGMAS, 0.9).tolist() == [
        2,
        1,
    ]
    assert oks_nms(points, [0.5, 0.5, 0.5], areas, SIGMAS, 0.9).tolist() == [
        2,
        1,
    ]


def test_mean_of_the_areas():
    points, _ = people_at(0, 1)
    # areas 50 and 150: their mean 100 gives NEIGHBOUR
    for threshold, count in ((NEIGHBOUR - 1e-9, 1), (NEIGHBOUR + 1e-9, 2)):
        assert (
            len(oks_nms(points, [2, 1], [50, 150], SIGMAS, threshold)) == count
        )


def test_soft_nms_postpones_the_similar():
    points, areas = people_at(0, 0, 500)
    # 1 equals 0, so its score falls to 0.8 exp(-1 / 0.9) = 0.26 < 0.5
    kept = soft_oks_nms(points, [0.9, 0.8, 0.5], areas, SIGMAS, 0.9)
    assert kept.tolist() == [0, 2, 1]
    kept = soft_oks_nms(
        points, [0.9, 0.8, 0.5], areas, SIGMAS, 0.9, max_people=2
    )
    assert kept.tolist() == [0, 2]


@pytest.mark.parametrize('mode', ['oks_nms', 'soft_oks_nms'])
def test_images_do_not_mix(mode):
    rng = np.random.default_rng(0)
    points, areas = people_at(*rng.uniform(0, 6, 60))
    scores = rng.random(60)
    images = np.repeat([5, 3, 9], 20)
    people = PredictedPeople(
        images.tolist(),
        np.concatenate([points, np.ones((60, 2, 1))], -1),
        np.ones(60),
        areas,
        np.ones(60),
    )
    rows = suppress_people(people, scores, SIGMAS, mode, 0.8)
    single = dict(oks_nms=oks_nms, soft_oks_nms=soft_oks_nms)[mode]
    expected = []
    for image in (5, 3, 9):
        of = np.flatnonzero(images == image)
        expected += of[
            single(points[of], scores[of], areas[of], SIGMAS, 0.8)
        ].tolist()
    assert rows.tolist() == expected


def test_nobody():
    assert oks_nms(np.zeros((0, 2, 3)), [], [], SIGMAS, 0.9).size == 0
    assert soft_oks_nms(np.zeros((0, 2, 3)), [], [], SIGMAS, 0.9).size == 0


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
    scores = person_scores(
        [[0.5, 0.7, 0], [0.2, 0.2, 0.05]], [0.5, 0.8], mode, 0.2
    )
    np.testing.assert_allclose(scores, expected, atol=1e-14)


def test_unknown_score_mode():
    with pytest.raises(ValueError, match="'bbox_keypoint'.*'area'"):
        person_scores(np.ones((1, 3)), [1], 'area')
