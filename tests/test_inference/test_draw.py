from spinepose_mmpose.inference.canvas import LEFT, SPINE, identity_color
from spinepose_mmpose.inference.draw import (
    DrawStyle,
    draw_people,
    side_by_side,
    skeleton_only,
)
from spinepose_mmpose.metainfo import SPINE_CHAIN

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
    height = DrawStyle().text_height(0.66 * size[1], max(size))
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
    style = DrawStyle()
    assert style.line_width(400, 640) == pytest.approx(
        2 * style.line_width(200, 640)
    )
    # A small person in a large image: still visible, still no blob.
    assert style.line_width(200, 3840) == pytest.approx(3840 / 900)
    assert style.line_width(60, 3840) == pytest.approx(0.03 * 60)
    assert style.line_width(5, 20) == 0.8
    assert DrawStyle(scale=2).line_width(400, 640) == 2 * style.line_width(
        400, 640
    )


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


def test_backgrounds_spine_only_and_side_by_side():
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
    both = side_by_side(image, draw_people(image, [one]))
    assert both.shape == (480, 1280, 3)
    np.testing.assert_array_equal(both[:, :640], image)


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


@pytest.mark.parametrize('size', [(1, 1), (1, 50), (7, 3), (33, 65)])
def test_tiny_images(size):
    style = DrawStyle(labels=True, boxes=True)
    image = draw_people(blank(*size), [somebody(*size)], style=style)
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
        with pytest.raises(ValueError, match='should be uint8 of shape'):
            draw_people(wrong, [])
    with pytest.raises(ValueError, match='640x480 and 4x2'):
        side_by_side(blank(), blank(4, 2))
    with pytest.raises(ValueError, match=r"'black', 'white'\], but is 'red'"):
        DrawStyle(background='red')
    with pytest.raises(ValueError, match='scale'):
        DrawStyle(scale=0)
