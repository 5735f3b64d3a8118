from spinepose_mmpose.inference.draw import (
    CENTRE,
    LEFT,
    LIMBS,
    LINE,
    OUTLINE,
    RIGHT,
    SPINE,
    TEXT,
    _sized,
    boxes_around,
    class_color,
    draw_people,
    first_free,
    identity_color,
    spine_curve,
)
from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN

import cv2
import numpy as np
import pytest
from moving_people import CHAIN, figure, person

GREY = 127


def blank(width=640, height=480, value=GREY):
    return np.full((height, width, 3), value, np.uint8)


def somebody(width=640, height=480, track_id=1, **kwargs):
    """In the middle, two thirds of the image tall."""
    points = figure(0, 0.66 * height) + (width / 2, height / 2)
    return person(points, track_id=track_id, **kwargs)


def skeleton_only(size, people, **style):
    return draw_people(blank(*size, value=0), people, **style)


def changed(image, value=GREY):
    return (image != value).any(axis=2)


def test_the_curve_breaks_at_a_low_score():
    one = somebody()
    scores = one.scores.copy()
    scores[CHAIN[4]] = 0.1
    whole = skeleton_only((640, 480), [one], spine_only=True, ids=False)
    broken = skeleton_only(
        (640, 480),
        [person(one.keypoints, scores=scores)],
        spine_only=True,
        ids=False,
    )
    x, y = np.round(one.keypoints[CHAIN[4]]).astype(int)
    assert whole[y, x].any() and not broken[y, x].any()


@pytest.mark.parametrize('size', [(160, 120), (640, 480), (3840, 2160)])
def test_labels_are_drawn_in_the_spines_colour(size):
    one = somebody(*size)
    plain = skeleton_only(size, [one], ids=False)
    labelled = skeleton_only(size, [one], ids=False, labels=True)
    new = (plain != labelled).any(axis=2)
    # All nine names: more than the letters of three of them.
    height = _sized(TEXT, 0.66 * size[1], max(size))
    assert new.sum() > 9 * 0.5 * height**2
    yellow = labelled[new].astype(int)
    assert (np.abs(yellow - SPINE[::-1]).sum(axis=1) < 60).any()


def test_every_keypoint_is_drawn_in_its_colour():
    points = np.stack(np.meshgrid(np.arange(7), np.arange(6)), -1).reshape(
        -1, 2
    )
    points = points[:37] * 80.0 + 40
    one = person(points)
    image = skeleton_only((640, 480), [one], ids=False)
    bare = [
        i
        for i, name in enumerate(one.names)
        if name not in SPINE_CHAIN and not name.startswith('left_small')
    ]
    for i in bare:
        x, y = points[i].astype(int)
        assert image[y, x].any(), one.names[i]
    x, y = points[one.names.index('left_wrist')].astype(int)
    np.testing.assert_allclose(image[y, x], LEFT[::-1], atol=3)


def test_input_is_not_touched_and_the_rest_of_the_image_neither():
    rng = np.random.default_rng(0)
    for width in (200, 640, 1600):
        image = rng.integers(0, 255, (150, width, 3), dtype=np.uint8)
        before = image.copy()
        one = somebody(100, 150)
        drawn = draw_people(image, [one], boxes=True, labels=True)
        np.testing.assert_array_equal(image, before)
        np.testing.assert_array_equal(drawn[:, 150:], image[:, 150:])
        assert (drawn != image).any()
        np.testing.assert_array_equal(draw_people(image, []), image)


def test_sizes_follow_person_and_image():
    assert _sized(LINE, 400, 640) == pytest.approx(2 * _sized(LINE, 200, 640))
    # A small person in a large image: still visible, still no blob.
    assert _sized(LINE, 200, 3840) == pytest.approx(3840 / 900)
    assert _sized(LINE, 60, 3840) == pytest.approx(0.03 * 60)
    assert _sized(LINE, 5, 20) == 0.8


def test_the_same_image_at_any_resolution():
    """The share of it that is drawn on, within a quarter."""
    shares = []
    for size in ((320, 240), (640, 480), (1280, 960), (3840, 2880)):
        image = draw_people(blank(*size), [somebody(*size)])
        shares.append(changed(image).mean())
    assert max(shares) / min(shares) < 1.25


@pytest.mark.parametrize('value', [0, 255])
def test_it_is_seen_on_dark_and_light(value):
    image = draw_people(blank(value=value), [somebody()])
    points = somebody().keypoints
    for i in (9, 10, CHAIN[3]):
        x, y = np.round(points[i]).astype(int)
        patch = image[y - 8 : y + 9, x - 8 : x + 9].max(axis=2).astype(int)
        assert patch.max() - patch.min() > 150


def test_backgrounds_and_spine_only():
    image = blank()
    assert not draw_people(image, [], background='black').any()
    assert (draw_people(image, [], background='white') == 255).all()
    one = somebody()
    spine = changed(draw_people(image, [one], spine_only=True, ids=False))
    whole = changed(draw_people(image, [one], ids=False))
    assert spine.sum() < 0.4 * whole.sum()
    x, y = np.round(one.keypoints[9]).astype(int)
    assert whole[y, x] and not spine[y, x]
    chain = one.select(SPINE_CHAIN)
    np.testing.assert_array_equal(
        changed(draw_people(image, [chain], ids=False)).any(), True
    )


def test_ids_and_boxes():
    image = blank()
    one = somebody(track_id=3)
    no_id = draw_people(image, [one], ids=False)
    with_id = draw_people(image, [one])
    tag = (no_id != with_id).any(axis=2)
    rows = np.flatnonzero(tag.any(axis=1))
    assert rows.max() < one.keypoints[:, 1].min()
    tag_color = with_id[tag].astype(int) - identity_color(3)[::-1]
    assert (np.abs(tag_color).sum(axis=1) < 6).sum() > 50
    box = draw_people(image, [one], ids=False, boxes=True)
    x1, y1, x2, y2 = np.round(one.bbox).astype(int)
    middle = (y1 + y2) // 2
    np.testing.assert_allclose(
        box[middle, x1], identity_color(3)[::-1], atol=40
    )
    # A person at the upper edge: the tag moves inside.
    high = person(one.keypoints - (0, one.keypoints[:, 1].min()), track_id=3)
    seen = draw_people(image, [high]), draw_people(image, [high], ids=False)
    assert (seen[0] != seen[1]).sum() > 0.7 * 3 * tag.sum()
    spine = [draw_people(image, [one], spine_only=True, ids=i) for i in (0, 1)]
    rows = np.flatnonzero((spine[0] != spine[1]).any((1, 2)))
    assert rows.max() < one.keypoints[:, 1].min()


@pytest.mark.parametrize('size', [(1, 1), (1, 50), (7, 3), (33, 65)])
def test_tiny_images(size):
    image = draw_people(
        blank(*size), [somebody(*size)], labels=True, boxes=True
    )
    assert image.shape == (size[1], size[0], 3) and image.dtype == np.uint8


def test_poor_points():
    points = figure(0, 300) + (320, 240)
    points[0] = np.nan
    points[1] = (1e9, -1e9)
    points[2] = np.inf
    points[9] = (700, 500)  # outside, not far
    points[CHAIN[2]] = np.nan
    people = [
        person(points, track_id=1, box=(np.nan,) * 4),
        person(np.full((37, 2), np.nan), track_id=2, box=(10, 10, 50, 90)),
        person(np.full((37, 2), np.nan), track_id=3, box=(np.inf, 0, 0, 0)),
        person(np.zeros((37, 2)), track_id=10**12),
        person(points, scores=np.nan, box=(1e9, 1e9, 2e9, 2e9)),
    ]
    with np.errstate(all='raise'):
        image = draw_people(blank(), people, labels=True, boxes=True)
    x, y = np.round(points[10]).astype(int)
    assert changed(image)[y, x]
    assert changed(image)[:, 600:].any()  # the forearm towards (700, 500)


def test_other_images():
    one = somebody()
    grey = np.full((480, 640), GREY, np.uint8)
    expected = draw_people(blank(), [one])
    for image in (
        grey,
        grey[..., None],
        cv2.cvtColor(grey, cv2.COLOR_GRAY2BGRA),
        np.asfortranarray(blank()),
        blank(700, 500)[:480, :640],
    ):
        np.testing.assert_array_equal(draw_people(image, [one]), expected)
    for wrong in (
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
    ):
        with pytest.raises(ValueError, match='an image (is an array|has 1 to)'):
            draw_people(wrong, [])
    with pytest.raises(ValueError, match=r"'black', 'white'\], but is 'red'"):
        draw_people(blank(), [], background='red')


# --- colours, curves and places -----------------------------------------------

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
    curve = spine_curve(points)
    np.testing.assert_allclose(curve[::8], points, atol=1e-9)
    d = np.diff(curve, axis=0)
    turn = np.abs(np.diff(np.unwrap(np.arctan2(d[:, 1], d[:, 0]))))
    straight = np.diff(points, axis=0)
    corner = np.abs(
        np.diff(np.unwrap(np.arctan2(straight[:, 1], straight[:, 0])))
    )
    assert turn.max() < 0.35 * corner.max()


def test_curve_of_a_line_is_the_line():
    points = np.array([[0.0, 0], [3, 3], [4, 4], [10, 10]])
    curve = spine_curve(points)
    np.testing.assert_allclose(curve[:, 0], curve[:, 1], atol=1e-9)
    assert (np.diff(curve[:, 0]) > 0).all()


def test_curve_of_few_or_equal_points():
    assert spine_curve(np.zeros((0, 2))).shape == (0, 2)
    two = np.array([[0.0, 0], [1, 1]])
    np.testing.assert_array_equal(spine_curve(two), two)
    same = np.array([[0.0, 0], [0, 0], [5, 0], [5, 0], [5, 5]])
    assert np.isfinite(spine_curve(same)).all()


def test_places_do_not_overlap():
    size, taken = np.array([20, 8]), [(40, 40, 60, 60)]
    centres = np.array([[5.0, 50], [50, 50], [64, 62], [70, 50], [90, 96]])
    boxes = boxes_around(centres, size)
    # The first leaves the image, the next two cover what is taken.
    assert first_free(boxes, taken, (100, 100)) == (60, 46, 80, 54)
    taken += [(60, 46, 80, 54)]
    assert first_free(boxes, taken, (100, 100)) == (80, 92, 100, 100)
    assert first_free(boxes, taken, (99, 100)) is None
