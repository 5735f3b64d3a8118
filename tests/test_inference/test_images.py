import io
import re
import sys

from spinepose_mmpose.inference.images import (
    as_image,
    decode_image,
    is_image,
    load_image,
    read_image,
)

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps


@pytest.fixture(scope='module')
def rgb():
    """(60, 80, 3) uint8, smooth, so that JPEG keeps it."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3))
    return cv2.resize(
        noise.astype(np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC
    )


def encode(image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(content: bytes, remark: str = '') -> np.ndarray:
    """The image in a file of which this is remarkable."""
    image, said = decode_image(content, 'photo')
    assert said == remark
    return image


def rotated(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'BMP', 'WEBP', 'PPM'])
def test_lossless_formats_keep_every_pixel(rgb, kind):
    options = {'lossless': True} if kind == 'WEBP' else {}
    content = encode(Image.fromarray(rgb), kind, **options)
    np.testing.assert_array_equal(decode(content), rgb[..., ::-1])


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize(
    'orientation, turn',
    [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_CLOCKWISE)],
)
def test_exif_orientation_is_applied(rgb, kind, orientation, turn):
    content = encode(
        Image.fromarray(rgb), kind, exif=rotated(orientation), quality=95
    )
    image = decode(content)
    upright = cv2.rotate(rgb[..., ::-1], turn)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 3


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'WEBP'])
def test_what_is_transparent_becomes_white(rgb, kind):
    image = Image.fromarray(rgb).convert('RGBA')
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:20], alpha[20:40] = 0, 51  # 51 is a fifth
    image.putalpha(Image.fromarray(alpha))
    options = {'lossless': True, 'exact': True} if kind == 'WEBP' else {}
    got = decode(encode(image, kind, **options)).astype(int)
    bgr = rgb[..., ::-1].astype(float)
    assert (got[:20] == 255).all()
    np.testing.assert_allclose(
        got[20:40], bgr[20:40] / 5 + 255 * 4 / 5, atol=0.51
    )
    np.testing.assert_array_equal(got[40:], bgr[40:])


@pytest.mark.parametrize('extension', ['.png', '.tiff'])
@pytest.mark.parametrize('channels', [1, 3])
def test_16_bits_keep_the_upper_eight(rgb, extension, channels):
    bgr = rgb[..., ::-1] if channels == 3 else rgb[..., 0]
    deep = bgr.astype(np.uint16) * 256 + 200
    content = cv2.imencode(extension, deep)[1].tobytes()
    expected = bgr if channels == 3 else np.dstack([bgr] * 3)
    np.testing.assert_array_equal(decode(content), expected)


def test_16_bits_with_transparency(rgb):
    deep = np.dstack([rgb[..., ::-1], np.full((60, 80), 255, np.uint8)])
    deep = deep.astype(np.uint16) * 257
    deep[:10, :, 3] = 0
    got = decode(cv2.imencode('.png', deep)[1].tobytes())
    assert (got[:10] == 255).all()
    np.testing.assert_array_equal(got[10:], rgb[10:, :, ::-1])


@pytest.mark.parametrize('mode', ['L', '1', 'LA', 'P'])
def test_modes_become_three_channels(rgb, mode):
    picture = Image.fromarray(rgb).convert(mode)
    expected = np.asarray(picture.convert('RGB'))[..., ::-1]
    np.testing.assert_array_equal(decode(encode(picture, 'PNG')), expected)


def test_cmyk_jpeg_has_the_right_colours(rgb):
    content = encode(Image.fromarray(rgb).convert('CMYK'), 'JPEG', quality=95)
    error = np.abs(decode(content).astype(int) - rgb[..., ::-1]).mean()
    assert error < 3


def test_one_pixel():
    picture = Image.new('RGB', (1, 1), (10, 20, 30))
    assert decode(encode(picture, 'PNG')).tolist() == [[[30, 20, 10]]]


@pytest.mark.parametrize(
    'kind, sentence',
    [
        ('JPEG', 'is cut off: the JPEG ends before'),
        ('PNG', 'is not a usable image'),
        ('TIFF', 'is not a usable image'),
        ('WEBP', 'is not a usable image'),
        ('GIF', 'is not a usable image'),
    ],
)
def test_cut_off_files_are_refused(rgb, kind, sentence, capfd):
    content = encode(Image.fromarray(rgb), kind)
    with pytest.raises(ValueError, match=f'photo {sentence}'):
        decode(content[: len(content) // 2])
    assert capfd.readouterr().err == ''


def test_bytes_after_the_end_are_allowed(rgb):
    for kind in ('JPEG', 'PNG'):
        content = encode(Image.fromarray(rgb), kind) + b'maker note' * 20
        assert decode(content).shape == (60, 80, 3)


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut_off(rgb):
    """The thumbnail in the EXIF segment has an end marker of its own."""
    small = encode(Image.fromarray(rgb[:8, :8]), 'JPEG')
    content = encode(Image.fromarray(rgb), 'JPEG')
    segment = b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small
    whole = content[:2] + segment + content[2:]
    assert decode(whole).shape == (60, 80, 3)
    with pytest.raises(ValueError, match='cut off'):
        decode(whole[:-40])


@pytest.mark.parametrize(
    'content, sentence',
    [
        (b'', 'photo is empty'),
        (b'hello', 'photo is not a usable image: not a format'),
        (b'\xff\xd8\xff', 'photo is not a usable image'),
    ],
)
def test_what_is_no_image_is_one_sentence(content, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        decode(content)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'channels, sentence', [(1, 'has float32 pixels'), (3, 'not a format')]
)
def test_floats_are_refused(rgb, channels, sentence):
    pixels = rgb[..., :channels].astype(np.float32)
    content = cv2.imencode('.tiff', pixels)[1].tobytes()
    with pytest.raises(ValueError, match=f'photo .*{sentence}'):
        decode_image(content, 'photo')


def test_read_image_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such image: .*none.jpg'):
        read_image(tmp_path / 'none.jpg')
    with pytest.raises(ValueError, match='is a folder'):
        read_image(tmp_path)
    (tmp_path / 'empty.jpg').touch()
    with pytest.raises(ValueError, match='empty.jpg is empty'):
        read_image(tmp_path / 'empty.jpg')


def test_arrays(rgb):
    assert as_image(rgb) is rgb
    grey = rgb[..., 0]
    stacked = np.dstack([grey] * 3)
    for array in (grey, grey[..., None], grey.astype(np.uint16) * 256):
        np.testing.assert_array_equal(as_image(array), stacked)
    clear = np.dstack([rgb, np.zeros_like(grey)])
    assert (as_image(clear) == 255).all()


@pytest.mark.parametrize(
    'mode', ['RGB', 'CMYK', 'L', 'LA', 'P', 'RGBA', 'I;16']
)
def test_a_pillow_image_is_the_same_as_its_file(rgb, mode):
    if mode == 'I;16':
        image = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(rgb).convert(mode)
    file = encode(image, 'TIFF')
    assert image.mode == mode
    np.testing.assert_array_equal(as_image(image), decode(file))


def test_a_pillow_image_is_turned_upright(rgb):
    content = encode(Image.fromarray(rgb), 'PNG', exif=rotated(6))
    with Image.open(io.BytesIO(content)) as image:
        turned = as_image(image)
    np.testing.assert_array_equal(turned, decode(content))
    assert turned.shape == (80, 60, 3) and turned.flags.c_contiguous


@pytest.mark.parametrize('orientation', range(1, 9))
def test_all_orientations_are_those_of_pillow(rgb, orientation):
    content = encode(Image.fromarray(rgb), 'PNG', exif=rotated(orientation))
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))[..., ::-1]
    np.testing.assert_array_equal(decode(content), expected)


@pytest.mark.parametrize('bits', [8, 10, 12, 14])
def test_fewer_bits_in_uint16_are_seen_and_said(rgb, bits):
    """Cameras of 12 bits write files of 16."""
    deep = rgb.astype(np.uint16) << (bits - 8)
    said = f'photo has no value above .* taken for {bits} bits'
    for extension in ('.png', '.tiff'):
        content = cv2.imencode(extension, deep)[1].tobytes()
        image, remark = decode_image(content, 'photo')
        np.testing.assert_array_equal(image, rgb)
        assert re.match(said, remark)
    with pytest.warns(UserWarning, match=f'taken for {bits} bits'):
        np.testing.assert_array_equal(as_image(deep), rgb)


@pytest.mark.parametrize('progressive', [False, True])
def test_a_damaged_jpeg_is_used_and_said(rgb, progressive, tmp_path, caplog):
    content = encode(
        Image.fromarray(rgb), 'JPEG', quality=95, progressive=progressive
    )
    half = content[: len(content) // 2]
    forged = half + b'\xff\xd9'
    (tmp_path / 'a.jpg').write_bytes(forged)
    image, remark = load_image(tmp_path / 'a.jpg')
    assert image.shape == rgb.shape
    assert re.match(r'.*a.jpg is damaged.*: Corrupt JPEG data', remark)
    assert not caplog.records
    np.testing.assert_array_equal(read_image(tmp_path / 'a.jpg'), image)
    assert caplog.messages == [remark]


@pytest.mark.parametrize('at', [0.3, 0.5, 0.7])
def test_a_gap_in_a_jpeg_is_said(rgb, at):
    large = Image.fromarray(rgb).resize((640, 480))
    content = encode(large, 'JPEG', quality=95)
    start = int(len(content) * at)
    image, remark = decode_image(
        content[:start] + content[start + 200 :], 'photo'
    )
    assert image.shape == (480, 640, 3) and 'is damaged' in remark


@pytest.mark.parametrize('kind', ['GIF', 'WEBP', 'PNG', 'TIFF'])
def test_of_several_images_the_first_counts_and_it_is_said(rgb, kind):
    images = [Image.fromarray(np.roll(rgb, i, 1)) for i in range(3)]
    content = encode(
        images[0],
        kind,
        save_all=True,
        append_images=images[1:],
        **({'lossless': True} if kind == 'WEBP' else {}),
    )
    image = decode(content, 'photo contains 3 images, one is used')
    first = decode(encode(images[0], kind, lossless=True))
    np.testing.assert_array_equal(image, first)


def test_the_large_image_of_an_mpo_file_counts(rgb):
    image = Image.fromarray(rgb)
    content = encode(
        image, 'MPO', save_all=True, append_images=[Image.new('RGB', (8, 8))]
    )
    assert decode(content).shape == rgb.shape


def test_avif(rgb):
    content = encode(Image.fromarray(rgb), 'AVIF', quality=95)
    error = np.abs(decode(content).astype(int) - rgb[..., ::-1]).mean()
    assert error < 3


def test_heic_by_pillow_heif(rgb, monkeypatch):
    """Not one tile of it, and a sentence where nothing reads it."""
    heif = pytest.importorskip('pillow_heif')
    file = io.BytesIO()
    large = cv2.resize(rgb, (1280, 960), interpolation=cv2.INTER_CUBIC)
    heif.from_pillow(Image.fromarray(large)).save(file, quality=90)
    image = decode(file.getvalue())
    assert image.shape == (960, 1280, 3)
    assert np.abs(image.astype(int) - large[..., ::-1]).mean() < 3
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    monkeypatch.delitem(Image.OPEN, 'HEIF', raising=False)
    monkeypatch.setattr(Image, 'ID', [i for i in Image.ID if i != 'HEIF'])
    with pytest.raises(ValueError, match='photo is a HEIC .*pillow-heif'):
        decode_image(file.getvalue(), 'photo')


def test_a_broken_exif_segment_does_no_harm(rgb):
    content = encode(Image.fromarray(rgb), 'JPEG', exif=rotated(6))
    at = content.index(b'Exif') + 6
    for size in (4, 8, 20):
        broken = content[:at] + b'\xff' * size + content[at + size :]
        assert decode(broken).shape[2] == 3


def test_names_of_images():
    for name in ('a.jpg', 'A.JPEG', 'b/c.heic', 'd.avif', 'e.mpo', 'f.webp'):
        assert is_image(name)
    for name in ('a.mp4', 'a.gif', 'a.json', 'jpg', 'a.jpg.txt'):
        assert not is_image(name)


@pytest.mark.parametrize(
    'array, sentence',
    [
        (np.zeros((4, 4, 3), np.float32), r'\(4, 4, 3\) of float32'),
        (np.zeros((4, 4, 2), np.uint8), r'\(4, 4, 2\) of uint8'),
        (np.zeros((0, 4, 3), np.uint8), '1 to 32766 pixels per side'),
        (np.zeros((1, 40000), np.uint8), '1 to 32766 pixels per side'),
        (np.zeros((3, 3, 4, 4), np.uint8), 'an image is an array'),
    ],
)
def test_arrays_that_are_no_images(array, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_image(array)
