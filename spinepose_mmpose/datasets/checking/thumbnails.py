"""Pictures of findings."""

from collections import defaultdict
from typing import Dict, Iterator, List, Sequence, Tuple

import cv2
import numpy as np

from ..browsing.drawing import (
    EMPTY,
    FONT,
    box_of_points,
    person_view,
)
from .check import CheckResult
from .findings import Finding
from .people import People, pack
from .sets import Content

# BGR
INK = (60, 60, 60)


def thumbnails(
    result: CheckResult, findings: Sequence[Finding], size: Tuple[int, int]
) -> Iterator[Tuple[Finding, np.ndarray]]:
    """(finding, (h, w, 3) uint8 BGR) for each; a file is read once."""
    by_split: Dict[str, List[Finding]] = defaultdict(list)
    for finding in findings:
        by_split[finding.split].append(finding)
    for split, group in by_split.items():
        content = result.sets[split].load()
        people, _ = pack(content)
        places = {int(row): i for i, row in enumerate(people.rows)}
        for finding in group:
            yield finding, _picture(content, people, places, finding, size)


def _picture(
    content: Content, people: People, places, finding: Finding, size
) -> np.ndarray:
    if finding.annotation is None and finding.image is not None:
        image = _read(content, content.images[finding.row])
        return _letterbox(image, size)
    row = content.rows_of_people[finding.row]
    image = None if row is None else _read(content, content.images[row])
    place = places.get(finding.row)
    if place is None:  # no numbers to draw
        return _letterbox(image, size)
    keypoints, box = people.keypoints[place], people.boxes[place]
    if finding.kind in ('point-outside-box', 'point-outside-image'):
        box = _with_points(box, keypoints)
    view = person_view(image, keypoints, box, size, finding.points)
    if image is None:
        _write(view, 'image not at hand')
    return view


def _with_points(box, keypoints) -> np.ndarray:
    """The box, grown to hold all labelled points."""
    points = box_of_points(keypoints)
    low = np.minimum(box[:2], points[:2])
    high = np.maximum(box[:2] + box[2:], points[:2] + points[2:])
    return np.concatenate([low, high - low])


def _read(content: Content, entry: dict):
    path = content.path_of(entry)
    if path is None or not path.is_file():
        return None
    return cv2.imread(str(path))


def _letterbox(image, size) -> np.ndarray:
    """The whole image within ``size``."""
    tile = np.full((size[1], size[0], 3), EMPTY, np.uint8)
    if image is None:
        _write(tile, 'no picture')
        return tile
    factor = min(size[0] / image.shape[1], size[1] / image.shape[0])
    w, h = (max(1, int(side * factor)) for side in image.shape[1::-1])
    x, y = (size[0] - w) // 2, (size[1] - h) // 2
    tile[y : y + h, x : x + w] = cv2.resize(
        image, (w, h), interpolation=cv2.INTER_AREA
    )
    return tile


def _write(tile, text) -> None:
    cv2.putText(tile, text, (8, 18), FONT, 0.45, INK, 1, cv2.LINE_AA)
