import math

from spinepose_mmpose.evaluation.functional import oks_matrix
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS

import numpy as np
import pytest


def test_known_displacement():
    # 3 pixels right, 4 down: d^2 = 25 for each keypoint.
    rng = np.random.default_rng(0)
    gt = np.full((1, NUM_KEYPOINTS, 3), 2.0)
    gt[..., :2] = rng.uniform(0, 100, (1, NUM_KEYPOINTS, 2))
    dt = gt.copy()
    dt[..., :2] += (3, 4)
    area = 900.0
    expected = sum(
        math.exp(-25 / (2 * area * (2 * s) ** 2)) for s in SIGMAS
    ) / len(SIGMAS)
    assert oks_matrix(dt, gt, [area], SIGMAS)[0, 0] == pytest.approx(
        expected, abs=1e-14
    )


def test_only_labelled_keypoints_count():
    gt = np.array([[[0, 0, 2], [10, 0, 1], [99, 99, 0]]], dtype=float)
    dt = np.array([[[0, 0], [10, 2], [0, 0]]], dtype=float)
    # exp(-0) and exp(-4 / (2 * 100 * 0.2^2)) = exp(-0.5)
    assert oks_matrix(dt, gt, [100], [0.1] * 3)[0, 0] == pytest.approx(
        (1 + math.exp(-0.5)) / 2, abs=1e-14
    )


def test_person_without_labels_is_measured_to_the_doubled_box():
    gt = np.zeros((1, 2, 3))
    box = np.array([[10.0, 10.0, 20.0, 20.0]])  # doubled: -10 to 50
    dt = np.array([[[0.0, 0.0], [49.0, 49.0]], [[54.0, 53.0], [30.0, 30.0]]])
    oks = oks_matrix(dt, gt, [100], [0.5, 0.5], box)
    # 4 right of and 3 below the doubled box: exp(-25 / (2 * 100 * 1))
    np.testing.assert_allclose(
        oks[:, 0], [1, (math.exp(-25 / 200) + 1) / 2], atol=1e-14
    )
    assert not oks_matrix(dt, gt, [100], [0.5, 0.5]).any()


def test_shape_and_no_people():
    dt, gt = np.zeros((4, 5, 2)), np.ones((3, 5, 3))
    assert oks_matrix(dt, gt, [1, 2, 3], [0.1] * 5).shape == (4, 3)
    assert oks_matrix(dt[:0], gt, [1, 2, 3], [0.1] * 5).shape == (0, 3)


def test_keypoint_counts_must_agree():
    with pytest.raises(ValueError, match=r'\(17, 37, 37\)'):
        oks_matrix(np.zeros((1, 17, 2)), np.zeros((1, 37, 3)), [1], SIGMAS)
