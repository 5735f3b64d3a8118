"""JPEGs of every kind, made for a test."""

import io

import cv2
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 203, 310  # no multiples of a block


def smooth(width=WIDTH, height=HEIGHT, stretch=1):
    """Waves far longer than any pixel that a test makes of it."""
    y, x = np.mgrid[:height, :width]
    layers = [
        128 + 100 * np.sin((x / a + y / b) / stretch)
        for a, b in ((29, 41), (-47, 37), (43, 31))
    ]
    return np.stack(layers, -1).round().astype(np.uint8)


def noisy(width=WIDTH, height=HEIGHT, seed=0):
    """Noise over waves: every pixel counts."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 25, (height, width, 3))
    return (smooth(width, height) + noise).clip(0, 255).astype(np.uint8)


def encode(image, quality=95, **options):
    """By OpenCV; options as in ``cv2.IMWRITE_JPEG_<NAME>``."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    for name, value in options.items():
        flags += [getattr(cv2, f'IMWRITE_JPEG_{name}'), value]
    return cv2.imencode('.jpg', image, flags)[1].tobytes()


def by_pillow(image, mode='RGB', **options):
    file = io.BytesIO()
    Image.fromarray(image[..., ::-1]).convert(mode).save(
        file, 'JPEG', quality=95, **options
    )
    return file.getvalue()


def turned(image, orientation):
    """As a camera held otherwise writes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = 'a camera'
    return by_pillow(image, exif=exif)


PLAIN = {
    '4:2:0': lambda i: encode(i),
    '4:2:2': lambda i: encode(
        i, SAMPLING_FACTOR=cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422
    ),
    '4:4:4': lambda i: encode(
        i, SAMPLING_FACTOR=cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    ),
    'progressive': lambda i: encode(i, PROGRESSIVE=1),
    'restart markers': lambda i: encode(i, RST_INTERVAL=3),
    'grey': lambda i: encode(i[..., 0]),
    'upright by EXIF': lambda i: turned(i, 1),
    'maker notes': lambda i: encode(i) + b'maker notes' * 99,
}
ODD = {
    'PNG': lambda i: cv2.imencode('.png', i)[1].tobytes(),
    'grey PNG': lambda i: cv2.imencode('.png', i[..., 0])[1].tobytes(),
    'CMYK': lambda i: by_pillow(i, 'CMYK'),
    'RGB JPEG': lambda i: by_pillow(i, keep_rgb=True),
    'BMP': lambda i: cv2.imencode('.bmp', i)[1].tobytes(),
    **{f'EXIF {n}': lambda i, n=n: turned(i, n) for n in range(2, 9)},
}
