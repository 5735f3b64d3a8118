"""Formats of frames: OpenPose, JSON Lines and CSV. docs/inference.md shows
them, docs/tutorials/lifting.md what lifting adds. Pixels of the frame, metres
in 3D, and seconds from the start of the source.

Readers of OpenPose's files take the last list of a person; the rest is for the
curious. Somebody without an identity has the ``person_id`` [-1], null or
nothing; somebody without a place in 3D an empty list, null or nothing. JSON
Lines have an ``error`` where a frame could not be read; a frame without people
has no row in CSV.
"""

import csv
import json
import os
import re
from typing import List, Sequence

import numpy as np

from ...utils import replaced_text, write_text
from ..results import FrameResult, Person
from . import Format, Header, box_values, score_value, table_of

# Layout -> file of a frame: that of the ``spinepose`` client, and the one that
# Pose2Sim's documents show (the last number is the frame).
LAYOUTS = {
    'client': 'frame_{index:05d}.json',
    'pose2sim': '{stem}_{index:06d}.json',
}
FIXED = ('frame', 'time', 'id', 'box.x1', 'box.y1', 'box.x2', 'box.y2',
         'box.score')  # fmt: skip


class Csv(Format):
    """All frames in one table."""

    name, extension = 'csv', '.csv'

    def write(self, path, header, frames):
        with replaced_text(path) as file:
            writer = csv.writer(file, lineterminator='\n')
            writer.writerow(columns(header.keypoints, bool(header.axes)))
            for result in frames():
                writer.writerows(_row(result, p) for p in result.people)
        return [path]


def columns(names: Sequence[str], lifted: bool = False) -> List[str]:
    """Names of the columns for some keypoints."""
    groups = [('x', 'y', 'score'), ('X', 'Y', 'Z')][: 1 + lifted]
    parts = [f'{name}.{p}' for group in groups for name in names for p in group]
    return [*FIXED, *parts]


def _row(result: FrameResult, person: Person) -> list:
    """Values of the columns; csv leaves None empty."""
    lifted = []
    if person.keypoints_3d is not None:
        points = table_of(person, True) or [[None] * 4] * len(person.names)
        lifted = [value for point in points for value in point[:3]]
    return [
        result.frame_index,
        result.time,
        person.track_id,
        *box_values(person),
        score_value(person.bbox_score),
        *(value for point in table_of(person) for value in point),
        *lifted,
    ]


class JsonLines(Format):
    """All frames in one file."""

    name, extension = 'json', '.jsonl'

    def write(self, path, header, frames):
        first = {'format': 'spinepose-mmpose', 'version': 1}
        with replaced_text(path) as file:
            file.write(json.dumps({**first, **header.to_json()}) + '\n')
            for result in frames():
                file.write(json.dumps(frame_record(result)) + '\n')
        return [path]


def frame_record(result: FrameResult) -> dict:
    """A frame as plain values."""
    people = []
    for person in result.people:
        values = {
            'id': person.track_id,
            'box': box_values(person),
            'box_score': score_value(person.bbox_score),
            'keypoints': dict(zip(person.names, table_of(person))),
        }
        if person.keypoints_3d is not None:
            points = [point[:3] for point in table_of(person, True)]
            values['keypoints_3d'] = dict(zip(person.names, points)) or None
        people.append(values)
    record = dict(frame=result.frame_index, time=result.time, people=people)
    return {**record, 'error': result.error} if result.error else record


def frame_result(record: dict, header: Header) -> FrameResult:
    """The frame of a record."""
    people = tuple(
        person_of([*p['keypoints'].values()], p['keypoints'], p['box'],
                  p['box_score'], p['id'])
        for p in record['people']
    )  # fmt: skip
    place = record['frame'], record['time']
    return FrameResult(people, *place, header.size, record.get('error', ''))


def person_of(points, names, box, box_score: float, track_id) -> Person:
    """A person from plain values, ``points`` being (K, 3) or flat."""
    points = np.reshape(np.float32(points), (-1, 3))
    xy, scores, box = points[:, :2].copy(), points[:, 2].copy(), np.float32(box)
    return Person(xy, scores, box, box_score, track_id, tuple(names))


class OpenPose(Format):
    """A file for a photograph, a folder of files for a clip."""

    name, extension, in_one_file = 'openpose', '.json', False

    def target(self, folder, name, is_clip, alone):
        if not is_clip:
            return super().target(folder, name, is_clip, alone)
        if self.settings.json_layout == 'client':
            return folder if alone else os.path.join(folder, name)
        if alone and 'json' in os.path.basename(os.path.normpath(folder)):
            return folder
        return os.path.join(folder, f'{name}_json')

    def existing(self, path, name):
        if not os.path.isdir(path):
            return super().existing(path, name)
        parts = re.escape(self._file_of('\0', 99999)).split('99999')
        pattern = r'\d{5,}'.join(parts).replace('\0', re.escape(name))
        names = (n for n in os.listdir(path) if re.fullmatch(pattern, n))
        return [os.path.join(path, name) for name in sorted(names)]

    def sample(self, path, name, is_clip):
        return os.path.join(path, self._file_of(name, 0)) if is_clip else path

    def write(self, path, header, frames):
        written = []
        for result in frames():
            file = path
            if result.time is not None:  # of a clip
                name = self._file_of(header.source, result.frame_index)
                file = os.path.join(path, name)
            content = dict(
                version=1.0,
                people=[_openpose_person(p) for p in result.people],
                keypoint_names=list(header.keypoints),
            )
            write_text(file, json.dumps(content))
            written.append(file)
        return written

    def _file_of(self, stem: str, index: int) -> str:
        layout = LAYOUTS[self.settings.json_layout]
        return layout.format(stem=stem, index=index)


def _openpose_person(person: Person) -> dict:
    values = {
        'person_id': [-1 if person.track_id is None else person.track_id],
        'pose_keypoints_2d': np.ravel(table_of(person)).tolist(),
    }
    if person.keypoints_3d is not None:
        values['pose_keypoints_3d'] = np.ravel(table_of(person, True)).tolist()
    return values
