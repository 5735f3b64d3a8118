from spinepose_mmpose.inference.results import (
    SPINE_ONLY,
    FrameResult,
    Person,
    stack_people,
)
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np
import pytest


def person() -> Person:
    xy = np.arange(74, dtype=np.float32).reshape(37, 2)
    scores = np.linspace(0, 1, 37, dtype=np.float32)
    return Person(xy, scores, np.float32([0, 0, 9, 9]))


def test_keypoints_by_name():
    neck = KEYPOINT_IDS['neck']
    someone = person()
    np.testing.assert_array_equal(
        someone['neck'], [36, 37, someone.scores[neck]]
    )


def test_the_spine_alone_in_the_clients_order():
    spine = person().select(SPINE_ONLY)
    ids = [19, 26, 27, 28, 29, 30, 18, 35, 36]
    assert [KEYPOINT_IDS[name] for name in spine.names] == ids
    np.testing.assert_array_equal(spine.keypoints, person().keypoints[ids])
    np.testing.assert_array_equal(spine.scores, person().scores[ids])
    np.testing.assert_array_equal(spine['neck'], person()['neck'])


@pytest.mark.parametrize(
    'get', [lambda p: p['tail'], lambda p: p.select(['nose', 'tail'])]
)
def test_an_unknown_keypoint(get):
    with pytest.raises(KeyError, match="no keypoint 'tail': choose from nose"):
        get(person())


def test_frames_stack_their_people():
    frame = FrameResult(people=(person(), person()))
    assert frame.keypoints.shape == (2, 37, 2)
    assert frame.scores.shape == (2, 37)
    nobody = FrameResult()
    assert nobody.keypoints.shape == (0, 37, 2)
    assert nobody.keypoints.dtype == nobody.scores.dtype == np.float32
    assert stack_people((), 26)[0].shape == (0, 26, 2)
