"""Where configs and tools lie: in a source tree, or under ``.mim``."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def content_root() -> Path:
    """The folder that holds ``configs/`` and ``tools/``.

    Raises:
        FileNotFoundError: The package was installed without them.
    """
    for root in (_PACKAGE.parent, _PACKAGE / '.mim'):
        if (root / 'configs' / 'spinepose-m.py').is_file():
            return root
    raise FileNotFoundError(
        f'{_PACKAGE} has no configs beside it or in .mim: install the package '
        'with "pip install ." from its source'
    )


def config_file(name: str) -> Path:
    """The absolute path of ``configs/...`` as the model table names it."""
    return content_root() / name
