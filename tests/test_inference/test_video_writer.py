import os
from fractions import Fraction

from spinepose_mmpose.inference.video import (
    SegmentedWriter,
    VideoWriter,
    open_source,
    video_extensions,
)

import pytest
from block_clips import RATE, SIZE, block_image, block_position, make_clip

TIMES = [float(i / RATE) for i in range(25)]


def write(target, folder, frames, stop=None, length=10):
    """Write frames of a clip; without finishing if stopped."""
    writer = SegmentedWriter(target, folder, RATE, 1 / RATE / 1001, length)
    for i in frames:
        if i == stop:
            writer.abort()
            return writer
        writer.write(block_image(i), i, TIMES[i])
    writer.finish()
    return writer


@pytest.mark.parametrize('extension', video_extensions())
def test_short_files_join_to_the_whole(tmp_path, extension):
    target = tmp_path / f'a{extension}'
    write(target, tmp_path / 'parts', range(25))
    frames = list(open_source(str(target)).frames())
    assert [block_position(f.image) for f in frames] == list(range(25))
    exact = extension in ('.mp4', '.m4v', '.mov', '.avi')
    for frame, time in zip(frames, TIMES):
        assert abs(frame.time - time) < (1e-12 if exact else 1.1e-3)
    assert os.listdir(tmp_path) == [f'a{extension}']


@pytest.mark.parametrize('stop', [0, 4, 10, 17, 24])
def test_an_interrupted_file_equals_an_uninterrupted_one(tmp_path, stop):
    whole, again = tmp_path / 'a.mp4', tmp_path / 'b.mp4'
    write(whole, tmp_path / 'a', range(25))
    write(again, tmp_path / 'b', range(25), stop)
    assert not again.exists()
    safe = SegmentedWriter(
        again, tmp_path / 'b', RATE, 1 / RATE / 1001
    ).resume_point
    full = stop // 10 * 10
    assert safe == ((full - 1, TIMES[full - 1]) if full else None)
    # Pictures that are safe already are left out.
    write(again, tmp_path / 'b', range(max(0, full - 3), 25))
    assert again.read_bytes() == whole.read_bytes()


def test_a_line_of_the_index_that_is_cut_off(tmp_path):
    write(tmp_path / 'a.mp4', tmp_path / 'parts', range(25), stop=24)
    index = tmp_path / 'parts' / 'segments.jsonl'
    index.write_text(index.read_text()[:-5])
    writer = SegmentedWriter(
        tmp_path / 'a.mp4', tmp_path / 'parts', RATE, 1 / RATE / 1001
    )
    assert writer.resume_point == (9, TIMES[9])


def test_uneven_times(tmp_path):
    times = [0.0, 0.013, 0.1, 0.101, 0.5]
    path = make_clip(
        tmp_path / 'a.mp4', 5, times=times, time_base=Fraction(1, 1000)
    )
    read = [f.time for f in open_source(path).frames()]
    assert read == pytest.approx(times, abs=1e-12)


def test_pictures_of_another_size_are_scaled(tmp_path):
    writer = VideoWriter(str(tmp_path / 'a.mp4'), SIZE, RATE, 1 / RATE)
    writer.write(block_image(0), 0.0)
    writer.write(block_image(0, (128, 96)), 0.1)
    writer.close()
    frames = list(open_source(str(tmp_path / 'a.mp4')).frames())
    assert [f.image.shape for f in frames] == [(48, 64, 3)] * 2


def test_nothing_written_makes_no_file(tmp_path):
    writer = SegmentedWriter(tmp_path / 'a.mp4', tmp_path / 'p', RATE, 1 / RATE)
    assert writer.finish() is False
    assert not (tmp_path / 'a.mp4').exists()


def test_an_unknown_extension(tmp_path):
    with pytest.raises(ValueError, match=r"'\.xyz'.*\.mp4"):
        VideoWriter(str(tmp_path / 'a.xyz'), SIZE, RATE, 1 / RATE)
