"""Leeds Sports Pose in SpineTrack's layout."""

import json
import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.datasets.convert import (
    JOINTS,
    is_mirrored,
    lsp_to_spinetrack,
    mean_oks,
    read_joints,
)
from spinepose_mmpose.metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SIGMAS,
)

import cv2
import numpy as np
import pytest
from scipy.io import savemat

TOOL = Path(__file__).parents[2] / 'tools/dataset_tools/lsp_to_spinetrack.py'
W, H = 160, 120


def person():
    """(14, 2): somebody who stands, seen from the front (right is left)."""
    return np.float64(
        [
            (60, 100), (60, 80), (62, 60), (78, 60), (80, 80), (80, 100),
            (50, 58), (52, 44), (58, 30), (82, 30), (88, 44), (90, 58),
            (70, 28), (70, 10),
        ]
    )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """joints.mat of four people, the second without wrists, and images."""
    images = tmp_path / 'images'
    images.mkdir()
    joints = np.ones((14, 3, 4))
    for i in range(4):
        joints[:, :2, i] = person() + i
        cv2.imwrite(
            str(images / f'im{i + 1:04d}.jpg'), np.zeros((H, W, 3), np.uint8)
        )
    joints[[6, 11], :, 1] = -5, -5, 0
    savemat(tmp_path / 'joints.mat', {'joints': joints})
    savemat(tmp_path / 'old.mat', {'joints': joints.transpose(1, 0, 2)})
    return tmp_path


def teacher_file(swapped=(), exact=True):
    """What a teacher found: the second person as guesses alone."""
    annotations, images = [], []
    for i in range(4):
        points = np.zeros((37, 3))
        for name, xy in zip(JOINTS, person() + i + (0 if exact else 40)):
            if name in KEYPOINT_IDS:
                points[KEYPOINT_IDS[name]] = *xy, 2
        if i in swapped:
            points = points[list(FLIP_INDICES)]
        guesses = {}
        if i == 1:
            guesses = {
                KEYPOINT_NAMES[k]: points[k, :2].tolist()
                for k in np.flatnonzero(points[:, 2])
            }
            points[:] = 0
        images.append(dict(id=i + 9, file_name=f'im{i + 1:04d}.jpg'))
        annotations.append(
            dict(
                id=i,
                image_id=i + 9,
                bbox=[1, 1, 9, 9],
                keypoints=points.ravel().tolist(),
                guesses=guesses,
            )
        )
    return dict(images=images, annotations=annotations)


def points_of(annotation):
    return np.reshape(annotation['keypoints'], (-1, 3))


@pytest.mark.parametrize('name', ['joints.mat', 'old.mat'])
def test_both_sets(files, name):
    joints = read_joints(files / name)
    assert joints.shape == (4, 14, 2)
    np.testing.assert_allclose(joints[2], person() + 2)
    assert np.isnan(joints[1, [6, 11]]).all()
    assert np.isnan(joints).sum() == 4


def test_the_layout(files):
    joints = read_joints(files / 'joints.mat')
    dataset, notes = lsp_to_spinetrack(joints, files / 'images')
    assert notes == dict(exchanged=[], unlabelled=[], unchecked=[])
    assert dataset['categories'][0]['keypoints'] == list(KEYPOINT_NAMES)
    assert dataset['images'][0] == dict(
        id=1, file_name='im0001.jpg', width=W, height=H
    )
    first, second = dataset['annotations'][:2]
    points = points_of(first)
    assert points[KEYPOINT_IDS['left_wrist']].tolist() == [90, 58, 2]
    assert points[KEYPOINT_IDS['head']].tolist() == [70, 10, 2]
    assert not points[KEYPOINT_IDS['neck']].any()
    assert first['num_keypoints'] == 13
    assert second['num_keypoints'] == 11
    assert not points_of(second)[KEYPOINT_IDS['left_wrist']].any()
    # 40 x 90 pixels of joints and 12 % on each side, cut to the image.
    np.testing.assert_allclose(first['bbox'], (45.2, 0, 49.6, 110.8))
    assert first['area'] == pytest.approx(49.6 * 110.8 / 2)


def test_a_thin_person_has_a_margin(files):
    joints = read_joints(files / 'joints.mat')
    joints[0, :, 0] = 70
    dataset, _ = lsp_to_spinetrack(joints, files / 'images')
    # 5 % of the height of 90 pixels.
    assert dataset['annotations'][0]['bbox'][2] == 9


def test_mirrored_labels_are_exchanged(files):
    joints = read_joints(files / 'joints.mat')
    plain, _ = lsp_to_spinetrack(joints, files / 'images')
    dataset, notes = lsp_to_spinetrack(
        joints, files / 'images', teacher_file(swapped=(1, 2))
    )
    assert notes['exchanged'] == ['im0002.jpg', 'im0003.jpg']
    assert dataset['info']['exchanged'] == notes['exchanged']
    for i, (before, after) in enumerate(
        zip(plain['annotations'], dataset['annotations'])
    ):
        order = list(FLIP_INDICES) if i in (1, 2) else slice(None)
        np.testing.assert_allclose(points_of(after), points_of(before)[order])
    # A test set's labels do not depend on the teacher.
    _, notes = lsp_to_spinetrack(
        joints, files / 'images', teacher_file(swapped=(1, 2)), num_checked=2
    )
    assert notes['exchanged'] == ['im0002.jpg']


def test_a_teacher_that_is_elsewhere_changes_nothing(files):
    teacher = teacher_file(swapped=(0, 1, 2), exact=False)
    teacher['images'][3]['file_name'] = 'another.jpg'
    _, notes = lsp_to_spinetrack(
        read_joints(files / 'joints.mat'), files / 'images', teacher
    )
    assert notes['exchanged'] == []
    assert notes['unchecked'] == ['im0004.jpg']


def test_limits_of_an_exchange():
    """One limb joint pair, 10 pixels apart, and a teacher in between."""
    ids = [KEYPOINT_IDS[f'{side}_knee'] for side in ('left', 'right')]
    keypoints = np.zeros((37, 3))
    keypoints[ids] = (0, 5, 2), (10, 5, 2)
    annotation = dict(keypoints=keypoints.ravel().tolist(), area=100.0)

    def found(x):
        points = np.full((37, 2), np.nan)
        points[ids] = (x, 5), (10 - x, 5)
        return points

    sigma = SIGMAS[ids[0]]
    expected = np.exp(-(4**2) / (2 * 100 * (2 * sigma) ** 2))
    assert mean_oks(keypoints, 100.0, found(4)) == pytest.approx(expected)
    assert not is_mirrored(annotation, found(4))
    assert is_mirrored(annotation, found(9))
    assert not is_mirrored(annotation, found(13))  # both are bad
    annotation['area'] = 2000.0  # both are good, 0.83 and 0.80, 0.98 and 0.55
    assert not is_mirrored(annotation, found(5.1))
    assert is_mirrored(annotation, found(8.5))
    assert mean_oks(keypoints, 100.0, found(np.nan)) == 0


def test_unlabelled_people_are_left_out(files):
    joints = read_joints(files / 'joints.mat')
    joints[3] = np.nan
    dataset, notes = lsp_to_spinetrack(joints, files / 'images')
    assert len(dataset['images']) == 4 and len(dataset['annotations']) == 3
    assert notes['unlabelled'] == ['im0004.jpg']


class TestTool:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def call(*arguments):
            monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(TOOL), run_name='__main__')
            return end.value.code, capsys.readouterr().out

        return call

    def test_writes_both_parts(self, command, files):
        teacher = files / 'teacher.json'
        teacher.write_text(json.dumps(teacher_file(swapped=(0, 3))))
        arguments = (
            files / 'joints.mat', files / 'images', files / 'lsp.json',
            '--split', 3, '--teacher', teacher,
        )  # fmt: skip
        code, printed = command(*arguments)
        assert code == 0
        assert 'lsp_train.json: 3 people' in printed
        assert '1 person had left and right exchanged' in printed
        test = json.loads((files / 'lsp_test.json').read_text())
        assert [i['file_name'] for i in test['images']] == ['im0004.jpg']
        assert [a['image_id'] for a in test['annotations']] == [4]
        train = json.loads((files / 'lsp_train.json').read_text())
        assert [i['id'] for i in train['images']] == [1, 2, 3]
        assert test['categories'] == train['categories']
        assert 'exists; give --overwrite' in command(*arguments)[0]

    def test_says_that_it_did_not_look(self, command, files):
        code, printed = command(
            files / 'old.mat', files / 'images', files / 'lsp.json'
        )
        assert code == 0 and 'were not looked for' in printed

    @pytest.mark.parametrize(
        'break_it, message',
        [
            (lambda f: (f / 'images/im0001.jpg').unlink(), 'holds 3 images'),
            (
                lambda f: (f / 'images/im0001.jpg').write_bytes(b'no'),
                'im0001.jpg cannot be read as an image',
            ),
            (lambda f: (f / 'joints.mat').unlink(), 'no such file'),
            (lambda f: (f / 'joints.mat').write_bytes(b'x' * 200), 'MATLAB'),
            (
                lambda f: savemat(f / 'joints.mat', {'joints': np.ones(3)}),
                r'shape \(1, 3\)',
            ),
        ],
    )
    def test_wrong_input(self, command, files, break_it, message):
        import re

        break_it(files)
        code, _ = command(
            files / 'joints.mat', files / 'images', files / 'lsp.json'
        )
        assert re.search(message, code) and '\n' not in code

    def test_wrong_split(self, command, files):
        code, _ = command(
            files / 'joints.mat', files / 'images', files / 'lsp.json',
            '--split', 4,
        )  # fmt: skip
        assert '--split is 4, a number from 1 to 3' in code
