"""What the command-line tools share: errors as one sentence."""

import contextlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path

DEBUG = 'SPINEPOSE_DEBUG'
# Errors that a user's input causes. Others are bugs and keep their traceback.
USER_ERRORS = (ValueError, OSError, KeyError, FloatingPointError)
OPENMMLAB = {'mmpose', 'mmengine', 'mmcv', 'mmdet'}


@contextlib.contextmanager
def one_sentence():
    """Turn a user's error into one line on stderr and exit code 1.

    ``SPINEPOSE_DEBUG=1`` keeps the traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        sys.exit('interrupted')
    except USER_ERRORS as error:
        if os.environ.get(DEBUG):
            raise
        sys.exit(f'error: {sentence(error)} ({DEBUG}=1 shows the traceback)')
    except AssertionError as error:
        reason = _reason(error)
        if os.environ.get(DEBUG) or not reason:
            raise
        sys.exit(f'error: {reason} ({DEBUG}=1 shows the traceback)')


def sentence(error: BaseException) -> str:
    """The message of an error; of one from a data loader's worker, the line
    that its traceback ends with."""
    text = str(error).strip()
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f'{error.strerror}: {error.filename}'
    if isinstance(error, json.JSONDecodeError):
        return (
            f'{_file_of(error)} is no complete JSON, it may be cut off: {text}'
        )
    if 'Original Traceback' in text:
        line = text.splitlines()[-1]
        text = line.partition(': ')[2] or line
    return text or type(error).__name__


def _frames(error: BaseException) -> list:
    """(code, local variables) of the calls that led to the error."""
    calls = traceback.walk_tb(error.__traceback__)
    return [(frame.f_code, frame.f_locals) for frame, _ in calls]


def _file_of(error: json.JSONDecodeError) -> str:
    """The file that mmengine was reading."""
    for code, values in reversed(_frames(error)):
        if code.co_name == 'load' and isinstance(values.get('file'), str):
            return values['file']
    return 'a file'


def _reason(error: AssertionError) -> str:
    """Of an assertion by which OpenMMLab checks a user's input; '' of ours,
    which are bugs."""
    code, values = _frames(error)[-1]
    if not OPENMMLAB.intersection(Path(code.co_filename).parts):
        return ''
    if not code.co_name.startswith('flip_') or 'flip_indices' not in values:
        return str(error).strip()
    return (
        'the data set has '
        f'{len(values["flip_indices"])} keypoints, but the model predicts '
        'another number of them, so that the flip test cannot exchange '
        'left and right: test it with the keypoints of its own metainfo '
        '(docs/evaluation.md, any model)'
    )


def run_mmpose_tool(name: str) -> None:
    """Run mmpose's own ``tools/NAME`` with this process's arguments.

    Args:
        name: ``train.py`` or ``test.py``.
    """
    import mmpose

    tool = Path(mmpose.__path__[0]) / '.mim' / 'tools' / name
    if not tool.is_file():
        tool = Path(mmpose.__path__[0]).parent / 'tools' / name
    if not tool.is_file():
        sys.exit(
            f'error: {tool} does not exist: this mmpose has no tools; '
            'install it with "pip install --no-deps mmpose==1.3.2"'
        )
    with one_sentence():
        runpy.run_path(str(tool), run_name='__main__')
