"""Writes a synthetic dataset in SpineTrack's layout, with 3D beside it."""

import json
import multiprocessing
import os
import os.path as osp
import signal
from contextlib import nullcontext
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path

from spinepose_mmpose.metainfo import KEYPOINT_IDS
from spinepose_mmpose.utils import read_json, replaced, write_text

import cv2
import numpy as np
from tqdm import tqdm

from ..convert import person_category
from . import labels, scene
from .motion import Bvh, sample_motion

# Raise it with every change that alters images or labels.
GENERATOR_VERSION = '2.4'
STATE_FILE = 'synthetic.json'
# Kind of people in each split, and its share of the training images.
SPLITS = {
    'train-real-coco': ('everyday', 0.35),
    'train-real-yoga': ('yoga', 0.15),
    'train-unreal': ('varied', 0.50),
    'val2017': ('mixed', 0.0),
}
SIDES = (64, 2049)  # pixels, of images: the least, and one too many
_IDS, _MAX_PEOPLE = 10_000_000, 10
FRAME_RATE = 25


def split_counts(train: int, val: int) -> dict:
    """Images of each split; what rounding leaves goes to the varied kind."""
    counts = {split: int(train * share) for split, (_, share) in SPLITS.items()}
    counts['train-unreal'] += train - sum(counts.values())
    return {**counts, 'val2017': val}


def annotation_path(out: str, split: str) -> str:
    return osp.join(out, 'annotations', f'person_keypoints_{split}.json')


def _path_3d(out, split):
    return osp.join(out, 'annotations', f'synthetic3d_{split}.npz')


@lru_cache(maxsize=1)
def _photos(folder):
    """Every image of a folder that OpenCV reads, at most 1280 px wide."""
    photos = []
    for path in sorted(Path(folder).iterdir()):
        photo = cv2.imread(str(path)) if path.is_file() else None
        if photo is not None:
            scale = min(1.0, 1280 / photo.shape[1])
            photos.append(cv2.resize(photo, None, fx=scale, fy=scale))
    return photos


@lru_cache(maxsize=1)
def _recordings(folder):
    return [Bvh(str(path)) for path in sorted(Path(folder).rglob('*.bvh'))]


def generate(seed, split, index, size=None, backgrounds=None, motion=None,
             frames=1, cameras=1, images=True):  # fmt: skip
    """One scene, which depends on these arguments alone.

    Yields (frame, camera number, (H, W, 3) uint8 BGR or None, and a list of
    (annotation or None, 3D labels as a dictionary) of the people). Without
    images every point within the image counts as visible.

    Args:
        seed (int): Not negative.
        split (str): One of ``SPLITS``.
        index (int): Number of the scene in the split, from 0.
        size: (width, height) pixels; None varies it.
        backgrounds, motion (str): Folders of photographs and of BVH files.
        frames (int): 1 for a still, more for a clip at 25 images per second.
        cameras (int): Synchronised cameras around the scene.
        images (bool): Whether to render.
    """
    rng = np.random.default_rng([seed, list(SPLITS).index(split), index])
    kind = SPLITS[split][0]
    if kind == 'mixed':
        kinds, shares = zip(*(pair for pair in SPLITS.values() if pair[1]))
        kind = str(rng.choice(kinds, p=shares))
    size = tuple(size or scene.SIZES[rng.integers(len(scene.SIZES))])
    photos = _photos(backgrounds) if backgrounds else ()
    place = scene.sample_scene(rng, kind, photos, frames > 1, cameras > 1)
    movers = []
    if frames > 1:
        recordings = _recordings(motion) if motion else ()
        movers = [
            (sample_motion(rng, person.body, kind, recordings), person)
            for person in place.people
        ]
        place.people = _at(movers, (frames - 1) / 2 / FRAME_RATE)
    views = _cameras(rng, place.people, size, kind, cameras)
    for frame in range(frames):
        if movers:
            place.people = _at(movers, frame / FRAME_RATE)
        for number, camera in enumerate(views):
            # Every frame of a clip has the same sky, blur and exposure.
            own = np.random.default_rng([seed, index, number])
            yield frame, number, *_shot(own, place, camera, images)


def _at(movers, seconds):
    people = []
    for owner, (motion, start) in enumerate(movers, 1):
        pose, gone = motion(seconds)
        place = start.keypoints[KEYPOINT_IDS['hip'], :2] + gone
        people.append(
            scene.make_person(start.body, pose, start.look, place, owner)
        )
    return people


def _cameras(rng, people, size, kind, count):
    if count == 1:
        return [scene.sample_camera(rng, people, size, kind)]
    points = scene.outline(people)
    angles = 360 * np.arange(count) / count + rng.normal(0, 8, count)
    heights = rng.uniform(4, 20, count)
    return [
        scene.look_at(points, size, azimuth, elevation, fill=0.75)
        for azimuth, elevation in zip(angles, heights)
    ]


def _shot(rng, place, camera, images):
    """An image, and the labels of the people whom it shows."""
    image, found = None, []
    if images:
        image, near, seen = scene.draw(place, camera, rng)
        subject = camera.local(place.people[0].keypoints)[:, 2].mean()
        image = scene.finish(rng, image, near, float(subject))
    for owner, person in enumerate(place.people, 1):
        points = camera.project(person.keypoints)
        annotation, flags = None, labels.inside(points, camera.size) * 2
        if images:
            annotation = labels.annotate(person, owner, camera, seen)
            if annotation is None:
                continue
            flags = np.array(annotation['keypoints'][2::3])
        row = dict(
            part=np.c_[points[:, :2], flags > 0],
            S=np.c_[camera.local(person.keypoints), np.ones(len(points))],
            S_world=person.keypoints,
            visibility=flags,
            angles=labels.spine_angles(person.local),
            K=camera.intrinsics(),
            R=camera.rotation,
            t=-camera.rotation @ camera.position,
            subject=owner,
        )
        found.append((annotation, row))
    return image, found


def _make_scene(index, out, split, images, cameras, frames, **options):
    """Write one scene's images; returns COCO images, annotations, 3D rows."""
    listed, annotations, rows = [], [], []
    shots = generate(split=split, index=index, frames=frames, cameras=cameras,
                     images=images, **options)  # fmt: skip
    for frame, camera, image, found in shots:
        serial = (index * frames + frame) * cameras + camera
        image_id = list(SPLITS).index(split) * _IDS + serial + 1
        name = f'{image_id:012d}.jpg'
        if images:
            with replaced(osp.join(out, 'images', split, name)) as temporary:
                quality = [cv2.IMWRITE_JPEG_QUALITY, 82 + image_id % 15]
                if not cv2.imwrite(temporary, image, quality):
                    raise OSError(f'{name} cannot be written in {out}')
            height, width = image.shape[:2]
            listed.append(
                dict(id=image_id, file_name=name, width=width, height=height)
            )
        for i, (annotation, row) in enumerate(found):
            if images:
                own = dict(id=image_id * _MAX_PEOPLE + i, image_id=image_id)
                annotations.append(annotation | own)
            subject = index * _MAX_PEOPLE + row.pop('subject')
            row['imgname'] = f'S{subject}_{split}.{camera:08d}_{frame:06d}.jpg'
            row['image_id'] = image_id
            rows.append(row)
    return listed, annotations, rows


def _start_worker():
    cv2.setNumThreads(1)  # the processes share the cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool


def _write_split(out, split, count, workers, progress, options):
    make = partial(_make_scene, out=out, split=split, **options)
    # Spawn: a forked child hangs in OpenCV once the parent has used its
    # threads.
    context = multiprocessing.get_context('spawn')
    several, numbers = workers > 1 and count > 1, range(count)
    work = context.Pool(workers, _start_worker) if several else nullcontext()
    with work as pool:
        scenes = pool.imap(make, numbers, 4) if pool else map(make, numbers)
        bar = tqdm(scenes, split, count, unit='scene', disable=not progress)
        parts = list(zip(*bar)) or [()] * 3
    listed, annotations, rows = (list(chain.from_iterable(p)) for p in parts)
    if rows:
        _write_3d(_path_3d(out, split), rows)
    info = dict(
        description='Synthetic people in SpineTrack format, rendered by '
        'spinepose_mmpose.datasets.synthetic; neither photographs nor part '
        'of SpineTrack.',
        version=GENERATOR_VERSION, seed=options['seed'], split=split,
    )  # fmt: skip
    content = dict(info=info, licenses=[], images=listed,
                   annotations=annotations,
                   categories=[person_category()])  # fmt: skip
    text = json.dumps(content, separators=(',', ':'))
    write_text(annotation_path(out, split), text)


def _write_3d(path, rows):
    """The npz that MMPose's Human3.6M datasets and SIMSPINE read; its keys are
    in docs/tutorials/synthetic.md."""
    arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    points = arrays['part'][..., :2]
    low, high = points.min(1), points.max(1)
    arrays['center'] = (low + high) / 2
    arrays['scale'] = (high - low).max(1) * 1.25 / 200
    for key, values in arrays.items():
        if values.dtype == float:
            arrays[key] = values.astype(np.float32)
    arrays['angle_bones'] = np.array(labels.LEVEL_BONES)
    with replaced(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def write_dataset(out, train, val, seed=0, size=None, workers=1,
                  overwrite=False, progress=False, backgrounds=None,
                  motion=None, frames=1, cameras=1, images=True):  # fmt: skip
    """Write a dataset; the same arguments give the same bytes.

    An annotation file is written after its images, by rename. So after an
    interruption a second call with the same arguments skips the splits that
    have one and makes the others anew.

    Args:
        out (str): Folder; new, empty, or written by this function.
        train, val (int): Numbers of scenes (see :func:`split_counts`).
        workers (int): Processes. More than one are spawned, so that a calling
            script needs the usual ``if __name__ == '__main__'``.
        overwrite (bool): Replace a dataset of other settings in ``out``.
        progress (bool): Show a bar for each split.

    The others are those of :func:`generate`.

    Raises:
        ValueError: A number is out of range, or a folder holds no image that
            can be read or no BVH file.
        FileExistsError: ``out`` holds other files, or a dataset of other
            settings and ``overwrite`` is off.
    """
    options = dict(seed=seed, size=size and tuple(size),
                   backgrounds=backgrounds, motion=motion, frames=frames,
                   cameras=cameras, images=images)  # fmt: skip
    _check(train, val, workers, options)
    state = dict(generator_version=GENERATOR_VERSION, train=train, val=val)
    state = json.loads(json.dumps(state | options))
    state_path = osp.join(out, STATE_FILE)
    if osp.exists(state_path):
        found = read_json(state_path)
        if found != state and not overwrite:
            raise FileExistsError(
                f'{out} holds a dataset of other settings ({found}); give '
                '--overwrite to replace it'
            )
        if found != state:
            _remove_dataset(out)
    elif osp.exists(out) and os.listdir(out):
        raise FileExistsError(
            f'{out} holds files that this generator did not write; '
            'give a new or an empty folder'
        )
    for folder in ('annotations', *(f'images/{split}' for split in SPLITS)):
        os.makedirs(osp.join(out, folder), exist_ok=True)
    write_text(state_path, json.dumps(state))
    for split, count in split_counts(train, val).items():
        if not osp.exists(annotation_path(out, split)):
            _write_split(out, split, count, workers, progress, options)


def _remove_dataset(out):
    """Remove what an earlier run wrote; its annotations name the images."""
    for split in SPLITS:
        path = annotation_path(out, split)
        if osp.exists(path):
            for image in read_json(path)['images']:
                file = Path(out, 'images', split, image['file_name'])
                file.unlink(missing_ok=True)
            os.remove(path)
        Path(_path_3d(out, split)).unlink(missing_ok=True)


def _check(train, val, workers, options):
    scenes = _IDS // max(options['frames'] * options['cameras'], 1)
    limits = dict(train=(0, scenes), val=(0, scenes), seed=(0, 2**63),
                  workers=(1, 1024), frames=(1, 100_000),
                  cameras=(1, 64))  # fmt: skip
    given = dict(options, train=train, val=val, workers=workers)
    if options['size']:
        limits |= dict(width=SIDES, height=SIDES)
        given |= zip(('width', 'height'), options['size'])
    for name, (low, high) in limits.items():
        if not low <= given[name] < high:
            raise ValueError(
                f'{name} must be {low} to {high - 1}, not {given[name]}'
            )
    for folder, read, what in (
        (options['backgrounds'], _photos, 'image that can be read'),
        (options['motion'], _recordings, 'BVH file (*.bvh)'),
    ):
        if folder and not osp.isdir(folder):
            raise NotADirectoryError(f'{folder} is not a folder')
        if folder and not read(folder):
            raise ValueError(f'{folder} contains no {what}')
