"""Read the files of results again, by what their formats promise."""

import csv
import json

from spinepose_mmpose.inference.formats import Header
from spinepose_mmpose.inference.formats.tables import (
    FIXED,
    columns,
    frame_result,
    person_of,
)

import numpy as np


def read_csv(path):
    """(frame, time, person) of every row."""
    with open(path, encoding='utf-8', newline='') as file:
        head, *rows = csv.reader(file)
    names = [name[:-2] for name in head[len(FIXED) :: 3]]
    assert head == columns(names)
    for frame, time, track_id, *values in rows:
        *box, score = map(float, values[:5])
        track_id = int(track_id) if track_id else None
        points = [float(value) for value in values[5:]]
        person = person_of(points, names, box, score, track_id)
        yield int(frame), float(time) if time else None, person


def read_json_lines(path):
    """Header and frames."""
    with open(path, encoding='utf-8') as file:
        header, *records = map(json.loads, file)
    assert (header['format'], header['version']) == ('spinepose-mmpose', 1)
    header = Header.from_json(header)
    return header, [frame_result(record, header) for record in records]


def read_openpose(path):
    """People of a file; boxes are those around the keypoints."""
    with open(path, encoding='utf-8') as file:
        content = json.load(file)
    assert set(content) == {'version', 'people', 'keypoint_names'}
    for person in content['people']:
        points = np.reshape(person['pose_keypoints_2d'], (-1, 3))
        box = [*points[:, :2].min(axis=0), *points[:, :2].max(axis=0)]
        (track_id,) = person['person_id']
        track_id = None if track_id < 0 else track_id
        names = content['keypoint_names']
        yield person_of(points, names, box, 1.0, track_id)


def read_trc(path):
    """Header fields with ``Markers``, frame numbers (T,), times (T,) and
    coordinates (T, K, 3)."""
    with open(path, encoding='utf-8') as file:
        lines = [line.rstrip('\n').split('\t') for line in file]
    assert lines[0][:3] == ['PathFileType', '4', '(X/Y/Z)']
    fields = dict(zip(lines[1], lines[2]))
    fields['Markers'] = [name for name in lines[3][2:] if name]
    table = np.array(lines[6:], dtype=float)
    values = table[:, 2:].reshape(len(table), len(fields['Markers']), 3)
    return fields, table[:, 0].astype(int), table[:, 1], values
