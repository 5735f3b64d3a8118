import copy
import json

from spinepose_mmpose.datasets.annotations import find_fault
from spinepose_mmpose.datasets.convert import pseudo_spine, to_spinetrack
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    MARKERS,
    SPINE_CHAIN,
)

import numpy as np
import pytest

SPINE = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]


def person(count, **fields):
    """Every keypoint labelled, each somewhere else."""
    keypoints = []
    for i in range(count):
        keypoints += [10 + i, 20 + 2 * i, 1 + i % 2]
    return dict(
        dict(
            id=5,
            image_id=1,
            category_id=1,
            iscrowd=0,
            bbox=[5, 6, 80, 90],
            area=3000.5,
            num_keypoints=0,
            keypoints=keypoints,
        ),
        **fields,
    )


def dataset(*people, **fields):
    image = dict(id=1, file_name='a.jpg', width=300, height=300, license=4)
    return dict(
        info=dict(year=2017),
        images=[image],
        annotations=list(people),
        categories=[dict(id=1, name='person')],
        **fields,
    )


def standing(scale=100.0):
    """The marker table from the front, (37, 3); x to its left is right. Points
    that it lacks lie at the ears, level with the nose."""
    xy = np.empty((37, 2))
    for name, i in KEYPOINT_IDS.items():
        _, up, right = MARKERS.get(name, (0, MARKERS['nose'][1] + 0.02, 0))
        xy[i] = -right * scale + 200, -up * scale + 200
    return np.concatenate([xy, np.full((37, 1), 2.0)], axis=1)


@pytest.mark.parametrize(
    'count, kept',
    [
        (17, range(17)),
        (26, [i for i in range(26) if i not in (18, 19)]),
        (136, [i for i in range(26) if i not in (18, 19)]),
    ],
)
def test_labels(count, kept):
    source = dataset(person(count, face_box=[1, 2, 3, 4]), licenses=['x'])
    before = copy.deepcopy(source)
    result, counts = to_spinetrack(source)
    assert source == before
    (found,) = result['annotations']
    points = np.reshape(found['keypoints'], (37, 3))
    expected = np.zeros((37, 3))
    expected[kept] = np.reshape(person(count)['keypoints'], (-1, 3))[kept]
    np.testing.assert_array_equal(points, expected)
    assert found['num_keypoints'] == len(kept)
    for key in ('id', 'image_id', 'bbox', 'area', 'iscrowd', 'category_id'):
        assert found[key] == person(count)[key]
    assert 'face_box' not in found and 'pseudo_keypoints' not in found
    assert result['images'] == source['images']
    assert result['licenses'] == ['x'] and result['info'] == dict(year=2017)
    category = result['categories'][0]
    assert category['keypoints'] == list(KEYPOINT_NAMES)
    assert all(1 <= end <= 37 for link in category['skeleton'] for end in link)
    assert find_fault(found, source['images'][0], 37) is None
    json.dumps(result)
    assert counts == dict(people=1, labelled=1, pseudo=0)


def test_kept_neck_and_hip():
    result, _ = to_spinetrack(dataset(person(26)), drop=())
    assert result['annotations'][0]['num_keypoints'] == 26


def test_unlabelled_points_are_zero():
    annotation = person(17)
    annotation['keypoints'][2] = 0  # the nose, with coordinates left
    result, _ = to_spinetrack(dataset(annotation))
    assert result['annotations'][0]['keypoints'][:3] == [0, 0, 0]
    assert result['annotations'][0]['num_keypoints'] == 16


class TestPseudoSpine:
    def test_of_a_standing_person(self):
        """The very body whose proportions it knows."""
        points = standing()
        truth = points[SPINE, :2].copy()
        points[SPINE] = 0
        guess = pseudo_spine(points)
        np.testing.assert_allclose(guess, truth, atol=0.5)  # cm

    def test_turns_and_scales_with_the_person(self):
        points = standing()
        angle = 0.7
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        moved = points.copy()
        moved[:, :2] = 3 * points[:, :2] @ turn.T + [40, -7]
        np.testing.assert_allclose(
            pseudo_spine(moved), 3 * pseudo_spine(points) @ turn.T + [40, -7]
        )

    def test_bends_smoothly_after_the_head(self):
        points = standing()
        ears = [KEYPOINT_IDS['left_ear'], KEYPOINT_IDS['right_ear']]
        points[ears, 0] += 20  # cm to the side
        spine = pseudo_spine(points)
        steps = np.diff(spine, axis=0)
        angles = np.degrees(np.arctan2(steps[:, 0], steps[:, 1]))
        assert angles[-1] > -1  # the sacrum keeps its place ...
        assert angles[0] < -25  # ... and the neck leans
        assert np.abs(np.diff(angles)).max() < 25

    def test_without_ears_and_without_hips(self):
        points = standing()
        ears = [KEYPOINT_IDS['left_ear'], KEYPOINT_IDS['right_ear']]
        points[ears] = 0
        np.testing.assert_allclose(
            pseudo_spine(points), standing()[SPINE, :2], atol=0.5
        )
        points[KEYPOINT_IDS['left_hip']] = 0
        assert pseudo_spine(points) is None

    def test_is_marked(self):
        people = person(17), person(17, id=6, keypoints=[0] * 51)
        result, counts = to_spinetrack(dataset(*people), pseudo=True)
        first, second = result['annotations']
        assert first['pseudo_keypoints'] == list(SPINE_CHAIN)
        points = np.reshape(first['keypoints'], (37, 3))
        assert (points[SPINE, 2] == 1).all()
        assert first['num_keypoints'] == 26
        assert 'pseudo_keypoints' not in second
        assert second['num_keypoints'] == 0
        assert 'guesses' in result['info']['pseudo_spine']
        assert counts == dict(people=2, labelled=1, pseudo=1)

    def test_keeps_labels(self):
        result, _ = to_spinetrack(dataset(person(26)), pseudo=True, drop=())
        (found,) = result['annotations']
        assert set(found['pseudo_keypoints']) == {*SPINE_CHAIN} - {
            'neck',
            'hip',
        }
        points = np.reshape(found['keypoints'], (37, 3))
        assert points[18].tolist() == [28, 56, 1]


@pytest.mark.parametrize(
    'source, message',
    [
        (dataset(person(21)), r'annotation 5 has 21 keypoints.*17, 26, 136'),
        (dataset(person(17, keypoints=[float('nan')] * 51)), 'annotation 5 is'),
        (dataset(person(17, keypoints=['x'] * 51)), 'annotation 5 is not a'),
    ],
)
def test_wrong_input(source, message):
    with pytest.raises(ValueError, match=message):
        to_spinetrack(source)
