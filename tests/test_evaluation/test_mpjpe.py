"""Errors in 3D against cases computed by hand."""

from spinepose_mmpose.evaluation.mpjpe import chord_angles, pose_errors
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np
import pytest


@pytest.fixture
def poses():
    return np.random.default_rng(0).normal(0, 0.3, (5, 37, 3))


def test_alignments(poses):
    errors = pose_errors(poses + [1, 2, 3], poses)  # the sacrum is the origin
    assert errors['all_MPJPE'] == pytest.approx(0, abs=1e-6)
    larger = pose_errors(1.25 * poses, poses)
    assert larger['spine_N-MPJPE'] == pytest.approx(0, abs=1e-6)
    rooted = poses - poses[:, [19]]
    expected = 250 * np.linalg.norm(rooted[:, :17], axis=-1).mean()
    assert larger['body_MPJPE'] == pytest.approx(expected)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = pose_errors(1.25 * poses @ turn.T, poses)
    assert turned['spine_P-MPJPE'] == pytest.approx(0, abs=1e-6)
    assert turned['spine_N-MPJPE'] > 50
    assert turned['lumbar_angle'] == pytest.approx(0, abs=1e-5)


def test_one_point_off(poses):
    moved = poses.copy()
    moved[:, KEYPOINT_IDS['spine_02'], 1] += 0.09
    errors = pose_errors(moved, poses)
    assert errors['spine_MPJPE'] == pytest.approx(90 / 9)
    assert errors['all_MPJPE'] == pytest.approx(90 / 37)
    assert errors['body_MPJPE'] == 0


def test_unlabelled_people_are_left_out(poses):
    mask = np.ones((5, 37), bool)
    mask[0, KEYPOINT_IDS['spine_02']] = False
    moved = poses.copy()
    moved[0] *= 3
    assert pose_errors(moved, poses, mask)['spine_MPJPE'] == 0
    none = pose_errors(moved, poses, np.zeros_like(mask))
    assert np.isnan(list(none.values())).all()


def test_angles_of_a_bent_chain():
    points = np.zeros((37, 3))
    for i, name in enumerate(('spine_05', 'spine_04', 'spine_03')):
        points[KEYPOINT_IDS[name]] = [[0, 2, 0], [0, 1, 0], [1, 0, 0]][i]
    points[KEYPOINT_IDS['spine_02']] = [1, -1, 0]
    points[KEYPOINT_IDS['spine_01']] = [1, -2, 0]
    points[KEYPOINT_IDS['hip']] = [1, -3, 1]
    for i, name in enumerate(('neck_03', 'neck_02', 'neck')):
        points[KEYPOINT_IDS[name]] = [0, 5 - i, 0]
    np.testing.assert_allclose(chord_angles(points), [0, 45, 45], atol=1e-6)
