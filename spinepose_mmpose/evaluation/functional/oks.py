"""Object keypoint similarity.

``OKS = sum_k exp(-d_k^2 / (2 s^2 (2 sigma_k)^2)) / K``, summed over the K
labelled keypoints, d_k the distance in pixels and s^2 the area of the person:
https://cocodataset.org/#keypoints-eval, where the constant of a keypoint is
``k = 2 sigma``.
"""

from typing import Optional, Sequence

import numpy as np

# COCO adds it to the area so that an area of 0 can be divided by.
EPSILON = np.spacing(1)


def subset_oks(
    dt_xy: np.ndarray,
    gt_keypoints: np.ndarray,
    gt_areas: np.ndarray,
    gt_boxes: np.ndarray,
    sigmas: np.ndarray,
    subsets: Sequence[np.ndarray],
) -> np.ndarray:
    """OKS of P pairs of people over S subsets of K keypoints.

    The distances and their exponentials are computed once and shared by the
    subsets. A person without a labelled keypoint in a subset cannot be right
    or wrong there; COCO then takes how far the detected keypoints lie outside
    the box of twice the margin, so that detections of that person are ignored
    instead of counted as false.

    Args:
        dt_xy (np.ndarray): (P, K, 2), [x, y] in pixels.
        gt_keypoints (np.ndarray): (P, K, 3), [x, y] in pixels and visibility.
        gt_areas (np.ndarray): (P, ), square pixels.
        gt_boxes (np.ndarray): (P, 4), [x, y, w, h] in pixels.
        sigmas (np.ndarray): (K, ).
        subsets (sequence): S arrays of keypoint ids.

    Returns:
        np.ndarray: (P, S), 0 to 1.
    """
    labelled = gt_keypoints[..., 2] > 0
    similarity = keypoint_similarity(
        dt_xy - gt_keypoints[..., :2], gt_areas, sigmas
    )
    similarity *= labelled  # P, K

    counts = np.stack([labelled[:, ids].sum(axis=1) for ids in subsets], 1)
    oks = np.stack([similarity[:, ids].sum(axis=1) for ids in subsets], 1)
    oks /= np.maximum(counts, 1)  # P, S

    rows = np.flatnonzero((counts == 0).any(axis=1))
    if rows.size:
        low = gt_boxes[rows, None, :2] - gt_boxes[rows, None, 2:]
        high = gt_boxes[rows, None, :2] + 2 * gt_boxes[rows, None, 2:]
        outside = np.maximum(low - dt_xy[rows], 0) + np.maximum(
            dt_xy[rows] - high, 0
        )
        similarity = keypoint_similarity(outside, gt_areas[rows], sigmas)
        for s, ids in enumerate(subsets):
            unlabelled = counts[rows, s] == 0
            oks[rows[unlabelled], s] = similarity[np.ix_(unlabelled, ids)].mean(
                axis=1
            )
    return oks


def oks_matrix(
    dt_keypoints: np.ndarray,
    gt_keypoints: np.ndarray,
    gt_areas: Sequence[float],
    sigmas: Sequence[float],
    gt_boxes: Optional[np.ndarray] = None,
) -> np.ndarray:
    """OKS of all detections with all labelled people.

    Args:
        dt_keypoints (np.ndarray): (D, K, 2 or 3), [x, y] in pixels first.
        gt_keypoints (np.ndarray): (G, K, 3), [x, y] in pixels and visibility.
        gt_areas (sequence): (G, ), square pixels.
        sigmas (sequence): (K, ).
        gt_boxes (np.ndarray, optional): (G, 4), [x, y, w, h] in pixels, for
            people without a labelled keypoint, see :func:`subset_oks`.
            Without boxes their OKS is 0.

    Returns:
        np.ndarray: (D, G).

    Raises:
        ValueError: The numbers of keypoints differ.
    """
    dt_xy = np.asarray(dt_keypoints, dtype=np.float64)[..., :2]
    gt_keypoints = np.asarray(gt_keypoints, dtype=np.float64)
    sigmas = np.asarray(sigmas, dtype=np.float64)
    counts = (dt_xy.shape[1], gt_keypoints.shape[1], len(sigmas))
    if len(set(counts)) > 1:
        raise ValueError(
            'Detections, ground truth and sigmas should have as '
            f'many keypoints, but have {counts}.'
        )
    shape = (len(dt_xy), len(gt_keypoints))
    dt_ids, gt_ids = (ids.ravel() for ids in np.indices(shape))
    boxes = (
        np.zeros((shape[1], 4))
        if gt_boxes is None
        else np.asarray(gt_boxes, dtype=np.float64)
    )
    oks = subset_oks(
        dt_xy[dt_ids],
        gt_keypoints[gt_ids],
        np.asarray(gt_areas, dtype=np.float64)[gt_ids],
        boxes[gt_ids],
        sigmas,
        [np.arange(len(sigmas))],
    ).reshape(shape)
    if gt_boxes is None:
        oks[:, ~(gt_keypoints[..., 2] > 0).any(axis=1)] = 0
    return oks


def keypoint_similarity(
    offsets: np.ndarray, areas: np.ndarray, sigmas: np.ndarray
) -> np.ndarray:
    """The terms of the OKS sum.

    Args:
        offsets (np.ndarray): (P, K, 2), [x, y] in pixels.
        areas (np.ndarray): (P, ), square pixels.
        sigmas (np.ndarray): (K, ).

    Returns:
        np.ndarray: (P, K), 0 to 1.
    """
    # Divided in COCO's order, so that a tie there is a tie here.
    exponent = (offsets**2).sum(axis=-1) / (2 * sigmas) ** 2
    exponent /= (areas + EPSILON)[:, None]
    return np.exp(-exponent / 2)
