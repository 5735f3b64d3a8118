"""COCO and Halpe annotations to SpineTrack's, with a guess at the spine."""

from typing import Dict, Optional, Sequence, Tuple

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from ..metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    MARKERS,
    NUM_KEYPOINTS,
    SKELETON,
    SPINE_CHAIN,
)
from .annotations import numbers

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

    From (37, 3) to (9, 2) in the order of ``SPINE_CHAIN``; None unless both
    hips and both shoulders are labelled.
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
    top = anchors['shoulder'] + (heights['ear'] - 1) * neck
    curve = CubicHermiteSpline(
        (0, 1, heights['ear']),
        np.stack([anchors['hip'], anchors['shoulder'], top]),
        np.stack([trunk, bend, neck]),
    )
    return curve([heights[name] for name in SPINE_CHAIN])


def _heights() -> Dict[str, float]:
    """Heights in standing, from ``MARKERS``: the hips' midpoint is 0, the
    shoulders' is 1."""
    low, high = (MARKERS[f'left_{name}'][1] for name in ('hip', 'shoulder'))
    heights = {name: MARKERS[name][1] for name in SPINE_CHAIN}
    # The table has no ear; its opening is level with the lower half of the
    # nose.
    heights['ear'] = MARKERS['nose'][1] + 0.02
    return {name: (h - low) / (high - low) for name, h in heights.items()}


# Keypoints of a source -> how many of them SpineTrack has, in its order.
SOURCES = {17: 17, 26: 26, 136: 26}
# Other points on the body in Halpe: neck is the shoulders' midpoint there,
# hip that of the hips.
ELSEWHERE = ('neck', 'hip')
# What belongs to keypoints that SpineTrack lacks.
DROPPED = [
    f'{part}_{what}'
    for part in ('face', 'lefthand', 'righthand', 'foot')
    for what in ('box', 'kpts', 'valid')
]
PSEUDO = 'pseudo_keypoints'


def to_spinetrack(
    dataset: dict, pseudo: bool = False, drop: Sequence[str] = ELSEWHERE
) -> Tuple[dict, Dict[str, int]]:
    """A copy of a COCO-format dataset of 17 (COCO), 26 or 136 (Halpe) keypoints
    with 37 keypoints per person, and counts: ``people``, ``labelled``,
    ``pseudo``.

    Body, and of Halpe head and feet, keep their labels but those to ``drop``;
    everything else is unlabelled (0, 0, 0). With ``pseudo`` the spine is
    guessed where it is possible: such points have visibility 1 and their names
    stand in the annotation's ``pseudo_keypoints``. Other fields are passed on.
    """
    dropped = [KEYPOINT_IDS[name] for name in drop]
    annotations = []
    counts = dict(people=0, labelled=0, pseudo=0)
    for annotation in dataset['annotations']:
        keypoints = _convert(annotation)
        keypoints[dropped] = 0
        converted = {
            k: v for k, v in annotation.items() if k not in (*DROPPED, PSEUDO)
        }
        guessed = []
        if pseudo and (spine := pseudo_spine(keypoints)) is not None:
            guessed = converted[PSEUDO] = _fill(keypoints, spine)
        converted.update(
            keypoints=_flat(keypoints),
            num_keypoints=int((keypoints[:, 2] > 0).sum()),
        )
        annotations.append(converted)
        counts['people'] += 1
        counts['labelled'] += converted['num_keypoints'] > 0
        counts['pseudo'] += bool(guessed)
    info = dict(dataset.get('info') or {})
    if pseudo:
        info['pseudo_spine'] = (
            'The keypoints named in pseudo_keypoints are guesses on a curve '
            'through hips, shoulders and ears: correct them by hand.'
        )
    file = dict(dataset, info=info, annotations=annotations)
    return dict(file, categories=[person_category()]), counts


def _convert(annotation: dict) -> np.ndarray:
    """(37, 3), unlabelled points zeroed."""
    place = f'annotation {annotation.get("id")}'
    flat = annotation.get('keypoints', ())
    if len(flat) % 3 or len(flat) // 3 not in SOURCES:
        raise ValueError(
            f'{place} has {len(flat) / 3:g} keypoints, expected one of '
            f'{sorted(SOURCES)} (COCO, Halpe26, Halpe)'
        )
    count = SOURCES[len(flat) // 3]
    points = numbers(flat)
    if points is None or not np.isfinite(points).all():
        raise ValueError(f'a keypoint of {place} is not a finite number')
    keypoints = np.zeros((NUM_KEYPOINTS, 3))
    keypoints[:count] = points.reshape(-1, 3)[:count]
    keypoints[keypoints[:, 2] <= 0] = 0
    return keypoints


def _fill(keypoints: np.ndarray, spine: np.ndarray) -> list:
    """Write the spine where it has no label; the names written."""
    names = []
    for name, point in zip(SPINE_CHAIN, spine):
        row = keypoints[KEYPOINT_IDS[name]]
        if row[2] == 0:
            row[:] = *np.round(point, 2), 1
            names.append(name)
    return names


def _flat(keypoints: np.ndarray) -> list:
    """Numbers as JSON has them: 367, not 367.0."""
    return [int(v) if v == int(v) else v for v in keypoints.ravel().tolist()]


def person_category() -> dict:
    """COCO's skeleton counts from 1."""
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(KEYPOINT_NAMES),
        skeleton=[
            [KEYPOINT_IDS[end] + 1 for end in link] for link, _ in SKELETON
        ],
    )


def new_person(image_id, box: Sequence[float], share: float) -> dict:
    """An annotation with a box x, y, w, h; the person fills a share of it."""
    x, y, w, h = (round(float(v), 2) for v in box)
    person = dict(image_id=image_id, category_id=1, iscrowd=0)
    return dict(person, bbox=[x, y, w, h], area=round(share * w * h, 2))
