from fractions import Fraction

from spinepose_mmpose.inference.video import SourceInfo, open_source
from spinepose_mmpose.inference.video_writer import (
    ENCODERS,
    VideoWriter,
    find_encoder,
    written_video,
)

import pytest
from block_clips import RATE, SIZE, block_image, block_position, make_clip

TIMES = [float(i / RATE) for i in range(25)]


@pytest.mark.parametrize('extension', sorted(ENCODERS))
def test_every_container(tmp_path, extension):
    path = make_clip(tmp_path / f'a{extension}', 25, times=TIMES)
    frames = list(open_source(path).frames())
    assert [block_position(f.image) for f in frames] == list(range(25))
    exact = extension in ('.mp4', '.m4v', '.mov', '.avi')
    for frame, time in zip(frames, TIMES):
        assert abs(frame.time - time) < (1e-12 if exact else 1.1e-3)


@pytest.mark.parametrize('extension', ['.mp4', '.webm'])
def test_the_same_images_give_the_same_bytes(tmp_path, extension):
    paths = [
        make_clip(tmp_path / f'{name}{extension}', 30) for name in ('a', 'b')
    ]
    one, other = (open(path, 'rb').read() for path in paths)
    assert one == other


def test_times_begin_with_the_first_image(tmp_path):
    times = [time + 100 for time in TIMES]
    path = make_clip(tmp_path / 'a.mp4', 25, times=times)
    assert [f.time for f in open_source(path).frames()] == TIMES


def test_uneven_times(tmp_path):
    times = [0.0, 0.013, 0.1, 0.101, 0.5]
    path = make_clip(
        tmp_path / 'a.mp4', 5, times=times, time_base=Fraction(1, 1000)
    )
    read = [f.time for f in open_source(path).frames()]
    assert read == pytest.approx(times, abs=1e-12)


def test_images_of_another_size_are_scaled(tmp_path):
    writer = VideoWriter(str(tmp_path / 'a.mp4'), SIZE, RATE, 1 / RATE)
    writer.write(block_image(0), 0.0)
    writer.write(block_image(0, (128, 96)), 0.1)
    writer.close()
    frames = list(open_source(str(tmp_path / 'a.mp4')).frames())
    assert [f.image.shape for f in frames] == [(48, 64, 3)] * 2


def test_a_file_appears_complete_or_not_at_all(tmp_path):
    path = tmp_path / 'a.mp4'
    info = SourceInfo(SIZE, RATE)
    with pytest.raises(OSError, match='the disk is full'):
        with written_video(path, info) as write:
            write(block_image(0), 0.0)
            assert not path.exists()
            raise OSError('the disk is full')
    assert list(tmp_path.iterdir()) == []
    with written_video(path, info) as write:
        write(block_image(0), 0.0)
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_extension(tmp_path):
    with pytest.raises(ValueError, match=r"'\.xyz'.*\.mp4"):
        find_encoder(str(tmp_path / 'a.xyz'))
