"""Colours, curves and places, without an image."""

from spinepose_mmpose.inference.canvas import (
    CENTRE,
    LEFT,
    OUTLINE,
    RIGHT,
    SPINE,
    Canvas,
    catmull_rom,
    class_color,
    first_free,
    identity_color,
    moved_inside,
    places_beside,
)
from spinepose_mmpose.inference.draw import (
    LIMBS,
    DrawStyle,
    draw_figure,
    figure_of,
    runs,
)
from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN

import numpy as np
import pytest
from moving_people import CHAIN, figure, person

COLORS = (LEFT, RIGHT, CENTRE, SPINE, OUTLINE)
# Linear RGB as seen with protanopia and deuteranopia: Machado, Oliveira,
# Fernandes, A Physiologically-based Model for Simulation of Color Vision
# Deficiency, IEEE TVCG 2009, severity 1.
BLINDNESS = dict(
    none=np.eye(3),
    protanopia=[
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    deuteranopia=[
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
)


def as_seen(color, kind):
    """(L, a, b) of an sRGB colour."""
    c = np.asarray(color) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(BLINDNESS[kind] @ linear, 0, 1)
    xyz = (
        np.array(
            [
                [0.4124564, 0.3575761, 0.1804375],
                [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041],
            ]
        )
        @ linear
    ) / (0.95047, 1.0, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize('kind', BLINDNESS)
def test_classes_differ_for_everybody(kind):
    seen = [as_seen(color, kind) for color in COLORS]
    for i, a in enumerate(seen):
        for b in seen[:i]:
            # A just noticeable difference is 2.3 (CIE 1976).
            assert np.linalg.norm(a - b) > 30


def test_identities_keep_their_colour_and_differ():
    colors = [identity_color(i) for i in range(1, 13)]
    assert colors == [identity_color(i) for i in range(1, 13)]
    for i, a in enumerate(colors):
        for b in colors[:i]:
            assert np.linalg.norm(np.subtract(a, b)) > 30
    assert len({identity_color(i) for i in range(1, 500)}) > 480


def test_sides():
    assert class_color('left_hip', 'hip') == LEFT
    assert class_color('hip', 'right_hip') == RIGHT
    assert class_color('head', 'neck_03') == CENTRE


def test_every_link_is_a_limb_or_part_of_the_spine():
    chain = set(zip(SPINE_CHAIN, SPINE_CHAIN[1:]))
    assert set(LIMBS) | chain == {link for link, _ in SKELETON}
    assert not set(LIMBS) & chain


def test_curve_goes_through_all_points_and_is_smooth():
    points = figure()[CHAIN]
    curve = catmull_rom(points, 20)
    np.testing.assert_allclose(curve[::20], points, atol=1e-9)
    d = np.diff(curve, axis=0)
    turn = np.abs(np.diff(np.unwrap(np.arctan2(d[:, 1], d[:, 0]))))
    straight = np.diff(points, axis=0)
    corner = np.abs(
        np.diff(np.unwrap(np.arctan2(straight[:, 1], straight[:, 0])))
    )
    assert turn.max() < 0.35 * corner.max()


def test_curve_of_a_line_is_the_line():
    points = np.array([[0.0, 0], [3, 3], [4, 4], [10, 10]])
    curve = catmull_rom(points)
    np.testing.assert_allclose(curve[:, 0], curve[:, 1], atol=1e-9)
    assert (np.diff(curve[:, 0]) > 0).all()


def test_curve_of_few_or_equal_points():
    assert catmull_rom(np.zeros((0, 2))).shape == (0, 2)
    two = np.array([[0.0, 0], [1, 1]])
    np.testing.assert_array_equal(catmull_rom(two), two)
    same = np.array([[0.0, 0], [0, 0], [5, 0], [5, 0], [5, 5]])
    assert np.isfinite(catmull_rom(same)).all()


def test_runs():
    shown = np.array([True, True, False, True, False, False, True])
    assert [part.tolist() for part in runs(shown)] == [[0, 1], [3], [6]]
    assert runs(np.zeros(3, bool)) == []


def test_places_do_not_overlap():
    boxes = []
    for _ in range(8):
        places = places_beside(
            np.array([50.0, 50.0]), np.array([1.0, 0]), (20, 8), 4
        )
        box = first_free(places, boxes, (100, 100))
        boxes += [box] if box else []
    assert len(boxes) >= 6
    # The first is right of the point and level with it.
    assert boxes[0] == (54.0, 46.0, 74.0, 54.0)
    for i, a in enumerate(boxes):
        assert a[0] >= 0 and a[2] <= 100
        for b in boxes[:i]:
            assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_tags_stay_inside():
    assert moved_inside((-5, -3, 15, 7), (100, 50)) == (0, 0, 20, 10)
    assert moved_inside((90, 45, 110, 55), (100, 50)) == (80, 40, 100, 50)


@pytest.mark.parametrize('height, samples', [(1600, 12), (100, 3), (10, 2)])
def test_the_spine_is_as_smooth_as_can_be_seen(monkeypatch, height, samples):
    canvas = Canvas(np.zeros((1200, 1200, 3), np.uint8))
    drawn = []
    monkeypatch.setattr(
        canvas, 'lines', lambda lines, *_: drawn.extend(map(len, lines))
    )
    one = person(figure(0, height) + 600)
    draw_figure(canvas, figure_of(canvas, one, DrawStyle(), True))
    assert max(drawn) == 8 * samples + 1
