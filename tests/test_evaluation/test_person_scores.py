import numpy as np
import pytest

from spinepose_mmpose.evaluation.functional import person_scores


@pytest.mark.parametrize('mode, expected', [
    ('bbox', [.5, .8]),
    ('keypoint', [.4, .15]),
    ('bbox_keypoint', [.5 * .6, 0]),
    ('bbox_rle', [.5 + .4 + .7, .8 + .15 + .2]),
])
def test_modes(mode, expected):
    # Mean of the scores above 0.2, which 0.2 itself is not.
    scores = person_scores([[.5, .7, 0], [.2, .2, .05]], [.5, .8], mode, .2)
    np.testing.assert_allclose(scores, expected, atol=1e-14)


def test_unknown_mode():
    with pytest.raises(ValueError, match="'bbox_keypoint'.*'area'"):
        person_scores(np.ones((1, 3)), [1], 'area')
