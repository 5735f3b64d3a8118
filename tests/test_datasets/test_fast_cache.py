"""Decoded images in a folder: the same crops, never more than the limit."""

import multiprocessing
import os

from spinepose_mmpose.datasets import loading as undecoded_image
from spinepose_mmpose.datasets.loading import ImageCache, LoadPoseImage

import numpy as np
import pytest
from jpeg_files import encode, noisy
from mmengine.dataset import Compose
from mmpose.registry import TRANSFORMS
from test_fast_loading import SIZE, sample
from test_loading import place

GIB = 2**30


def pipeline(cache):
    return Compose(
        [
            LoadPoseImage(lazy=True, cache=cache),
            TRANSFORMS.build(dict(type='GetBBoxCenterScale')),
            TRANSFORMS.build(dict(type='FastTopdownAffine', input_size=SIZE)),
        ]
    )


def stored(folder):
    """Bytes of the images."""
    return sum(f.stat().st_size for f in folder.rglob('*.npy'))


@pytest.fixture
def decodes(monkeypatch):
    """Counts them."""
    calls = []
    decode = undecoded_image.decode_jpeg

    def note(*args):
        calls.append(args[2])
        return decode(*args)

    monkeypatch.setattr(undecoded_image, 'decode_jpeg', note)
    return calls


def test_second_time_from_the_cache(tmp_path, decodes):
    path = place(tmp_path, encode(noisy()))
    folder = tmp_path / 'cache'
    cache = dict(folder=str(folder), max_gib=1)
    boxes = [(50, 80, 40, 60), (20, 30, 150, 200), (60, 80, 30, 30)]
    for turn in range(2):
        for box in boxes:
            found = pipeline(cache)(sample(path, box))['img']
            wanted = pipeline(None)(sample(path, box))['img']
            np.testing.assert_array_equal(found, wanted)
    # Two sizes from the file, the rest cached; and all six without a cache.
    assert sorted(decodes) == [1] * (1 + 4) + [2] * (1 + 2)
    assert len(list(folder.rglob('*.npy'))) == 2
    assert int((folder / 'bytes_used').read_text()) == stored(folder)


def test_another_file_under_the_same_name(tmp_path):
    cache = dict(folder=str(tmp_path / 'cache'), max_gib=1)
    person = sample(str(tmp_path / 'picture.jpg'), (50, 80, 40, 60))
    crops = []
    for seed in range(2):
        place(tmp_path, encode(noisy(seed=seed)))
        crops.append(pipeline(cache)(dict(person))['img'])
    assert not np.array_equal(*crops)


def test_limit(tmp_path, decodes):
    image = np.zeros((100, 100, 3), np.uint8)
    limit = 3 * (image.nbytes + 128) + 5
    caches = [ImageCache(str(tmp_path), limit / GIB) for _ in range(2)]
    for i in range(8):
        caches[i % 2].store(f'{i:032x}', image + i)
    assert stored(tmp_path) == limit - 5
    for i in range(8):
        found = caches[0].load(f'{i:032x}')
        assert (found is None) == (i > 2)
        if found is not None:
            assert (found == i).all()
    # Later, too.
    ImageCache(str(tmp_path), limit / GIB).store('f' * 32, image)
    assert stored(tmp_path) == limit - 5
    # Room that is left after the first that did not fit is not tried for.
    assert caches[0].full


def fill(folder, limit, start):
    cache = ImageCache(folder, limit / GIB)
    image = np.zeros((40, 50, 3), np.uint8)
    for i in range(start, start + 30):
        cache.store(f'{i:032x}', image + i)


def test_many_processes(tmp_path):
    """That store the same and other images at the same time."""
    limit = 25 * (40 * 50 * 3 + 128)
    context = multiprocessing.get_context('fork')
    processes = [
        context.Process(target=fill, args=(str(tmp_path), limit, 10 * i))
        for i in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    used = int((tmp_path / 'bytes_used').read_text())
    assert stored(tmp_path) == used <= limit
    assert not list(tmp_path.rglob('.spinepose-*'))
    cache, found = ImageCache(str(tmp_path), limit / GIB), 0
    for i in range(60):
        image = cache.load(f'{i:032x}')
        if image is not None:
            assert (image == i).all()
            found += 1
    assert found == len(list(tmp_path.rglob('*.npy'))) > 10


@pytest.mark.parametrize('content', [b'', b'\x93NUMPY junk', b'no array'])
def test_damaged_entry(content, tmp_path):
    path = place(tmp_path, encode(noisy()))
    cache = dict(folder=str(tmp_path / 'cache'), max_gib=1)
    person = sample(path, (50, 80, 40, 60))
    wanted = pipeline(cache)(dict(person))['img']
    (entry,) = (tmp_path / 'cache').rglob('*.npy')
    entry.write_bytes(content)
    np.testing.assert_array_equal(pipeline(cache)(dict(person))['img'], wanted)


def test_objects_are_not_unpickled(tmp_path):
    cache = ImageCache(str(tmp_path), 1)
    key = '0' * 32
    os.makedirs(tmp_path / '00')
    np.save(cache._path(key), np.array([{}], dtype=object), allow_pickle=True)
    assert cache.load(key) is None


def test_full_disk(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    cache = ImageCache(str(tmp_path), 1)
    monkeypatch.setattr(np, 'save', refuse)
    cache.store('0' * 32, np.zeros((4, 4, 3), np.uint8))
    assert cache.load('0' * 32) is None
    assert (tmp_path / 'bytes_used').read_text() == '0'
    assert not list(tmp_path.rglob('.spinepose-*'))


@pytest.mark.parametrize('size', [0, -1, float('nan')])
def test_size(size, tmp_path):
    with pytest.raises(ValueError, match='expected more than 0'):
        ImageCache(str(tmp_path), size)
