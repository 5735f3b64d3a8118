from spinepose_mmpose.biomechanics import (
    curvature,
    gait,
    planes_of,
    posture,
    range_of_motion,
    spine,
    spine_curve,
    symmetry,
)
from spinepose_mmpose.biomechanics.analysis import CURVE_SHARE, DEVIATIONS
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np
import pytest
from figures import arc, from_front, from_side, in_space


def knees(degrees):
    """(T, 37, 2): the left knee bends, the right one half as much."""
    frames = []
    for value in degrees:
        places = {}
        for side, bent in (('left', value), ('right', value / 2)):
            angle = np.radians(-90 - bent)
            places[f'{side}_ankle'] = (
                42 * np.cos(angle),
                50 + 42 * np.sin(angle),
            )
        frames.append(from_side(**places)[0])
    return np.array(frames)


# --- What cannot be measured --------------------------------------------------


def test_nobody_no_feet_no_size():
    points = np.repeat(from_side(), 4, 0)
    points[1] = np.nan
    points[2, [KEYPOINT_IDS[f'left_{n}'] for n in ('heel', 'big_toe')]] = np.nan
    points[3] = points[3, :1]
    found = posture(points)
    assert found['left_foot'].reasons.tolist() == [
        '',
        'the person is not seen',
        'not seen: left_big_toe, left_heel',
        'all points coincide: the person has no size',
    ]
    for series in found.values():
        assert np.isnan(series.values[[1, 3]]).all(), series.measure.name
        assert all(series.reasons[[1, 3]])
        assert (np.isnan(series.values) == (series.reasons != '')).all()


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('axes', [2, 3])
def test_a_value_or_a_reason_whatever_comes(axes):
    rng = np.random.default_rng(axes)
    inputs = [np.zeros((0, 37, axes)), np.full((6, 37, axes), np.inf)]
    for lost in (0, 0.2, 0.8):
        points = rng.normal(0, 100, (6, 37, axes))
        points[rng.random((6, 37)) < lost] = np.nan
        inputs.append(points)
    for points in inputs:
        scores = 3 * rng.random(points.shape[:2]) - 1
        for series in posture(points, scores).values():
            known = np.isfinite(series.values)
            assert (known == (series.reasons == '')).all()
            assert np.isfinite(series.deviation[known]).all()
            assert range_of_motion(series).reason or known.sum() >= 5
        assert gait(points, 30).reason


def test_low_scores_are_not_seen():
    scores = np.ones((1, 37))
    scores[0, KEYPOINT_IDS['left_ankle']] = 0.2
    found = posture(from_side(), scores, ['left_knee', 'right_knee'])
    assert found['left_knee'].reasons[0] == 'not seen: left_ankle'
    assert found['right_knee'].values[0] == pytest.approx(0)


def test_views():
    side, front = posture(from_side()), posture(from_front())
    assert side['shoulders'].reasons[0].startswith('seen 90 degrees off')
    assert front['trunk'].reasons[0].startswith('seen 90 degrees off the side')
    assert np.isnan(front['trunk'].values[0])
    assert not posture(from_front(nose=(1, 165)), any_view=True)[
        'trunk'
    ].reasons[0]
    assert side['axial_rotation'].reasons[0] == 'it needs 3D points'
    # A trunk that is short for its width.
    leaning = from_front()
    leaning[0, :, 1] *= 0.5
    assert posture(leaning)['pelvis'].reasons[0].startswith('the trunk leans')


@pytest.mark.parametrize('yaw', [20, 70, 110, -100, 170])
def test_yaw_of_a_turned_trunk(yaw):
    """Seen from afar, who faces +x in space turns about the vertical."""
    space = in_space()[0]  # right, down, ahead; faces right: a yaw of 90
    turn = np.radians(90 - yaw)
    right = space[:, 0] * np.cos(turn) + space[:, 2] * np.sin(turn)
    image = np.stack([right, space[:, 1]], -1)[None]
    assert planes_of(image).yaw[0] == pytest.approx(yaw, abs=1)


@pytest.mark.parametrize(
    'points, scores, message',
    [
        (np.zeros((2, 17, 2)), None, r'\(frames, 37, 2 or 3\) expected'),
        (np.zeros((2, 37, 2)), np.zeros((3, 37)), r'\(2, 37\) expected'),
    ],
)
def test_wrong_shapes(points, scores, message):
    with pytest.raises(ValueError, match=message):
        posture(points, scores)


# --- Intervals ----------------------------------------------------------------


def test_interval_of_a_segment_by_hand():
    """Both ends deviate by s: the angle by sqrt(2) s / length."""
    scores = np.full((1, 37), 0.95)
    found = posture(from_side(), scores, ['trunk'])['trunk']
    s = DEVIATIONS[-1] * 50
    expected = np.degrees(np.sqrt(2) * s / 50)
    assert found.deviation[0] == pytest.approx(expected, rel=0.01)
    assert found.high[0] - found.values[0] == pytest.approx(
        1.96 * expected, rel=0.01
    )
    assert posture(from_side(), names=['trunk'])['trunk'].deviation[0] == 0


@pytest.mark.parametrize('name', ['kyphosis', 'left_elbow', 'craniovertebral'])
def test_interval_covers_noise(name):
    """Points that deviate as their scores say; along the spine together."""
    rng = np.random.default_rng(0)
    scores = np.full((400, 37), 0.95)
    s = DEVIATIONS[-1] * 50 * (CURVE_SHARE if name == 'kyphosis' else 1)
    points = np.repeat(from_side(), 400, 0)
    points += rng.normal(0, s, points.shape)
    found = posture(points, scores, [name], any_view=True)[name]
    true = posture(from_side(), names=[name])[name].values[0]
    inside = (found.low <= true) & (true <= found.high)
    assert 0.9 <= inside.mean() <= 0.99


# --- The curve ----------------------------------------------------------------


def chain(places):
    return np.array([[places[name] for name in spine.LEVELS]], float)


def test_curvature_of_a_circle():
    """The tangent turns by 60 degrees along the length from S1 to C7."""
    found = curvature(chain(arc(60)), np.linspace(0.25, 1.0, 9))
    assert found[0] == pytest.approx(np.radians(60), rel=0.03)


def test_the_curve_passes_by_what_is_missing():
    points = chain(arc(60))
    whole = spine_curve(points)
    points[0, 3] = np.nan
    assert np.abs(spine_curve(points) - whole).max() < 0.3  # of 50
    points[0, :2] = np.nan
    assert np.isnan(spine_curve(points)[0, 0]).all()
    points[0, 4:6] = np.nan
    assert np.isnan(spine_curve(points)).all()


# --- Movement -----------------------------------------------------------------


def test_range_and_symmetry():
    found = posture(knees(np.linspace(10, 60, 11)))
    left = range_of_motion(found['left_knee'])
    assert left[:4] == pytest.approx((10, 60, 35, 11))
    assert left.range == pytest.approx(50)
    assert symmetry(found['left_knee'], found['right_knee']) == pytest.approx(
        100 * (25 - 50) / 37.5
    )
    few = range_of_motion(posture(knees([10, 20]))['left_knee'])
    assert np.isnan(few.low) and few.reason == 'too few frames'
    away = range_of_motion(posture(knees(np.zeros(9)) * np.nan)['left_knee'])
    assert away.reason == 'the person is not seen'


def walk(rate, seconds, speed=1.0):
    """Feet that swing as sines before and behind S1; the left one is farthest
    ahead at 0, 1, 2 ... seconds, the right one half a second later."""
    time = np.arange(int(seconds * rate)) / rate
    points = np.repeat(from_side(), len(time), 0)
    for side, phase in (('left', 0), ('right', np.pi)):
        swing = 30 * np.cos(2 * np.pi * speed * time + phase)
        for name in ('heel', 'big_toe', 'ankle'):
            points[:, KEYPOINT_IDS[f'{side}_{name}'], 0] += swing
    return points


@pytest.mark.parametrize('direction', [1, -1])
def test_gait(direction):
    found = gait(walk(50, 4.3) * [direction, 1], 50)
    assert found.reason == ''
    assert [(e.frame, e.side) for e in found.events if e.kind == 'contact'] == [
        (25, 'right'), (50, 'left'), (75, 'right'), (100, 'left'),
        (125, 'right'), (150, 'left'), (175, 'right'), (200, 'left'),
    ]  # fmt: skip
    assert found.cadence == pytest.approx(120) and found.stride == 1
    assert found.stance == pytest.approx({'left': 50, 'right': 50})


def test_no_gait():
    assert gait(walk(50, 4) * np.nan, 50).reason.startswith('hip, heels')
    assert gait(np.repeat(from_side(), 99, 0), 50).reason == (
        'there is no whole stride'
    )
    front = np.repeat(from_front(nose=(1, 165)), 99, 0)
    assert gait(front, 50).reason == 'the walk is not seen from the side'
    # Legs that change places now and then.
    points = walk(50, 6)
    other = points.copy()
    pairs = [KEYPOINT_IDS[f'{s}_{n}'] for s in ('left', 'right')
             for n in ('heel', 'big_toe')]  # fmt: skip
    other[:, pairs] = points[:, pairs[2:] + pairs[:2]]
    swapped = np.arange(len(points)) // 20 % 2 == 1
    points[swapped] = other[swapped]
    assert 'exchanged' in gait(points, 50).reason
