"""Boxes of people from a file, instead of a detector's: CSV or JSON, as
``EXPECTED`` says. Pixels of the frame.

Frames count from 0. The columns of our own CSV (``box.x1``) are understood as
well, and a path may be shortened to its last parts.
"""

import csv
import json
import os
from contextlib import suppress
from typing import Dict, Iterable, List, Sequence, Tuple, Union

import numpy as np

from ..utils import DAMAGE
from .preprocess import check_boxes

Boxes = Tuple[np.ndarray, np.ndarray]
EXPECTED = (
    'CSV with the columns frame (or image), x1, y1, x2, y2 and, if wanted, '
    'score; or JSON {"0": [[x1, y1, x2, y2], ...], ...} by frame or path'
)
NOBODY = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class BoxFile:
    """Boxes (N, 4) [x1, y1, x2, y2] and scores (N,) by frame or by image;
    ValueError for another layout."""

    def __init__(self, path: str):
        self.path = path
        if not os.path.isfile(path):
            raise FileNotFoundError(f'no such file of boxes: {path}')
        is_json = path.lower().endswith('.json')
        try:
            table = _from_json(path) if is_json else _from_csv(path)
            self.table = _checked(table)
        except (*DAMAGE, csv.Error) as error:
            raise ValueError(
                f'{path} is not a file of boxes ({error}); expected {EXPECTED}'
            ) from error
        self.frames = {key for key in self.table if isinstance(key, int)}
        self.images: Dict[str, Boxes] = {}

    def match(self, photos: Sequence[str], has_clips: bool) -> None:
        """Find the images that the file names among the photographs of a run;
        ValueError if one is not there, or not unique."""
        if self.frames and not has_clips:
            raise ValueError(f'{self.path} names frames, but there is no video')
        paths = {os.path.realpath(path): path for path in photos}
        for key in self.table:
            if isinstance(key, int):
                continue
            found = [path for path in paths if path == os.path.realpath(key)]
            if not found:
                end = os.sep + os.path.normpath(key)
                found = [path for path in paths if path.endswith(end)]
            if len(found) != 1:
                which = f' ({", ".join(paths[p] for p in found)})'
                raise ValueError(
                    f'{self.path} names the image {key!r}, which is '
                    f'{len(found)} of the inputs{which if found else ""}: '
                    'write more of its path'
                )
            self.images[paths[found[0]]] = self.table[key]

    def of_image(self, path: str) -> Boxes:
        """Of a photograph; none if the file does not mention it."""
        return self.images.get(path, NOBODY)

    def of_frame(self, index: int) -> Boxes:
        """Of a frame of a clip; none if the file does not mention it."""
        return self.table.get(index, NOBODY)

    def check_frames(self, source: str, frames: Iterable[int]) -> None:
        """ValueError if no frame that the file names is one of a clip's."""
        if self.frames and self.frames.isdisjoint(frames):
            raise ValueError(
                f'{self.path} names the frames {min(self.frames)} to '
                f'{max(self.frames)}, none of which was found in {source}'
            )


def _frame(text: str) -> int:
    """Tables know whole numbers as 7.0 as well."""
    number = float(text)
    if not number.is_integer() or number < 0:
        raise ValueError(f'{text!r} is not a frame')
    return int(number)


def _checked(table: Dict[Union[int, str], List[list]]) -> Dict:
    for place, rows in table.items():
        counts = {len(row) for row in rows} - {4, 5}
        if counts:
            raise ValueError(f'a box has {counts.pop()} numbers')
        scores = [row[4] if len(row) == 5 else 1.0 for row in rows]
        table[place] = check_boxes([row[:4] for row in rows], scores)
    return table


def _from_json(path: str) -> Dict[Union[int, str], list]:
    with open(path, encoding='utf-8') as file:
        content = json.load(file)
    if not isinstance(content, dict):
        raise ValueError('its outermost value is not an object')
    table = {}
    for key, rows in content.items():
        with suppress(ValueError):  # a path
            key = _frame(key)
        table[key] = rows
    return table


def _from_csv(path: str) -> Dict[Union[int, str], list]:
    table: Dict[Union[int, str], list] = {}
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        names = {
            name.strip().lower().removeprefix('box.'): name
            for name in reader.fieldnames or ()
        }
        key = next((n for n in ('frame', 'image') if n in names), None)
        corners = [names.get(n) for n in ('x1', 'y1', 'x2', 'y2')]
        if key is None or None in corners:
            raise ValueError(
                f'its columns are {", ".join(reader.fieldnames or ["none"])}'
            )
        for row in reader:
            box = [float(row[name]) for name in corners]
            if row.get(names.get('score')):
                box.append(float(row[names['score']]))
            place = row[names[key]]
            place = _frame(place) if key == 'frame' else place.strip()
            table.setdefault(place, []).append(box)
    return table
