"""The crop of an image that is decoded as far as needed is MMPose's crop."""

import os
from pathlib import Path

from spinepose_mmpose.datasets import loading as jpeg_decoding
from spinepose_mmpose.datasets.loading import (
    UNDECODED,
    LoadPoseImage,
    read_header,
    reduction,
)
from spinepose_mmpose.datasets.transforms import FastTopdownAffine

import cv2
import mmpose.datasets.transforms as mmpose_transforms
import numpy as np
import pytest
from jpeg_files import HEIGHT, ODD, PLAIN, WIDTH, encode, noisy, smooth
from mmengine.dataset import Compose
from mmpose.registry import TRANSFORMS
from test_loading import BAD, place

SIZE = (48, 64)
DIRECTIONS = (None, 'horizontal', 'vertical', 'diagonal')


def sample(path, box, width=WIDTH, height=HEIGHT, **others):
    """A person's box [x, y, w, h]."""
    x, y, w, h = box
    points = np.array([[[x, y], [x + w, y + h], [width / 2, height / 3]]])
    return dict(
        img_path=path,
        bbox=np.array([[x, y, x + w, y + h]], np.float32),
        keypoints=points.astype(np.float32),
        keypoints_visible=np.ones((1, 3), np.float32),
        flip_indices=[1, 0, 2],
        **others,
    )


def run(person, fast, flip=None, rotation=0.0, size=SIZE, udp=False):
    """Loaded, flipped and cropped by our transforms or by MMPose's."""

    def rotate(results):
        return dict(results, bbox_rotation=np.array([rotation]))

    affine = FastTopdownAffine if fast else mmpose_transforms.TopdownAffine
    steps = [
        LoadPoseImage(lazy=True) if fast else mmpose_transforms.LoadImage(),
        mmpose_transforms.GetBBoxCenterScale(),
        rotate,
        affine(input_size=size, use_udp=udp),
    ]
    if flip:
        steps.insert(2, mmpose_transforms.RandomFlip(1.0, flip))
    return Compose(steps)(dict(person))


def assert_same_but_image(found, wanted):
    assert found.keys() == wanted.keys()
    for key in found.keys() - {'img'}:
        np.testing.assert_array_equal(found[key], wanted[key])
        if hasattr(wanted[key], 'dtype'):
            assert found[key].dtype == wanted[key].dtype
    assert found['img'].shape == wanted['img'].shape
    assert found['img'].dtype == np.uint8


# Small boxes, also beyond the image's borders: nothing is shrunk to a half.
SMALL = [(60, 100, 40, 60), (-20, -15, 60, 60), (150, 250, 70, 90)]


@pytest.mark.parametrize('box', SMALL)
@pytest.mark.parametrize('flip', DIRECTIONS)
@pytest.mark.parametrize('rotation', [0.0, 37.0])
def test_unshrunk_crops_are_mmposes(box, flip, rotation, tmp_path):
    path = place(tmp_path, encode(noisy()))
    person = sample(path, box)
    found, wanted = (run(person, fast, flip, rotation) for fast in (1, 0))
    np.testing.assert_array_equal(found['img'], wanted['img'])
    assert_same_but_image(found, wanted)
    assert wanted['img'].std() > 5


@pytest.mark.parametrize('kind', [*PLAIN, *ODD])
@pytest.mark.parametrize('flip', [None, 'horizontal'])
def test_kinds_of_files(kind, flip, tmp_path):
    path = place(tmp_path, {**PLAIN, **ODD}[kind](noisy()))
    person = sample(path, (50, 80, 60, 70))
    found, wanted = (run(person, fast, flip) for fast in (1, 0))
    np.testing.assert_array_equal(found['img'], wanted['img'])
    assert_same_but_image(found, wanted)
    loaded = LoadPoseImage(lazy=True)(dict(person))
    assert (UNDECODED in loaded) == (kind in PLAIN)


@pytest.mark.parametrize('kind', ODD)
def test_odd_files_are_never_shrunk(kind, tmp_path):
    path = place(tmp_path, ODD[kind](noisy()))
    person = sample(path, (0, 0, WIDTH, HEIGHT))
    found, wanted = (run(person, fast) for fast in (1, 0))
    np.testing.assert_array_equal(found['img'], wanted['img'])


@pytest.mark.parametrize('scale', [2, 4, 8])
@pytest.mark.parametrize('flip', DIRECTIONS)
@pytest.mark.parametrize('udp', [False, True])
def test_shrunk_crops_are_in_place(scale, flip, udp, tmp_path):
    """On an image without detail only a shift could make a difference."""
    width, height = 48 * 8 + 3, 64 * 9 + 5
    path = place(tmp_path, encode(smooth(width, height, scale / 3), 98))
    w = 48 / 1.25 * scale * 1.3
    box = (40 - 5 * scale, 90 - 9 * scale, w, w * 4 / 3)
    person = sample(path, box, width, height)
    found, wanted = (run(person, fast, flip, 20.0, udp=udp) for fast in (1, 0))
    assert_same_but_image(found, wanted)
    # Not at the image's border, whose pixels are shares of black.
    inside = cv2.erode((wanted['img'].min(-1) > 0) * 1.0, np.ones((5, 5))) > 0
    assert inside.sum() > 600
    off = np.abs(found['img'].astype(int) - wanted['img'])[inside]
    # Half a pixel of the reduced image would be several levels.
    assert off.mean() < 0.75 and off.max() <= 6


def resample(image, person, size=SIZE, factor=8):
    """The crop without aliasing: means of factor x factor points a pixel."""
    large = run(person, False, size=tuple(factor * side for side in size))[
        'img'
    ]
    # Pixel centres: the large crop starts (factor - 1) / 2 points earlier.
    shift = np.float64([[1, 0, factor // 2], [0, 1, factor // 2]])
    large = cv2.warpAffine(
        large, shift, large.shape[1::-1], borderMode=cv2.BORDER_REFLECT
    )
    return cv2.resize(large, size, interpolation=cv2.INTER_AREA).astype(int)


def zone_plate(side):
    """512 x 512 with rings that get finer outwards: a period of two pixels is
    reached at side / 2 from the centre."""
    y, x = np.mgrid[:512, :512] - 256
    rings = 127.5 + 127.5 * np.cos(np.pi * (x * x + y * y) / side)
    return np.repeat(rings[..., None], 3, -1).round().astype(np.uint8)


@pytest.mark.parametrize('scale', [2, 4, 8])
def test_aliasing(scale, tmp_path):
    """Nearer to the mean over each pixel than MMPose's crop is."""
    side = min(48 * scale * 1.2 / 1.25, 400)
    image = zone_plate(side)
    path = place(tmp_path, encode(image, 98))
    box = (256 - side / 2, 256 - side / 2, side, side)
    person = sample(path, box, 512, 512)
    found, wanted = (run(person, fast)['img'].astype(int) for fast in (1, 0))
    ideal = resample(image, person)
    inside = (slice(12, -12), slice(6, -6))
    ours, theirs = (
        np.abs(crop - ideal)[inside].mean() for crop in (found, wanted)
    )
    assert theirs > 8  # it does alias
    assert ours < 0.85 * theirs


def photograph(seed=0, side=1024):
    """Noise whose amplitudes fall with the frequency as a photograph's."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(
        np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    ).clip(1 / side)
    noise = rng.normal(size=(2, *frequency.shape))
    image = np.fft.irfft2((noise[0] + 1j * noise[1]) / frequency**1.5)
    image = (128 + 50 * image / image.std()).clip(0, 255).astype(np.uint8)
    return cv2.merge([image, image[::-1], image[:, ::-1]])


def measure(path, width, height):
    """Shrink, and the mean absolute difference from MMPose's crop in levels,
    of crops of 192 x 256 from boxes of all sizes."""
    found = []
    for side in (0.2, 0.4, 0.6, 0.75):
        h = side * height
        box = ((width - 0.75 * h) / 2, (height - h) / 2, 0.75 * h, h)
        person = sample(path, box, width, height)
        ours, theirs = (
            run(person, fast, size=(192, 256))['img'].astype(int)
            for fast in (1, 0)
        )
        found.append((1.25 * h / 256, np.abs(ours - theirs).mean()))
    return found


def test_stated_tolerance(tmp_path):
    """docs/loading.md: 4 levels of 255 where an image is shrunk."""
    path = place(tmp_path, encode(photograph()))
    found = measure(path, 1024, 1024)
    assert found[0][0] < 2 <= found[1][0]
    assert found[0][1] == 0
    assert all(0.3 < off < 4 for _, off in found[1:])


@pytest.mark.skipif(
    'SPINEPOSE_SAMPLE_DIR' not in os.environ,
    reason='SPINEPOSE_SAMPLE_DIR names no folder with photographs',
)
def test_stated_tolerance_on_photographs(tmp_path):
    """Enlarged to twice the size, to have something to shrink."""
    paths = list(Path(os.environ['SPINEPOSE_SAMPLE_DIR']).glob('*.jpg'))
    assert paths
    for path in paths:
        image = cv2.imread(str(path))
        image = cv2.resize(image, None, fx=2, fy=2)
        height, width = image.shape[:2]
        found = measure(place(tmp_path, encode(image)), width, height)
        for shrink, off in found:
            assert off == 0 if shrink < 2 else off < 4


@pytest.mark.parametrize(
    'shrink, expected',
    [(0.5, 1), (1.99, 1), (2, 2), (3.9, 2), (4, 4), (7.9, 4), (8, 8), (99, 8)],
)
@pytest.mark.parametrize('degrees', [0, 33, 90])
def test_reduction(shrink, expected, degrees):
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, 1 / shrink)
    assert reduction(matrix) == expected


def test_what_is_decoded(tmp_path, monkeypatch):
    """The last rows are left out where nothing of them shows."""
    shapes = []
    decode = jpeg_decoding.decode_jpeg

    def note(*args):
        image = decode(*args)
        shapes.append(image.shape)
        return image

    monkeypatch.setattr(jpeg_decoding, 'decode_jpeg', note)
    path = place(tmp_path, encode(noisy(320, 640)))
    for box in ((60, 40, 32, 48), (60, 40, 80, 120), (60, 400, 160, 230)):
        run(sample(path, box, 320, 640), True)
    stops = jpeg_decoding.simplejpeg is not None
    # 40 + 24 +- 1.25 * 24 ends at 94, 40 + 60 +- 75 at 175.
    assert shapes == [
        (112 if stops else 640, 320, 3),
        (208 // 2 if stops else 320, 160, 3),
        (160, 80, 3),
    ]


def test_pixels_are_those_of_opencv():
    for kind, make in PLAIN.items():
        content = make(noisy())
        header = read_header(content)
        for scale, flag in jpeg_decoding.FLAGS.items():
            ours = jpeg_decoding.decode_jpeg(content, header, scale)
            theirs = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
            np.testing.assert_array_equal(ours, theirs, kind)


@pytest.mark.parametrize('case', BAD)
def test_bad_files_are_noticed(case, tmp_path):
    content, reason = BAD[case]
    path = place(tmp_path, content)
    with pytest.raises(ValueError, match='cannot be used') as error:
        LoadPoseImage(lazy=True)(dict(img_path=path, id=7))
    assert reason in str(error.value) and '(annotation 7)' in str(error.value)


def without_tables(content):
    """No decoder can do without its quantisation tables."""
    at = content.index(b'\xff\xdb')
    size = int.from_bytes(content[at + 2 : at + 4], 'big')
    return content[:at] + content[at + 2 + size :]


@pytest.mark.parametrize('choice', ['error', 'skip'])
def test_files_that_prove_bad_late(choice, tmp_path):
    content = encode(noisy())
    while b'\xff\xdb' in content[:600]:
        content = without_tables(content)
    path = place(tmp_path, content)
    pipeline = Compose(
        [
            LoadPoseImage(lazy=True, on_bad_image=choice),
            mmpose_transforms.GetBBoxCenterScale(),
            FastTopdownAffine(input_size=SIZE),
        ]
    )
    person = sample(path, (0, 0, 50, 50), id=7)
    if choice == 'skip':
        assert pipeline(person) is None
        return
    with pytest.raises(ValueError, match='not an image that OpenCV.*ation 7'):
        pipeline(person)


def test_flips_add_up(tmp_path):
    person = sample(place(tmp_path, encode(noisy())), SMALL[0])
    flip = [mmpose_transforms.RandomFlip(1.0, d) for d in DIRECTIONS[1:3]]
    box = mmpose_transforms.GetBBoxCenterScale()
    found = Compose(
        [LoadPoseImage(lazy=True), box, *flip, FastTopdownAffine(SIZE)]
    )
    wanted = Compose(
        [
            mmpose_transforms.LoadImage(),
            box,
            *flip,
            mmpose_transforms.TopdownAffine(SIZE),
        ]
    )
    np.testing.assert_array_equal(
        found(dict(person))['img'], wanted(dict(person))['img']
    )


@pytest.mark.parametrize('flip', DIRECTIONS)
def test_arrays_are_cropped_as_ever(flip, tmp_path):
    """As inferencers hand them over."""
    person = sample(None, (0, 0, WIDTH, HEIGHT), img=noisy())
    found, wanted = (run(person, fast, flip, 10.0) for fast in (1, 0))
    np.testing.assert_array_equal(found['img'], wanted['img'])
    assert_same_but_image(found, wanted)


def test_mmposes_own_name_stays():
    upstream = mmpose_transforms.TopdownAffine
    assert TRANSFORMS.get('TopdownAffine') is upstream
    assert TRANSFORMS.get('FastTopdownAffine') is FastTopdownAffine
    assert issubclass(FastTopdownAffine, mmpose_transforms.TopdownAffine)


def test_mmposes_own_refuses_what_is_not_decoded(tmp_path):
    person = sample(place(tmp_path, encode(noisy())), SMALL[0])
    pipeline = Compose(
        [
            LoadPoseImage(lazy=True),
            mmpose_transforms.GetBBoxCenterScale(),
            mmpose_transforms.RandomFlip(1.0, 'horizontal'),
            mmpose_transforms.TopdownAffine(SIZE),
        ]
    )
    with pytest.raises(cv2.error):
        pipeline(person)


@pytest.mark.parametrize(
    'settings, words',
    [
        (dict(color_type='grayscale'), "'grayscale'"),
        (dict(imdecode_backend='pillow'), "'pillow'"),
        (dict(to_float32=True), 'True'),
    ],
)
def test_settings_that_do_not_go_together(settings, words):
    with pytest.raises(ValueError, match=f'lazy=True.*{words}'):
        LoadPoseImage(lazy=True, **settings)


def test_cache_without_lazy(tmp_path):
    with pytest.raises(ValueError, match='cache needs lazy=True'):
        LoadPoseImage(cache=dict(folder=str(tmp_path), max_gib=1))
