"""A run that is killed in the middle and resumed equals one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from spinepose_mmpose.inference.formats import Header
from spinepose_mmpose.inference.pipeline import journal, stream
from spinepose_mmpose.inference.pipeline.clip import run_clip
from spinepose_mmpose.inference.pipeline.jobs import expand_inputs
from spinepose_mmpose.inference.pipeline.planning import plan_outputs
from spinepose_mmpose.inference.pipeline.settings import ClipSettings, Tools
from spinepose_mmpose.inference.results import FrameResult
from spinepose_mmpose.inference.smooth import OneEuroSmoother, smooth_tracks
from spinepose_mmpose.inference.track import Tracker
from spinepose_mmpose.inference.video import open_source, segments

import numpy as np
import pytest
from block_clips import RATE, BlockEstimator, make_clip

HERE = Path(__file__).parent
FRAMES = 40


def draw(image, result):
    for person in result.people:
        for x, y in person.keypoints.astype(int):
            image[min(y, 47), min(x, 63)] = (0, 0, 255)
    return image


class Killed(Exception):
    """Stands for the end of the process: nothing is tidied up after it."""


class DyingEstimator(BlockEstimator):
    """Dies in the batch that holds a frame."""

    def __init__(self, death):
        super().__init__()
        self.frames, self.death = 0, death

    def predict_batch(self, images, boxes, scores):
        self.frames += len(images)
        if self.death is not None and self.frames > self.death:
            raise Killed
        return super().predict_batch(images, boxes, scores)


def run(clip, folder, death=None, resume=False, offline=False, **settings):
    """Results of a clip, all formats; the estimator's calls."""
    (job,) = plan_outputs(
        expand_inputs([clip], False),
        str(folder / 'drawn.mp4'),
        str(folder / 'results'),
        ['openpose', 'json', 'csv', 'trc'],
    )
    estimator = DyingEstimator(death)
    tools = Tools(
        estimator,
        make_tracker=Tracker,
        make_smoother=(lambda: None) if offline else OneEuroSmoother,
        smooth_all=(lambda frames: smooth_tracks(frames)) if offline else None,
        draw=draw,
    )
    run_clip(
        open_source(clip),
        job,
        tools,
        ClipSettings(fingerprint={'--x': 1}, **settings),
        Header(rate=RATE, size=(64, 48)),
        resume=resume,
    )
    return estimator


def contents(folder):
    """Every visible file with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and '.spinepose' not in str(path)
    }


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp('clip') / 'walk.mp4', FRAMES)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(stream, 'STATE_PERIOD', 0)
    defaults = list(segments.SegmentedWriter.__init__.__defaults__)
    monkeypatch.setattr(
        segments.SegmentedWriter.__init__, '__defaults__', (8, *defaults[1:])
    )


@pytest.mark.parametrize(
    'death, offline, settings',
    [
        (0, False, {}),
        (13, False, {}),
        (13, False, dict(det_interval=5)),
        (39, False, dict(batch_frames=4)),
        (13, True, dict(det_interval=5)),
        (39, True, {}),
    ],
)
def test_every_output_is_the_same(tmp_path, clip, settings, death, offline):
    whole, again = tmp_path / 'whole', tmp_path / 'again'
    run(clip, whole, offline=offline, **settings)
    with pytest.raises(Killed):
        run(clip, again, death, offline=offline, **settings)
    estimator = run(clip, again, resume=True, offline=offline, **settings)
    expected = contents(whole)
    assert len(expected) == FRAMES + 4
    assert contents(again) == expected
    # What was done before was not done again: only what waited in queues.
    assert estimator.frames <= FRAMES - death + 12


def test_dying_twice(tmp_path, clip):
    run(clip, tmp_path / 'whole')
    for death, resume in ((11, False), (9, True)):
        with pytest.raises(Killed):
            run(clip, tmp_path / 'again', death, resume)
    run(clip, tmp_path / 'again', resume=True)
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')


def test_a_video_that_is_ahead_of_the_journal(tmp_path, clip, monkeypatch):
    """Pictures that were written behind the last state come once."""
    monkeypatch.setattr(stream, 'STATE_PERIOD', 1e9)
    run(clip, tmp_path / 'whole')
    with pytest.raises(Killed):
        run(clip, tmp_path / 'again', 30)
    parts = list((tmp_path / 'again').rglob('0000*.mp4'))
    estimator = run(clip, tmp_path / 'again', resume=True)
    assert parts and estimator.frames == FRAMES
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')


def test_killed_while_the_results_are_written(tmp_path, clip, monkeypatch):
    from spinepose_mmpose.inference.pipeline import clip as module

    def die(*_):
        raise Killed

    run(clip, tmp_path / 'whole')
    with monkeypatch.context() as patch:
        patch.setattr(module, 'write_csv', die)
        with pytest.raises(Killed):
            run(clip, tmp_path / 'again')
    estimator = run(clip, tmp_path / 'again', resume=True)
    assert estimator.frames == 0
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')


def test_other_settings_are_refused(tmp_path, clip):
    with pytest.raises(Killed):
        run(clip, tmp_path, 20)
    (job,) = plan_outputs(
        expand_inputs([clip], False), save_path=str(tmp_path / 'results')
    )
    with pytest.raises(ValueError, match='--x 1, this one has 2.*--overwrite'):
        journal.Journal.resume(job.work, {'--x': 2})


def test_a_journal_with_half_a_line_at_its_end(tmp_path):
    log = journal.Journal.create(str(tmp_path), Header(), {})
    log.append(FrameResult((), 0, 0.0), state={'a': 1})
    log.append(FrameResult((), 1, 0.1))
    log.close()
    with open(tmp_path / journal.JOURNAL, 'a') as file:
        file.write('[2, 0.2, "", [')
    log = journal.Journal.resume(str(tmp_path), {})
    assert log.state == {'a': 1} and log.last == (0, 0.0) and log.count == 1
    log.append(FrameResult((), 1, 0.1))
    assert [r.frame_index for r in log.results()] == [0, 1]
    assert [r.frame_index for r in log.results(after=0)] == [1]
    log.close()


def test_results_of_a_journal_are_those_that_were_appended(tmp_path):
    people = BlockEstimator().predict_batch(
        [np.zeros((48, 64, 3), np.uint8)],
        [np.float32([[1.23456, 2, 3, 4]])],
        [np.float32([0.123456])],
    )[0]
    log = journal.Journal.create(str(tmp_path), Header(size=(64, 48)), {})
    put = log.append(FrameResult(people, 7, 1 / 3, (64, 48), ''))
    (got,) = log.results()
    log.close()
    assert (got.frame_index, got.time, got.size) == (7, 1 / 3, (64, 48))
    assert np.array_equal(got.keypoints, put.keypoints)
    assert np.array_equal(got.people[0].bbox, put.people[0].bbox)
    assert got.people[0].bbox_score == put.people[0].bbox_score == 0.1235


def start(arguments, delay):
    paths = [str(HERE.parents[1]), str(HERE)]
    return subprocess.Popen(
        [sys.executable, str(HERE / 'block_run.py'), *arguments],
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join(paths),
            'BLOCK_DELAY': str(delay),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize('sent', [signal.SIGKILL, signal.SIGTERM])
def test_kill_and_resume(tmp_path, clip, sent):
    """The real thing: a process, a signal, the command again."""

    def arguments(folder):
        out = tmp_path / folder
        return [
            *('-i', clip, '-o', str(out / 'drawn.mp4')),
            *('-s', str(out / 'walk_json'), '--quiet'),
        ]

    whole = start(arguments('whole'), 0)
    assert whole.wait(60) == 0, whole.stderr.read()
    killed = start(arguments('again'), 0.15)
    state = tmp_path / 'again' / '.walk_json.spinepose' / journal.STATE
    deadline = time.monotonic() + 60
    while not (state.exists() and json.loads(state.read_text())['count'] > 5):
        assert time.monotonic() < deadline and killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(sent)
    said = killed.communicate()[1]
    if sent == signal.SIGTERM:
        assert killed.returncode == 130
        assert said == 'interrupted: the same command with --resume goes on\n'
    assert not (tmp_path / 'again' / 'drawn.mp4').exists()
    refused = start(arguments('again'), 0)
    assert refused.wait(60) == 1
    assert '--resume goes on with it' in refused.stderr.read()
    resumed = start([*arguments('again'), '--resume'], 0)
    assert resumed.wait(60) == 0, resumed.stderr.read()
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')
    assert len(contents(tmp_path / 'whole')) == FRAMES + 1
