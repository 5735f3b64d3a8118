"""Angles beside Sports2D's own functions; needs sports2d and pose2sim."""

from spinepose_mmpose.biomechanics import MEASURES, posture
from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np
import pytest
from figures import from_side

process = pytest.importorskip('Sports2D.process')
common = pytest.importorskip('Pose2Sim.common')


def other_name(name):
    side, _, rest = name.partition('_')
    short = {'left': 'L', 'right': 'R'}.get(side, '')
    return short + (rest if short else name).title().replace('_', '')


@pytest.mark.parametrize('direction', [1, -1])
def test_joints_and_segments(direction):
    """Random bodies; lines of hips and shoulders are signed otherwise."""
    rng = np.random.default_rng(0)
    points = np.repeat(from_side(), 50, 0)
    points = (points + rng.normal(0, 8, points.shape)) * [direction, 1]
    names = [other_name(name) for name in KEYPOINT_NAMES]
    feet = [names.index(n) for n in ('LBigToe', 'LHeel', 'RBigToe', 'RHeel')]
    toes, heels = points[:, feet[::2], 0], points[:, feet[1::2], 0]
    points = points[((toes - heels) * direction > 8).all(1)]
    assert len(points) > 10
    angles = [
        name
        for name in common.angle_dict
        if name.replace(' ', '_') in MEASURES
        and name not in ('pelvis', 'shoulders')
    ]
    assert len(angles) == 22
    found = posture(points, any_view=True)
    for t, (x, y) in enumerate(points.transpose(0, 2, 1)):
        _, expected, _ = process.compute_angles_for_person(
            x, y, 'auto', True, list(range(37)), names, angles,
            common.angle_dict, feet,
        )  # fmt: skip
        ours = [found[name.replace(' ', '_')].values[t] for name in angles]
        assert ours == pytest.approx(expected, abs=1e-6)
