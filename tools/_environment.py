"""Set up the environment of a clone, using only Python's standard library.

``ensure()`` creates ``.venv`` in the clone (or in the folder that
``SPINEPOSE_VENV`` names), installs the pinned packages and this package, and
restarts the calling script in it. Existing installations are kept, so the
second run takes a second.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get('SPINEPOSE_VENV', ROOT / '.venv')).absolute()
REQUIREMENTS = ROOT / 'requirements'
LOWEST, HIGHEST = (3, 10), (3, 13)

# (what is printed, arguments of pip install), in order. torch brings its own
# dependencies; the lock file names all those of the others.
STEPS = (
    ('PyTorch', ('-r', str(REQUIREMENTS / 'torch.txt'))),
    ('pinned packages', ('--no-deps', '-r', str(REQUIREMENTS / 'lock.txt'))),
    (
        'OpenMMLab packages',
        ('--no-deps', '-r', str(REQUIREMENTS / 'openmmlab.txt')),
    ),
)
PACKAGED = (
    'spinepose_mmpose',
    'configs',
    'tools',
    'demo',
    'setup.py',
    'pyproject.toml',
    'model-index.yml',
    'dataset-index.yml',
)


class SetupError(RuntimeError):
    """The environment cannot be made; the message says why."""


def ensure(bodies: bool = True) -> None:
    """Return inside a complete environment, or exit with a sentence.

    Args:
        bodies (bool): Prepare the synthetic people's bodies as well, which
            takes a minute; without it they are prepared at their first use.
    """
    try:
        with _lock():
            _check_python()
            _make_venv()
            _install_requirements()
            _install_package()
            if bodies:
                _prepare_bodies()
    except SetupError as error:
        sys.exit(f'set-up failed: {error}')
    except KeyboardInterrupt:
        sys.exit('\nset-up interrupted; run the command again to continue')
    if not _inside():
        _restart()


def python() -> Path:
    """The interpreter of the environment."""
    if os.name == 'nt':
        return VENV / 'Scripts' / 'python.exe'
    return VENV / 'bin' / 'python'


def _inside() -> bool:
    return Path(sys.prefix).absolute() == VENV


def _check_python() -> None:
    if not LOWEST <= sys.version_info[:2] <= HIGHEST:
        raise SetupError(
            f'Python {sys.version_info[0]}.{sys.version_info[1]} is not '
            f'supported, expected 3.{LOWEST[1]} to 3.{HIGHEST[1]}; start this '
            'script with one of them, as in: python3.11 tools/quickstart.py'
        )


def _make_venv() -> None:
    if python().exists():
        return
    print(f'set-up: virtual environment in {VENV}', flush=True)
    result = subprocess.run(
        [sys.executable, '-m', 'venv', str(VENV)],
        capture_output=True,
        text=True,
    )
    if result.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupError(
            'python -m venv does not work here (on Debian: apt '
            f'install python3-venv): {_last_line(result)}'
        )


def _install_requirements() -> None:
    stamp = VENV / 'requirements.stamp'
    wanted = _digest(sorted(REQUIREMENTS.glob('*.txt')))
    if _read(stamp) == wanted:
        return
    for what, arguments in STEPS:
        _pip(what, arguments)
    stamp.write_text(wanted)


def _install_package() -> None:
    stamp = VENV / 'package.stamp'
    wanted = _digest(path for name in PACKAGED for path in _files(ROOT / name))
    if _read(stamp) == wanted:
        return
    _remove_build()  # an old one would carry deleted files along
    _pip(
        'this package',
        ('--no-deps', '--no-build-isolation', '--force-reinstall', str(ROOT)),
    )
    _remove_build()
    stamp.write_text(wanted)


def _prepare_bodies() -> None:
    """Fill the caches of the synthetic people's bodies and renderer."""
    stamp = VENV / 'bodies.stamp'
    folder = ROOT / 'spinepose_mmpose' / 'datasets' / 'synthetic'
    wanted = _digest([REQUIREMENTS / 'lock.txt', *sorted(folder.glob('*.py'))])
    if _read(stamp) == wanted:
        return
    code = (
        'from spinepose_mmpose.datasets.synthetic.writer import generate; '
        'list(generate(0, "val2017", 0, (64, 64)))'
    )
    _run('preparing bodies for synthetic people', [str(python()), '-c', code])
    stamp.write_text(wanted)


def _remove_build() -> None:
    for path in (ROOT / 'build', ROOT / 'spinepose_mmpose.egg-info'):
        shutil.rmtree(path, ignore_errors=True)


def _pip(what: str, arguments: tuple) -> None:
    options = ('--quiet', '--disable-pip-version-check', '--no-input')
    command = [str(python()), '-m', 'pip', 'install', *options, *arguments]
    _run(f'installing {what}', command)


def _run(what: str, command: list) -> None:
    print(f'set-up: {what} ... ', end='', flush=True)
    start = time.time()
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment
    )
    if result.returncode:
        print('failed', flush=True)
        raise SetupError(f'{what} failed: {_last_line(result)}')
    print(f'{time.time() - start:.0f} s', flush=True)


def _restart() -> None:
    """Run the same command line inside the environment."""
    command = [str(python()), *sys.argv]
    if os.name == 'nt':
        sys.exit(subprocess.call(command))
    sys.stdout.flush()
    os.execv(command[0], command)


@contextlib.contextmanager
def _lock():
    """Two commands started at once set up one after the other."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    VENV.parent.mkdir(parents=True, exist_ok=True)
    with open(VENV.parent / f'{VENV.name}.lock', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _files(path: Path):
    if path.is_file():
        return [path]
    return sorted(
        p
        for p in path.rglob('*')
        if p.is_file() and '__pycache__' not in p.parts
    )


def _digest(paths) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(str(path.relative_to(ROOT)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def _read(stamp: Path) -> str:
    return stamp.read_text() if stamp.exists() else ''


def _last_line(result) -> str:
    lines = (result.stderr or result.stdout).strip().splitlines()
    errors = [line for line in lines if line.startswith('ERROR')]
    return (errors or lines or ['no output'])[-1]
