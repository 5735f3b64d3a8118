"""Angles of posture beside the points: a table, and OpenSim's motion files.

``NAME_angles.csv`` has one row per person and frame: ``frame``, ``time``,
``id``, then for each measure ``MEASURE`` (its value), ``MEASURE.low`` and
``MEASURE.high`` (ends of the 95 % interval) and ``MEASURE.why`` (why there is
no value). ``NAME_person1.mot`` has the angles in degrees over time, from the
person's first to last frame, NaN where there is none; measures in percent are
left out there.
"""

import csv
from itertools import islice

import numpy as np

from ...biomechanics import MEASURES, posture
from ...utils import replaced, write_text
from . import Format
from .per_person import PerPerson, number, stacked, tracks_of, up_of

FIXED = ('frame', 'time', 'id')
# People that are measured at a time.
BLOCK = 2000
DIGITS = 3


class Angles(Format):
    """All people in one table."""

    name, extension, measures = 'angles', '_angles.csv', True

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        names = self.settings.angles or tuple(MEASURES)
        people = ((r, p) for r in frames() for p in r.people)
        with (
            replaced(path) as temporary,
            open(temporary, 'w', encoding='utf-8', newline='') as file,
        ):
            writer = csv.writer(file, lineterminator='\n')
            ends = ('', '.low', '.high', '.why')
            writer.writerow([*FIXED, *(n + e for n in names for e in ends)])
            while block := list(islice(people, BLOCK)):
                points, scores = stacked([person for _, person in block])
                found = posture(points, scores, names, up_of(header))
                columns = [
                    column
                    for series in found.values()
                    for column in (
                        *map(texts, (series.values, series.low, series.high)),
                        series.reasons,
                    )
                ]
                for (result, person), *row in zip(block, *columns):
                    fixed = (result.frame_index, result.time, person.track_id)
                    writer.writerow(
                        ['' if v is None else v for v in fixed] + row
                    )
        return [path]


def texts(values: np.ndarray) -> list:
    """Numbers for a table; NaN is left empty."""
    return ['' if np.isnan(v) else number(v, DIGITS) for v in values]


class Mot(PerPerson):
    """A file for every identity, ``NAME_person1.mot``."""

    name, extension, measures = 'mot', '.mot', True

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        names = [
            name
            for name in self.settings.angles or tuple(MEASURES)
            if MEASURES[name].unit == 'deg'
        ]
        written = []
        for track in tracks_of(frames):
            found = posture(track.points, track.scores, names, up_of(header))
            table = np.column_stack(
                [track.times, *(series.values for series in found.values())]
            )
            file = self.file_of(path, track.track_id)
            write_text(file, _mot(header.source, names, table))
            written.append(file)
        return written


def _mot(source, names, table) -> str:
    lines = [
        f'{source} posture',
        'version=1',
        f'nRows={len(table)}',
        f'nColumns={len(names) + 1}',
        'inDegrees=yes',
        'endheader',
        '\t'.join(['time', *names]),
    ]
    for time, *values in table.tolist():
        row = ['NaN' if np.isnan(v) else number(v, DIGITS) for v in values]
        lines.append('\t'.join([f'{time:.6f}', *row]))
    return '\n'.join(lines) + '\n'
