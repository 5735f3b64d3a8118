"""3D errors of all, body and spine points, and of the spine's angles."""

from typing import Dict, Optional

from spinepose_mmpose.camera import ROOT
from spinepose_mmpose.metainfo import KEYPOINT_IDS, SUBSETS

import numpy as np
from mmpose.evaluation.functional import keypoint_mpjpe
from mmpose.evaluation.metrics import MPJPE
from mmpose.registry import METRICS

# Regions of the spine, each between two chords of the chain (upper, lower).
SPINE_ANGLES = {
    'cervical': (('neck_03', 'neck_02'), ('neck_02', 'neck')),
    'thoracic': (('spine_05', 'spine_04'), ('spine_04', 'spine_03')),
    'lumbar': (('spine_03', 'spine_02'), ('spine_01', 'hip')),
}


def chord_angles(points: np.ndarray) -> np.ndarray:
    """(..., 3) degrees between the chords of each of ``SPINE_ANGLES``.

    Args:
        points (np.ndarray): (..., 37, 3).
    """

    def direction(ends):
        start, end = (points[..., KEYPOINT_IDS[name], :] for name in ends)
        return (end - start) / np.linalg.norm(end - start, axis=-1)[..., None]

    cosines = [
        (direction(upper) * direction(lower)).sum(-1)
        for upper, lower in SPINE_ANGLES.values()
    ]
    return np.degrees(np.arccos(np.clip(np.stack(cosines, -1), -1, 1)))


def pose_errors(pred: np.ndarray, gt: np.ndarray, mask=None) -> dict:
    """MPJPE, P-MPJPE, N-MPJPE in mm of each subset, and spine angle errors.

    Both poses are taken relative to the sacrum. Each subset is aligned by its
    own points: P-MPJPE in scale, rotation and translation, N-MPJPE in scale.

    Args:
        pred, gt (np.ndarray): (N, 37, 3) metres.
        mask (np.ndarray, optional): (N, 37) bool, what is labelled; in the
            angles only people with the whole spine count.

    Returns:
        dict: name to value, NaN where nothing is labelled.
    """
    mask = np.ones(pred.shape[:2], bool) if mask is None else mask
    pred, gt = (p - p[:, [ROOT]] for p in (pred, gt))
    errors = {}
    for subset in ('all', 'body', 'spine'):
        ids = list(SUBSETS[subset])
        rows = mask[:, ids].all(1)
        for name, alignment in MPJPE.ALIGNMENT.items():
            value = np.nan
            if rows.any():
                value = 1e3 * keypoint_mpjpe(
                    pred[rows][:, ids],
                    gt[rows][:, ids],
                    mask[rows][:, ids],
                    alignment,
                )
            errors[f'{subset}_{name.upper()}'] = float(value)
    rows = mask[:, list(SUBSETS['spine'])].all(1)
    off = np.abs(chord_angles(pred[rows]) - chord_angles(gt[rows]))
    for name, values in zip(SPINE_ANGLES, off.T):
        errors[f'{name}_angle'] = float(values.mean()) if len(off) else np.nan
    return errors


@METRICS.register_module()
class SpineMPJPE(MPJPE):
    """MPJPE of all, body (17 COCO points) and spine points in mm, in the three
    modes of MMPose's metric at once, and the mean absolute error of the
    spine's angles in degrees; see :func:`pose_errors`.

    Args:
        others: Of MPJPE, without ``mode``.
    """

    default_prefix: Optional[str] = 'spine3d'

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """The errors over all samples."""
        pred, gt, mask = (
            np.concatenate([result[key] for result in results])
            for key in ('pred_coords', 'gt_coords', 'mask')
        )
        return pose_errors(pred, gt, mask)
