"""A run that is killed in the middle and resumed equals one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from spinepose_mmpose.inference import estimator as estimator_module
from spinepose_mmpose.inference import stream
from spinepose_mmpose.inference.cli import parse_args, run_command
from spinepose_mmpose.inference.formats import FORMATS

import pytest
from block_clips import BlockEstimator, make_clip

HERE = Path(__file__).parent
FRAMES = 40


class Killed(Exception):
    """Stands for the end of the process: nothing is tidied up after it."""


class DyingEstimator(BlockEstimator):
    """Dies in the batch that holds a frame."""

    frames, death = 0, None

    def predict_batch(self, images, boxes, scores):
        type(self).frames += len(images)
        if self.death is not None and self.frames > self.death:
            raise Killed
        return super().predict_batch(images, boxes, scores)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp('clip') / 'walk.mp4', FRAMES)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(stream, 'STATE_PERIOD', 0)
    monkeypatch.setattr(os, 'fsync', lambda _: None)
    monkeypatch.setattr(estimator_module, 'SpinePoseEstimator', DyingEstimator)


def run(clip, folder, *options, death=None):
    """All outputs of a clip; how many frames were estimated."""
    DyingEstimator.frames, DyingEstimator.death = 0, death
    arguments = ['-i', str(clip), '-s', f'{folder}/', '-o', f'{folder}/a.mp4']
    arguments += ['--save-format', 'csv,json,openpose,trc', '--quiet']
    code = run_command(parse_args([*arguments, *options]), {})
    assert code == 0
    return DyingEstimator.frames


def contents(folder):
    """Every visible file with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and '.spinepose' not in str(path)
    }


@pytest.mark.parametrize(
    'death, options',
    [
        (0, []),
        (13, ['--det-interval', '1']),
        (13, ['--det-interval', '5']),
        (13, ['--det-interval', '0.2', '--stride', '2']),
        (39, ['--batch-frames', '4']),
        (13, ['--smooth', 'offline']),
        (39, ['--smooth', 'offline', '--no-ids']),
        (5, ['--start', '0.5', '--nosmooth']),
    ],
)
def test_every_output_is_the_same(tmp_path, clip, options, death):
    whole, again = tmp_path / 'whole', tmp_path / 'again'
    count = run(clip, whole, *options)
    death = min(death, count - 1)
    with pytest.raises(Killed):
        run(clip, again, *options, death=death)
    rest = run(clip, again, *options, '--resume')
    expected = contents(whole)
    assert len(expected) == count + 4
    assert contents(again) == expected
    # What was done before was not done again: only what waited in queues.
    assert rest <= count - death + 12


@pytest.mark.parametrize('extension', ['.mkv', '.avi', '.webm'])
def test_drawings_of_other_kinds_are_the_same(tmp_path, clip, extension):
    whole, again = tmp_path / f'a{extension}', tmp_path / f'b{extension}'
    run(clip, tmp_path / 'w', '-o', str(whole))
    with pytest.raises(Killed):
        run(clip, tmp_path / 'r', '-o', str(again), death=20)
    run(clip, tmp_path / 'r', '-o', str(again), '--resume')
    assert again.read_bytes() == whole.read_bytes()


def test_dying_twice(tmp_path, clip):
    run(clip, tmp_path / 'whole')
    for death, options in ((11, []), (9, ['--resume'])):
        with pytest.raises(Killed):
            run(clip, tmp_path / 'again', *options, death=death)
    run(clip, tmp_path / 'again', '--resume')
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')


def test_killed_while_the_results_are_written(tmp_path, clip, monkeypatch):
    def die(*_):
        raise Killed

    run(clip, tmp_path / 'whole')
    with monkeypatch.context() as patch:
        patch.setattr(FORMATS['csv'], 'write', die)
        with pytest.raises(Killed):
            run(clip, tmp_path / 'again')
    assert run(clip, tmp_path / 'again', '--resume') == 0
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')


# --- what was there before ----------------------------------------------------


def test_what_is_finished_is_left(tmp_path, clip):
    run(clip, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    assert run(clip, tmp_path, '--resume') == 0
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')} == before


def test_an_output_that_was_deleted_is_missed(tmp_path, clip):
    run(clip, tmp_path)
    expected = contents(tmp_path)
    for name in ('walk.csv', 'frame_00007.json', 'walk_person1.trc'):
        (tmp_path / name).unlink()
        assert run(clip, tmp_path, '--resume') == FRAMES
        assert contents(tmp_path) == expected


def test_a_format_more(tmp_path, clip):
    run(clip, tmp_path)
    assert run(clip, tmp_path, '--resume', '--save-format', 'json') == 0
    assert len(list(tmp_path.glob('.spinepose/*'))) == 1


@pytest.mark.parametrize('death', [None, 20])
@pytest.mark.parametrize(
    'options, said',
    [
        (['--det-interval', '3'], '--det-interval was not given, and is 3 now'),
        (['--min-cutoff', '2'], '--min-cutoff was not given, and is 2.0 now'),
        (['--end', '1'], '--end was not given'),
    ],
)
def test_other_options_are_refused(tmp_path, clip, death, options, said):
    try:
        run(clip, tmp_path, death=death)
    except Killed:
        pass
    with pytest.raises(ValueError, match=f'{said}.*--overwrite'):
        run(clip, tmp_path, '--resume', *options)


@pytest.mark.parametrize('options', [['--spine-only'], ['--labels']])
def test_options_of_files_matter_once_they_are_there(tmp_path, clip, options):
    with pytest.raises(Killed):
        run(clip, tmp_path, death=20)
    run(clip, tmp_path, '--resume', *options)
    with pytest.raises(ValueError, match=f'{options[0]} was True, and is'):
        run(clip, tmp_path, '--resume')


@pytest.mark.parametrize('death', [None, 20])
def test_another_input_is_refused(tmp_path, clip, death):
    changed = tmp_path / 'walk.mp4'
    changed.write_bytes(Path(clip).read_bytes())
    try:
        run(changed, tmp_path / 'out', death=death)
    except Killed:
        pass
    make_clip(changed, FRAMES + 1)
    with pytest.raises(ValueError, match='the input is not what it was'):
        run(changed, tmp_path / 'out', '--resume')
    # A copy is the same input.
    changed.write_bytes(Path(clip).read_bytes())
    run(changed, tmp_path / 'out', '--resume')


def test_other_boxes_are_refused(tmp_path, clip):
    boxes = tmp_path / 'boxes.json'
    for x, options in ((9, []), (10, ['--resume'])):
        boxes.write_text(json.dumps({'0': [[1, 2, x, 9]]}))
        given = [*options, '--boxes', str(boxes)]
        if not options:
            run(clip, tmp_path / 'out', *given)
            continue
        with pytest.raises(ValueError, match='file of boxes is not what it'):
            run(clip, tmp_path / 'out', *given)


def test_results_of_which_nothing_is_known(tmp_path, clip):
    (tmp_path / 'walk.csv').write_text('mine')
    with pytest.raises(ValueError, match='no record of how it was made'):
        run(clip, tmp_path, '--resume')
    assert (tmp_path / 'walk.csv').read_text() == 'mine'


def test_only_recorded_files_are_removed(tmp_path, clip):
    """A shorter clip leaves frames and people of the longer one behind."""
    run(clip, tmp_path)
    mine = ('walk_personal.trc', 'walk_person9.trc', 'frame_00099.json')
    for name in mine:
        (tmp_path / name).write_text('mine')
    run(clip, tmp_path, '--overwrite', '--end', '10f')
    assert sorted(contents(tmp_path)) == sorted(
        [
            *mine,
            *('a.mp4', 'walk.csv', 'walk.jsonl', 'walk_person1.trc'),
            *(f'frame_{i:05d}.json' for i in range(10)),
        ]
    )
    assert (tmp_path / 'walk_person9.trc').read_text() == 'mine'


@pytest.mark.parametrize('end', ['.json', '.jsonl'])
@pytest.mark.parametrize(
    'damage',
    [
        b'',
        b'[]',
        b'\xff\x00garbage',
        b'{"version": 1}',
        b'{"facts": {"results": 1}}',
        None,
    ],
)
def test_a_damaged_record_is_not_gone_on_with(
    tmp_path, clip, capsys, end, damage
):
    run(clip, tmp_path / 'whole')
    with pytest.raises(Killed):
        run(clip, tmp_path / 'again', death=20)
    (path,) = (tmp_path / 'again' / '.spinepose').glob(f'*{end}')
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    assert run(clip, tmp_path / 'again', '--resume') == FRAMES
    said = capsys.readouterr().err
    assert said.count('\n') == 1
    assert 'cannot be read; the work starts afresh' in said
    assert contents(tmp_path / 'again') == contents(tmp_path / 'whole')
    # Once is enough.
    assert run(clip, tmp_path / 'again', '--resume') == 0
    assert capsys.readouterr().err == ''


def test_the_state_of_another_tracker_is_not_gone_on_with(
    tmp_path, clip, capsys
):
    with pytest.raises(Killed):
        run(clip, tmp_path, death=20)
    (path,) = (tmp_path / '.spinepose').glob('*.json')
    record = json.loads(path.read_text())
    record['journal']['state']['tracker'] = {'version': 99}
    path.write_text(json.dumps(record))
    assert run(clip, tmp_path, '--resume') == FRAMES
    assert 'cannot be read' in capsys.readouterr().err


def test_temporary_files_of_dead_processes_are_swept(tmp_path, clip):
    program = (
        'import os, sys\n'
        'from spinepose_mmpose.utils import replaced\n'
        'with replaced(sys.argv[1]) as path:\n'
        '    open(path, "w").close()\n'
        '    os._exit(9)\n'
    )
    subprocess.run(
        [sys.executable, '-c', program, str(tmp_path / 'walk.csv')],
        env={**os.environ, 'PYTHONPATH': str(HERE.parents[1])},
    )
    (left,) = tmp_path.iterdir()
    assert left.name.endswith('.tmp.csv')
    run(clip, tmp_path)
    assert not left.exists()


def test_two_at_a_time(tmp_path, clip):
    pytest.importorskip('fcntl')
    import fcntl

    with pytest.raises(Killed):
        run(clip, tmp_path, death=20)
    (journal,) = (tmp_path / '.spinepose').glob('*.jsonl')
    with open(journal) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OSError, match='another process works on walk'):
            run(clip, tmp_path, '--resume')


# --- processes ----------------------------------------------------------------


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
    record = tmp_path / 'again' / '.spinepose' / 'walk_json.json'

    def last():
        return json.loads(record.read_text())['journal']['last']

    deadline = time.monotonic() + 60
    while not (record.exists() and last() > 5):
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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_is_flat(tmp_path, monkeypatch):
    """300 pictures of 0.23 MB each; memory_check.py does 18,000."""
    from memory_check import ALLOWED, growth, measure

    monkeypatch.setattr(estimator_module, 'SpinePoseEstimator', BlockEstimator)
    samples = measure(300, str(tmp_path), period=0.05)
    assert len(samples) > 10
    assert growth(samples) < ALLOWED
