"""Which source a text on the command line means."""

import glob
import os
from fractions import Fraction
from typing import List, Optional

from ..images import is_image
from .containers import ContainerSource
from .frames import Source
from .live import AddressSource, CameraSource, camera_index, is_address
from .stills import StillsSource


def open_source(spec, rate: Optional[Fraction] = None) -> Source:
    """The source of frames that a text means.

    Args:
        spec: a video file; the number of a camera or ``webcam``; the address
            of a stream; with ``rate`` a folder or a pattern of stills.
        rate: frames a second of stills.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no video.
    """
    text = os.fspath(spec) if not isinstance(spec, int) else str(spec)
    if is_address(text):
        stream = AddressSource(text)
        if not stream.is_file:
            return stream
        stream.container.close()
        return ContainerSource(text)
    camera = camera_index(text)
    if camera is not None and not os.path.exists(text):
        return CameraSource(camera)
    if os.path.isdir(text) or glob.has_magic(text):
        if not os.path.exists(text) or os.path.isdir(text):
            return _stills(text, rate)
    return ContainerSource(text)


def files_of(text: str) -> List[str]:
    """Files of a folder or a pattern, by name, numbers in them by value.

    Raises:
        FileNotFoundError: there are none.
    """
    pattern = text
    if os.path.isdir(text):
        pattern = os.path.join(glob.escape(text), '*')
    found = [path for path in glob.glob(pattern) if os.path.isfile(path)]
    if not found:
        raise FileNotFoundError(
            f'{text} holds no files'
            if os.path.isdir(text)
            else f'no file matches {text}'
        )
    return sorted(found, key=_by_numbers)


def _by_numbers(path: str):
    """img_2 comes before img_10."""
    parts, digits = [], ''
    for char in os.path.basename(path).lower() + '\0':
        if char.isascii() and char.isdigit():
            digits += char
            continue
        if digits:
            parts.append((0, int(digits), ''))
            digits = ''
        parts.append((1, 0, char))
    return parts, path


def _stills(text: str, rate: Optional[Fraction]) -> StillsSource:
    images = [path for path in files_of(text) if is_image(path)]
    if not images:
        raise ValueError(f'{text} holds no still images')
    if rate is None:
        raise ValueError(
            f'{text} holds still images: they become a clip when a frame rate '
            'is given'
        )
    return StillsSource(images, rate)
