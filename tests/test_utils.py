"""Errors of a user become one sentence and an exit code."""

import errno
import json
import os
import sys
import traceback

from spinepose_mmpose import utils
from spinepose_mmpose.downloads import DownloadError

import pytest


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.delenv(utils.DEBUG, raising=False)


def from_a_worker(error):
    """The error as torch's data loader raises it again, with the traceback
    of the worker in its message."""
    try:
        raise error
    except type(error):
        text = traceback.format_exc()
    return type(error)(
        'Caught ValueError in DataLoader worker process 0.\n'
        f'Original Traceback (most recent call last):\n{text}'
    )


SENTENCES = {
    'value': (
        ValueError('people.json: annotation 7 is bad'),
        'people.json: annotation 7 is bad',
    ),
    'no message': (ValueError(), 'ValueError'),
    'file': (
        FileNotFoundError(errno.ENOENT, 'No such file or directory', 'a.jpg'),
        'No such file or directory: a.jpg',
    ),
    'file with a message': (
        FileNotFoundError('set data_root to the folder'),
        'set data_root to the folder',
    ),
    'no space': (
        OSError(errno.ENOSPC, 'No space left on device'),
        '[Errno 28] No space left on device',
    ),
    'download': (
        DownloadError('could not get x.pth: no network'),
        'could not get x.pth: no network',
    ),
    'key': (
        KeyError('RTMPoze is not in the mmpose::model registry'),
        "'RTMPoze is not in the mmpose::model registry'",
    ),
    'worker': (
        from_a_worker(ValueError('image 3.jpg cannot be used: cut')),
        'image 3.jpg cannot be used: cut',
    ),
    'worker, colons': (
        from_a_worker(ValueError('a.jpg: it is: cut off')),
        'a.jpg: it is: cut off',
    ),
    'worker, two lines': (
        from_a_worker(ValueError('bad\nfor two reasons')),
        'for two reasons',
    ),
}


@pytest.mark.parametrize('case', SENTENCES)
def test_sentence(case, monkeypatch):
    error, text = SENTENCES[case]
    assert utils.sentence(error) == text
    with pytest.raises(SystemExit) as stop, utils.one_sentence():
        raise error
    # A text as the code: Python prints it to stderr and exits with 1.
    assert stop.value.code == (
        f'error: {text} (SPINEPOSE_DEBUG=1 shows the traceback)'
    )
    assert '\n' not in stop.value.code
    monkeypatch.setenv(utils.DEBUG, '1')
    with pytest.raises(type(error)) as kept, utils.one_sentence():
        raise error
    assert kept.value is error


@pytest.mark.parametrize(
    'bug',
    [
        TypeError('x'),
        AssertionError('x'),
        AttributeError('x'),
        RuntimeError('x'),
        ZeroDivisionError('x'),
    ],
)
def test_bugs_keep_their_traceback(bug):
    with pytest.raises(type(bug)) as kept, utils.one_sentence():
        raise bug
    assert kept.value is bug


def test_assertions_of_openmmlab_are_about_input(tmp_path):
    """Run as if mmpose's, which is not imported for it."""

    def stopped(body):
        code = compile(body, str(tmp_path / 'mmpose' / 'tta.py'), 'exec')
        with pytest.raises(SystemExit) as stop, utils.one_sentence():
            exec(code, {})
        return stop.value.code

    assert 'error: no such box file' in stopped("assert 0, 'no such box file'")
    assert 'another number of keypoints than the dataset' in stopped(
        'def flip_vectors():\n    assert False\nflip_vectors()'
    )
    assert 'optim_wrapper.type=Bfloat16OptimWrapper' in stopped(
        "assert 0, '``AmpOptimizerWrapper`` is only available on gpu'"
    )
    with pytest.raises(AssertionError), utils.one_sentence():
        exec(compile('assert 0', str(tmp_path / 'mmpose/a.py'), 'exec'), {})


def test_damaged_json():
    with pytest.raises(SystemExit) as stop, utils.one_sentence():
        json.loads('[1, 2')
    assert 'error: a JSON file is incomplete' in stop.value.code


def test_interrupted():
    with pytest.raises(SystemExit, match='^interrupted$'), utils.one_sentence():
        raise KeyboardInterrupt


def test_no_error():
    with utils.one_sentence():
        done = True
    assert done
    with pytest.raises(SystemExit) as stop, utils.one_sentence():
        sys.exit(3)
    assert stop.value.code == 3


def test_exit_code(tmp_path):
    """What a shell sees."""
    import subprocess

    root = os.path.dirname(os.path.dirname(__file__))
    code = (
        'from spinepose_mmpose.utils import one_sentence\n'
        'with one_sentence():\n    raise ValueError("no such thing")'
    )
    result = subprocess.run(
        [sys.executable, '-c', code],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=root),
    )
    assert result.returncode == 1 and result.stdout == ''
    assert result.stderr == (
        'error: no such thing (SPINEPOSE_DEBUG=1 shows the traceback)\n'
    )


def test_what_others_are_writing_is_left_alone(tmp_path, monkeypatch):
    """Only files of processes that ended are removed."""
    ends = {1: None, 2: PermissionError, 3: ProcessLookupError}
    names = {}
    for process in ends:
        monkeypatch.setattr('os.getpid', lambda: process)
        with utils.replaced(str(tmp_path / 'a.jpg')) as temporary:
            open(temporary, 'w').close()
        names[process] = os.path.basename(temporary)
    for name in names.values():
        (tmp_path / name).touch()

    def kill(process, signal):
        if ends[process]:
            raise ends[process]

    monkeypatch.setattr('os.kill', kill)
    utils.sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted(['a.jpg', names[1], names[2]])


def test_unreadable_files(tmp_path):
    file = tmp_path / 'people.json'
    with pytest.raises(FileNotFoundError, match='people.json'):
        utils.read_json(str(file))
    file.write_text(json.dumps(dict(images=[]))[:-3])
    with pytest.raises(ValueError, match='people.json.*may be cut off'):
        utils.read_json(str(file))
    file.write_bytes(b'\xff\xd8\xff\xe0 an image')
    with pytest.raises(ValueError, match='remote.json.*not complete JSON'):
        utils.read_json(str(file), 'remote.json')
