"""The command line with a real network."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.inference import SpinePoseEstimator
from spinepose_mmpose.inference.cli import main
from spinepose_mmpose.inference.video import open_source

import cv2
import numpy as np
import pytest
from block_clips import make_clip
from reading import read_csv, read_openpose

BOXES = [[2, 4, 30, 44], [20, 2, 60, 40]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('SPINEPOSE_DETECTOR', raising=False)
    make_clip('walk.mp4', 4)
    with open('boxes.json', 'w') as file:
        json.dump({str(i): BOXES for i in range(4)}, file)
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, '--quiet'])
    assert stop.value.code == 0, stop.value.code


def test_numbers_of_a_video_are_those_of_the_estimator(folder, tiny_onnx):
    given = ['--model', tiny_onnx, '--boxes', 'boxes.json', '--no-tracking']
    run('-i', 'walk.mp4', '-s', 'out', '-o', 'a.mp4', *given)
    estimator = SpinePoseEstimator(model=tiny_onnx, detector=None)
    for frame in open_source('walk.mp4').frames():
        keypoints, scores = estimator(frame.image, np.float32(BOXES))
        people = read_openpose(f'out/frame_{frame.index:05d}.json')
        for person, xy, score in zip(people, keypoints, scores, strict=True):
            assert np.abs(person.keypoints - xy).max() <= 0.5e-3 + 1e-5
            assert np.abs(person.scores - score).max() <= 0.5e-4 + 1e-5


def test_one_batch_for_several_frames_gives_the_same(folder, tiny_onnx):
    given = ['--model', tiny_onnx, '--boxes', 'boxes.json', '--nosmooth']
    run('-i', 'walk.mp4', '-s', 'a.csv', *given)
    run('-i', 'walk.mp4', '-s', 'b.csv', '--batch-frames', '4', *given)
    for (i, _, a), (j, _, b) in zip(
        read_csv('a.csv'), read_csv('b.csv'), strict=True
    ):
        assert i == j and a.track_id == b.track_id
        assert np.abs(a.keypoints - b.keypoints).max() < 0.01


def test_photographs_without_a_detector(folder, tiny_onnx, people_image):
    cv2.imwrite('photo.png', people_image)
    run('-i', 'photo.png', '-s', 'a.json', '--model', tiny_onnx, '--detector', 'none')  # fmt: skip  # noqa: E501
    (person,) = read_openpose('a.json')
    assert person.keypoints.shape == (37, 2)


def test_real_images(folder, tiny_onnx, sample_dir, detector_file):
    given = ['--model', tiny_onnx, '--detector', str(detector_file)]
    run('-i', str(sample_dir), '-s', 'out', '-o', 'drawn', *given)
    images = sorted(p.stem for p in sample_dir.glob('*.jpg'))
    made = sorted(p.stem for p in (folder / 'out').glob('*.json'))
    assert (
        made
        == images
        == sorted(p.stem for p in (folder / 'drawn').glob('*.jpg'))
    )
    for stem in images:
        assert any(True for _ in read_openpose(f'out/{stem}.json')), stem
        drawn = cv2.imread(f'drawn/{stem}.jpg')
        assert drawn.shape == cv2.imread(str(sample_dir / f'{stem}.jpg')).shape


def test_the_module_runs_without_torch(folder, tiny_onnx):
    """python -m spinepose_mmpose, in a process that has no torch."""
    shutil.copy(tiny_onnx, 'model.onnx')
    program = (
        'import sys\n'
        'sys.modules["torch"] = sys.modules["mmpose"] = None\n'
        'import runpy\n'
        'runpy.run_module("spinepose_mmpose", run_name="__main__")\n'
    )
    given = '-i walk.mp4 -s a.csv --model model.onnx --detector none -q'
    done = subprocess.run(
        [sys.executable, '-c', program, *given.split()],
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(read_csv('a.csv'))) == 4


def test_a_model_that_does_not_exist(folder):
    with pytest.raises(SystemExit) as stop:
        main(['-i', 'walk.mp4', '-s', 'a.csv', '--model', 'none.onnx'])
    assert 'none.onnx' in stop.value.code
    assert len(stop.value.code.splitlines()) == 1
