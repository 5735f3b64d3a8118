"""The 37 keypoints against the published table, written down once more."""

from spinepose_mmpose import metainfo as m

import numpy as np
import pytest
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo

# name, swap ('-' of the midline), type, joint weight, sigma
TABLE = """
0 nose - upper 1.0 0.026
1 left_eye right_eye upper 1.0 0.025
2 right_eye left_eye upper 1.0 0.025
3 left_ear right_ear upper 1.0 0.035
4 right_ear left_ear upper 1.0 0.035
5 left_shoulder right_shoulder upper 1.0 0.079
6 right_shoulder left_shoulder upper 1.0 0.079
7 left_elbow right_elbow upper 1.2 0.072
8 right_elbow left_elbow upper 1.2 0.072
9 left_wrist right_wrist upper 1.5 0.062
10 right_wrist left_wrist upper 1.5 0.062
11 left_hip right_hip lower 1.0 0.107
12 right_hip left_hip lower 1.0 0.107
13 left_knee right_knee lower 1.2 0.087
14 right_knee left_knee lower 1.2 0.087
15 left_ankle right_ankle lower 1.5 0.089
16 right_ankle left_ankle lower 1.5 0.089
17 head - upper 1.0 0.026
18 neck - upper 1.5 0.04
19 hip - lower 1.5 0.07
20 left_big_toe right_big_toe lower 1.2 0.079
21 right_big_toe left_big_toe lower 1.2 0.079
22 left_small_toe right_small_toe lower 1.2 0.079
23 right_small_toe left_small_toe lower 1.2 0.079
24 left_heel right_heel lower 1.2 0.079
25 right_heel left_heel lower 1.2 0.079
26 spine_01 - upper 1.2 0.10
27 spine_02 - upper 1.2 0.10
28 spine_03 - upper 1.2 0.10
29 spine_04 - upper 1.2 0.08
30 spine_05 - upper 1.2 0.08
31 left_latissimus right_latissimus upper 1.0 0.12
32 right_latissimus left_latissimus upper 1.0 0.12
33 left_clavicle right_clavicle upper 1.2 0.07
34 right_clavicle left_clavicle upper 1.2 0.07
35 neck_02 - upper 1.5 0.07
36 neck_03 - upper 1.5 0.06
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
COLORS = {
    (18, 35, 36): [36, 93, 48],
    (19,): [35, 161, 210],
    (26, 27, 28): [248, 144, 171],
    (29, 30): [194, 134, 91],
}
CHAIN = [36, 35, 18, 30, 29, 28, 27, 26, 19]
CENTRE, LEFT, RIGHT = [51, 153, 255], [0, 255, 0], [255, 128, 0]
# Of both sides the left one; the right one is its mirror image.
LEFT_LINKS = [
    (15, 13),
    (13, 11),
    (11, 19),
    (5, 7),
    (7, 9),
    (0, 1),
    (1, 3),
    (3, 5),
    (15, 20),
    (15, 22),
    (15, 24),
    (30, 33),
    (33, 5),
    (29, 31),
]
CENTRE_LINKS = [(17, 36), *zip(CHAIN, CHAIN[1:]), (1, 2), (17, 0)]


@pytest.fixture(scope='module')
def parsed():
    return parse_pose_metainfo(m.METAINFO)


def color_of(i):
    return next((c for ids, c in COLORS.items() if i in ids), [204, 51, 51])


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[1])
def test_keypoint(row, parsed):
    i, name, swap, part, weight, sigma = row
    i, weight, sigma = int(i), float(weight), float(sigma)
    assert m.METAINFO['keypoint_info'][i] == dict(
        name=name,
        id=i,
        color=color_of(i),
        type=part,
        swap='' if swap == '-' else swap,
    )
    assert m.KEYPOINT_NAMES[i] == name and m.KEYPOINT_IDS[name] == i
    assert m.METAINFO['joint_weights'][i] == m.JOINT_WEIGHTS[i] == weight
    assert m.METAINFO['sigmas'][i] == m.SIGMAS[i] == sigma
    assert list(m.KEYPOINT_COLORS[i]) == color_of(i)
    mirrored = i if swap == '-' else m.KEYPOINT_NAMES.index(swap)
    assert m.FLIP_INDICES[i] == parsed['flip_indices'][i] == mirrored


def test_there_are_37(parsed):
    assert len(ROWS) == m.NUM_KEYPOINTS == parsed['num_keypoints'] == 37
    assert list(m.METAINFO['keypoint_info']) == list(range(37))
    assert len(set(m.KEYPOINT_NAMES)) == 37
    assert m.METAINFO['dataset_name'] == 'spinetrack'


def test_flipping_twice_changes_nothing():
    flip = np.array(m.FLIP_INDICES)
    assert flip[flip].tolist() == list(range(37))
    assert sum(flip == range(37)) == 11


def test_parsed(parsed):
    assert [parsed['keypoint_id2name'][i] for i in range(37)] == [
        row[1] for row in ROWS
    ]
    for part in ('upper', 'lower'):
        assert parsed[f'{part}_body_ids'] == [
            int(row[0]) for row in ROWS if row[3] == part
        ]
    np.testing.assert_allclose(
        parsed['sigmas'], [float(row[5]) for row in ROWS]
    )
    np.testing.assert_allclose(
        parsed['dataset_keypoint_weights'], [float(row[4]) for row in ROWS]
    )
    assert parsed['keypoint_colors'].tolist() == [
        color_of(i) for i in range(37)
    ]
    assert {frozenset(pair) for pair in parsed['flip_pairs']} == {
        frozenset((i, j)) for i, j in enumerate(m.FLIP_INDICES) if i != j
    }


def test_skeleton(parsed):
    flip = m.FLIP_INDICES
    wanted = {frozenset(link): CENTRE for link in CENTRE_LINKS}
    for a, b in LEFT_LINKS:
        wanted[frozenset((a, b))] = LEFT
        wanted[frozenset((flip[a], flip[b]))] = RIGHT
    found = dict(
        zip(
            map(frozenset, parsed['skeleton_links']),
            parsed['skeleton_link_colors'].tolist(),
        )
    )
    assert found == wanted
    assert len(parsed['skeleton_links']) == len(found) == 39
    assert {link for link, _ in m.SKELETON} == set(m.BONES)


def test_spine_and_subsets():
    assert [m.KEYPOINT_IDS[name] for name in m.SPINE_CHAIN] == CHAIN
    assert [m.VERTEBRAE[name] for name in m.SPINE_CHAIN] == [
        'C1',
        'C3/C4',
        'C7',
        'T3',
        'T8',
        'T12/L1',
        'L3',
        'L5',
        'S1',
    ]
    assert {name: list(ids) for name, ids in m.SUBSETS.items()} == dict(
        body=list(range(17)),
        feet=list(range(20, 26)),
        spine=CHAIN,
        all=list(range(37)),
    )


def test_the_first_26_are_halpe26(parsed):
    halpe = parse_pose_metainfo(
        dict(from_file='configs/_base_/datasets/halpe26.py')
    )
    names = [halpe['keypoint_id2name'][i] for i in range(26)]
    assert list(m.KEYPOINT_NAMES[:26]) == names
    # Neck and hip are other points here (C7, the sacrum).
    same = [i for i in range(26) if names[i] not in ('neck', 'hip')]
    np.testing.assert_array_equal(parsed['sigmas'][same], halpe['sigmas'][same])
    assert parsed['flip_indices'][:26] == halpe['flip_indices']


def test_the_config_of_the_metainfo():
    """The file that published configs name, read as mmpose reads it."""
    from spinepose_mmpose.utils import config_file

    info = Config.fromfile(
        config_file('configs/_base_/datasets/spinetrack.py')
    ).dataset_info
    assert info.to_dict() == m.METAINFO
