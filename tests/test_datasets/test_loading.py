"""LoadPoseImage notices images that are absent, cut off or none."""

import os

from spinepose_mmpose.datasets.body import SpineTrackDataset
from spinepose_mmpose.datasets.loading import LoadPoseImage

import cv2
import numpy as np
import pytest
from coco_files import HEIGHT, WIDTH, Files, jpeg, person
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS


def segment(marker, content):
    return b'\xff' + marker + (len(content) + 2).to_bytes(2, 'big') + content


def with_thumbnail(content):
    """A JPEG as cameras write it: a small one in its header."""
    return (
        content[:2] + segment(b'\xe1', b'Exif\0\0' + jpeg(16, 12)) + content[2:]
    )


def progressive():
    image = cv2.imdecode(np.frombuffer(jpeg(), np.uint8), 1)
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[
        1
    ].tobytes()


BAD = {
    'absent': (None, 'No such file or directory'),
    'empty': (b'', 'the file is empty'),
    'cut': (jpeg()[:-700], 'ends before its end marker'),
    'cut by a byte': (jpeg()[:-1], 'ends before its end marker'),
    'cut in the header': (jpeg()[:30], 'ends before its end marker'),
    'start only': (jpeg()[:2], 'ends before its end marker'),
    'cut behind its thumbnail': (
        with_thumbnail(jpeg())[:-900],
        'ends before its end marker',
    ),
    'text': (
        b'<html>404 Not Found</html>',
        'not an image that OpenCV can read',
    ),
    'zeros': (bytes(5000), 'not an image that OpenCV can read'),
    'cut PNG': (
        cv2.imencode('.png', np.eye(99, dtype=np.uint8))[1].tobytes()[:60],
        'not an image that OpenCV can read',
    ),
}


def place(tmp_path, content):
    path = tmp_path / 'picture.jpg'
    if content is not None:
        path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize('case', BAD)
def test_error(case, tmp_path):
    content, reason = BAD[case]
    path = place(tmp_path, content)
    with pytest.raises(ValueError) as error:
        LoadPoseImage()(dict(img_path=path, id=7))
    message = str(error.value)
    assert message.startswith(f'image {path} cannot be used: ')
    assert reason in message and '(annotation 7)' in message
    assert "on_bad_image='skip'" in message
    with pytest.raises(ValueError) as error:  # as in an inferencer
        LoadPoseImage()(dict(img_path=path))
    assert 'annotation' not in str(error.value)


@pytest.mark.parametrize('case', BAD)
def test_skip(case, tmp_path, monkeypatch):
    from mmengine.logging import MMLogger

    lines = []
    monkeypatch.setattr(
        MMLogger.get_current_instance(),
        'handle',
        lambda record: lines.append((record.levelname, record.getMessage())),
    )
    content, reason = BAD[case]
    path = place(tmp_path, content)
    assert LoadPoseImage(on_bad_image='skip')(dict(img_path=path)) is None
    ((level, message),) = lines
    assert level == 'WARNING' and path in message and reason in message


@pytest.mark.parametrize(
    'content',
    [
        jpeg(),
        with_thumbnail(jpeg()),
        progressive(),
        jpeg() + b'maker notes' * 9000,
        jpeg() + jpeg(16, 12),
        jpeg()[:2] + b'\xff\xff' + jpeg()[2:],  # fill bytes before a marker
        cv2.imencode('.png', np.eye(9, dtype=np.uint8))[1].tobytes(),
    ],
)
def test_good_images_are_as_mmpose_loads_them(content, tmp_path):
    path = place(tmp_path, content)
    for settings in (
        {},
        dict(to_float32=True),
        dict(color_type='grayscale'),
        dict(imdecode_backend='pillow'),
    ):
        found = LoadPoseImage(**settings)(dict(img_path=path, id=7))
        wanted = LoadImage(**settings)(dict(img_path=path, id=7))
        assert found.keys() == wanted.keys()
        np.testing.assert_array_equal(found['img'], wanted['img'])
        assert found['img'].dtype == wanted['img'].dtype
        for key in ('img_shape', 'ori_shape', 'img_path', 'id'):
            assert found[key] == wanted[key]


def test_every_cut_is_noticed(tmp_path):
    whole = with_thumbnail(jpeg())
    load = LoadPoseImage(lazy=True)
    assert load(dict(img_path=place(tmp_path, whole)))
    for length in [*range(len(whole) - 9, len(whole)), *range(0, 2500, 7)]:
        path = place(tmp_path, whole[:length])
        with pytest.raises(ValueError, match='picture.jpg cannot be used'):
            load(dict(img_path=path))


def test_an_array_passes():
    image = np.zeros((4, 6, 3), np.uint8)
    found = LoadPoseImage()(dict(img=image))
    assert found['img'] is image
    assert found['img_shape'] == found['ori_shape'] == (4, 6)


def test_unknown_choice():
    with pytest.raises(ValueError, match=r"'warn'.*\('error', 'skip'\)"):
        LoadPoseImage(on_bad_image='warn')


@pytest.fixture
def broken(tmp_path):
    """Five images of which one is cut off."""
    files = Files(tmp_path).write([person(i, i) for i in range(1, 6)])
    files.write_image('3.jpg', jpeg()[:-800])
    return files


def test_training_draws_another_sample(broken, tmp_path, monkeypatch):
    """Through CombinedDataset, as in the configs, from another folder."""
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    dataset = DATASETS.build(
        dict(
            type='mmpose.CombinedDataset',
            metainfo=dict(from_file='configs/_base_/datasets/spinetrack.py'),
            datasets=[
                dict(type='mmpose.SpineTrackDataset', **broken.settings())
            ],
            pipeline=[dict(type='mmpose.LoadPoseImage', on_bad_image='skip')],
        )
    )
    samples = [dataset[i] for i in range(5)]
    assert [samples[i]['id'] for i in (0, 1, 3, 4)] == [1, 2, 4, 5]
    assert samples[2]['id'] in (1, 2, 4, 5)
    assert all(s['img'].shape == (HEIGHT, WIDTH, 3) for s in samples)


def test_testing_stops(broken):
    dataset = SpineTrackDataset(
        **broken.settings(), test_mode=True, pipeline=[LoadPoseImage()]
    )
    with pytest.raises(
        ValueError,
        match=r'3\.jpg cannot be used.*annotation'
        ' 3',
    ):
        [dataset[i] for i in range(5)]
    os.remove(broken.folder / '3.jpg')  # after the check of the files
    with pytest.raises(ValueError, match='3.jpg.*No such file'):
        dataset[2]
