"""Writes generated images and annotations in SpineTrack's folder layout."""

import json
import multiprocessing
import os
import os.path as osp
import signal
from functools import partial

from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, SKELETON
from spinepose_mmpose.utils import replaced, write_text

import cv2

from .scene import SHARES, SPLITS, generate_sample

# Raise it with every change that alters images or labels.
GENERATOR_VERSION = '1.0'
STATE_FILE = 'synthetic.json'
JPEG_QUALITY = 92
MIN_SIDE, MAX_SIDE = 64, 2048
# Image ids stay unique over the four files.
_IDS_PER_SPLIT = 10_000_000
_MAX_PEOPLE = 10


def split_counts(train, val):
    """Images of each split: ``SHARES`` of ``train``, and ``val``.

    Half of the training images are the varied kind, as about half of
    SpineTrack is from Unreal Engine; rounding goes to that split too.
    """
    counts = {}
    for split, kind in SPLITS.items():
        if split.startswith('train'):
            counts[split] = int(train * SHARES[kind])
    counts['train-unreal'] += train - sum(counts.values())
    return {**counts, 'val2017': val}


def annotation_path(out, split):
    return osp.join(out, 'annotations', f'person_keypoints_{split}.json')


def _write_json(path, content):
    write_text(path, json.dumps(content, separators=(',', ':')))


def _write_image(path, image):
    with replaced(path) as temporary:
        if not cv2.imwrite(
            temporary, image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        ):
            raise OSError(f'cannot write the image {path}')


def _make_image(index, out, seed, split, size):
    """Write one image; returns its COCO image and annotation entries."""
    image, annotations = generate_sample(seed, split, index, size)
    image_id = list(SPLITS).index(split) * _IDS_PER_SPLIT + index + 1
    name = f'{image_id:012d}.jpg'
    _write_image(osp.join(out, 'images', split, name), image)
    height, width = image.shape[:2]
    for i, annotation in enumerate(annotations):
        annotation.update(id=image_id * _MAX_PEOPLE + i, image_id=image_id)
    return dict(
        id=image_id, file_name=name, width=width, height=height
    ), annotations


def _categories():
    return [
        dict(
            id=1,
            name='person',
            supercategory='person',
            keypoints=list(KEYPOINT_NAMES),
            skeleton=[
                [KEYPOINT_IDS[end] + 1 for end in link] for link, _ in SKELETON
            ],
        )
    ]


def _check(train, val, seed, size, workers):
    for name, value in (('train', train), ('val', val), ('seed', seed)):
        if value < 0:
            raise ValueError(f'{name} must not be negative, but is {value}')
    if max(train, val) >= _IDS_PER_SPLIT:
        raise ValueError(
            f'at most {_IDS_PER_SPLIT - 1} images fit a split, '
            f'but {max(train, val)} were asked for'
        )
    if workers < 1:
        raise ValueError(f'workers must be at least 1, but is {workers}')
    if size and not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise ValueError(
            f'width and height must be {MIN_SIDE} to {MAX_SIDE} '
            f'pixels, but are {size[0]} x {size[1]}'
        )


def _read_state(out):
    """Settings a folder was written with; None for a new or empty folder."""
    path = osp.join(out, STATE_FILE)
    if osp.exists(path):
        with open(path, encoding='utf-8') as f:
            try:
                return json.load(f)
            except json.JSONDecodeError as error:
                raise ValueError(f'{path} is damaged: {error}') from None
    if osp.isdir(out) and os.listdir(out):
        raise FileExistsError(
            f'{out} holds files that this generator did not write; '
            'give a new or an empty folder'
        )
    return None


def _remove_images(out, split, count):
    """Drop leftovers of an earlier run that are not of this one."""
    base = list(SPLITS).index(split) * _IDS_PER_SPLIT
    keep = {f'{base + i + 1:012d}.jpg' for i in range(count)}
    folder = osp.join(out, 'images', split)
    for name in os.listdir(folder):
        if name.endswith('.jpg') and name not in keep:
            os.remove(osp.join(folder, name))


def _start_worker():
    cv2.setNumThreads(1)  # the processes share the cores
    # Ctrl-C is the parent's to handle: it ends the pool.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_split(out, split, count, seed, size, workers, progress):
    make = partial(_make_image, out=out, seed=seed, split=split, size=size)
    images, annotations = [], []

    def collect(results):
        for done, (image, people) in enumerate(results, 1):
            images.append(image)
            annotations.extend(people)
            if progress:
                progress(split, done, count)

    if workers == 1 or count < 2:
        collect(map(make, range(count)))
    else:
        # Spawn: a forked child hangs in cv2 once the parent has used its
        # threads.
        context = multiprocessing.get_context('spawn')
        with context.Pool(workers, _start_worker) as pool:
            collect(pool.imap(make, range(count), chunksize=8))
    _remove_images(out, split, count)
    info = dict(
        description='Synthetic people in SpineTrack format, drawn by '
        'spinepose_mmpose.datasets.synthetic; not photographs and not part '
        'of SpineTrack.',
        version=GENERATOR_VERSION,
        seed=seed,
        split=split,
    )
    _write_json(
        annotation_path(out, split),
        dict(
            info=info,
            licenses=[],
            images=images,
            annotations=annotations,
            categories=_categories(),
        ),
    )


def write_dataset(
    out,
    train,
    val,
    seed=0,
    size=None,
    workers=1,
    overwrite=False,
    progress=None,
):
    """Write a data set; the same arguments give the same bytes.

    An annotation file is written after its images, by rename. So after an
    interruption a second call with the same arguments skips the splits that
    have one and makes the others anew.

    Args:
        out: Folder; new, empty, or written by this function.
        train, val: Numbers of images (``split_counts`` divides ``train``).
        seed: Non-negative integer.
        size: (width, height) in pixels; None varies it.
        workers: Processes; the result does not depend on it. More than one
            are spawned, so that a calling script needs the usual
            ``if __name__ == '__main__'``.
        overwrite: Replace a data set of other settings in ``out``.
        progress: Called with (split, images done, images in all).

    Raises:
        ValueError: A number is out of range.
        FileExistsError: ``out`` holds other files, or a data set of other
            settings and ``overwrite`` is off.
        OSError: ``out`` cannot be written.
    """
    _check(train, val, seed, size, workers)
    state = dict(
        generator_version=GENERATOR_VERSION,
        seed=seed,
        train=train,
        val=val,
        size=list(size) if size else None,
    )
    if osp.exists(out) and not osp.isdir(out):
        raise NotADirectoryError(f'{out} is not a folder')
    found = _read_state(out)
    if found is not None and found != state and not overwrite:
        raise FileExistsError(
            f'{out} holds a data set of other settings ({found}); give '
            '--overwrite to replace it'
        )

    for split in SPLITS:
        os.makedirs(osp.join(out, 'images', split), exist_ok=True)
    os.makedirs(osp.join(out, 'annotations'), exist_ok=True)
    if found is not None and found != state:
        for split in SPLITS:
            if osp.exists(annotation_path(out, split)):
                os.remove(annotation_path(out, split))
    _write_json(osp.join(out, STATE_FILE), state)
    for split, count in split_counts(train, val).items():
        if not osp.exists(annotation_path(out, split)):
            _write_split(out, split, count, seed, size, workers, progress)
