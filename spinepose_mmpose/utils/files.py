"""Files that are complete or absent."""

import contextlib
import os
import os.path as osp


@contextlib.contextmanager
def replaced(path: str):
    """Yield a temporary path beside ``path`` and rename it at the end.

    An error within the block leaves an older file untouched.
    """
    stem, extension = osp.splitext(path)
    temporary = f'{stem}.{os.getpid()}.tmp{extension}'
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if osp.exists(temporary):
            os.remove(temporary)


def write_text(path: str, text: str) -> None:
    """Write UTF-8 text by :func:`replaced`."""
    with (
        replaced(path) as temporary,
        open(temporary, 'w', encoding='utf-8', newline='') as file,
    ):
        file.write(text)
