import json

from spinepose_mmpose.inference.smooth import OneEuroSmoother, smooth_tracks

import numpy as np
import pytest
from moving_people import (
    CHAIN,
    FPS,
    bending,
    figure,
    frames_of,
    person,
    points_of,
    roughness,
    turns,
)


def live(points, times, scores=0.9, **settings):
    smoother = OneEuroSmoother(**settings)
    return np.stack(
        [
            smoother([person(p, scores=scores, track_id=1)], t)[0].keypoints
            for p, t in zip(points, times)
        ]
    )


def mean_turn(points):
    """Degrees; how bent the spines of (T, 37, 2) are."""
    return np.abs(turns(points[:, CHAIN].astype(np.float64))).mean()


def neighbour_mean(points):
    """What flattens: each spine point becomes the mean of its neighbours."""
    result = points.copy()
    chain = points[:, CHAIN]
    result[:, CHAIN[1:-1]] = (chain[:, :-2] + chain[:, 1:-1] + chain[:, 2:]) / 3
    return result


def curve_is_kept(smooth, truth):
    """The mean turn within 2 % and each of the seven, over time, within 1
    degree (they go up to 15)."""
    smooth, truth = smooth[15:-15], truth[15:-15]
    if abs(mean_turn(smooth) / mean_turn(truth) - 1) > 0.02:
        return False
    mean = turns(smooth[:, CHAIN].astype(np.float64)).mean(axis=0)
    return np.abs(mean - turns(truth[:, CHAIN]).mean(axis=0)).max() < 1.0


@pytest.mark.parametrize('noise', [0.0, 0.3])
def test_curvature_is_kept(noise):
    truth, times = bending()
    rng = np.random.default_rng(0)
    measured = truth + rng.normal(0, noise, truth.shape)
    offline = points_of(smooth_tracks(frames_of(measured, times), cutoff=3.0))
    assert curve_is_kept(offline, truth)
    # In live use noise that remains bends the chain a little more, never less.
    online = live(measured, times)
    assert mean_turn(online[15:-15]) >= 0.99 * mean_turn(truth[15:-15])
    if not noise:
        assert curve_is_kept(online, truth)
    # The test is able to see a flattened spine.
    assert not curve_is_kept(neighbour_mean(measured), truth)
    assert mean_turn(neighbour_mean(truth)) < 0.85 * mean_turn(truth)


def test_a_moving_rigid_pose_is_followed_without_bending():
    truth, times = bending()
    rigid = truth[:1] + (truth[:, :1] - truth[:1, :1])
    smooth = live(rigid, times)
    shape = smooth - smooth[:, :1]
    np.testing.assert_allclose(
        shape,
        np.broadcast_to(rigid[:1] - rigid[:1, :1], shape.shape),
        atol=2e-3,
    )


def test_one_step_by_hand():
    # One keypoint of two moves by (2, 0): body (1, 0), own (1, 0), (-1, 0).
    # dt 0.1; speeds: slope 10, alpha_d = 1 / (1 + 1 / (2 pi 2 0.1)).
    a = person([[0, 0], [10, 0]], box=(0, 0, 10, 10), track_id=1)
    b = person([[2, 0], [10, 0]], box=(0, 0, 10, 10), track_id=1)
    smoother = OneEuroSmoother(min_cutoff=1.5, beta=0.5)
    smoother([a], 0.0)
    (result,) = smoother([b], 0.1)

    def alpha(cutoff):
        return 1 / (1 + 1 / (2 * np.pi * cutoff * 0.1))

    speed = alpha(2.0) * 10 / 10  # body sizes a second
    own, body = alpha(1.5 + 0.5 * speed), alpha(1.5 + 0.5 * speed * 10)
    np.testing.assert_allclose(
        result.keypoints, [[own + body, 0], [10 - own + body, 0]], rtol=1e-6
    )


def test_noise_falls_and_lag_is_small():
    rng = np.random.default_rng(0)
    still = np.repeat(figure()[None], 150, 0)
    noisy = still + rng.normal(0, 1.0, still.shape)
    times = np.arange(150) / FPS
    smooth = live(noisy, times)
    assert roughness(smooth) < 0.35 * roughness(noisy)
    assert (smooth - still)[30:].std() < 0.65 * (noisy - still)[30:].std()
    # 80 pixels a second: not half a frame behind.
    truth, times = bending()
    behind = (truth - live(truth, times))[30:, :, 0].mean()
    assert 0 <= behind < 0.5 * 80 / FPS


@pytest.mark.parametrize('scale', [0.1, 12.0])
def test_settings_mean_the_same_at_any_resolution(scale):
    truth, times = bending()
    expected = live(truth, times)
    result = live(scale * truth, times)
    np.testing.assert_allclose(result / scale, expected, atol=2e-3)


def test_the_spine_shares_one_cutoff():
    smoother = OneEuroSmoother()
    points = figure()
    smoother([person(points, track_id=1)], 0.0)
    moved = points.copy()
    moved[CHAIN[0]] += (40, 0)  # the top nods, the rest trembles
    moved[CHAIN[1:]] += (1, 0)
    moved[9] += (1, 0)
    before = np.array(smoother.state()['filters'][0][1]['smooth'])
    smoother([person(moved, track_id=1)], 0.1)
    one = smoother.state()['filters'][0][1]
    raw, smooth = np.array(one['raw']), np.array(one['smooth'])
    gain = (smooth - before)[:, 0] / (raw - before)[:, 0]
    np.testing.assert_allclose(gain[CHAIN], gain[CHAIN[0]])
    assert gain[9] < 0.9 * gain[CHAIN[0]]


def test_low_scores_are_trusted_less_and_go_with_the_spine():
    truth, times = bending(2.0)
    wrong = truth.copy()
    k = CHAIN[4]
    wrong[30:, k] += (40, 0)
    scores = np.full(37, 0.9)
    trusting = live(wrong, times, scores)
    scores[k] = 0.03  # a tenth of trust_score
    careful = live(wrong, times, scores)
    error = np.linalg.norm(careful - live(truth, times), axis=2)
    jump = np.linalg.norm(trusting - live(truth, times), axis=2)
    # A tenth of the way in each of three frames.
    assert error[32, k] <= (1 - 0.9**3) * jump[32, k]
    # Without any trust it keeps its place in the moving spine.
    scores[k] = 0.0
    blind = live(wrong, times, scores)
    error = np.linalg.norm(blind - truth, axis=2)[-1, k]
    assert error < 4 < np.linalg.norm(truth[-1, k] - truth[29, k]) / 10


def test_people_and_gaps_are_kept_apart():
    a, b = figure(1), figure(2) + 300
    smoother = OneEuroSmoother()

    def at(t, points, track_id):
        (result,) = smoother([person(points, track_id=track_id)], t)
        return result.keypoints

    at(0.0, a, 1)
    np.testing.assert_array_equal(at(0.1, b, 2), np.float32(b))
    # Identity 1 goes on from its own past, and anew after a gap.
    moved = at(0.2, a + 5, 1)
    assert (moved < np.float32(a + 5)).all() and (moved > a).all()
    np.testing.assert_array_equal(at(0.8, a + 50, 1), np.float32(a + 50))
    # No identity, no smoothing; and nothing is remembered for ever.
    np.testing.assert_array_equal(at(0.9, b, None), np.float32(b))
    smoother([], 50.0)
    assert smoother.state()['filters'] == []


def test_live_state_continues_exactly():
    truth, times = bending(2.0)
    rng = np.random.default_rng(0)
    measured = truth + rng.normal(0, 1, truth.shape)
    measured[:45, 7] = np.nan  # not seen until later
    whole, other = OneEuroSmoother(), OneEuroSmoother()

    def step(smoother, i):
        one = person(measured[i], track_id=4, box=(0, 0, 100, 200), scores=0.2)
        return smoother([one], times[i])[0].keypoints

    for i in range(30):
        step(whole, i)
    other.load_state(json.loads(json.dumps(whole.state(), allow_nan=False)))
    for i in range(30, 60):
        a, b = step(whole, i), step(other, i)
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(np.delete(a, 7, 0)).all()
        assert np.isfinite(a[7]).all() == (i >= 45)


def test_live_input_is_left_alone_and_times_are_checked():
    one = person(figure(), track_id=1)
    before = one.keypoints.copy()
    smoother = OneEuroSmoother()
    smoother([one], 1.0)[0].keypoints[:] = 0
    result = smoother([one], 1.0)  # the same time again
    np.testing.assert_array_equal(result[0].keypoints, before)
    np.testing.assert_array_equal(one.keypoints, before)
    with pytest.raises(ValueError, match='number of seconds'):
        smoother([one], float('nan'))


@pytest.mark.parametrize(
    'name, value',
    [
        ('min_cutoff', 0),
        ('min_cutoff', 1e-320),
        ('beta', -1),
        ('beta', float('inf')),
    ],
)
def test_ranges_of_settings(name, value):
    with pytest.raises(ValueError, match=f'^{name}: .* is not between'):
        OneEuroSmoother(**{name: value})
