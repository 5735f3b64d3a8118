"""Each measure by a figure whose value follows by hand."""

from spinepose_mmpose.biomechanics import MEASURES, posture, spine
from spinepose_mmpose.utils import content_root

import numpy as np
import pytest
from figures import arc, from_front, from_side, in_space


def at(origin, degrees, length=20.0):
    """A point at an angle anticlockwise from the horizontal."""
    angle = np.radians(degrees)
    return (
        origin[0] + length * np.cos(angle),
        origin[1] + length * np.sin(angle),
    )


HIP, C7 = (0, 95), (0, 145)
SHOULDER, ELBOW, KNEE, ANKLE = (0, 140), (0, 112), (0, 50), (0, 8)
BENT = arc(60)
# Measure -> (points that are moved, value).
BY_HAND = {
    'trunk_inclination': (dict(neck=at(HIP, 70, 50)), 20),
    'lumbar_inclination': (dict(spine_03=at(HIP, 100)), -10),
    'thoracic_inclination': (dict(neck=at((0, 110), 60)), 30),
    'neck_inclination': (dict(neck_03=at(C7, 65)), 25),
    'sagittal_vertical_axis': (dict(neck=at(HIP, 60, 50)), 50),
    'craniovertebral': (dict(left_ear=at(C7, 48), right_ear=at(C7, 48)), 48),
    'kyphosis': (BENT, 60 * (spine.T3 - spine.T12)),
    'lordosis': (BENT, -60 * (spine.T12 - spine.S1)),
    'cervical_lordosis': (BENT, -60 * (spine.C1 - spine.C7)),
    'right_knee': (dict(right_ankle=at(KNEE, -90 - 40)), 40),
    'left_knee': (dict(left_ankle=at(KNEE, -90 - 40)), 40),
    'right_hip': (dict(right_knee=at(HIP, -90 + 30)), 30),
    'left_hip': (dict(left_knee=at(HIP, -90 - 15)), -15),
    'right_ankle': (dict(right_big_toe=at((-5, 2), 10)), 10),
    'left_ankle': (dict(left_big_toe=at((-5, 2), -25)), -25),
    'right_shoulder': (dict(right_elbow=at(SHOULDER, -90 + 50)), 50),
    'left_shoulder': (dict(left_elbow=at(SHOULDER, -90 - 20)), -20),
    'right_elbow': (dict(right_wrist=at(ELBOW, -90 + 70)), 70),
    'left_elbow': (dict(left_wrist=at(ELBOW, -90 + 110)), 110),
    'right_foot': (dict(right_big_toe=at((-5, 2), 12)), 12),
    'left_foot': (dict(left_big_toe=at((-5, 2), -12)), -12),
    'right_shank': (dict(right_ankle=at(KNEE, -120)), -120),
    'left_shank': (dict(left_ankle=at(KNEE, -80)), -80),
    'right_thigh': (dict(right_knee=at(HIP, -45)), -45),
    'left_thigh': (dict(left_knee=at(HIP, -100)), -100),
    'right_arm': (dict(right_elbow=at(SHOULDER, 10)), 10),
    'left_arm': (dict(left_elbow=at(SHOULDER, -100)), -100),
    'right_forearm': (dict(right_wrist=at(ELBOW, 5)), 5),
    'left_forearm': (dict(left_wrist=at(ELBOW, -60)), -60),
    'trunk': (dict(neck=at(HIP, 75, 50)), 75),
    'head': (dict(head=at(C7, 82)), 82),
}  # fmt: skip
# The same for who faces the camera: [left, up].
FROM_FRONT = {
    'shoulders': (dict(left_shoulder=(19, 144), right_shoulder=(-19, 140)),
                  np.degrees(np.arctan2(4, 38))),
    'pelvis': (dict(left_hip=(10, 92), right_hip=(-10, 95)),
               np.degrees(np.arctan2(-3, 20))),
    'lateral_inclination': (dict(neck=at(HIP, 80, 50)), 10),
    'c7_offset': (dict(neck=at(HIP, 97, 50)), 100 * np.cos(np.radians(97))),
    'lateral_bend': (arc(40), 40),
    'spine_deviation': (arc(-40), -100 * (1 - np.cos(np.radians(20)))
                        / (2 * np.sin(np.radians(20))) * -1),
}  # fmt: skip
# Tangents at the ends of the curve, where it is straightened.
LOOSE = {'lordosis': 3.0, 'cervical_lordosis': 2.5, 'lateral_bend': 3.0,
         'kyphosis': 1.0, 'spine_deviation': 0.3}  # fmt: skip


@pytest.mark.parametrize('name', BY_HAND)
@pytest.mark.parametrize('facing', [1, -1])
def test_from_the_side(name, facing):
    places, value = BY_HAND[name]
    found = posture(from_side(**places) * [facing, 1])[name]
    assert found.values[0] == pytest.approx(value, abs=LOOSE.get(name, 1e-6))
    assert found.reasons[0] == ''


@pytest.mark.parametrize('name', FROM_FRONT)
def test_from_the_front_and_from_behind(name):
    places, value = FROM_FRONT[name]
    points = from_front(**places)
    for mirrored in (1, -1):
        found = posture(points * [mirrored, 1])[name]
        assert found.values[0] == pytest.approx(
            value, abs=LOOSE.get(name, 1e-6)
        )


def test_rounding_is_no_bend():
    """The ends of the curve are straight but for the last bit."""
    bent = np.array([BENT[name] for name in spine.LEVELS])
    turns = np.radians(np.linspace(-20, 20, 100))
    rotate = np.array([[np.cos(turns), np.sin(turns)],
                       [-np.sin(turns), np.cos(turns)]])  # fmt: skip
    points = np.einsum('nd,det->tne', bent, rotate)
    assert np.isnan(spine.bend_between_inflections(points, -1)).all()
    kyphosis = spine.bend_between_inflections(points, 1)
    np.testing.assert_allclose(kyphosis, kyphosis[0], rtol=1e-9)


def test_bends_between_inflections_of_an_s():
    """Tangent against the vertical: 15 cos(pi u') from S1, an S whose two
    bends turn by 30 degrees each."""
    u = np.linspace(0, spine.C7, 2000)
    angle = np.radians(20 * np.cos(2 * np.pi * u / spine.C7))
    step = u[1] * 100
    path = np.cumsum([np.sin(angle) * step, np.cos(angle) * step], 1).T
    ids = [np.argmin(np.abs(u - place)) for place in spine.PLACE.values()]
    places = dict(zip(spine.LEVELS, (path + [0, 95])[ids].tolist()))
    # Above C7 straight on.
    top = np.array(places['neck'])
    for name, far in (('neck_02', 8), ('neck_03', 14)):
        places[name] = tuple(
            top + far * np.array([np.sin(angle[-1]), np.cos(angle[-1])])
        )
    found = posture(from_side(**places))
    assert found['lordosis_inflection'].values[0] == pytest.approx(40, abs=3)
    assert found['kyphosis_inflection'].values[0] == pytest.approx(40, abs=3)


def test_in_space_every_view_holds():
    turned = np.radians(25)
    found = posture(
        in_space(
            right_ankle=(-27, -10, 18), neck=(10, 5, 145),
            left_shoulder=(-19 * np.sin(turned), 19 * np.cos(turned), 140),
            right_shoulder=(19 * np.sin(turned), -19 * np.cos(turned), 140),
        )
    )  # fmt: skip
    assert all(series.reasons[0] == '' for series in found.values()
               if 'inflection' not in series.measure.name)  # fmt: skip
    assert found['axial_rotation'].values[0] == pytest.approx(25, abs=0.01)
    back = np.degrees(np.arctan2(27, 32))
    assert found['right_knee'].values[0] == pytest.approx(back, abs=0.5)
    # Hips and shoulders turned by 0 and 25: the trunk by 12.5.
    c, s = np.cos(np.radians(12.5)), np.sin(np.radians(12.5))
    forward, left = 10 * c + 5 * s, 5 * c - 10 * s
    lean = np.degrees(np.arctan2([forward, left], 50))
    assert found['trunk_inclination'].values[0] == pytest.approx(lean[0])
    assert found['lateral_inclination'].values[0] == pytest.approx(lean[1])


def test_lines_against_the_horizontal_in_space():
    found = posture(
        in_space(left_hip=(0, 10.75, 99), right_hip=(0, -10.75, 95))
    )
    tilt = np.degrees(np.arctan2(4, 21.5))
    assert found['pelvis'].values[0] == pytest.approx(tilt)
    assert found['shoulders'].values[0] == pytest.approx(0)
    lying = in_space()[..., [0, 2, 1]]  # on the left side
    assert np.isnan(posture(lying)['pelvis'].values[0])


def test_every_measure_has_a_hand_computed_case():
    others = {'kyphosis_inflection', 'lordosis_inflection', 'axial_rotation'}
    assert set(BY_HAND) | set(FROM_FRONT) | others == set(MEASURES)


def test_the_documentation_has_the_same_definitions():
    page = (content_root() / 'docs' / 'posture.md').read_text(encoding='utf-8')
    table = page.split('| definition | source |')[1].split('\n\n')[0]
    rows = [line.strip('|').split('|') for line in table.splitlines()[2:]]
    told = {}
    for names, unit, plane, text, source in rows:
        said = [cell.strip() for cell in (unit, plane, text, source)]
        told.update({name.strip(): said for name in names.split(',')})
    assert told == {
        name: [one.unit, one.plane, one.definition, one.source]
        for name, one in MEASURES.items()
    }
