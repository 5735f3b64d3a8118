from spinepose_mmpose.inference import smooth as smooth_module
from spinepose_mmpose.inference.results import FrameResult
from spinepose_mmpose.inference.smooth import (
    butterworth,
    fill,
    hampel_outliers,
    smooth_tracks,
)

import numpy as np
import pytest
from moving_people import (
    FPS,
    bending,
    figure,
    frames_of,
    person,
    points_of,
    roughness,
)


def test_hampel_by_hand():
    values = np.array([1.0, 2, 3, 100, 5, 6, 7])
    # Around 100: 2 3 100 5 6; median 5, deviations 3 2 95 0 1: MAD 2.
    assert list(np.flatnonzero(hampel_outliers(values, 2))) == [3]
    # 95 / (1.4826 * 2) = 32.04
    assert hampel_outliers(values, 2, 32.0)[3]
    assert not hampel_outliers(values, 2, 32.1)[3]
    assert not hampel_outliers(values, 2, least=95.0).any()
    assert not hampel_outliers(np.arange(20.0) ** 1.5, 3).any()


def test_hampel_against_nanmedian():
    rng = np.random.default_rng(0)
    values = rng.standard_cauchy((40, 3))
    values[rng.random(values.shape) < 0.2] = np.nan
    result = hampel_outliers(values, 3)
    for t in range(40):
        window = values[max(t - 3, 0) : t + 4]
        median = np.nanmedian(window, axis=0)
        mad = np.nanmedian(np.abs(window - median), axis=0)
        far = np.abs(values[t] - median) > 3 * 1.4826 * mad
        np.testing.assert_array_equal(result[t], far)
    assert result.any()


@pytest.mark.parametrize('frequency', [1.0, 3.0, 6.0, 9.0])
def test_gain_and_phase(frequency):
    # Two passes of order 2: 1 / (1 + (f / f_c')^4), f_c' = 6 Hz / 0.802; the
    # bilinear transform makes tan(pi f / rate) of f.
    rate, n = 100.0, 4000
    t = np.arange(n) / rate
    result = butterworth(np.cos(2 * np.pi * frequency * t), rate, 6.0)
    middle = slice(1000, 3000)
    wave = np.exp(2j * np.pi * frequency * t[middle])
    amplitude = 2 * np.mean(result[middle] * wave.conj())
    ratio = np.tan(np.pi * frequency / rate) / np.tan(np.pi * 6.0 / rate)
    gain = 1 / (1 + (np.sqrt(2) - 1) * ratio**4)
    assert abs(amplitude) == pytest.approx(gain, abs=1e-6)
    assert np.angle(amplitude) == pytest.approx(0, abs=1e-6)
    if frequency == 6.0:
        assert abs(amplitude) == pytest.approx(np.sqrt(0.5), abs=1e-6)


def test_low_frame_rates_and_short_series_pass():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 2))
    np.testing.assert_array_equal(butterworth(values, 15.0, 6.0), values)
    assert not np.allclose(butterworth(values, 15.1, 6.0), values)
    for n in range(5):
        assert butterworth(values[:n], 30.0, 6.0).shape == (n, 2)


@pytest.mark.parametrize('cutoff', [0, -1, 1e-320, 1e308, np.nan, np.inf])
def test_cutoffs_that_cannot_be(cutoff):
    with pytest.raises(ValueError, match='cutoff: .* is not between 0.01 and'):
        smooth_tracks([], cutoff=cutoff)


@pytest.mark.parametrize('order', [0, 5, -2, 18, 5000])
def test_orders_that_cannot_be(order):
    with pytest.raises(
        ValueError, match='order(: .* is not between 2 and 16| should be even)'
    ):
        smooth_tracks([], order=order)


@pytest.mark.parametrize('rate', [15.0, 120.0, 1000.0])
@pytest.mark.parametrize('order', [2, 16])
@pytest.mark.parametrize('cutoff', [0.01, 0.5, 5.9])
def test_every_filter_in_range_keeps_a_constant(rate, order, cutoff):
    smooth = butterworth(np.full((300, 1), 700.0), rate, cutoff, order)
    np.testing.assert_allclose(smooth, 700.0, rtol=1e-3)


def test_slow_clips():
    """Frames further apart than max_gap are no gap; a lost person is one."""
    rng = np.random.default_rng(0)
    still = np.repeat(figure()[None], 60, 0)
    measured = still + rng.normal(0, 1.5, still.shape)
    times = np.arange(60) * 0.5
    frames = frames_of(measured, times)
    # 2 frames per second hold nothing above 6 Hz, and nothing is an outlier.
    np.testing.assert_array_equal(
        points_of(smooth_tracks(frames)), points_of(frames)
    )
    smooth = points_of(smooth_tracks(frames, cutoff=0.1))
    assert (smooth - still).std() < 0.5 * (measured - still).std()
    moved = measured + 300 * (np.arange(60) >= 30)[:, None, None]
    parts = frames_of(moved, times + 0.5 * (np.arange(60) >= 30))
    there = points_of(smooth_tracks(parts, cutoff=0.1))
    np.testing.assert_allclose(np.diff(there[29:31], axis=0), 300, atol=8)


def test_offline_has_no_lag_and_less_noise():
    truth, times = bending()
    rng = np.random.default_rng(0)
    measured = truth + rng.normal(0, 1.5, truth.shape)
    smooth = points_of(smooth_tracks(frames_of(measured, times)))
    assert roughness(smooth) < 0.3 * roughness(measured)
    middle = slice(15, -15)
    assert (smooth - truth)[middle].std() < 0.8 * 1.5
    # 80 pixels a second: a frame of lag would be 2.7 pixels.
    assert abs((smooth - truth)[middle].mean()) < 0.02


def test_outliers_are_replaced_and_quick_motion_is_not():
    truth, times = bending(3.0)
    measured = truth.copy()
    rng = np.random.default_rng(0)
    hits = rng.choice(np.arange(3, 87), 12, replace=False)
    measured[hits, rng.integers(0, 37, 12)] += 60
    smooth = points_of(smooth_tracks(frames_of(measured, times)))
    clean = points_of(smooth_tracks(frames_of(truth, times)))
    np.testing.assert_allclose(smooth, clean, atol=0.5)
    # A wrist that goes 60 pixels to and fro in a third of a second.
    quick = truth.copy()
    quick[40:50, 9, 1] -= 60 * np.sin(np.arange(10) / 9 * np.pi)
    smooth = points_of(smooth_tracks(frames_of(quick, times), cutoff=11.0))
    assert np.abs(smooth - quick)[:, 9].max() < 6


def test_uneven_times():
    rng = np.random.default_rng(0)
    truth, _ = bending(6.0, 120.0)
    take = np.sort(rng.choice(720, 240, replace=False))
    take = take[np.diff(take, prepend=-9) > 1]
    measured = truth[take] + rng.normal(0, 0.7, (len(take), 37, 2))
    times = take / 120.0
    smooth = points_of(smooth_tracks(frames_of(measured, times)))
    error = (smooth - truth[take])[10:-10]
    assert error.std() < 0.8 * 0.7
    assert abs(error.mean()) < 0.05
    # Without noise nothing is bent by the way there and back.
    exact = points_of(smooth_tracks(frames_of(truth[take], times)))
    assert np.abs(exact - truth[take])[10:-10].max() < 0.1


def test_missing_frames_and_gaps(monkeypatch):
    truth, times = bending(4.0)
    # Two frames are lost here and there; after 0.33 s without the person the
    # pose is elsewhere.
    there = np.ones(120, bool)
    there[[20, 21, 47]] = there[60:69] = False
    moved = truth.copy()
    moved[69:] += 500
    frames = frames_of(moved[there], times[there])
    result = smooth_tracks(frames)
    assert len(result) == there.sum()
    np.testing.assert_allclose(points_of(result), moved[there], atol=0.6)
    # One filter over both parts rings.
    monkeypatch.setattr(smooth_module, 'OFFLINE_GAP', 0.5)
    whole = points_of(smooth_tracks(frames))
    assert np.abs(whole - moved[there]).max() > 1.5


def test_runs_of_nan():
    truth, times = bending(3.0)
    measured = truth.copy()
    measured[30:33, 5] = np.nan  # short: bridged
    measured[50:70, 6] = np.nan  # long: stays
    measured[:, 7] = np.nan
    frames = frames_of(measured, times, box=(0, 0, 100, 200))
    smooth = points_of(smooth_tracks(frames))
    assert np.isnan(smooth[50:70, 6]).all() and np.isnan(smooth[:, 7]).all()
    assert np.isfinite(np.delete(smooth, (6, 7), axis=1)).all()
    assert (
        np.isfinite(smooth[:50, 6]).all() and np.isfinite(smooth[70:, 6]).all()
    )
    np.testing.assert_allclose(smooth[30:33, 5], truth[30:33, 5], atol=1)


def test_fill_by_hand():
    points = np.zeros((5, 1, 2))
    points[:, 0, 0] = [0, 9, 9, 3, 9]
    known = np.array([[True], [False], [False], [True], [False]])
    filled, reliable = fill(points, known, np.array([0, 1, 2, 3, 9.0]), 3.0)
    np.testing.assert_allclose(filled[:, 0, 0], [0, 1, 2, 3, 3])
    assert reliable[:, 0].tolist() == [True, True, True, True, False]


def test_people_do_not_mix_and_the_rest_is_untouched():
    rng = np.random.default_rng(0)
    times = np.arange(40) / FPS
    a = figure(1) + rng.normal(0, 1, (40, 37, 2))
    b = figure(2) + 300 + rng.normal(0, 1, (40, 37, 2))
    frames = []
    for i, t in enumerate(times):
        people = [
            person(a[i], track_id=1, scores=0.1 * (i % 9)),
            person(b[i], track_id=2),
            person(b[i] + 50),
        ]
        frames.append(FrameResult(tuple(people[:: (-1) ** i]), i, float(t)))
    result = smooth_tracks(frames)
    alone = points_of(smooth_tracks(frames_of(a, times)))
    for i, (before, after) in enumerate(zip(frames, result)):
        for old, new in zip(before.people, after.people):
            assert new.track_id == old.track_id
            np.testing.assert_array_equal(new.scores, old.scores)
            np.testing.assert_array_equal(new.bbox, old.bbox)
            if new.track_id is None:
                np.testing.assert_array_equal(new.keypoints, old.keypoints)
            if new.track_id == 1:
                np.testing.assert_allclose(new.keypoints, alone[i], atol=1e-4)
        assert (after.frame_index, after.time) == (i, before.time)


@pytest.mark.parametrize('length', range(1, 8))
def test_short_tracks(length):
    truth, times = bending()
    result = smooth_tracks(frames_of(truth[:length], times[:length]))
    np.testing.assert_allclose(points_of(result), truth[:length], atol=1.5)


def test_offline_errors():
    truth, times = bending(0.5)
    frames = frames_of(truth, times)
    with pytest.raises(ValueError, match='frame 1 is at 0.0 after 0.0'):
        smooth_tracks(frames_of(truth[:2], [0.0, 0.0]))
    with pytest.raises(ValueError, match='None after -inf'):
        smooth_tracks([FrameResult(frames[0].people)])
    twice = FrameResult(frames[0].people * 2, 0, 0.0)
    with pytest.raises(ValueError, match='1 comes twice in frame 0'):
        smooth_tracks([twice])
    assert smooth_tracks([]) == []
