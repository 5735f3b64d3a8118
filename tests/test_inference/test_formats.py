import json
from fractions import Fraction

from spinepose_mmpose.inference.formats import (
    BoxFile,
    Header,
    frame_file,
    frame_files,
    read_csv,
    read_json_lines,
    read_openpose,
    read_trc,
    rounded_result,
    write_csv,
    write_json_lines,
    write_openpose,
    write_trc,
)
from spinepose_mmpose.inference.results import FrameResult, Person

import numpy as np
import pytest

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


@pytest.fixture
def frames():
    """Person 1 in frames 0, 1, 3; person 7 in 1, 2; frame 2 is damaged."""
    people = [[1], [1, 7], [], [1]]
    results = [
        FrameResult(tuple(person(k, x=i) for k in ids), i, i / 25, HEADER.size)
        for i, ids in enumerate(people)
    ]
    results[2] = FrameResult((), 2, 0.08, HEADER.size, 'damaged')
    return [rounded_result(result) for result in results]


def same_person(a, b):
    assert np.array_equal(a.keypoints, b.keypoints)
    assert np.array_equal(a.scores, b.scores)
    assert a.track_id == b.track_id and a.names == b.names


def test_openpose_by_hand(tmp_path):
    path = tmp_path / 'a.json'
    write_openpose(path, FrameResult((person(3), person(None))), NAMES)
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
    path = tmp_path / 'a.json'
    write_openpose(path, frames[1], NAMES)
    for a, b in zip(read_openpose(path), frames[1].people):
        same_person(a, b)
    write_openpose(path, FrameResult(), NAMES)
    assert list(read_openpose(path)) == []


@pytest.mark.parametrize('content', ['[]', '{}', '{"people": [1]}'])
def test_openpose_of_another_layout(tmp_path, content):
    path = tmp_path / 'a.json'
    path.write_text(content)
    with pytest.raises(ValueError, match='is no OpenPose JSON'):
        list(read_openpose(path))


def test_names_of_frame_files(tmp_path):
    assert frame_file('client', 'walk', 7) == 'frame_00007.json'
    assert frame_file('pose2sim', 'walk', 7) == 'walk_000007.json'
    for name in ('frame_00007.json', 'frame_100000.json', 'walk_000007.json'):
        (tmp_path / name).write_text('{}')
    (tmp_path / 'frame_a.json').write_text('{}')
    client = frame_files(str(tmp_path), 'client', 'walk')
    assert sorted(p.rsplit('/')[-1] for p in client) == [
        'frame_00007.json',
        'frame_100000.json',
    ]
    assert len(frame_files(str(tmp_path), 'pose2sim', 'walk')) == 1


def test_json_lines_round_trip(tmp_path, frames):
    path = str(tmp_path / 'a.jsonl')
    write_json_lines(path, HEADER, frames)
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


def test_json_lines_of_another_layout(tmp_path):
    path = tmp_path / 'a.jsonl'
    for content in ('', '{}\n', 'x'):
        path.write_text(content)
        with pytest.raises(ValueError, match='JSON Lines'):
            read_json_lines(str(path))


def test_csv_round_trip(tmp_path, frames):
    path = str(tmp_path / 'a.csv')
    write_csv(path, HEADER, frames)
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
    path = str(tmp_path / 'a.csv')
    write_csv(path, HEADER, frames)
    table = pandas.read_csv(path)
    assert table.shape == (4, 8 + 6)
    assert table['hip.x'].tolist() == [30.123] * 4
    assert table[table.id == 1]['nose.x'].tolist() == [10, 11, 13]


def test_trc_by_hand(tmp_path, frames):
    paths = write_trc(str(tmp_path / 'walk'), HEADER, lambda: frames)
    assert [p.rsplit('/')[-1] for p in paths] == [
        'walk_person1.trc',
        'walk_person7.trc',
    ]
    lines = open(paths[0]).read().split('\n')
    assert lines == [
        'PathFileType\t4\t(X/Y/Z)\twalk_person1.trc',
        'DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t'
        'OrigDataStartFrame\tOrigNumFrames',
        '29.97\t29.97\t4\t2\tpx\t29.97\t1\t4',
        'Frame#\tTime\tnose\t\t\thip\t\t',
        '\t\tX1\tY1\tZ1\tX2\tY2\tZ2',
        '',
        # Height 50: y 20 from the top is 30 from the bottom.
        '1\t0.000000\t10.000\t30.000\t0\t30.123\t9.500\t0',
        '2\t0.040000\t11.000\t30.000\t0\t30.123\t9.500\t0',
        '3\t0.080000\t\t\t\t\t\t',
        '4\t0.120000\t13.000\t30.000\t0\t30.123\t9.500\t0',
        '',
    ]


def test_trc_round_trip(tmp_path, frames):
    paths = write_trc(str(tmp_path / 'walk'), HEADER, lambda: frames)
    fields, numbers, times, values = read_trc(paths[0])
    assert fields['Markers'] == list(NAMES) and fields['NumFrames'] == '4'
    assert numbers.tolist() == [1, 2, 3, 4]
    assert times.tolist() == [0.0, 0.04, 0.08, 0.12]
    assert np.isnan(values[2]).all()
    assert values[3, 0].tolist() == [13, 30, 0]
    _, numbers, _, values = read_trc(paths[1])
    assert numbers.tolist() == [2] and values.shape == (1, 2, 3)


def test_trc_leaves_out_points_without_score(tmp_path):
    frame = FrameResult((person(1, score=0.0),), 0, 0.0, HEADER.size)
    (path,) = write_trc(str(tmp_path / 'a'), HEADER, lambda: [frame])
    _, _, _, values = read_trc(path)
    assert np.isnan(values[0, 0]).all() and values[0, 1, 0] > 0


def test_trc_of_more_people_than_files_may_be_open(tmp_path, monkeypatch):
    monkeypatch.setattr('spinepose_mmpose.inference.formats.trc.OPEN_FILES', 2)
    people = tuple(person(k) for k in range(1, 6))
    frame = FrameResult(people, 0, 0.0, HEADER.size)
    paths = write_trc(str(tmp_path / 'a'), HEADER, lambda: [frame])
    assert len(paths) == 5
    for path in paths:
        assert read_trc(path)[3].shape == (1, 2, 3)


@pytest.mark.parametrize(
    'name, content',
    [
        ('a.csv', 'frame,x1,y1,x2,y2\n0,1,2,3,4\n0,5,6,7,8\n4,1,1,2,2\n'),
        ('a.csv', 'frame,box.x1,box.y1,box.x2,box.y2,time\n'
         '0,1,2,3,4,0\n0,5,6,7,8,0\n4,1,1,2,2,1\n'),
        ('a.json', '{"0": [[1,2,3,4],[5,6,7,8]], "4": [[1,1,2,2]]}'),
    ],
)  # fmt: skip
def test_boxes_by_frame(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    boxes = BoxFile(str(path))
    assert boxes[0][0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert boxes[0][1].tolist() == [1, 1]
    assert boxes[4][0].tolist() == [[1, 1, 2, 2]]
    assert boxes[1][0].shape == (0, 4)


def test_boxes_by_image_with_scores(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('image,x1,y1,x2,y2,score\nin/a.jpg,1,2,3,4,0.5\n')
    boxes, scores = BoxFile(str(path))['a.jpg']
    assert boxes.tolist() == [[1, 2, 3, 4]] and scores.tolist() == [0.5]


@pytest.mark.parametrize(
    'name, content, said',
    [
        ('a.csv', 'x,y\n1,2\n', 'its columns are x, y'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0,5,5,1,1\n', 'x2 <= x1'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0,a,5,1,1\n', 'could not convert'),
        ('a.json', '[[1, 2, 3, 4]]', 'no object'),
        ('a.json', '{"0": [[1, 2, 3]]}', 'a box has 3 numbers'),
        ('a.json', '{"0": [[1, 2', 'delimiter'),
        ('a.csv', '', 'its columns are none'),
    ],
)
def test_boxes_of_another_layout(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=said) as error:
        BoxFile(str(path))
    assert str(path) in str(error.value) and 'expected is' in str(error.value)
