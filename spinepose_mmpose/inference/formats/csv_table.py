"""CSV for pandas and R: one row per person and frame.

Columns: ``frame``, ``time`` (seconds), ``id`` (empty without tracking),
``box.x1``, ``box.y1``, ``box.x2``, ``box.y2``, ``box.score``, then ``NAME.x``,
``NAME.y`` (pixels, y downwards) and ``NAME.score`` of every keypoint. A frame
without people has no row.
"""

import csv
from typing import List, Sequence

from ...utils import replaced
from ..results import FrameResult, Person
from . import Format, box_values, score_value, triplets

FIXED = ('frame', 'time', 'id', 'box.x1', 'box.y1', 'box.x2', 'box.y2',
         'box.score')  # fmt: skip


class Csv(Format):
    """All frames in one table."""

    name, extension = 'csv', '.csv'

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        with (
            replaced(path) as temporary,
            open(temporary, 'w', encoding='utf-8', newline='') as file,
        ):
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(columns(header.keypoints))
            for result in frames():
                writer.writerows(_row(result, p) for p in result.people)
        return [path]


def columns(names: Sequence[str]) -> List[str]:
    """Names of the columns for some keypoints."""
    parts = ('x', 'y', 'score')
    return [*FIXED, *(f'{name}.{part}' for name in names for part in parts)]


def _row(result: FrameResult, person: Person) -> list:
    return [
        result.frame_index,
        '' if result.time is None else result.time,
        '' if person.track_id is None else person.track_id,
        *box_values(person),
        score_value(person.bbox_score),
        *(value for point in triplets(person) for value in point),
    ]
