import json
import os
from fractions import Fraction

from spinepose_mmpose.inference.formats import (
    FORMATS,
    Header,
    movements,
    rounded_result,
)
from spinepose_mmpose.inference.results import FrameResult, Person
from spinepose_mmpose.inference.settings import Settings

import numpy as np
import pytest
from reading import read_csv, read_json_lines, read_openpose, read_trc

NAMES = ('nose', 'hip')
HEADER = Header('walk', NAMES, Fraction(30000, 1001), (100, 50), 'm', 'none')


def person(track_id, x=0.0, score=0.9):
    return Person(
        np.float32([[10 + x, 20], [30.12345, 40.5]]),
        np.float32([score, 0.123456]),
        np.float32([1, 2, 33.5, 44]),
        0.75,
        track_id,
        NAMES,
    )


def frames_of(*ids, rate=25, first=0, step=1):
    """A frame for each tuple of identities; person k moves by its frame."""
    return [
        rounded_result(
            FrameResult(
                tuple(person(k, x=i) for k in of_frame),
                first + i * step,
                (first + i * step) / rate,
                HEADER.size,
            )
        )
        for i, of_frame in enumerate(ids)
    ]


@pytest.fixture
def frames():
    """Person 1 in frames 0, 1, 3; person 7 in 1, 2; frame 2 is damaged."""
    results = frames_of([1], [1, 7], [], [1])
    results[2] = FrameResult((), 2, 0.08, HEADER.size, 'damaged')
    return results


def write(name, path, frames, header=HEADER, **settings):
    """Write the file of a format; gives the paths."""
    kind = FORMATS[name](Settings(**settings))
    return kind.write(str(path), header, lambda: iter(frames))


def same_person(a, b):
    assert np.array_equal(a.keypoints, b.keypoints)
    assert np.array_equal(a.scores, b.scores)
    assert a.track_id == b.track_id and a.names == b.names


def test_what_there_is():
    assert {name: kind.extension for name, kind in FORMATS.items()} == {
        'angles': '_angles.csv',
        'c3d': '.c3d',
        'csv': '.csv',
        'json': '.jsonl',
        'mot': '.mot',
        'openpose': '.json',
        'report': '.html',
        'trc': '.trc',
    }


@pytest.mark.parametrize('name', sorted(FORMATS))
def test_every_format_names_its_files_before_and_after(tmp_path, frames, name):
    kind = FORMATS[name](Settings(json_layout='pose2sim'))
    path = kind.target(str(tmp_path), 'walk', True, False)
    assert kind.existing(path, 'walk') == []
    os.makedirs(os.path.dirname(kind.sample(path, 'walk', True)), exist_ok=True)
    written = kind.write(path, HEADER, lambda: iter(frames))
    assert sorted(written) == sorted(kind.existing(path, 'walk'))
    found = [p for p in tmp_path.rglob('*') if p.is_file()]
    assert sorted(map(str, found)) == sorted(written)
    # Those of another clip are left alone.
    assert not kind.existing(
        kind.target(str(tmp_path), 'other', True, False), 'other'
    )


# --- OpenPose -----------------------------------------------------------------


def test_openpose_by_hand(tmp_path):
    path = tmp_path / 'a.json'
    write('openpose', path, [FrameResult((person(3), person(None)))])
    content = json.loads(path.read_text())
    assert content == {
        'version': 1.0,
        'people': [
            {
                'person_id': [track_id],
                'pose_keypoints_2d': [10.0, 20.0, 0.9, 30.123, 40.5, 0.1235],
            }
            for track_id in (3, -1)
        ],
        'keypoint_names': ['nose', 'hip'],
    }


def test_openpose_round_trip(tmp_path, frames):
    paths = write('openpose', tmp_path, frames)
    assert [os.path.basename(path) for path in paths] == [
        f'frame_{i:05d}.json' for i in range(4)
    ]
    for a, b in zip(read_openpose(paths[1]), frames[1].people, strict=True):
        same_person(a, b)
    assert list(read_openpose(paths[2])) == []


def test_openpose_files_of_a_clip_are_told_from_others(tmp_path):
    for name in (
        *('frame_00007.json', 'frame_100000.json', 'frame_0007.json'),
        *('walk_000007.json', 'walk2_000007.json', 'frame_a.json'),
    ):
        (tmp_path / name).write_text('{}')
    for layout, expected in (
        ('client', ['frame_00007.json', 'frame_100000.json']),
        ('pose2sim', ['walk_000007.json']),
    ):
        kind = FORMATS['openpose'](Settings(json_layout=layout))
        found = kind.existing(str(tmp_path), 'walk')
        assert [os.path.basename(path) for path in found] == expected


# --- JSON Lines and CSV -------------------------------------------------------


def test_json_lines_round_trip(tmp_path, frames):
    (path,) = write('json', tmp_path / 'a.jsonl', frames)
    header, read = read_json_lines(path)
    assert header == HEADER
    for a, b in zip(read, frames, strict=True):
        assert (a.frame_index, a.time, a.error) == (
            b.frame_index,
            b.time,
            b.error,
        )
        for one, other in zip(a.people, b.people, strict=True):
            same_person(one, other)
            assert np.array_equal(one.bbox, other.bbox)
    lines = [json.loads(line) for line in open(path)]
    assert lines[0]['rate'] == '30000/1001'
    assert lines[1]['people'][0]['keypoints']['hip'] == [30.123, 40.5, 0.1235]


def test_csv_round_trip(tmp_path, frames):
    (path,) = write('csv', tmp_path / 'a.csv', frames)
    rows = list(read_csv(path))
    assert [(frame, p.track_id) for frame, _, p in rows] == [
        (0, 1),
        (1, 1),
        (1, 7),
        (3, 1),
    ]
    assert [time for _, time, _ in rows] == [0.0, 0.04, 0.04, 0.12]
    same_person(rows[3][2], frames[3].people[0])


def test_csv_in_pandas(tmp_path, frames):
    pandas = pytest.importorskip('pandas')
    (path,) = write('csv', tmp_path / 'a.csv', frames)
    table = pandas.read_csv(path)
    assert table.shape == (4, 8 + 6)
    assert table['hip.x'].tolist() == [30.123] * 4
    assert table[table.id == 1]['nose.x'].tolist() == [10, 11, 13]


# --- TRC ----------------------------------------------------------------------


def test_trc_by_hand(tmp_path, frames):
    paths = write('trc', tmp_path / 'walk.trc', frames)
    assert [os.path.basename(path) for path in paths] == [
        'walk_person1.trc',
        'walk_person7.trc',
    ]
    assert open(paths[0]).read().split('\n') == [
        'PathFileType\t4\t(X/Y/Z)\twalk_person1.trc',
        'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t'
        'OrigDataStartFrame\tOrigNumFrames',
        '25\t25\t4\t2\tpx\t25\t1\t4',
        'Frame#\tTime\tnose\t\t\thip\t\t',
        '\t\tX1\tY1\tZ1\tX2\tY2\tZ2',
        '',
        # Height 50: y 20 from the top is 30 from the bottom.
        '1\t0.000000\t10.000\t30.000\t0\t30.123\t9.500\t0',
        '2\t0.040000\t11.000\t30.000\t0\t30.123\t9.500\t0',
        '3\t0.080000\tNaN\tNaN\tNaN\tNaN\tNaN\tNaN',
        '4\t0.120000\t13.000\t30.000\t0\t30.123\t9.500\t0',
        '',
    ]
    _, numbers, times, values = read_trc(paths[1])
    assert numbers.tolist() == [2] and times.tolist() == [0.04]
    assert values[0, 0].tolist() == [11, 30, 0]


def test_trc_leaves_out_points_without_score(tmp_path):
    frame = FrameResult((person(1, score=0.0),), 0, 0.0, HEADER.size)
    (path,) = write('trc', tmp_path / 'a.trc', [frame])
    _, _, _, values = read_trc(path)
    assert np.isnan(values[0, 0]).all() and values[0, 1, 0] > 0


@pytest.mark.parametrize(
    'rate, times, stride, said',
    [
        (Fraction(30), [0, 1 / 30, 2 / 30], 1, '30'),
        (Fraction(30), [0, 0.1, 0.2], 3, '10'),
        (Fraction(30000, 1001), [0, 0.033, 0.067], 1, '29.97'),  # Matroska
        (Fraction(60000, 1001), [0, 0.04, 0.08, 0.12], 1, '25'),
        (Fraction(25), [0], 1, '25'),
        (None, [0, 1 / 30], 1, '30'),
    ],
)
def test_trc_says_the_rate_of_its_rows(tmp_path, rate, times, stride, said):
    frames = [
        FrameResult((person(1),), i * stride, time, HEADER.size)
        for i, time in enumerate(times)
    ]
    header = Header('walk', NAMES, rate, HEADER.size)
    (path,) = write('trc', tmp_path / 'a.trc', frames, header, stride=stride)
    fields = read_trc(path)[0]
    assert fields['DataRate'] == fields['CameraRate'] == said
    assert fields['NumFrames'] == str(len(times))


def test_trc_of_more_people_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr(movements, 'OPEN_FILES', 2)
    people = tuple(person(k) for k in range(1, 6))
    frame = FrameResult(people, 0, 0.0, HEADER.size)
    paths = write('trc', tmp_path / 'a.trc', [frame])
    assert [os.path.basename(path) for path in paths] == [
        f'a_person{k}.trc' for k in range(1, 6)
    ]
    for path in paths:
        assert read_trc(path)[3].shape == (1, 2, 3)


def test_trc_in_opensim(tmp_path):
    """The person, and the last marker, are missing for a frame."""
    opensim = pytest.importorskip('opensim')
    frames = frames_of([1], [], [1], [1])
    hidden = frames[2].people[0]
    hidden.scores[1] = 0
    (path,) = write('trc', tmp_path / 'a.trc', frames)
    table = opensim.TimeSeriesTableVec3(path)
    assert (table.getNumRows(), table.getNumColumns()) == (4, 2)
    assert list(table.getColumnLabels()) == list(NAMES)
    assert table.getTableMetaDataString('DataRate') == '25'
    column = table.getDependentColumn('hip')
    seen = [column[i].get(0) for i in range(4)]
    np.testing.assert_allclose(seen, [30.123, np.nan, np.nan, 30.123])
