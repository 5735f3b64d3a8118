from spinepose_mmpose.evaluation.functional import map_keypoints, map_sigmas

import numpy as np
import pytest

MAPPING = [(2, 0), ((0, 1), 2)]


def test_mapping():
    keypoints = np.array([[[0, 0, 0.4], [4, 2, 0.9], [7, 8, 2]]])
    before = keypoints.copy()
    np.testing.assert_array_equal(
        map_keypoints(keypoints, 4, MAPPING),
        [[[7, 8, 2], [0, 0, 0], [2, 1, 0.4], [0, 0, 0]]],
    )
    np.testing.assert_array_equal(keypoints, before)
    np.testing.assert_allclose(
        map_sigmas([0.1, 0.3, 0.5], 4, MAPPING), [0.5, 1, 0.2, 1]
    )


def test_nobody_and_bad_ids():
    assert map_keypoints(np.zeros((0, 3, 3)), 4, MAPPING).shape == (0, 4, 3)
    for mapping in ([(3, 0)], [(0, 4)], [((0, 5), 1)]):
        with pytest.raises(ValueError, match='3 source.*4 target'):
            map_keypoints(np.zeros((1, 3, 3)), 4, mapping)
