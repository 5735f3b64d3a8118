import io

from spinepose_mmpose.inference.images import as_image, decode_image, read_image

import cv2
import numpy as np
import pytest

Image = pytest.importorskip('PIL.Image')


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


def rotated(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'BMP', 'WEBP', 'PPM'])
def test_lossless_formats_keep_every_pixel(rgb, kind):
    options = {'lossless': True} if kind == 'WEBP' else {}
    content = encode(Image.fromarray(rgb), kind, **options)
    np.testing.assert_array_equal(decode_image(content), rgb[..., ::-1])


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP'])
@pytest.mark.parametrize(
    'orientation, turn',
    [(3, cv2.ROTATE_180), (6, cv2.ROTATE_90_CLOCKWISE)],
)
def test_exif_orientation_is_applied(rgb, kind, orientation, turn):
    content = encode(
        Image.fromarray(rgb), kind, exif=rotated(orientation), quality=95
    )
    image = decode_image(content)
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
    got = decode_image(encode(image, kind, **options)).astype(int)
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
    np.testing.assert_array_equal(decode_image(content), expected)


def test_16_bits_with_transparency(rgb):
    deep = np.dstack([rgb[..., ::-1], np.full((60, 80), 255, np.uint8)])
    deep = deep.astype(np.uint16) * 257
    deep[:10, :, 3] = 0
    got = decode_image(cv2.imencode('.png', deep)[1].tobytes())
    assert (got[:10] == 255).all()
    np.testing.assert_array_equal(got[10:], rgb[10:, :, ::-1])


@pytest.mark.parametrize('mode', ['L', '1', 'LA', 'P'])
def test_modes_become_three_channels(rgb, mode):
    picture = Image.fromarray(rgb).convert(mode)
    expected = np.asarray(picture.convert('RGB'))[..., ::-1]
    np.testing.assert_array_equal(
        decode_image(encode(picture, 'PNG')), expected
    )


def test_cmyk_jpeg_has_the_right_colours(rgb):
    content = encode(Image.fromarray(rgb).convert('CMYK'), 'JPEG', quality=95)
    error = np.abs(decode_image(content).astype(int) - rgb[..., ::-1]).mean()
    assert error < 3


def test_one_pixel():
    picture = Image.new('RGB', (1, 1), (10, 20, 30))
    assert decode_image(encode(picture, 'PNG')).tolist() == [[[30, 20, 10]]]


@pytest.mark.parametrize(
    'kind, sentence',
    [
        ('JPEG', 'is cut off: the JPEG ends before'),
        ('PNG', 'is cut off: the PNG ends before'),
        ('TIFF', 'is no usable image'),
        ('WEBP', 'is no usable image'),
        ('GIF', 'is no usable image'),
    ],
)
def test_cut_off_files_are_refused(rgb, kind, sentence, capfd):
    content = encode(Image.fromarray(rgb), kind)
    with pytest.raises(ValueError, match=f'photo {sentence}'):
        decode_image(content[: len(content) // 2], 'photo')
    assert capfd.readouterr().err == ''


def test_bytes_after_the_end_are_allowed(rgb):
    for kind in ('JPEG', 'PNG'):
        content = encode(Image.fromarray(rgb), kind) + b'maker note' * 20
        assert decode_image(content).shape == (60, 80, 3)


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut_off(rgb):
    """The thumbnail in the EXIF segment has an end marker of its own."""
    small = encode(Image.fromarray(rgb[:8, :8]), 'JPEG')
    content = encode(Image.fromarray(rgb), 'JPEG')
    segment = b'\xff\xe1' + (len(small) + 2).to_bytes(2, 'big') + small
    whole = content[:2] + segment + content[2:]
    assert decode_image(whole).shape == (60, 80, 3)
    with pytest.raises(ValueError, match='cut off'):
        decode_image(whole[:-40])


@pytest.mark.parametrize(
    'content, sentence',
    [
        (b'', 'photo is empty'),
        (b'hello', 'photo is no usable image: not a format'),
        (b'\xff\xd8\xff', 'photo is cut off'),
    ],
)
def test_what_is_no_image_is_one_sentence(content, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        decode_image(content, 'photo')
    assert '\n' not in str(error.value)


def test_floats_are_refused(rgb):
    content = cv2.imencode('.tiff', rgb.astype(np.float32))[1].tobytes()
    with pytest.raises(ValueError, match='photo has float32 pixels'):
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
    'array, sentence',
    [
        (np.zeros((4, 4, 3), np.float32), r'\(4, 4, 3\) of float32'),
        (np.zeros((4, 4, 2), np.uint8), r'\(4, 4, 2\) of uint8'),
        (np.zeros((0, 4, 3), np.uint8), 'has no pixels'),
        (np.zeros((3, 3, 4, 4), np.uint8), 'an image is an array'),
    ],
)
def test_arrays_that_are_no_images(array, sentence):
    with pytest.raises(ValueError, match=sentence):
        as_image(array)
