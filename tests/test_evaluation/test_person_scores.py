from spinepose_mmpose.evaluation.functional import person_scores

import numpy as np
import pytest


@pytest.mark.parametrize(
    'mode, expected',
    [
        ('bbox', [0.5, 0.8]),
        ('keypoint', [0.4, 0.15]),
        ('bbox_keypoint', [0.5 * 0.6, 0]),
        ('bbox_rle', [0.5 + 0.4 + 0.7, 0.8 + 0.15 + 0.2]),
    ],
)
def test_modes(mode, expected):
    # Mean of the scores above 0.2, which 0.2 itself is not.
    scores = person_scores(
        [[0.5, 0.7, 0], [0.2, 0.2, 0.05]], [0.5, 0.8], mode, 0.2
    )
    np.testing.assert_allclose(scores, expected, atol=1e-14)


def test_unknown_mode():
    with pytest.raises(ValueError, match="'bbox_keypoint'.*'area'"):
        person_scores(np.ones((1, 3)), [1], 'area')
