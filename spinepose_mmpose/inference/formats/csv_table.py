"""CSV for pandas and R: one row per person and frame.

Columns: ``frame``, ``time`` (seconds), ``id`` (empty without tracking),
``box.x1``, ``box.y1``, ``box.x2``, ``box.y2``, ``box.score``, then ``NAME.x``,
``NAME.y`` (pixels, y downwards) and ``NAME.score`` of every keypoint; with
lifting also ``NAME.X``, ``NAME.Y`` and ``NAME.Z`` (metres), empty for somebody
without a place in 3D. A frame without people has no row.
"""

import csv
from typing import List, Sequence

from ...utils import replaced
from ..results import FrameResult, Person
from . import Format, box_values, quadruplets, score_value, triplets

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
            writer.writerow(columns(header.keypoints, bool(header.axes)))
            for result in frames():
                writer.writerows(_row(result, p) for p in result.people)
        return [path]


def columns(names: Sequence[str], lifted: bool = False) -> List[str]:
    """Names of the columns for some keypoints."""
    groups = [('x', 'y', 'score'), *([('X', 'Y', 'Z')] if lifted else [])]
    return [
        *FIXED,
        *(f'{n}.{part}' for g in groups for n in names for part in g),
    ]


def _row(result: FrameResult, person: Person) -> list:
    lifted = []
    if person.keypoints_3d is not None:
        points = quadruplets(person) or [[''] * 4] * len(person.names)
        lifted = [value for point in points for value in point[:3]]
    return [
        result.frame_index,
        '' if result.time is None else result.time,
        '' if person.track_id is None else person.track_id,
        *box_values(person),
        score_value(person.bbox_score),
        *(value for point in triplets(person) for value in point),
        *lifted,
    ]
