"""Whatever a container says, a frame is what decoding from the beginning
counts: every kind that PyAV writes, by time, by frame and resumed."""

from spinepose_mmpose.inference.settings import Position, Span
from spinepose_mmpose.inference.video import open_source

import av
import numpy as np
import pytest

FRAMES, KEY_FRAMES = 40, 12
FRAGMENTED = {'movflags': 'frag_keyframe+empty_moov'}
KINDS = [  # name, codec, format, options, B-frames
    ('a.ts', 'libx264', None, {}, 2),
    ('a.m2ts', 'libx264', None, {}, 2),
    ('a.mts', 'libx264', 'mpegts', {}, 0),
    ('hevc.ts', 'libx265', None, {}, 2),
    ('a.mpg', 'mpeg1video', None, {}, 2),
    ('a.vob', 'mpeg2video', None, {}, 2),
    ('a.h264', 'libx264', None, {}, 2),
    ('a.m4v', 'mpeg4', 'm4v', {}, 0),
    ('a.mp4', 'libx264', None, {}, 3),
    ('fragments.mp4', 'libx264', None, FRAGMENTED, 2),
    ('mpeg4.mp4', 'mpeg4', None, {}, 2),
    ('a.mov', 'libx264', None, {}, 2),
    ('a.mkv', 'libx264', None, {}, 3),
    ('a.webm', 'libvpx', None, {}, 0),
    ('xvid.avi', 'mpeg4', None, {}, 2),
    ('h264.avi', 'libx264', None, {}, 2),
    ('a.flv', 'libx264', None, {}, 2),
    ('a.wmv', 'wmv2', None, {}, 0),
    ('a.mxf', 'mpeg2video', None, {}, 2),
    ('a.nut', 'libx264', None, {}, 2),
    ('a.y4m', 'rawvideo', 'yuv4mpegpipe', {}, 0),
]


def numbered_image(number):
    """(48, 96, 3): six fields, one per binary digit."""
    image = np.zeros((48, 96, 3), np.uint8)
    for digit in range(6):
        image[:, 16 * digit : 16 * digit + 16] = 255 * (number >> digit & 1)
    return image


def number_in(image):
    fields = image[16:32].reshape(16, 6, 16, 3).mean(axis=(0, 2, 3)) > 128
    return int((fields << np.arange(6)).sum())


def seen(frames):
    return [(f.index, f.time, number_in(f.image)) for f in frames]


@pytest.mark.parametrize('name, codec, kind, options, b_frames', KINDS)
def test_frames_are_counted_from_the_beginning(
    tmp_path, name, codec, kind, options, b_frames
):
    path = str(tmp_path / name)
    with av.open(path, 'w', format=kind, options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 48, 'yuv420p'
        stream.codec_context.gop_size = KEY_FRAMES
        stream.codec_context.max_b_frames = b_frames
        for i in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(numbered_image(i), 'bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    source = open_source(path)
    whole = seen(source.frames())
    assert [(index, number) for index, _, number in whole] == [
        (i, i) for i in range(FRAMES)
    ]
    for start in (Position(time=1.09), Position(index=10)):
        for stride, after in ((1, -1), (3, 30)):
            wanted = [f for f in whole if not start.is_after(*f[:2])][::stride]
            span = Span(start, Position(time=1.5), stride)
            assert seen(source.frames(span, after)) == [
                f for f in wanted if after < f[0] and f[1] < 1.5
            ]
