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


def find_fault(annotation: dict, image: dict,
               num_keypoints: int) -> Optional[Fault]:
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
    return (_keypoint_fault(annotation['keypoints'], num_keypoints)
            or _box_fault(annotation['bbox'], image))


def _keypoint_fault(keypoints, num_keypoints: int) -> Optional[Fault]:
    if len(keypoints) != 3 * num_keypoints:
        return Fault(
            'with another keypoint count',
            f'it has {len(keypoints) / 3:g} keypoints, expected '
            f'{num_keypoints} (x, y, v each)')
    try:
        points = np.asarray(keypoints, dtype=np.float64).reshape(-1, 3)
    except (TypeError, ValueError):
        return Fault('malformed', 'a keypoint is not a number')
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0, 0])
        return Fault(
            'with NaN or infinity',
            f'keypoint {row} is {points[row].tolist()}, expected numbers')
    odd = ~np.isin(points[:, 2], VISIBILITIES)
    if odd.any():
        row = int(np.argmax(odd))
        return Fault(
            'with a wrong visibility',
            f'keypoint {row} has visibility {points[row, 2]:g}, expected one '
            'of 0, 1, 2')
    return None


def _box_fault(bbox, image: dict) -> Optional[Fault]:
    try:
        x, y, w, h = np.asarray(bbox, dtype=np.float64)
    except (TypeError, ValueError):
        return Fault('malformed',
                     f'its box is {bbox}, expected four numbers x, y, w, h')
    if not np.isfinite([x, y, w, h]).all():
        return Fault('with NaN or infinity',
                     f'its box is {bbox}, expected numbers')
    if w <= 0 or h <= 0:
        return Fault('with an empty box',
                     f'its box {bbox} has no width or no height')
    width, height = image.get('width'), image.get('height')
    if not width or not height:
        return Fault('incomplete',
                     f"its image {image.get('id')} has no width or height")
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return Fault(
            'with a box outside the image',
            f'its box {bbox} lies outside the {width}x{height} image')
    return None
