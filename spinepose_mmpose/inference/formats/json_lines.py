"""JSON Lines: a header, then one object per frame.

Header: ``{"format": "spinepose-mmpose", "version": 1, "source", "keypoints",
"rate", "size", "model", "licence"}``. Frame: ``{"frame": 0, "time": 0.0,
"people": [{"id": 1, "box": [x1, y1, x2, y2], "box_score": 0.9, "keypoints":
{"nose": [x, y, score], ...}}]}``, and ``"error"`` where the frame could not be
read. Pixels of the frame, seconds from the start of the source.
"""

import json
from typing import Iterator, Tuple

from ...utils import replaced
from ..results import FrameResult
from . import Format, Header, box_values, person_of, score_value, triplets

FORMAT, VERSION = 'spinepose-mmpose', 1


class JsonLines(Format):
    """All frames in one file."""

    name, extension = 'json', '.jsonl'

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        with (
            replaced(path) as temporary,
            open(temporary, 'w', encoding='utf-8', newline='\n') as file,
        ):
            first = {'format': FORMAT, 'version': VERSION, **header.to_json()}
            file.write(json.dumps(first) + '\n')
            for result in frames():
                file.write(json.dumps(frame_record(result)) + '\n')
        return [path]


def frame_record(result: FrameResult) -> dict:
    """A frame as plain values."""
    record = {
        'frame': result.frame_index,
        'time': result.time,
        'people': [
            {
                'id': p.track_id,
                'box': box_values(p),
                'box_score': score_value(p.bbox_score),
                'keypoints': dict(zip(p.names, triplets(p))),
            }
            for p in result.people
        ],
    }
    if result.error:
        record['error'] = result.error
    return record


def frame_result(record: dict, header: Header) -> FrameResult:
    """The frame of a record."""
    return FrameResult(
        people=tuple(
            person_of(
                list(p['keypoints'].values()),
                p['box'],
                p['box_score'],
                p['id'],
                p['keypoints'],
            )
            for p in record['people']
        ),
        frame_index=record['frame'],
        time=record['time'],
        size=header.size,
        error=record.get('error', ''),
    )


def read_json_lines(path: str) -> Tuple[Header, Iterator[FrameResult]]:
    """Header and frames, the latter one by one.

    Raises:
        ValueError: the file has another layout.
    """
    with open(path, encoding='utf-8') as file:
        header = _loaded(path, file.readline())
    if not isinstance(header, dict) or header.get('format') != FORMAT:
        raise ValueError(f'{path} is no JSON Lines file of {FORMAT}')
    header = Header.from_json(header)

    def frames() -> Iterator[FrameResult]:
        with open(path, encoding='utf-8') as file:
            file.readline()
            for line in file:
                yield frame_result(_loaded(path, line), header)

    return header, frames()


def _loaded(path: str, line: str):
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is no JSON Lines file, or cut off') from error
