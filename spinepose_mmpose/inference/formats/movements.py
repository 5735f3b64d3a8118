"""Formats of movements: a file, or rows, for every identity, as
docs/inference.md and docs/posture.md show them.

TRC (OpenSim, Pose2Sim) and C3D hold X to the right and Y upwards from the lower
left corner of the image, Z 0, in pixels (units ``px``: OpenSim wants metres, so
scale before use). With lifting metres (``m``), upwards the axis that the
settings name. Rows run from the person's first to last frame; what is missing,
the person or a point (score 0), is NaN, in C3D with the residual -1.

Measures have the ends of their 95 % interval, or the reason why there is no
value; MOT (OpenSim) has those in degrees alone.
"""

import csv
import glob
import os
import re
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from ...metainfo import KEYPOINT_IDS, KEYPOINT_NAMES
from ...utils import replaced, replaced_text, write_text
from ..results import FrameResult, Person
from . import (
    METRE_DIGITS,
    PIXEL_DIGITS,
    Format,
    Frames,
    Header,
    rounded,
    table_of,
)

DEFAULT_RATE = 30
# Containers round times to so many seconds.
ROUNDING = 1e-3
# Of TRC, files that are open at a time.
OPEN_FILES = 64
TRC_FIELDS = ('DataRate', 'CameraRate', 'NumFrames', 'NumMarkers', 'Units',
              'OrigDataRate', 'OrigDataStartFrame',
              'OrigNumFrames')  # fmt: skip
# Of the table of angles: people that are measured at a time, and digits.
BLOCK, DIGITS = 2000, 3


class PerPerson(Format):
    """A file for every identity, ``NAME_person1``; clips alone."""

    for_photographs, needs_identities = False, True

    def file_of(self, path: str, track_id) -> str:
        """The file of a person."""
        stem = os.path.splitext(path)[0]
        return f'{stem}_person{track_id}{self.extension}'

    def existing(self, path, name):
        found = glob.glob(glob.escape(os.path.splitext(path)[0]) + '_person*')
        end = rf'_person\d+{re.escape(self.extension)}$'
        return [p for p in found if re.search(end, p)]

    def sample(self, path, name, is_clip):
        return self.file_of(path, 10000)


class PersonTrack(NamedTuple):
    """One person from the first to the last frame, T frames."""

    track_id: int
    frames: np.ndarray  # T: indices in the source
    times: np.ndarray  # T: seconds
    # T, 37, 2 pixels, or T, 37, 3 metres of who has points in 3D; NaN where
    # there is none.
    points: np.ndarray
    scores: np.ndarray  # T, 37: 0 where there is no point
    image: np.ndarray  # T, 37, 2 pixels, also of points in 3D


def tracks_of(frames: Frames) -> List[PersonTrack]:
    """Everybody who has an identity."""
    seen, people = [], {}
    for position, result in enumerate(frames()):
        seen.append((result.frame_index, result.time))
        for person in result.people:
            if person.track_id is not None:
                people.setdefault(person.track_id, {})[position] = person
    tracks = []
    for track_id, own in sorted(people.items()):
        first, last = min(own), max(own)
        shown = [own.get(i) for i in range(first, last + 1)]
        indices, times = map(np.array, zip(*seen[first : last + 1]))
        points, scores = stacked(shown)
        image, _ = stacked(shown, False)
        track = indices, times, points, scores, image
        tracks.append(PersonTrack(track_id, *track))
    return tracks


def stacked(people: Sequence[Optional[Person]], in_3d: bool = True) -> tuple:
    """(N, 37, 2 or 3) points and (N, 37) scores of N people, by the names of
    :data:`metainfo.KEYPOINT_NAMES`; in 3D where somebody has such points."""
    own = [getattr(person, 'keypoints_3d', None) for person in people]
    in_3d = in_3d and any(points is not None for points in own)
    if not in_3d:
        own = [getattr(person, 'keypoints', None) for person in people]
    shape = len(people), len(KEYPOINT_NAMES)
    points = np.full((*shape, 3 if in_3d else 2), np.nan)
    scores = np.zeros(shape)
    for i, (person, values) in enumerate(zip(people, own)):
        if values is not None:
            known = [name in KEYPOINT_IDS for name in person.names]
            index = [KEYPOINT_IDS[n] for n in person.names if n in KEYPOINT_IDS]
            points[i, index] = values[known]
            scores[i, index] = person.scores[known]
    points[~np.isfinite(points).all(-1) | (scores <= 0)] = np.nan
    return points, scores


def rate_of(rows: int, seconds: float, header: Header, settings) -> float:
    """Rows per second: the nominal rate, unless times say otherwise."""
    nominal = nominal_rate(header, settings)
    if abs(seconds - (rows - 1) / nominal) <= ROUNDING:
        return nominal
    return (rows - 1) / seconds


def nominal_rate(header: Header, settings) -> float:
    return float((header.rate or DEFAULT_RATE) / settings.stride)


def upwards(points: np.ndarray, header: Header, up_axis: str) -> np.ndarray:
    """(..., 3) points with an axis upwards, of metres the given one, from
    (..., 2) pixels or (..., 3) metres in the axes of the header."""
    if not header.axes:
        x, y = points[..., 0], header.size[1] - points[..., 1]
        return np.stack([x, y, 0 * y], -1)
    if header.axes == 'camera':
        points = points * [1, -1, -1]
    if up_axis == 'z':
        points = points[..., [0, 2, 1]] * [1, -1, 1]
    return points


class Trc(PerPerson):
    """Written as frames are read, so that memory stays flat."""

    name, extension = 'trc', '.trc'

    def write(self, path, header, frames):
        spans: dict = {}  # identity -> first and last (row, frame, seconds)
        for row, result in enumerate(frames()):
            here = row, result.frame_index, result.time
            for track_id in (person.track_id for person in result.people):
                if track_id is not None:
                    spans[track_id] = spans.get(track_id, (here,))[0], here
        paths = {i: self.file_of(path, i) for i in sorted(spans)}
        for start in range(0, len(paths), OPEN_FILES):
            with ExitStack() as stack:
                files = {}
                for i in [*paths][start : start + OPEN_FILES]:
                    files[i] = stack.enter_context(replaced_text(paths[i]))
                    files[i].write(self._head(paths[i], header, *spans[i]))
                for row, result in enumerate(frames()):
                    people = {p.track_id: p for p in result.people}
                    for i, file in files.items():
                        if spans[i][0][0] <= row <= spans[i][1][0]:
                            file.write(self._row(result, people.get(i), header))
        return [*paths.values()]

    def _head(self, path: str, header: Header, first, last) -> str:
        rows, k = last[0] - first[0] + 1, len(header.keypoints)
        rate = rate_of(rows, last[2] - first[2], header, self.settings)
        rate, rows, start = f'{rate:.6g}', str(rows), str(first[1] + 1)
        units = 'm' if header.axes else 'px'
        names = (c for name in header.keypoints for c in (name, '', ''))
        lines = [
            ['PathFileType', '4', '(X/Y/Z)', os.path.basename(path)],
            TRC_FIELDS,
            [rate, rate, rows, str(k), units, rate, start, rows],
            ['Frame#', 'Time', *names],
            ['', '', *(f'{axis}{i + 1}' for i in range(k) for axis in 'XYZ')],
            [],
        ]
        return ''.join('\t'.join(line) + '\n' for line in lines)

    def _row(self, result: FrameResult, person, header: Header) -> str:
        digits = METRE_DIGITS if header.axes else PIXEL_DIGITS
        table = table_of(person, bool(header.axes)) if person else []
        table = np.array(table or [[np.nan] * 4] * len(header.keypoints))
        points = upwards(table[:, :-1], header, self.settings.up_axis)
        if not header.axes:
            points[~(table[:, -1] > 0)] = np.nan
        row = [str(result.frame_index + 1), f'{result.time:.6f}']
        for point in points + 0.0:
            cells = [f'{value:.{digits}f}' for value in point]
            if np.isnan(point).any():
                cells = ['NaN'] * 3
            elif not header.axes:
                cells[2] = '0'
            row += cells
        return '\t'.join(row) + '\n'


class C3d(PerPerson):
    """The binary file of motion capture."""

    name, extension = 'c3d', '.c3d'
    packages, extra = ('ezc3d',), 'c3d'

    def write(self, path, header, frames):
        import ezc3d

        index = [KEYPOINT_IDS[name] for name in header.keypoints]
        written = []
        for track in tracks_of(frames):
            points = upwards(track.points, header, self.settings.up_axis)
            seen = np.isfinite(points).all(-1) & (track.scores > 0)
            points = np.where(seen[..., None], points, np.nan)[:, index]
            file = ezc3d.c3d()
            parameters = file['parameters']['POINT']
            parameters['LABELS']['value'] = list(header.keypoints)
            parameters['UNITS']['value'] = ['m' if header.axes else 'px']
            times = track.times
            rate = rate_of(len(times), np.ptp(times), header, self.settings)
            parameters['RATE']['value'] = [rate]
            homogeneous = np.ones((4, len(index), len(points)))
            homogeneous[:3] = points.transpose(2, 1, 0)
            file['data']['points'] = homogeneous
            residuals = np.where(seen[:, index].T, 0.0, -1.0)
            file['data']['meta_points']['residuals'] = residuals[None]
            written.append(self.file_of(path, track.track_id))
            with replaced(written[-1]) as temporary:
                file.write(temporary)
        return written


class Angles(Format):
    """All people in one table."""

    name, extension, measures = 'angles', '_angles.csv', True

    def write(self, path, header, frames):
        from ...biomechanics import MEASURES, posture

        names = self.settings.angles or tuple(MEASURES)
        people = ((r, p) for r in frames() for p in r.people)
        with replaced_text(path) as file:
            writer = csv.writer(file, lineterminator='\n')
            ends = ('', '.low', '.high', '.why')
            head = (name + end for name in names for end in ends)
            writer.writerow(['frame', 'time', 'id', *head])
            while block := list(islice(people, BLOCK)):
                points, scores = stacked([person for _, person in block])
                found = posture(points, scores, names, up_of(header))
                columns = []
                for series in found.values():
                    numbers = series.values, series.low, series.high
                    columns += [*map(texts, numbers), series.reasons]
                for (result, person), *row in zip(block, *columns):
                    place = result.frame_index, result.time, person.track_id
                    writer.writerow([*place, *row])
        return [path]


class Mot(PerPerson):
    """OpenSim's file of motions."""

    name, extension, measures = 'mot', '.mot', True

    def write(self, path, header, frames):
        from ...biomechanics import MEASURES, posture

        names = self.settings.angles or MEASURES
        names = [name for name in names if MEASURES[name].unit == 'deg']
        written = []
        for track in tracks_of(frames):
            found = posture(track.points, track.scores, names, up_of(header))
            columns = [texts(found[name].values, 'NaN') for name in names]
            times = [f'{time:.6f}' for time in track.times]
            lines = [
                f'{header.source} posture',
                'version=1',
                f'nRows={len(times)}',
                f'nColumns={len(names) + 1}',
                'inDegrees=yes',
                'endheader',
                *map('\t'.join, [('time', *names), *zip(times, *columns)]),
            ]
            written.append(self.file_of(path, track.track_id))
            write_text(written[-1], '\n'.join(lines) + '\n')
        return written


class Report(Format):
    """One page per clip with everybody in it."""

    name, extension, measures = 'report', '.html', True
    for_photographs, needs_identities = False, True
    packages, extra = ('jinja2', 'plotly'), 'report'

    def write(self, path, header, frames):
        from .report import page

        tracks = tracks_of(frames)
        write_text(path, page(tracks, header, self.settings, self.source))
        return [path]


def up_of(header: Header) -> tuple:
    """Where up is, in the axes of the points."""
    return (0, 1, 0) if header.axes == 'world' else (0, -1, 0)


def texts(values: np.ndarray, missing: str = '') -> list:
    """Numbers for a table: rounded, short, without a negative zero."""
    text = partial(np.format_float_positional, trim='-')
    short = rounded(values, DIGITS)
    return [missing if np.isnan(value) else text(value) for value in short]
