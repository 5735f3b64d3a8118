import csv
import json

from spinepose_mmpose.datasets.annotations import People, find_sets
from spinepose_mmpose.datasets.statistics import (
    CHAIN,
    _outlines,
    keypoint_shares,
    people_per_image,
    pose_clusters,
    spine_angles,
    spread,
    write_statistics,
)
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import cv2
import numpy as np
import pytest
from generated_set import person_keypoints, write_set
from matplotlib.figure import Figure


def people_of(keypoints, image_rows=None):
    keypoints = np.asarray(keypoints, float)
    count = len(keypoints)
    low, high = (f(keypoints[..., :2], axis=1) for f in (np.min, np.max))
    return People(
        np.arange(count),
        keypoints,
        np.concatenate([low, high - low], axis=1),
        (high - low).prod(axis=1),
        np.arange(count) if image_rows is None else np.array(image_rows),
        np.full((count, 2), 1000.0),
    )


def test_shares():
    keypoints = np.zeros((4, 37, 3))
    keypoints[:2, 5, 2], keypoints[2, 5, 2] = 2, 1
    shares = keypoint_shares(people_of(keypoints))
    assert [shares[k][5] for k in shares] == [0.5, 0.25, 0.25]
    assert [shares[k][6] for k in shares] == [0, 0, 1]


def chain_person(points):
    keypoints = np.zeros((37, 3))
    keypoints[CHAIN] = np.column_stack([points, np.full(9, 2)])
    return keypoints


def test_spine_angles():
    """From the top: four steps straight down, then a turn by 30 degrees at
    the fifth point, to the right in the image (anticlockwise: negative)."""
    down, aside = np.array([0.0, 10]), 10 * np.array([0.5, np.sqrt(0.75)])
    steps = [down] * 4 + [aside] * 4
    points = np.cumsum([np.zeros(2), *steps], axis=0)
    inclination, turns = spine_angles(people_of([chain_person(points)]))
    np.testing.assert_allclose(turns, [[0, 0, 0, -30, 0, 0, 0]], atol=1e-9)
    # Sacrum to C7, the third point: 2 down and 4 aside steps.
    dx, dy = -4 * 5, -(20 + 4 * 10 * np.sqrt(0.75))
    assert inclination == pytest.approx([np.degrees(np.arctan2(dx, -dy))])


def test_inclination_goes_round():
    """Upside down is 180 degrees, lying to the right 90."""
    upright = np.column_stack([np.zeros(9), np.arange(9) * 10.0])
    for angle in (0, 45, 90, -120):
        a = np.radians(angle)
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        found, turns = spine_angles(people_of([chain_person(upright @ turn.T)]))
        assert found == pytest.approx([angle])
        np.testing.assert_allclose(turns, 0, atol=1e-9)


def test_spines_with_a_gap_are_not_counted():
    person = chain_person(np.column_stack([np.zeros(9), np.arange(9)]))
    person[KEYPOINT_IDS['spine_03'], 2] = 0
    inclination, turns = spine_angles(people_of([person]))
    assert len(inclination) == 0 and turns.shape == (0, 7)


def test_people_per_image():
    people = people_of(np.zeros((6, 37, 3)), [0, 0, 0, 4, 5, 5])
    np.testing.assert_array_equal(people_per_image(people), [3, 1, 2])
    assert len(people_per_image(people_of(np.zeros((0, 37, 3))))) == 0


def test_spread():
    found = spread([*range(101), np.nan])
    assert (found['count'], found['mean']) == (101, 50)
    assert (found['p5'], found['p50'], found['p99']) == (5, 50, 99)
    assert spread([]) == dict(count=0)


def test_clusters_find_two_poses():
    """Upright and upside down, 30 and 10 of them, anywhere and of any size."""
    rng = np.random.default_rng(0)
    poses = []
    for i in range(40):
        person = person_keypoints(0.3, rng.uniform(100, 500), 0, 0)
        if i % 4 == 0:
            person[:, 1] *= -1
        person[:, :2] += rng.uniform(0, 500, 2) + rng.normal(0, 1, (37, 2))
        poses.append(person)
    clusters = pose_clusters(people_of(poses), 2)
    assert clusters.sizes.tolist() == [30, 10] and clusters.compared == 40
    head = clusters.means[:, KEYPOINT_IDS['head']]
    assert head[0, 1] < -0.3 and head[1, 1] > 0.3  # above, below the sacrum
    np.testing.assert_allclose(
        clusters.means[:, KEYPOINT_IDS['hip']], 0, atol=1e-9
    )
    assert [int(t) % 4 == 0 for t in clusters.typical] == [False, True]


def test_clusters_leave_out_people_without_enough_points():
    poses = np.stack([person_keypoints(0.1, 200, 9, 9) for _ in range(3)])
    poses[0, KEYPOINT_IDS['hip']] = 0
    clusters = pose_clusters(people_of(poses), 5)
    assert clusters.compared == 2 and 0 not in clusters.typical
    poses[:, :, 2] = 0
    assert pose_clusters(people_of(poses), 5).compared == 0


def test_report(tmp_path):
    root = write_set(tmp_path / 'set', {'train-x': 30, 'val2017': 9})
    data_set = find_sets(root)[0]
    content = json.loads(data_set.ann_file.read_text())
    content['annotations'][0]['bbox'] = [0, 0, 0, 0]
    content['annotations'][1]['keypoints'] = []
    data_set.ann_file.write_text(json.dumps(content))
    out = tmp_path / 'out'
    found = write_statistics(str(out), find_sets(root), 3)
    read = json.loads((out / 'statistics.json').read_text())
    assert read['clusters'] == found['clusters']
    assert found['left_out'] == {'train-x': 2, 'val2017': 0}
    assert found['splits']['all']['people'] == 37
    assert sum(c['people'] for c in found['clusters']) == 37
    assert found['splits']['val2017']['keypoints']['nose'] == dict(
        visible=1, hidden=0, unlabelled=0
    )
    for name in ('keypoints', 'sizes', 'spine', 'clusters'):
        assert min(cv2.imread(str(out / f'{name}.png')).shape[:2]) > 200
    with open(out / 'keypoints.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 37 and rows[0]['keypoint'] == 'nose'
    page = (out / 'index.html').read_text()
    assert 'Left out, with unusable labels: 2' in page
    pictures = sorted(p.name for p in (out / 'clusters').iterdir())
    assert pictures == ['01.jpg', '02.jpg', '03.jpg']


def test_nobody(tmp_path):
    root = write_set(tmp_path / 'set', {'val2017': 0})
    with pytest.raises(ValueError, match='no usable person in val2017'):
        write_statistics(str(tmp_path / 'out'), find_sets(root))


def test_clusters_of_people_who_all_lack_a_point():
    poses = np.stack([person_keypoints(0.1 * i, 200, 9, 9) for i in range(6)])
    poses[:, KEYPOINT_IDS['head']] = 0
    clusters = pose_clusters(people_of(poses), 2)
    assert clusters.sizes.sum() == 6
    assert np.isnan(clusters.means[:, KEYPOINT_IDS['head']]).all()


def test_outlines_are_percent_of_each_split():
    splits = {
        name: people_of([person_keypoints(0.1, 100 * h, 9, 9) for h in heights])
        for name, heights in dict(few=[1, 1, 1, 3], many=[1] * 9).items()
    }
    axes = Figure().subplots()
    edges = np.array([0, 200, 400])
    _outlines(axes, splits, lambda people: people.boxes[:, 3], edges)
    found = {p.get_label(): p.get_data().values.tolist() for p in axes.patches}
    assert found == dict(few=[75, 25], many=[100, 0])
