"""A first guess at the spine from the body's keypoints."""

from functools import lru_cache
from typing import Dict, Optional

import numpy as np

from ...metainfo import KEYPOINT_IDS, SPINE_CHAIN

SIDES = ('left', 'right')
ANCHORS = ('hip', 'shoulder', 'ear')


def pseudo_spine(keypoints: np.ndarray) -> Optional[np.ndarray]:
    """The spine as a smooth curve through hips, shoulders and ears.

    A piecewise cubic (Hermite) runs through the midpoints of both hips, both
    shoulders and the labelled ears, in the manner of the curve fit that
    SpineTrack's labelling started from (SpinePose, arXiv 2504.08110). The
    vertebrae lie on it at the heights that they have in relaxed standing;
    without an ear the neck goes straight on. It knows nothing of lordosis,
    kyphosis or the depth of the body: a start for labelling by hand, no label.

    Args:
        keypoints: (37, 3), [x, y] in pixels and visibility.

    Returns:
        (9, 2), [x, y] of ``SPINE_CHAIN``, or None unless both hips and both
        shoulders are labelled.
    """
    anchors = {}
    for name in ANCHORS:
        pair = keypoints[[KEYPOINT_IDS[f'{s}_{name}'] for s in SIDES]]
        labelled = pair[:, 2] > 0
        if labelled.all() or (name == 'ear' and labelled.any()):
            anchors[name] = pair[labelled, :2].mean(axis=0)
    if 'hip' not in anchors or 'shoulder' not in anchors:
        return None
    heights = _heights()
    trunk = anchors['shoulder'] - anchors['hip']  # slope: height is 0 to 1
    neck, bend = trunk, trunk
    if 'ear' in anchors:
        neck = (anchors['ear'] - anchors['shoulder']) / (heights['ear'] - 1)
        bend = (trunk + neck) / 2
    points = []
    for name in SPINE_CHAIN:
        h = heights[name]
        if h <= 1:
            point = _hermite(
                h, anchors['hip'], trunk, anchors['shoulder'], bend
            )
        else:
            length = heights['ear'] - 1
            end = anchors['shoulder'] + length * neck
            point = _hermite(
                (h - 1) / length,
                anchors['shoulder'],
                bend * length,
                end,
                neck * length,
            )
        points.append(point)
    return np.stack(points)


def _hermite(t, start, start_slope, end, end_slope):
    """The cubic with these ends and derivatives, at t in 0 to 1."""
    return (
        (1 + 2 * t) * (1 - t) ** 2 * start
        + t * (1 - t) ** 2 * start_slope
        + t**2 * (3 - 2 * t) * end
        + t**2 * (t - 1) * end_slope
    )


@lru_cache
def _heights() -> Dict[str, float]:
    """Heights in relaxed standing: the hips' midpoint is 0, the shoulders'
    is 1."""
    from ..synthetic.body import average_body
    from ..synthetic.skeleton import Pose, pose_body

    joints = pose_body(average_body(), Pose()).joints
    hip, shoulder = (joints[f'left_{n}'][1] for n in ('hip', 'shoulder'))
    names = {name: name for name in SPINE_CHAIN}
    names['ear'] = 'left_ear'
    return {
        name: float((joints[joint][1] - hip) / (shoulder - hip))
        for name, joint in names.items()
    }
