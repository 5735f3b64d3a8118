"""What can be wrong with an annotation; numpy only."""

from typing import NamedTuple, Optional

import numpy as np

# The values of COCO's visibility flag.
VISIBILITIES = (0, 1, 2)


class Fault(NamedTuple):
    """``kind`` groups faults in a report; ``detail`` says what was found and
    what was expected."""

    kind: str
    detail: str


def find_fault(
    annotation: dict, image: dict, num_keypoints: int
) -> Optional[Fault]:
    """The first fault that makes an annotation useless, or None.

    Args:
        annotation: A person in COCO format: ``bbox`` x, y, w, h in pixels,
            ``keypoints`` flat x, y, v.
        image: The image's entry with ``width`` and ``height`` in pixels.
        num_keypoints: The expected number of keypoints.

    Returns:
        Fault: What is wrong, without the place.
    """
    for key in ('bbox', 'keypoints'):
        if key not in annotation:
            return Fault('incomplete', f'it has no {key!r}')
    return _keypoint_fault(
        annotation['keypoints'], num_keypoints
    ) or _box_fault(annotation['bbox'], image)


def _keypoint_fault(keypoints, num_keypoints: int) -> Optional[Fault]:
    if not isinstance(keypoints, (list, tuple)):
        return Fault(
            'malformed',
            f'its keypoints are {keypoints!r}, expected a list of '
            f'{num_keypoints} times x, y, v',
        )
    if len(keypoints) != 3 * num_keypoints:
        return Fault(
            'with another keypoint count',
            f'it has {len(keypoints) / 3:g} keypoints, expected '
            f'{num_keypoints} (x, y, v each)',
        )
    points = _numbers(keypoints)
    if points is None or points.ndim > 1:
        row = next(
            i
            for i, value in enumerate(keypoints)
            if np.ndim(value) or _numbers(value) is None
        )
        return Fault(
            'malformed',
            f'keypoint {row // 3} has {keypoints[row]!r} for '
            f'{"xyv"[row % 3]}, expected a number',
        )
    points = points.reshape(-1, 3)
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        return Fault(
            'with NaN or infinity',
            f'keypoint {row} is {points[row].tolist()}, expected numbers',
        )
    odd = ~np.isin(points[:, 2], VISIBILITIES)
    if odd.any():
        row = int(np.argmax(odd))
        return Fault(
            'with a wrong visibility',
            f'keypoint {row} has visibility {points[row, 2]:g}, expected one '
            'of 0, 1, 2',
        )
    return None


def _numbers(values) -> Optional[np.ndarray]:
    """As float64; None if anything in it is no number (``'1'`` is none)."""
    try:
        array = np.asarray(values)
    except ValueError:  # lists of several lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in 'iuf' else None


def _box_fault(bbox, image: dict) -> Optional[Fault]:
    box = _numbers(bbox)
    if box is None or box.shape != (4,):
        return Fault(
            'malformed',
            f'its box is {bbox!r}, expected four numbers x, y, w, h',
        )
    if not np.isfinite(box).all():
        return Fault(
            'with NaN or infinity', f'its box is {bbox}, expected numbers'
        )
    x, y, w, h = box
    if w <= 0 or h <= 0:
        return Fault(
            'with an empty box', f'its box {bbox} has no width or no height'
        )
    size = _numbers([image.get('width'), image.get('height')])
    if size is None or not (size > 0).all():
        return Fault(
            'incomplete', f'its image {image.get("id")} has no width or height'
        )
    # MMPose clips boxes to the last pixel, and would drop what is then empty.
    last = size - 1
    if x >= last[0] or y >= last[1] or x + w <= 0 or y + h <= 0:
        return Fault(
            'with a box outside the image',
            f'its box {bbox} lies outside the {size[0]:g}x{size[1]:g} image',
        )
    return None
