"""Folders that are complete or absent."""

import contextlib
import os
import os.path as osp
import shutil
import tempfile
from typing import Iterator


@contextlib.contextmanager
def replaced_folder(path: str) -> Iterator[str]:
    """Yield a new folder beside ``path`` and rename it to that at the end.

    An error within the block leaves an older folder untouched and no new one.
    """
    path = osp.abspath(path)
    os.makedirs(osp.dirname(path), exist_ok=True)
    name = osp.basename(path)
    # Both in one hidden folder: a rename within a file system is at once.
    hidden = tempfile.mkdtemp(prefix=f'.{name}.', dir=osp.dirname(path))
    new, old = osp.join(hidden, name), osp.join(hidden, 'old')
    try:
        os.mkdir(new)
        yield new
        if osp.isdir(path):
            os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            if osp.isdir(old):
                os.rename(old, path)
            raise
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
