"""TRC, the marker file of OpenSim and Pose2Sim, one file per person.

X to the right and Y upwards from the lower left corner of the image, Z 0, all
in pixels (``Units`` is ``px``: OpenSim wants metres, so scale before use). With
lifting metres (``Units`` is ``m``), upwards the axis that the settings name.
``Frame#`` is the frame's index in the source + 1, ``Time`` its time in
seconds. Rows run from the person's first to last frame; what is missing, the
person or a point (score 0), is NaN. ``DataRate`` is that of the rows.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Dict, Optional

import numpy as np

from ...utils import replaced
from ..results import FrameResult, Person
from . import (
    METRE_DIGITS,
    PIXEL_DIGITS,
    Frames,
    Header,
    quadruplets,
    triplets,
)
from .per_person import DEFAULT_RATE, ROUNDING, PerPerson

FIELDS = ('DataRate', 'CameraRate', 'NumFrames', 'NumMarkers', 'Units',
          'OrigDataRate', 'OrigDataStartFrame', 'OrigNumFrames')  # fmt: skip
# Files that are open at a time.
OPEN_FILES = 64


class Trc(PerPerson):
    """A file for every identity, ``NAME_person1.trc``."""

    name, extension = 'trc', '.trc'

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        rate = (header.rate or DEFAULT_RATE) / self.settings.stride
        tracks = sorted(_tracks(frames).items())
        written = [self.file_of(path, track_id) for track_id, _ in tracks]
        for i in range(0, len(tracks), OPEN_FILES):
            group = dict(tracks[i : i + OPEN_FILES])
            _write_group(
                group,
                written[i:],
                header,
                float(rate),
                frames,
                self.settings.up_axis,
            )
        return written


@dataclass
class MarkerSpan:
    """Where somebody is first and last seen: frame, seconds, and how many
    frames that are."""

    first: int
    begin: float
    last: int = 0
    end: float = 0.0
    rows: int = 0

    def rate(self, nominal: float) -> float:
        """Rows per second: the nominal rate, unless times say otherwise."""
        seconds = self.end - self.begin
        if abs(seconds - (self.rows - 1) / nominal) <= ROUNDING:
            return nominal
        return (self.rows - 1) / seconds


def _tracks(frames: Frames) -> Dict[int, MarkerSpan]:
    """Identity -> its extent. Without identities nobody has a file."""
    tracks: Dict[int, MarkerSpan] = {}
    begins: Dict[int, int] = {}
    for position, result in enumerate(frames()):
        for track_id in (person.track_id for person in result.people):
            if track_id is None:
                continue
            if track_id not in tracks:
                begins[track_id] = position
                tracks[track_id] = MarkerSpan(result.frame_index, result.time)
            track = tracks[track_id]
            track.last, track.end = result.frame_index, result.time
            track.rows = position - begins[track_id] + 1
    return tracks


def _write_group(
    tracks: Dict[int, MarkerSpan],
    paths,
    header: Header,
    rate: float,
    frames: Frames,
    up_axis: str = 'y',
) -> None:
    with ExitStack() as stack:
        files = {}
        for (track_id, track), path in zip(tracks.items(), paths):
            temporary = stack.enter_context(replaced(path))
            file = stack.enter_context(
                open(temporary, 'w', encoding='utf-8', newline='\n')
            )
            file.write(_head(path, header, track, rate))
            files[track_id] = file
        for result in frames():
            people = {person.track_id: person for person in result.people}
            for track_id, track in tracks.items():
                if track.first <= result.frame_index <= track.last:
                    person = people.get(track_id)
                    files[track_id].write(_row(result, person, header, up_axis))


def _head(path: str, header: Header, track: MarkerSpan, nominal: float) -> str:
    rate, k = f'{track.rate(nominal):.6g}', len(header.keypoints)
    rows, start = str(track.rows), str(track.first + 1)
    units = 'm' if header.axes else 'px'
    lines = [
        ['PathFileType', '4', '(X/Y/Z)', os.path.basename(path)],
        FIELDS,
        [rate, rate, rows, str(k), units, rate, start, rows],
        ['Frame#', 'Time', *(c for n in header.keypoints for c in (n, '', ''))],
        ['', '', *(f'{axis}{i + 1}' for i in range(k) for axis in 'XYZ')],
        [],
    ]
    return ''.join('\t'.join(line) + '\n' for line in lines)


def _row(
    result: FrameResult,
    person: Optional[Person],
    header: Header,
    up_axis: str,
) -> str:
    row = [str(result.frame_index + 1), f'{result.time:.6f}']
    if header.axes:
        points = _metres(person, header, up_axis)
    else:
        points = _pixels(person, header)
    for point in points:
        row += ['NaN'] * 3 if point is None else point
    return '\t'.join(row) + '\n'


def _pixels(person: Optional[Person], header: Header) -> list:
    """[x, y, z] of each keypoint as texts, None where it is missing."""
    if person is None:
        return [None] * len(header.keypoints)
    height = header.size[1]
    return [
        [f'{x:.{PIXEL_DIGITS}f}', f'{height - y:.{PIXEL_DIGITS}f}', '0']
        if score > 0
        else None
        for x, y, score in triplets(person)
    ]


def _metres(person: Optional[Person], header: Header, up_axis: str) -> list:
    """The same in 3D; the camera's axes are turned upwards."""
    points = quadruplets(person) if person else []
    if not points:
        return [None] * len(header.keypoints)
    points = np.array(points)[:, :3]
    if header.axes == 'camera':
        points = points * [1, -1, -1]
    if up_axis == 'z':
        points = points[:, [0, 2, 1]] * [1, -1, 1]
    return [[f'{v:.{METRE_DIGITS}f}' for v in p] for p in points + 0.0]
