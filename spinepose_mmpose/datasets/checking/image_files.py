"""Image files, read in parallel."""

import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

ORIENTATION = 0x0112  # EXIF
# EXIF orientations that turn the picture by a quarter.
TURNED = (5, 6, 7, 8)
# Decoded at an eighth of the size: every byte is read, few pixels are made.
DRAFT = 8


class ImageState(NamedTuple):
    """``fault`` is a kind of finding or '', ``detail`` says more; ``size`` is
    (w, h) as OpenCV loads it; ``digest`` that of the bytes, if asked for."""

    fault: str = ''
    detail: str = ''
    size: Optional[Tuple[int, int]] = None
    digest: Optional[str] = None


def read_state(path: Path, hashed: bool) -> ImageState:
    """Decode a file and say what is wrong with it."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return ImageState('image-missing', f'{path} does not exist')
    except OSError as error:
        return ImageState(
            'image-unreadable', f'{path} cannot be read: {error.strerror}'
        )
    if not content:
        return ImageState('image-truncated', f'{path} is empty')
    digest = hashlib.blake2b(content).hexdigest() if hashed else None
    fault, detail, size = _decode(content)
    return ImageState(fault, f'{path}: {detail}' if fault else '', size, digest)


def _decode(content: bytes):
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of odd EXIF and large pictures
            image = Image.open(io.BytesIO(content))
            size = image.size
            if image.getexif().get(ORIENTATION) in TURNED:
                size = size[::-1]
            image.draft('L', (size[0] // DRAFT, size[1] // DRAFT))
            image.load()
    except Exception as error:  # Pillow's plugins raise what they like
        text = str(error) or type(error).__name__
        if 'truncated' in text.lower():
            return 'image-truncated', text, None
        if 'cannot identify' in text:
            text = 'it is no image'
        return 'image-unreadable', text, None
    return '', '', size


def read_states(
    paths: Sequence[Optional[Path]],
    hashed: Sequence[bool],
    workers: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> List[ImageState]:
    """States of many files; Pillow lets threads decode side by side."""

    def read(job):
        path, wanted = job
        return ImageState() if path is None else read_state(path, wanted)

    states = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for state in pool.map(read, zip(paths, hashed)):
                states.append(state)
                on_done(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return states
