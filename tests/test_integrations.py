"""The set-up files for Pose2Sim, Sports2D and OpenSim."""

import sys
from pathlib import Path
from xml.etree import ElementTree

from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES
from spinepose_mmpose.metainfo import MARKERS as IN_PELVIS

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / 'integrations'
sys.path.insert(0, str(FOLDER))
import write_setup  # noqa: E402


def test_files_are_those_that_the_tables_give():
    for name, content in write_setup.FILES.items():
        assert (FOLDER / name).read_text(encoding='utf-8') == content(), name


def test_names_as_pose2sim_pairs_them():
    """What begins with L or R is one side of a pair."""
    names = list(write_setup.NAMES.values())
    assert len(set(names)) == len(KEYPOINT_NAMES)
    assert {'Hip', 'Neck', 'LBigToe', 'RHip', 'Spine03'} <= set(names)
    for name in names:
        if name[0] in 'LR':
            assert {'L': 'R', 'R': 'L'}[name[0]] + name[1:] in names


@pytest.mark.parametrize('program', ['pose2sim', 'sports2d'])
def test_skeleton(program):
    tomllib = pytest.importorskip('tomllib')
    text = (FOLDER / f'skeleton_{program}.toml').read_text()
    root = tomllib.loads(text)['pose']['SPINETRACK']
    root = root[0] if program == 'sports2d' else root
    found = {}

    def walk(node):
        found[node['name']] = node['id']
        for child in node.get('children', []):
            walk(child)

    walk(root)
    eyes_and_ears = {KEYPOINT_IDS[n] for n in KEYPOINT_NAMES[1:5]}
    assert set(found.values()) == set(range(37)) - eyes_and_ears
    for name, index in found.items():
        assert write_setup.NAMES[KEYPOINT_NAMES[index]] == name


def test_markers_lie_as_in_the_metainfo():
    """Differences between markers of one body are those of the table."""
    table = write_setup.markers()
    for body, first, second in (
        ('torso', 'spine_05', 'neck'),
        ('torso', 'left_shoulder', 'right_latissimus'),
        ('pelvis', 'hip', 'right_hip'),
    ):
        ends = [table[name] for name in (first, second)]
        assert {own for own, _, _ in ends} == {body}
        assert np.subtract(ends[0][1], ends[1][1]) == pytest.approx(
            np.subtract(IN_PELVIS[first], IN_PELVIS[second]), abs=1e-3
        )


def test_set_up_files_name_markers_of_the_set():
    def read(name):
        return ElementTree.parse(FOLDER / name).getroot()

    found = read('Markers_SpineTrack.xml').iter('Marker')
    markers = {marker.get('name') for marker in found}
    tasks = read('IK_Setup_Pose2Sim_SpineTrack.xml').iter('IKMarkerTask')
    assert {task.get('name') for task in tasks} == markers
    pairs = read('Scaling_Setup_Pose2Sim_SpineTrack.xml').iter('markers')
    assert {name for pair in pairs for name in pair.text.split()} <= markers
