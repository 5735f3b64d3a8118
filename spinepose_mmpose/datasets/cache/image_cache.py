import hashlib
import os
import tempfile
from contextlib import contextmanager
from typing import Iterator, Optional

import numpy as np

LEDGER = 'bytes_used'
SUFFIX = '.npy'
# What a key is made of: the start of the file, where cameras write the time.
HEAD = 4096


class ImageCache:
    """Decoded images in a folder, up to a size, for any number of processes.

    What is in stays in: every epoch wants every image once, so that replacing
    old ones by new ones would never serve a single hit. Nothing is unpickled.
    Delete the folder to empty the cache.

    Args:
        folder (str): Where; ``/dev/shm/...`` is shared memory. Made if absent.
        max_gib (float): The files take no more than this, over all
            processes.

    Raises:
        ValueError: when the size is not positive, or the system has no file
            locks.
    """

    def __init__(self, folder: str, max_gib: float) -> None:
        if not max_gib > 0:
            raise ValueError(f'max_gib is {max_gib}, expected more than 0')
        try:
            import fcntl  # noqa: F401
        except ImportError:
            raise ValueError(
                'the cache needs file locks, which this system lacks: leave '
                'cache=None'
            ) from None
        self.folder = os.path.expanduser(folder)
        self.max_bytes = int(max_gib * 2**30)
        self.full = False
        os.makedirs(self.folder, exist_ok=True)

    @staticmethod
    def key(path: str, content: bytes, scale: int) -> str:
        """Of a file, as it is now, decoded at 1/scale."""
        text = f'{path}\0{len(content)}\0{scale}\0'.encode()
        digest = hashlib.blake2b(text, digest_size=16)
        digest.update(content[:HEAD])
        digest.update(content[-HEAD:])
        return digest.hexdigest()

    def load(self, key: str) -> Optional[np.ndarray]:
        """The image, mapped into memory, or None."""
        try:
            image = np.load(self._path(key), mmap_mode='r', allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            return None
        return image

    def store(self, key: str, image: np.ndarray) -> None:
        """Keep it if there is room; a full disk is no error."""
        size = image.nbytes + 128  # the header of NumPy's format
        if self.full or not self._reserve(size):
            self.full = True
            return
        temporary = None
        try:
            path = self._path(key)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=self.folder, suffix='.part', delete=False
            ) as file:
                temporary = file.name
                np.save(file, image, allow_pickle=False)
            if os.path.exists(path):  # another process was faster
                self._reserve(-size)
                os.unlink(temporary)
            else:
                os.replace(temporary, path)
        except OSError:
            self.full = True
            self._reserve(-size)
            if temporary and os.path.exists(temporary):
                os.unlink(temporary)

    def _path(self, key: str) -> str:
        # Folders of some hundred files each.
        return os.path.join(self.folder, key[:2], key[2:] + SUFFIX)

    def _reserve(self, size: int) -> bool:
        """Enter a size into the ledger, unless that exceeds the limit."""
        with self._ledger() as file:
            used = int(file.read() or 0) + size
            if used > self.max_bytes:
                return False
            file.seek(0)
            file.truncate()
            file.write(str(max(used, 0)))
        return True

    @contextmanager
    def _ledger(self) -> Iterator:
        import fcntl

        descriptor = os.open(
            os.path.join(self.folder, LEDGER), os.O_RDWR | os.O_CREAT, 0o666
        )
        with os.fdopen(descriptor, 'r+') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
