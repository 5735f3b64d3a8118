"""What a JPEG's header says, without decoding it (ITU-T T.81, annex B)."""

from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

START, END = b'\xff\xd8', b'\xff\xd9'
SCAN = 0xDA
EXIF = 0xE1, b'Exif\0\0'
ADOBE = 0xEE, b'Adobe'
# Frames that OpenCV decodes: baseline, extended sequential, progressive.
FRAMES = (0xC0, 0xC1, 0xC2)
SEQUENTIAL = (0xC0, 0xC1)
ORIENTATION = 0x0112
UPRIGHT = 1


@dataclass(frozen=True)
class JpegHeader:
    """Of a JPEG whose pixels are where its rows are.

    Args:
        height, width: In pixels.
        height_at: Where the two bytes of the height are.
        one_scan: All rows follow one another in a single sequential scan.
    """

    height: int
    width: int
    height_at: int
    one_scan: bool


def read_header(content: bytes) -> Optional[JpegHeader]:
    """The header of a plain JPEG: 8 bits, grey or YCbCr, not turned by EXIF.

    None for whatever else OpenCV treats in a way of its own.
    """
    frame = scan = None
    for marker, start, end in _segments(content):
        body = content[start:end]
        if marker in FRAMES:
            frame = marker, start, body
        elif marker == SCAN:
            scan = body
        elif marker == EXIF[0] and body.startswith(EXIF[1]):
            if _orientation(body[len(EXIF[1]) :]) != UPRIGHT:
                return None
        elif marker == ADOBE[0] and body.startswith(ADOBE[1]):
            # Its last byte says how colours are coded: 1 is YCbCr.
            if body[-1:] != b'\1':
                return None
    if frame is None or not scan:
        return None
    marker, start, body = frame
    if len(body) < 6 or body[0] != 8 or body[5] not in (1, 3):
        return None
    height, width = _number(body[1:3]), _number(body[3:5])
    if not height or not width:
        return None
    one_scan = marker in SEQUENTIAL and scan[0] == body[5]
    return JpegHeader(height, width, start + 1, one_scan)


def with_height(content: bytes, header: JpegHeader, height: int) -> bytes:
    """The same JPEG, ending after ``height`` rows: a decoder then leaves the
    data of the rows below unread."""
    at = header.height_at
    return b''.join(
        (content[:at], height.to_bytes(2, 'big'), content[at + 2 :])
    )


def is_truncated_jpeg(content: bytes) -> bool:
    """Whether a JPEG lacks its end marker.

    Bytes after the marker are allowed: cameras append pictures and maker
    notes. The segments before the picture are left out, since a thumbnail in
    one of them has an end marker of its own.
    """
    if not content.startswith(START):
        return False
    at = len(START)
    for marker, start, end in _segments(content):
        at = start if marker == SCAN else end
    # From the end, where it is: from the start takes as long as reading.
    return content.rfind(END, at) < 0


def _segments(content: bytes) -> Iterator[Tuple[int, int, int]]:
    """Marker, start and end of each segment's body, up to the first scan."""
    if not content.startswith(START):
        return
    at = len(START)
    while content[at : at + 1] == b'\xff':
        marker = content[at + 1 : at + 2]
        if marker == b'\xff':  # a fill byte
            at += 1
            continue
        end = at + 2 + _number(content[at + 2 : at + 4])
        yield _number(marker), at + 4, end
        if marker == bytes((SCAN,)):
            return
        at = end


def _orientation(tiff: bytes) -> Optional[int]:
    """EXIF's; 1 where it says none, None where it cannot be read."""
    order = {b'II': 'little', b'MM': 'big'}.get(tiff[:2])
    if order is None:
        return None
    at = _number(tiff[4:8], order)
    for i in range(_number(tiff[at : at + 2], order)):
        entry = tiff[at + 2 + 12 * i :][:12]
        if len(entry) < 12:
            return None
        if _number(entry[:2], order) == ORIENTATION:
            return _number(entry[8:10], order)
    return UPRIGHT


def _number(content: bytes, order: str = 'big') -> int:
    return int.from_bytes(content, order)
