"""JSON Lines: a header, then one object per frame.

Header: ``{"format": "spinepose-mmpose", "version": 1, "source", "keypoints",
"rate", "size", "model", "licence"}``. Frame: ``{"frame": 0, "time": 0.0,
"people": [{"id": 1, "box": [x1, y1, x2, y2], "box_score": 0.9, "keypoints":
{"nose": [x, y, score], ...}}]}``, and ``"error"`` where the frame could not be
read. Pixels of the frame, seconds from the start of the source. With lifting
the header has ``"axes"`` (``world`` or ``camera``) and people have
``"keypoints_3d": {"nose": [x, y, z], ...}`` in metres, null for somebody
without a place in 3D.
"""

import json

import numpy as np

from ...utils import replaced
from ..results import FrameResult, Person
from . import (
    Format,
    Header,
    box_values,
    quadruplets,
    score_value,
    triplets,
)

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
    for values, person in zip(record['people'], result.people):
        if person.keypoints_3d is not None:
            points = [point[:3] for point in quadruplets(person)]
            named = dict(zip(person.names, points)) or None
            values['keypoints_3d'] = named
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


def person_of(points, box, box_score: float, track_id, names) -> Person:
    """A person from plain values, ``points`` being (K, 3) or flat."""
    table = np.asarray(points, np.float32).reshape(-1, 3)
    return Person(
        keypoints=table[:, :2].copy(),
        scores=table[:, 2].copy(),
        bbox=np.asarray(box, np.float32),
        bbox_score=box_score,
        track_id=track_id,
        names=tuple(names),
    )
