"""Boxes of people from a file, instead of a detector's.

CSV: columns ``frame`` (from 0) or ``image`` (file name), ``x1``, ``y1``,
``x2``, ``y2`` and, if wanted, ``score``; those of our own CSV (``box.x1``) are
understood as well. JSON: an object from frame or file name to a list of
``[x1, y1, x2, y2]`` or ``[x1, y1, x2, y2, score]``. Pixels of the frame.
"""

import csv
import json
import os
from typing import Dict, List, Tuple, Union

import numpy as np

Boxes = Tuple[np.ndarray, np.ndarray]
LAYOUTS = (
    'CSV with the columns frame (or image), x1, y1, x2, y2 and, if wanted, '
    'score; or JSON {"0": [[x1, y1, x2, y2], ...], ...} by frame or file name'
)


class BoxFile:
    """Boxes by frame or by image.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it has another layout.
    """

    def __init__(self, path: str):
        self.path = path
        if not os.path.isfile(path):
            raise FileNotFoundError(f'no such file of boxes: {path}')
        try:
            if os.path.splitext(path)[1].lower() == '.json':
                table = _from_json(path)
            else:
                table = _from_csv(path)
            self.table = {
                _key(key): _checked(boxes) for key, boxes in table.items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'{path} is no file of boxes ({error}): expected is {LAYOUTS}'
            ) from error

    def __getitem__(self, key: Union[int, str]) -> Boxes:
        """Boxes (N, 4) x1 y1 x2 y2 and scores (N,) of a frame by its index or
        of an image by its name; none if the file does not mention it."""
        boxes = self.table.get(key, np.zeros((0, 5), np.float32))
        return boxes[:, :4], boxes[:, 4]


def _key(text: str) -> Union[int, str]:
    return int(text) if text.strip().isdigit() else os.path.basename(text)


def _checked(boxes: List[list]) -> np.ndarray:
    """(N, 5) float32."""
    rows = [[*box, 1.0] if len(box) == 4 else list(box) for box in boxes]
    array = np.array(rows, np.float32).reshape(len(rows), -1)
    if not rows:
        return array.reshape(0, 5)
    if array.shape[1] != 5:
        raise ValueError(f'a box has {array.shape[1]} numbers')
    if not np.isfinite(array).all():
        raise ValueError('a number is not finite')
    if (array[:, 2:4] <= array[:, :2]).any():
        raise ValueError(
            'a box has x2 <= x1 or y2 <= y1: corners are wanted, not width '
            'and height'
        )
    return array


def _from_json(path: str) -> Dict[str, list]:
    with open(path, encoding='utf-8') as file:
        content = json.load(file)
    if not isinstance(content, dict):
        raise ValueError('its outermost value is no object')
    return content


def _from_csv(path: str) -> Dict[str, list]:
    table: Dict[str, list] = {}
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        names = {
            name.strip().lower().removeprefix('box.'): name
            for name in reader.fieldnames or ()
        }
        key = next((names[n] for n in ('frame', 'image') if n in names), None)
        missing = [n for n in ('x1', 'y1', 'x2', 'y2') if n not in names]
        if key is None or missing:
            raise ValueError(
                f'its columns are {", ".join(reader.fieldnames or ["none"])}'
            )
        for row in reader:
            box = [float(row[names[n]]) for n in ('x1', 'y1', 'x2', 'y2')]
            if row.get(names.get('score')):
                box.append(float(row[names['score']]))
            table.setdefault(row[key], []).append(box)
    return table
