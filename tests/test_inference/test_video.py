import http.server
import socket
import struct
import threading
from fractions import Fraction
from functools import partial
from types import SimpleNamespace

from spinepose_mmpose.inference.settings import Position, Span
from spinepose_mmpose.inference.video import files_of, open_source
from spinepose_mmpose.inference.video_file import upright

import av
import cv2
import numpy as np
import pytest
from block_clips import RATE, block_image, block_position, make_clip


def positions(frames):
    return [block_position(frame.image) for frame in frames]


def test_a_fractional_rate_stays_exact(tmp_path):
    source = open_source(make_clip(tmp_path / 'a.mp4'))
    assert source.info.rate == Fraction(30000, 1001)
    assert source.info.frames == 30
    assert source.info.size == (64, 48)
    frames = list(source.frames())
    assert [f.index for f in frames] == list(range(30))
    assert [f.time for f in frames] == [
        float(Fraction(1001 * i, 30000)) for i in range(30)
    ]
    assert positions(frames) == list(range(30))


@pytest.mark.parametrize('extension', ['.mkv', '.avi', '.mov', '.webm', '.m4v'])
def test_containers(tmp_path, extension):
    source = open_source(make_clip(tmp_path / f'a{extension}', frames=12))
    frames = list(source.frames())
    assert positions(frames) == list(range(12))
    # Matroska counts in milliseconds.
    for i, frame in enumerate(frames):
        assert abs(frame.time - float(i / RATE)) < 0.6e-3


def test_b_frames_and_a_late_start(tmp_path):
    """MPEG-TS begins at a time of its own; x264 reorders frames."""
    path = str(tmp_path / 'a.ts')
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.codec_context.max_b_frames = 2
        for i in range(20):
            picture = av.VideoFrame.from_ndarray(block_image(i), 'bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    frames = list(open_source(path).frames())
    assert positions(frames) == list(range(20))
    assert [f.time for f in frames] == pytest.approx(
        [i / 25 for i in range(20)], abs=1e-9
    )


@pytest.fixture(scope='module')
def uneven(tmp_path_factory):
    """(path, times) of a clip whose frames last 10 to 90 ms."""
    steps = np.random.default_rng(0).integers(10, 90, 60)
    times = [float(t) / 1000 for t in np.cumsum(steps) - steps[0]]
    path = tmp_path_factory.mktemp('uneven') / 'a.mp4'
    make_clip(path, 60, times=times, time_base=Fraction(1, 1000))
    return str(path), times


def test_variable_rate_gives_the_times_of_the_file(uneven):
    path, times = uneven
    frames = list(open_source(path).frames())
    assert [f.time for f in frames] == pytest.approx(times, abs=1e-12)


@pytest.mark.parametrize('stride', [1, 3])
def test_start_and_end_by_time(uneven, stride):
    path, times = uneven
    span = Span(Position(time=1.0), Position(time=2.0), stride)
    wanted = [i for i, t in enumerate(times) if 1.0 <= t < 2.0][::stride]
    frames = list(open_source(path).frames(span))
    assert [f.index for f in frames] == wanted
    assert positions(frames) == [i % 48 for i in wanted]


def test_start_and_end_by_frame(uneven):
    path, times = uneven
    span = Span(Position(index=17), Position(index=25))
    frames = list(open_source(path).frames(span))
    assert [f.index for f in frames] == list(range(17, 25))
    assert [f.time for f in frames] == pytest.approx(times[17:25], abs=1e-12)


@pytest.mark.parametrize('last', [0, 1, 22, 23])
def test_going_on_behind_a_frame(uneven, last):
    source = open_source(uneven[0])
    span = Span(Position(index=5), None, 2)
    whole = list(source.frames(span))
    rest = list(source.frames(span, whole[last].index))
    assert [(f.index, f.time) for f in rest] == [
        (f.index, f.time) for f in whole[last + 1 :]
    ]
    for a, b in zip(rest, whole[last + 1 :]):
        assert np.array_equal(a.image, b.image)


@pytest.mark.parametrize('degrees', [0, 90, 180, 270])
def test_rotation_flag(tmp_path, degrees):
    path = str(tmp_path / 'a.mp4')
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255  # a white corner, top left
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.set_display_rotation(degrees)
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(image, 'bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    source = open_source(path)
    shown = next(source.frames()).image
    size = (48, 64) if degrees % 180 else (64, 48)
    assert source.info.size == size
    assert shown.shape[1::-1] == size
    # Turned counter-clockwise, as the flag's angle is counted.
    expected = np.rot90(image, degrees // 90)
    assert np.abs(shown.astype(int) - expected).mean() < 8


@pytest.mark.parametrize(
    'matrix, shown',
    [
        ((-1, 0, 0, 1), np.fliplr),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    ],
)
def test_mirrored_display_matrices(matrix, shown):
    """A picture of a decoder, with x' = a x + c y and y' = b x + d y."""
    a, b, c, d = (value << 16 for value in matrix)
    image = np.zeros((4, 6, 3), np.uint8)
    image[0, 0], image[0, 5], image[3, 0] = 50, 100, 150
    picture = SimpleNamespace(
        to_ndarray=lambda format: image,
        side_data={
            'DISPLAYMATRIX': struct.pack('<9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
        },
    )
    assert np.array_equal(upright(picture, None), shown(image))


def test_pixels_that_are_not_square(tmp_path):
    """360 x 480 of 16:9 pixels are 640 x 480 to look at."""
    path = str(tmp_path / 'a.mp4')
    with av.open(path, 'w') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 36, 48, 'yuv420p'
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9)
        picture = av.VideoFrame.from_ndarray(block_image(0, (36, 48)), 'bgr24')
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    source = open_source(path)
    assert source.info.size == (64, 48)
    image = next(source.frames()).image
    assert image.shape == (48, 64, 3)
    # The block was 12 pixels wide.
    assert abs((image[20, :, 0] > 128).sum() - 12 * 16 / 9) < 2


def test_a_clip_that_ends_early(tmp_path):
    path = tmp_path / 'a.mp4'
    options = {'movflags': 'faststart'}
    with av.open(str(path), 'w', options=options) as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for i in range(30):
            picture = av.VideoFrame.from_ndarray(block_image(i), 'bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    source = open_source(str(path))
    list(source.frames())
    assert source.shortfall == ''
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 8 // 10])
    source = open_source(str(path))
    count = sum(frame.image is not None for frame in source.frames())
    assert 0 < count < 30
    assert 'of 30 frames are there' in source.shortfall


@pytest.mark.parametrize('size', [(63, 47), (1, 1), (33, 2)])
def test_odd_sizes(tmp_path, size):
    """H.264 wants even sizes: the last column and row are written twice."""
    path = make_clip(tmp_path / 'a.mp4', 3, size)
    frames = list(open_source(path).frames())
    even = tuple(n + n % 2 for n in size)
    assert [f.image.shape[1::-1] for f in frames] == [even] * 3


def damage(path, start=0.5, length=400):
    """Overwrite bytes in the middle of the pictures' data."""
    content = bytearray(path.read_bytes())
    place = int(len(content) * start)
    noise = np.random.default_rng(1).integers(0, 256, length)
    content[place : place + length] = bytes(noise.astype(np.uint8))
    path.write_bytes(bytes(content))


def noisy_clip(path, codec):
    """A key frame each 10 frames, big frames: damage hits a few of them."""
    rng = np.random.default_rng(0)
    # Without look-ahead x264 gives the same bytes every time.
    options = {'rc-lookahead': '0'} if codec == 'libx264' else {}
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.gop_size = 10
        for i in range(40):
            image = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(image, 'bgr24')
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


@pytest.mark.parametrize('codec', ['libx264', 'mpeg4', 'mpeg2video'])
def test_damage_in_the_middle_is_reported_and_passed(tmp_path, codec):
    path = tmp_path / 'a.mp4'
    noisy_clip(path, codec)
    whole = list(open_source(str(path)).frames())
    damage(path)
    frames = list(open_source(str(path)).frames())
    bad = [f for f in frames if f.image is None]
    assert bad, 'the damage went unnoticed'
    assert all(f.error and 12 <= f.index <= 30 for f in bad)
    # Nothing moved: indices and times are those of the whole file.
    assert [(f.index, f.time) for f in frames] == [
        (f.index, f.time) for f in whole
    ]
    good = [f.index for f in frames if f.image is not None]
    assert good[:10] == list(range(10)) and good[-5:] == list(range(35, 40))


@pytest.mark.parametrize(
    'name, content, said',
    [
        ('empty.mp4', b'', 'is empty'),
        ('text.mp4', b'this is no video\n' * 50, 'neither a video'),
        ('cut.mp4', None, 'neither a video'),
    ],
)
def test_files_that_are_no_video(tmp_path, name, content, said):
    path = tmp_path / name
    if content is None:
        make_clip(tmp_path / 'whole.mp4')
        content = (tmp_path / 'whole.mp4').read_bytes()[:900]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as error:
        open_source(str(path))
    assert str(path) in str(error.value)


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match='no such file'):
        open_source('nowhere.mp4')


def test_sound_without_pictures(tmp_path):
    path = str(tmp_path / 'a.wav')
    with av.open(path, 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000, layout='mono')
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), 's16', 'mono'
        )
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(ValueError, match='no video in it'):
        open_source(path)


def test_stills_as_a_clip(tmp_path):
    for i in range(12):
        cv2.imwrite(str(tmp_path / f'img_{i}.png'), block_image(i))
    (tmp_path / 'img_7.png').write_bytes(b'')
    (tmp_path / 'notes.txt').write_text('no image')
    source = open_source(str(tmp_path), Fraction(25, 2))
    frames = list(source.frames())
    assert source.info.frames == 12
    # img_10 comes after img_9, and not after img_1.
    good = [f for f in frames if f.image is not None]
    assert positions(good) == [i for i in range(12) if i != 7]
    assert [f.index for f in frames if f.error] == [7]
    assert frames[3].time == pytest.approx(0.24)
    rest = source.frames(Span(stride=2), 4)
    assert [f.index for f in rest] == [6, 8, 10]


def test_a_folder_of_stills_needs_a_rate(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), block_image(0))
    with pytest.raises(ValueError, match='frame rate'):
        open_source(str(tmp_path))


def test_patterns_and_folders(tmp_path):
    for name in ('b2.mp4', 'b10.mp4', 'a.mp4', '[x].mp4'):
        (tmp_path / name).write_bytes(b'.')
    found = files_of(str(tmp_path / 'b*.mp4'))
    assert [path.rsplit('/')[-1] for path in found] == ['b2.mp4', 'b10.mp4']
    assert len(files_of(str(tmp_path))) == 4
    with pytest.raises(FileNotFoundError, match='no file matches'):
        files_of(str(tmp_path / '*.mov'))


def test_an_address(tmp_path):
    make_clip(tmp_path / 'a.mp4', 12)
    handler = partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path)
    )
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f'http://127.0.0.1:{server.server_address[1]}'
        source = open_source(f'{address}/a.mp4')
        # A file of a web server waits for its reader.
        assert not source.info.live and source.info.frames == 12
        assert positions(source.frames()) == list(range(12))
        with pytest.raises(ValueError, match='cannot be opened'):
            open_source(f'{address}/b.mp4')
        server.shutdown()


def test_a_stream(tmp_path):
    """Somebody sends over TCP, once, as it comes."""
    make_clip(tmp_path / 'a.mkv', 12)
    content = (tmp_path / 'a.mkv').read_bytes()
    with socket.create_server(('127.0.0.1', 0)) as server:

        def send():
            connection, _ = server.accept()
            with connection:
                connection.sendall(content)

        threading.Thread(target=send, daemon=True).start()
        source = open_source(f'tcp://127.0.0.1:{server.getsockname()[1]}')
        assert source.info.live and source.info.size == (64, 48)
        frames = list(source.frames(Span(Position(index=2), None, 3)))
    assert [f.index for f in frames] == [2, 5, 8, 11]
    assert positions(frames) == [2, 5, 8, 11]
    assert frames[1].time == pytest.approx(5 / 29.97, abs=1e-3)


def test_a_camera_that_does_not_exist():
    with pytest.raises(ValueError, match='camera 87 cannot be opened'):
        open_source('87')
