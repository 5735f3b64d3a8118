"""TRC, the marker file of OpenSim and Pose2Sim, one file a person.

X to the right and Y upwards from the lower left corner of the picture, Z 0,
all in pixels (``Units`` is ``px``: OpenSim wants metres, so scale before use).
``Frame#`` is the frame's index in the source + 1, ``Time`` its time in
seconds. Rows run from the person's first to last frame; where the person, or a
point (score 0), is missing, the fields are empty.
"""

import contextlib
from fractions import Fraction
from typing import Callable, Dict, Iterable, Iterator, List, Tuple

import numpy as np

from ...utils import replaced
from ..results import FrameResult, Person
from .header import Header
from .rounding import PIXEL_DIGITS, triplets

UNITS = 'px'
# Files that are open at a time.
OPEN_FILES = 64
DEFAULT_RATE = Fraction(30)
Frames = Callable[[], Iterable[FrameResult]]


def trc_path(stem: str, track_id: int) -> str:
    """``walk`` -> ``walk_person1.trc``."""
    return f'{stem}_person{track_id}.trc'


def write_trc(stem: str, header: Header, frames: Frames) -> List[str]:
    """Write a file for every identity; each appears complete.

    Args:
        stem: path of the files up to ``_person1.trc``.
        frames: called several times, gives the frames anew each time.

    Returns:
        list[str]: the files.
    """
    extents = _extents(frames())
    ids, paths = sorted(extents), []
    for i in range(0, len(ids), OPEN_FILES):
        group = ids[i : i + OPEN_FILES]
        paths += [trc_path(stem, track_id) for track_id in group]
        _write_group(stem, header, frames(), {k: extents[k] for k in group})
    return paths


def read_trc(path: str) -> Tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """Read a file.

    Returns:
        tuple: header fields with ``Markers``, frame numbers (T,), times (T,)
        and coordinates (T, K, 3), nan where missing.

    Raises:
        ValueError: it is no TRC file.
    """
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\r\n').split('\t') for line in file]
    if len(lines) < 5 or lines[0][0] != 'PathFileType':
        raise ValueError(f'{path} is no TRC file')
    fields = dict(zip(lines[1], lines[2]))
    markers = [name for name in lines[3][2:] if name]
    rows = [row for row in lines[5:] if row[0]]
    numbers = [int(row[0]) for row in rows]
    times = [float(row[1]) for row in rows]
    values = np.array(
        [
            [float(v) if v else np.nan for v in row[2 : 2 + 3 * len(markers)]]
            for row in rows
        ]
    ).reshape(len(rows), len(markers), 3)
    fields['Markers'] = markers
    return fields, np.array(numbers), np.array(times), values


def _extents(frames: Iterable[FrameResult]) -> Dict[int, Tuple[int, int, int]]:
    """Identity -> position of its first and its last frame, index of the
    first. Without identities nobody has a file."""
    extents = {}
    for position, result in enumerate(frames):
        for person in result.people:
            if person.track_id is not None:
                first = extents.get(
                    person.track_id, (position, 0, result.frame_index)
                )
                extents[person.track_id] = (first[0], position, first[2])
    return extents


def _write_group(stem, header, frames, extents) -> None:
    with contextlib.ExitStack() as stack:
        files = {}
        for track_id, (first, last, index) in extents.items():
            path = trc_path(stem, track_id)
            temporary = stack.enter_context(replaced(path))
            files[track_id] = stack.enter_context(
                open(temporary, 'w', encoding='utf-8', newline='\n')
            )
            files[track_id].write(
                _head(path, header, last - first + 1, index + 1)
            )
        for position, result in enumerate(frames):
            people = {p.track_id: p for p in result.people}
            for track_id, (first, last, _) in extents.items():
                if first <= position <= last:
                    files[track_id].write(
                        _row(result, people.get(track_id), header)
                    )


def _head(path: str, header: Header, rows: int, start: int) -> str:
    rate = f'{float(header.rate or DEFAULT_RATE):.6g}'
    k = len(header.keypoints)
    lines = [
        [
            'PathFileType',
            '4',
            '(X/Y/Z)',
            path.replace('\\', '/').split('/')[-1],
        ],
        [
            'DataRate',
            'CameraRate',
            'NumFrames',
            'NumMarkers',
            'Units',
            'OrigDataRate',
            'OrigDataStartFrame',
            'OrigNumFrames',
        ],
        [rate, rate, str(rows), str(k), UNITS, rate, str(start), str(rows)],
        ['Frame#', 'Time', *(c for n in header.keypoints for c in (n, '', ''))],
        ['', '', *(f'{axis}{i + 1}' for i in range(k) for axis in 'XYZ')],
        [],
    ]
    return ''.join('\t'.join(line) + '\n' for line in lines)


def _row(result: FrameResult, person: Person, header: Header) -> str:
    height = header.size[1]
    return (
        '\t'.join(
            [
                str(result.frame_index + 1),
                f'{result.time or 0:.6f}',
                *_coordinates(person, height, len(header.keypoints)),
            ]
        )
        + '\n'
    )


def _coordinates(person: Person, height: int, k: int) -> Iterator[str]:
    if person is None:
        yield from [''] * (3 * k)
        return
    for x, y, score in triplets(person):
        if score > 0:
            yield f'{x:.{PIXEL_DIGITS}f}'
            yield f'{height - y:.{PIXEL_DIGITS}f}'
            yield '0'
        else:
            yield from ('', '', '')
