"""What the command-line tools share: errors as one sentence, files that are
complete or absent, and where configs and tools lie."""

import contextlib
import hashlib
import importlib
import inspect
import json
import logging
import os
import os.path as osp
import platform
import re
import sys
import traceback
from dataclasses import fields
from pathlib import Path

DEBUG = 'SPINEPOSE_DEBUG'
# How the names of temporary files begin.
TEMPORARY = '.spinepose-'
# Errors that a user's input causes. Others are bugs and keep their traceback.
USER_ERRORS = (ValueError, OSError, KeyError, FloatingPointError)
# What reading a damaged file of plain data may raise.
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OverflowError,
          RecursionError)  # fmt: skip
OPENMMLAB = {'mmpose', 'mmengine', 'mmcv', 'mmdet'}
PACKAGE = Path(__file__).resolve().parent
# Assertions of OpenMMLab that do not say what to do.
FLIP_TEST = (
    'the model predicts another number of keypoints than the dataset has, '
    'so that the flip test cannot exchange left and right: test it with '
    'the keypoints of its own metainfo (docs/evaluation.md, any model)'
)
WITHOUT_GPU = (
    'AmpOptimWrapper (--amp) needs a GPU, and PyTorch sees none here: train '
    'in bfloat16 with --cfg-options optim_wrapper.type=Bfloat16OptimWrapper '
    'instead of --amp'
)


@contextlib.contextmanager
def one_sentence():
    """Turn a user's error into one line on stderr and exit code 1;
    ``SPINEPOSE_DEBUG=1`` keeps the traceback."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit('interrupted')
    except (*USER_ERRORS, AssertionError) as error:
        is_assertion = isinstance(error, AssertionError)
        reason = _reason(error) if is_assertion else sentence(error)
        if os.environ.get(DEBUG) or not reason:
            raise
        sys.exit(f'error: {reason} ({DEBUG}=1 shows the traceback)')


@contextlib.contextmanager
def quietly():
    """Without the warnings and remarks of other libraries."""
    from mmengine.logging import MMLogger

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        # MMLogger remembers which levels are disabled; setLevel() clears that.
        logger = MMLogger.get_current_instance()
        logger.setLevel(logger.level)


def need(module: str, what: str, command: str):
    """A module; ValueError, with the command that installs it, without it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f'{what} needs {module} ({error}): {command}'
        ) from error


def counted(count: int, word: str) -> str:
    """As in 1 image, 2 images, 3 people."""
    if count != 1:
        word = 'people' if word == 'person' else f'{word}s'
    return f'{count} {word}'


def sentence(error: BaseException) -> str:
    """The message of an error, in one sentence: of an error from a worker of a
    data loader the last line, which follows the worker's traceback."""
    text = str(error).strip()
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f'{error.strerror}: {error.filename}'
    if isinstance(error, json.JSONDecodeError):
        return f'a JSON file is incomplete, it may be cut off: {text}'
    if 'Original Traceback' in text:
        line = text.splitlines()[-1]
        text = line.partition(': ')[2] or line
    return text or type(error).__name__


def one_line(value) -> str:
    """As text, with single spaces in place of all others."""
    return ' '.join(str(value).split())


def _reason(error: AssertionError) -> str:
    """The message of an assertion by which OpenMMLab checks a user's input; ''
    for an assertion of ours, which is a bug."""
    raised = traceback.extract_tb(error.__traceback__)[-1]
    if not OPENMMLAB.intersection(Path(raised.filename).parts):
        return ''
    reason = str(error).strip()
    if raised.name.startswith('flip_'):
        return FLIP_TEST
    return WITHOUT_GPU if 'AmpOptimizerWrapper' in reason else reason


@contextlib.contextmanager
def replaced(path: str):
    """Yield a temporary path beside ``path`` and rename it at the end.

    A symbolic link is followed. An error within the block leaves an older
    file untouched.
    """
    path = osp.realpath(path)
    folder, name = osp.split(path)
    # As short as the name of a file may be long.
    key, extension = _digest(name), osp.splitext(name)[1]
    key = f'{TEMPORARY}{key}-{_digest(platform.node())}.{os.getpid()}.tmp'
    temporary = osp.join(folder, key + extension)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if osp.exists(temporary):
            os.remove(temporary)


def sweep(folder: str) -> None:
    """Remove what killed processes of this machine left of :func:`replaced` in
    a folder, not in folders within."""
    pattern = re.escape(TEMPORARY) + (
        rf'[0-9a-f]+-{_digest(platform.node())}\.(\d+)\.tmp(\.\w+)?'
    )
    for name in os.listdir(folder):
        found = re.fullmatch(pattern, name)
        if found and not _runs(int(found[1])):
            with contextlib.suppress(FileNotFoundError):
                os.remove(osp.join(folder, name))


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:12]


def _runs(process: int) -> bool:
    if os.name == 'nt':  # where a signal would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, as another user
        pass
    return True


@contextlib.contextmanager
def replaced_text(path: str):
    """Yield a file for UTF-8 text that is complete or absent at the end."""
    with (
        replaced(path) as temporary,
        open(temporary, 'w', encoding='utf-8', newline='') as file,
    ):
        yield file


def write_text(path: str, text: str) -> None:
    """Write UTF-8 text so that the file is complete or absent."""
    with replaced_text(path) as file:
        file.write(text)


def read_json(path, name: str = ''):
    """Content of a JSON file, which messages call by its path or ``name``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not JSON, or its end is missing.
    """
    content = Path(path).read_bytes()
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'{name or path} is not complete JSON; it may be cut off '
            f'({len(content)} bytes): {error}'
        ) from None


def refuse_existing(path, overwrite: bool) -> None:
    """A FileExistsError where there is such a file already."""
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f'{path} exists; give --overwrite to replace it')


def settings_of(cls: type, args):
    """A dataclass of settings from the attributes of a parsed command line."""
    return cls(**{f.name: getattr(args, f.name) for f in fields(cls)})


def plain_config(settings: dict, parent: type) -> dict:
    """The config of one of our classes as that of its ``parent`` in MMPose,
    without what that does not read; tools such as mmdeploy go by its name."""
    known = inspect.signature(parent.__init__).parameters
    kept = {k: v for k, v in settings.items() if k in known}
    return dict(kept, type=parent.__name__)


def content_root() -> Path:
    """The folder that holds ``configs/`` and ``tools/``: the source tree, or
    ``.mim`` in the installed package.

    Raises:
        FileNotFoundError: The package was installed without them.
    """
    for root in (PACKAGE.parent, PACKAGE / '.mim'):
        if (root / 'configs' / 'spinepose-m.py').is_file():
            return root
    raise FileNotFoundError(
        f'{PACKAGE} has no configs beside it or in .mim: install the package '
        'with "pip install ." from its source'
    )


def config_file(name: str) -> Path:
    """The absolute path of ``configs/...`` as the model table names it."""
    return content_root() / name


def read_config(config):
    """The config of a file, or of ``mmpose::...`` and the like.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a config.
    """
    from mmengine.config import Config
    from mmengine.hub import get_config

    config = os.fspath(config)
    if '::' in config:
        return get_config(config)
    if not osp.isfile(config):
        raise FileNotFoundError(f'no such config: {config}')
    try:
        return Config.fromfile(config)
    except (SyntaxError, TypeError, OSError, KeyError) as error:
        raise ValueError(f'{config} is not a config: {error}') from error
