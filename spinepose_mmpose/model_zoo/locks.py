"""One process at a time for one file, by an advisory lock."""

import os
import time
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None


def _try_lock(fd: int) -> bool:
    """Lock without waiting: False if another holds it.

    Raises:
        OSError: where the system or the file system has no such locks.
    """
    if fcntl is not None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    elif msvcrt is not None:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
    else:
        raise OSError('no file locks on this system')
    return True


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


@contextmanager
def file_lock(path, on_wait=None, poll: float = 0.1):
    """Hold the lock file ``path``; it is removed at the end.

    The lock dies with its holder, so a killed download blocks nobody.

    Args:
        path: the lock file.
        on_wait: called once if another process holds the lock.
        poll: seconds between two tries.

    Yields:
        bool: False where locks are not supported (some network drives): the
        caller then has to work on files of its own.
    """
    path, waited, held = str(path), False, True
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            while not _try_lock(fd):
                if not waited and on_wait is not None:
                    on_wait()
                waited = True
                time.sleep(poll)
        except OSError:
            held = False
            break
        except BaseException:
            os.close(fd)
            raise
        # The holder before us removed the name: ours would lock nobody out.
        if _is_at(fd, path):
            break
        os.close(fd)
    try:
        yield held
    finally:
        try:
            os.unlink(path)
        except OSError:  # Windows: not while it is open
            pass
        os.close(fd)
