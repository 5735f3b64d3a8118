"""CSV for pandas and R: one row a person a frame.

Columns: ``frame``, ``time`` (seconds), ``id`` (empty without tracking),
``box.x1``, ``box.y1``, ``box.x2``, ``box.y2``, ``box.score``, then ``NAME.x``,
``NAME.y`` (pixels, y downwards) and ``NAME.score`` of every keypoint. A frame
without people has no row.
"""

import csv
from typing import Iterable, Iterator, List, Tuple

from ...utils import replaced
from ..results import FrameResult, Person
from .header import Header
from .rounding import box_values, person_of, score_value, triplets

FIXED = (
    'frame',
    'time',
    'id',
    'box.x1',
    'box.y1',
    'box.x2',
    'box.y2',
    'box.score',
)


def columns(names: Iterable[str]) -> List[str]:
    """Names of the columns."""
    return [
        *FIXED,
        *(f'{name}.{part}' for name in names for part in ('x', 'y', 'score')),
    ]


def write_csv(path: str, header: Header, frames: Iterable[FrameResult]) -> None:
    """Write a file; it appears complete."""
    with (
        replaced(path) as temporary,
        open(temporary, 'w', encoding='utf-8', newline='') as file,
    ):
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(columns(header.keypoints))
        for result in frames:
            writer.writerows(_row(result, person) for person in result.people)


def read_csv(path: str) -> Iterator[Tuple[int, float, Person]]:
    """(frame, time, person) of every row.

    Raises:
        ValueError: the file has other columns.
    """
    with open(path, encoding='utf-8', newline='') as file:
        reader = csv.reader(file)
        head = next(reader, [])
        names = [name[:-2] for name in head[len(FIXED) :: 3]]
        if head != columns(names):
            raise ValueError(f'{path} has other columns than expected')
        for row in reader:
            frame, time, track_id, *box, score = row[: len(FIXED)]
            yield (
                int(frame),
                float(time) if time else None,
                person_of(
                    [float(v) for v in row[len(FIXED) :]],
                    [float(v) for v in box],
                    float(score),
                    int(track_id) if track_id else None,
                    names,
                ),
            )


def _row(result: FrameResult, person: Person) -> list:
    points = [value for point in triplets(person) for value in point]
    return [
        result.frame_index,
        '' if result.time is None else result.time,
        '' if person.track_id is None else person.track_id,
        *box_values(person),
        score_value(person.bbox_score),
        *points,
    ]
