"""Images and people for the loading benchmarks."""

from spinepose_mmpose.metainfo import METAINFO

import cv2
import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo

# Of COCO at 640x480, of the average SpineTrack image at 1080p.
BYTES = {'640x480': 150_000, '1920x1275': 380_000}


def make_images(folder, size, count):
    """JPEGs of noise with a 1/f spectrum; their paths."""
    try:
        width, height = (int(side) for side in size.split('x'))
    except ValueError:
        raise ValueError(
            f'size {size!r}, expected one like 1920x1275'
        ) from None
    target = BYTES.get(size, width * height // 5)
    rng = np.random.default_rng(0)
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.rfftfreq(width)[None]
    frequency = np.hypot(rows, columns).clip(1 / max(height, width))
    paths, quality = [], None
    for i in range(count):
        layers = []
        for share in (1, 0.3, 0.3):  # brightness, and two of colour
            phases = rng.normal(size=(2, *frequency.shape))
            layer = np.fft.irfft2(
                (phases[0] + 1j * phases[1]) / frequency, (height, width)
            )
            layers.append(share * layer / layer.std())
        light, *colours = layers
        image = np.stack([light, *(light + c for c in colours)], -1)
        image = (128 + 50 * image).clip(0, 255).astype(np.uint8)
        quality = quality or fitting_quality(image, target)
        paths.append(f'{folder}/{size}_{i}.jpg')
        cv2.imwrite(paths[-1], image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return paths


def fitting_quality(image, target):
    def size(quality):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        return len(cv2.imencode('.jpg', image, options)[1])

    return min(range(10, 100), key=lambda q: abs(size(q) - target))


def draw_people(paths, count):
    """Samples as the dataset hands them to the pipeline: boxes of 0.35 to 0.95
    of the image's height, anywhere in it."""
    meta = parse_pose_metainfo(METAINFO)
    rng = np.random.default_rng(1)
    sizes = {path: cv2.imread(path).shape[1::-1] for path in paths}
    people = []
    for i in range(count):
        path = paths[i % len(paths)]
        image = np.array(sizes[path], np.float32)
        h = rng.uniform(0.35, 0.95) * image[1]
        box = np.array([min(h * rng.uniform(0.3, 0.7), image[0]), h])
        low = rng.uniform((0, 0), image - box)
        points = rng.uniform(low, low + box, (1, 37, 2)).astype(np.float32)
        people.append(
            dict(
                img_path=path,
                img_id=i,
                id=i,
                bbox=np.concatenate([low, low + box])[None].astype(np.float32),
                bbox_score=np.ones(1, np.float32),
                keypoints=points,
                keypoints_visible=np.ones((1, 37), np.float32),
                category_id=np.array(1),
                **{
                    key: meta[key]
                    for key in (
                        'upper_body_ids',
                        'lower_body_ids',
                        'flip_pairs',
                        'flip_indices',
                    )
                },
            )
        )
    return people


class People:
    """A dataset of ``length`` samples: the people over and over."""

    def __init__(self, people, pipeline, length):
        self.people = people
        self.pipeline = pipeline
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        return self.pipeline(dict(self.people[i % len(self.people)]))
