import itertools

from spinepose_mmpose.evaluation.coco import oks_matrix
from spinepose_mmpose.inference.matching import (
    OUTLINE_SHARE,
    Track,
    assign,
    box_iou,
    pose_oks,
    sigmas_of,
    unique_people,
)
from spinepose_mmpose.inference.track import follow_camera
from spinepose_mmpose.metainfo import KEYPOINT_NAMES, SIGMAS

import numpy as np
import pytest
from moving_people import figure

FPS = 30.0


def test_box_iou():
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]], float)
    b = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]], float)
    # Half of each is common: 50 / 150.
    np.testing.assert_allclose(
        box_iou(a, b), [[1 / 3, 0, 1], [0, 0, 0]], atol=1e-12
    )


def test_oks_is_that_of_the_evaluation():
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 50, (3, 37, 2))
    b = a[[1, 2]] + rng.normal(0, 3, (2, 37, 2))
    common = rng.random((2, 37)) < 0.7
    gt = np.concatenate([b, common[..., None]], axis=2)
    expected = oks_matrix(a, gt, [OUTLINE_SHARE * 900] * 2, SIGMAS)
    result = pose_oks(
        a,
        b,
        np.broadcast_to(common, (3, 2, 37)),
        np.full((3, 2), 900.0),
        sigmas_of(KEYPOINT_NAMES),
        np.zeros((3, 1)),
    )
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_drift_widens_oks():
    a, b = np.zeros((1, 1, 2)), np.array([[[3.0, 4.0]]])
    area, sigma, drift = 100.0 / OUTLINE_SHARE, 0.1, 0.3
    # 25 / (2 * 100 * (0.2^2 + 0.3^2)) = 25 / 26
    result = pose_oks(
        a,
        b,
        np.ones((1, 1, 1), bool),
        np.array([[area]]),
        np.array([sigma]),
        np.array([[drift]]),
    )
    assert result[0, 0] == pytest.approx(np.exp(-25 / 26), abs=1e-12)


@pytest.mark.parametrize('shape', [(3, 3), (2, 4), (4, 1), (1, 3)])
def test_assignment_is_the_best_of_all(shape):
    rng = np.random.default_rng(1)
    for _ in range(20):
        table = rng.random(shape)
        pairs = assign(table, 0.3)
        small, large = sorted(shape)
        tall = table if shape[0] == small else table.T
        best = max(
            sum(v for i, j in enumerate(columns) if (v := tall[i, j]) >= 0.3)
            for columns in itertools.permutations(range(large), small)
        )
        assert sum(table[i, j] for i, j in pairs) == pytest.approx(best)
        assert all(table[i, j] >= 0.3 for i, j in pairs)
        assert len({i for i, _ in pairs}) == len({j for _, j in pairs})


def test_second_poses_of_one_person_are_left_out():
    pose = figure()
    poses = np.stack([pose, pose + 1, pose + (60, 0), pose + 0.5])
    boxes = np.concatenate([poses.min(1), poses.max(1)], axis=1)
    seen = np.ones((4, 37), bool)
    args = poses, seen, boxes, [0.5, 0.9, 0.8, 0.9], sigmas_of(KEYPOINT_NAMES)
    assert unique_people(*args, 0.8) == [1, 2]
    assert unique_people(*args, 1.1) == [0, 1, 2, 3]
    # Three common points of 37 do not make one person of two.
    seen[0, 3:] = False
    seen[1, :3] = True
    seen[1, 3:] = np.arange(34) % 2 == 0
    other = poses.copy()
    other[1, 3:] += 80
    assert 0 in unique_people(
        other[:2],
        np.stack([seen[1], ~seen[1]]),
        boxes[:2],
        [1, 1],
        args[4],
        0.8,
    )


def seen_at(points, time, seen=True):
    """Somebody new at (37, 2) points; ``seen``: all, or (37,)."""
    box = np.concatenate([points.min(0), points.max(0)])
    return Track(points, box, np.broadcast_to(seen, 37), time, 0.9)


def walked(times, velocity=(90.0, -30.0)):
    """A track with constant velocity and the pose at time 0."""
    pose = figure()
    track = seen_at(pose + np.multiply(velocity, times[0]), times[0])
    for t in times[1:]:
        track.measure(seen_at(pose + np.multiply(velocity, t), t), True)
    return track, pose


def test_constant_velocity_at_uneven_times():
    track, pose = walked([0, 0.1, 0.13, 0.3, 0.31])
    expected = pose + np.multiply((90, -30), 1.31)
    np.testing.assert_allclose(track.predict_points(1.31), expected)
    np.testing.assert_allclose(
        track.predict_box(1.31),
        np.concatenate([expected.min(0), expected.max(0)]),
    )


def test_a_swinging_keypoint_does_not_fly_away():
    pose = figure()
    track = seen_at(pose, 0.0)
    for t in range(1, 20):
        points = pose.copy()
        points[9, 0] += 10.0 * t  # 300 pixels a second
        track.measure(seen_at(points, t / FPS), True)
    later = track.predict_points(19 / FPS + 1.0)
    # 0.1 s of its own motion at most.
    assert later[9, 0] - points[9, 0] == pytest.approx(30, rel=0.01)
    np.testing.assert_allclose(later[8], points[8])


def test_unseen_keypoints_are_predicted_and_not_measured():
    track, pose = walked([0, 0.1, 0.2])
    points = pose + np.multiply((90, -30), 0.3)
    wrong = points.copy()
    wrong[3] = (1e4, 1e4)
    track.measure(seen_at(wrong, 0.3, np.arange(37) != 3), True)
    np.testing.assert_allclose(track.points, points)
    # Without a pose the keypoints of the last one stay those to rely on.
    track.measure(seen_at(wrong, 0.4, False), True)
    assert track.seen.sum() == 36
    np.testing.assert_allclose(track.points, pose + np.multiply((90, -30), 0.4))


def test_a_person_out_of_sight_is_carried_by_the_camera():
    track, pose = walked([0, 0.1, 0.2])
    before = track.predict_points(0.5)
    track.carry(np.array([12.0, -5.0]), np.array([60.0, 0.0]), 0.5)
    np.testing.assert_allclose(track.predict_points(0.5), before + (12, -5))
    # And on with the new velocity of (90 + 60, -30) pixels a second.
    np.testing.assert_allclose(
        track.predict_points(1.5), before + (12 + 150, -5 - 30), atol=1e-6
    )
    # What a visible person tells of the camera: 9 pixels to the right of
    # where constant velocity leads in 0.1 s.
    track, pose = walked([0, 0.1, 0.2])
    old = track.velocity[-1].copy()
    new = seen_at(pose + np.multiply((90, -30), 0.3) + (9, 0), 0.3)
    error, change = track.body_step(new, np.ones(37, bool))
    np.testing.assert_allclose(error, (9, 0), atol=1e-9)
    track.measure(new, True)
    np.testing.assert_allclose(track.velocity[-1] - old, change, atol=1e-9)


@pytest.mark.parametrize(
    'steps, shift',
    [
        ([(10, 2), (11, 2), (9, 2)], (10, 2)),
        ([(10, 0), (-2, 0)], (0, 0)),  # people who move apart are no camera
        ([(10, 0)], (0, 0)),  # nor is one person
    ],
)
def test_what_all_visible_people_moved_carries_the_others(steps, shift):
    pose = figure()
    tracks = [seen_at(pose, 0.0) for _ in [*steps, 'out of sight']]
    new = [seen_at(pose + step, 0.1) for step in steps]
    follow_camera(tracks, new, [(i, i) for i in range(len(steps))])
    np.testing.assert_allclose(
        tracks[-1].predict_points(0.1), pose + shift, atol=1e-9
    )
