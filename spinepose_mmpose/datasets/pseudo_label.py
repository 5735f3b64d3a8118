"""Labels for any images by networks that were trained before (teachers).

Each teacher gives its keypoints by name; with the flip test also those of the
mirrored image. All that is said about a point are its opinions: those that are
sure enough are averaged by confidence, and where two of them are further apart
than a share of the person's size the point stays unlabelled.

Letters: T opinions, N people, K = 37 keypoints.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from tqdm import tqdm

from ..evaluation.coco import keypoint_similarity, oks_matrix
from ..evaluation.people import AREA_OF_BOX
from ..inference.images import is_image, load_image
from ..metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS, SIGMAS
from ..utils import write_text
from .annotations import (
    DataSet,
    box_fault,
    key_of,
    keypoint_fault,
    number,
)
from .convert import labels_of, new_person, spinetrack_file
from .label_teachers import Teacher, ask


@dataclass(frozen=True)
class LabelSettings:
    """How opinions become labels."""

    flip_test: bool = True  # ask about the mirrored image as well
    min_score: float = 0.5  # of an opinion that counts, and of a label
    # Distance between two opinions, in sizes of the person (root of the box's
    # area), above which a point stays unlabelled.
    max_disagreement: float = 0.1
    keep_labels: bool = False  # of the boxes' file; the rest is filled in
    # Mean OKS between those labels and the teachers below which a person's
    # other points stay unlabelled.
    min_agreement: float = 0.5


class Merged(NamedTuple):
    """What all opinions together say of N people."""

    xy: np.ndarray  # N, K, 2: pixels
    scores: np.ndarray  # N, K: 0 where there is no opinion
    labelled: np.ndarray  # N, K bool: sure enough and undisputed
    disputed: np.ndarray  # N, K bool: two sure opinions are too far apart
    # N, 0 to 1: mean over the points that have an opinion of score times the
    # similarity (as in OKS) of its two opinions that are furthest apart.
    quality: np.ndarray


def merge(
    points: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    settings: LabelSettings,
) -> Merged:
    """The labels that opinions come to: points (T, N, K, 2) in pixels with
    scores (T, N, K), 0 for no opinion; areas (N,) of the boxes in square
    pixels."""
    sure = scores >= max(settings.min_score, 1e-6)
    # Where nobody is sure, the guesses are averaged.
    counted = np.where(sure.any(axis=0), sure, scores > 0)  # T, N, K
    weights = scores * counted
    total = np.maximum(weights.sum(axis=0), 1e-9)
    xy = (weights[..., None] * points).sum(axis=0) / total[..., None]
    merged = weights.sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    spread = np.zeros((*merged.shape, 2))
    distance = np.zeros(merged.shape)
    for i, j in combinations(range(len(points)), 2):
        offset = (points[i] - points[j]) * (sure[i] & sure[j])[..., None]
        further = np.linalg.norm(offset, axis=-1) > distance
        spread[further] = offset[further]
        distance = np.linalg.norm(spread, axis=-1)
    disputed = distance > settings.max_disagreement * np.sqrt(areas)[:, None]
    similarity = keypoint_similarity(
        spread, AREA_OF_BOX * areas, np.array(SIGMAS)
    )
    has_opinion = merged > 0
    counts = np.maximum(has_opinion.sum(axis=1), 1)
    quality = (merged * similarity).sum(axis=1) / counts
    labelled = has_opinion & (merged >= settings.min_score) & ~disputed
    return Merged(xy, merged, labelled, disputed, quality)


def annotate(
    people: List[dict], merged: Merged, settings: LabelSettings
) -> List[dict]:
    """Annotations of people with what was merged.

    A point without a label that has an opinion stands in ``guesses`` (name ->
    x, y), for correction by hand; ``disputed`` names those whose opinions are
    too far apart. ``agreement`` is the mean OKS with the labels that were
    there before. The people need ``bbox`` and ``area``, and are not changed.
    """
    annotations = []
    for i, person in enumerate(people):
        keypoints = np.zeros((NUM_KEYPOINTS, 3))
        keypoints[:, :2] = merged.xy[i].round(2)
        keypoints[:, 2] = 2 * merged.labelled[i]
        extra = {}
        old = np.reshape(person.get('keypoints', keypoints * 0), (-1, 3))
        both = old * (merged.scores[i] > 0)[:, None]
        if both[:, 2].any():
            area = [person['area']]
            oks = oks_matrix(merged.xy[[i]], both[None], area, SIGMAS)
            extra['agreement'] = round(oks.item(), 4)
        if settings.keep_labels:
            if extra.get('agreement', 1) < settings.min_agreement:
                keypoints[:, 2] = 0
            keypoints[old[:, 2] > 0] = old[old[:, 2] > 0]
        unlabelled = keypoints[:, 2] == 0
        guesses = {
            KEYPOINT_NAMES[k]: keypoints[k, :2].tolist()
            for k in np.flatnonzero(unlabelled & (merged.scores[i] > 0))
        }
        keypoints[unlabelled] = 0
        disputed = np.flatnonzero(merged.disputed[i])
        annotations.append(
            dict(
                person,
                **labels_of(keypoints.round(2)),
                quality=round(float(merged.quality[i]), 4),
                keypoint_scores=merged.scores[i].round(3).tolist(),
                guesses=guesses,
                disputed=[KEYPOINT_NAMES[k] for k in disputed],
                **extra,
            )
        )
    return annotations


def read_annotations(path) -> dict:
    """The content of an annotation file in SpineTrack's layout; ValueError
    for one of another skeleton, or with people that cannot be used."""
    content = DataSet('annotations', Path(path))
    names = content.keypoint_names or list(KEYPOINT_NAMES)
    if names != list(KEYPOINT_NAMES):
        raise ValueError(
            f'{path} has {len(names)} keypoints ({names[0]} to {names[-1]}), '
            f"SpineTrack's {NUM_KEYPOINTS} in its order expected; "
            'coco_to_spinetrack.py converts COCO and Halpe'
        )
    for image in content.images:
        name = image.get('file_name')
        if key_of(image.get('id')) is None or not isinstance(name, str):
            raise ValueError(
                f'{path}: the image {image} has no id or no file_name'
            )
    for person in content.annotations:
        place = f'{path}: annotation {person.get("id")}'
        for key in ('id', 'image_id'):
            if key_of(person.get(key)) is None:
                raise ValueError(f'{place} has no {key!r}')
        fault = box_fault(person.get('bbox'))
        if person.get('keypoints'):
            fault = fault or keypoint_fault(person['keypoints'], NUM_KEYPOINTS)
        if fault is not None:
            raise ValueError(
                f'{place} cannot be used: {fault.detail}; check_dataset.py '
                '--fix makes a file without such people, coco_to_spinetrack.py '
                'converts COCO and Halpe'
            )
        w, h = person['bbox'][2:]
        if not number(person.get('area')) > 0:
            person['area'] = AREA_OF_BOX * w * h
    return content.raw


def find_images(folder, boxes=None) -> Tuple[List[dict], Dict[object, list]]:
    """COCO's entries of the images to label, with those in subfolders, and the
    people that are known on them by image id.

    Images, people and ids are those of the annotation file ``boxes``; without
    it images have no sizes, and nobody is known.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no such folder of images: {folder}')
    if boxes is None:
        files = sorted(p for p in folder.rglob('*') if is_image(p))
        entries = [
            dict(id=i, file_name=path.relative_to(folder).as_posix())
            for i, path in enumerate(files, 1)
        ]
        people = {}
    else:
        content = read_annotations(boxes)
        entries = content['images']
        people = {entry['id']: [] for entry in entries}
        for person in content['annotations']:
            people.get(person['image_id'], []).append(person)
    if not entries:
        raise ValueError(f'{boxes or folder} contains no images')
    return entries, people


def label_images(
    folder,
    entries: Sequence[dict],
    people: Dict[object, list],
    teachers: Sequence[Teacher],
    detector: Callable,
    settings: LabelSettings,
    batch: int = 8,
) -> Iterator[dict]:
    """Label the images of :func:`find_images`, ``batch`` at a time; the
    detector finds those whose people are not known.

    Yields:
        dict: per image ``image`` and ``annotations``, and ``error`` or
        ``remark`` where there is one.
    """
    for start in range(0, len(entries), batch):
        work = []
        for entry in entries[start : start + batch]:
            try:
                image, remark = load_image(Path(folder, entry['file_name']))
            except (ValueError, OSError) as error:
                yield dict(image=entry, annotations=[], error=str(error))
                continue
            persons = people.get(entry['id'])
            if persons is None:
                persons = [
                    new_person(entry['id'], (x, y, x2 - x, y2 - y), AREA_OF_BOX)
                    for x, y, x2, y2 in detector(image)[0]
                ]
            boxes = np.float32([p['bbox'] for p in persons]).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            h, w = image.shape[:2]
            record = dict(image=dict(entry, width=w, height=h))
            if remark:
                record['remark'] = remark
            work.append((record, persons, image, boxes))
        if not work:
            continue
        _, _, images, boxes = zip(*work)
        opinions = ask(teachers, images, boxes, settings.flip_test)
        for (record, persons, image, b), found in zip(work, opinions):
            areas = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
            merged = merge(*found, areas, settings)
            size = image.shape[1::-1]
            inside = ((merged.xy >= 0) & (merged.xy < size)).all(axis=2)
            merged = merged._replace(labelled=merged.labelled & inside)
            annotations = annotate(persons, merged, settings)
            yield dict(record, annotations=annotations)


def label_folder(
    folder,
    out,
    teachers: Sequence[Teacher],
    detector: Callable,
    settings: LabelSettings,
    boxes=None,
    batch: int = 8,
    afresh: bool = False,
) -> Tuple[dict, List[dict]]:
    """Label a folder of images, from where an earlier run was stopped.

    Finished images are kept in ``OUT.jsonl``, which is removed when all are
    done and ``OUT`` is written; ``afresh`` forgets them. For ``boxes`` see
    :func:`find_images`. Returns the annotation file's content, and the records
    of all images, see :func:`label_images`.
    """
    entries, people = find_images(folder, boxes)
    info = dict(
        description='labels by networks, not by hand',
        teachers=[teacher.source for teacher in teachers],
        settings=asdict(settings),
    )
    if boxes is not None:
        info['boxes'] = hashlib.sha256(Path(boxes).read_bytes()).hexdigest()
    path = Path(f'{out}.jsonl')
    if afresh:
        path.unlink(missing_ok=True)
    records = _read_record(path, info)
    done = {record['image']['file_name'] for record in records}
    todo = [e for e in entries if e['file_name'] not in done]
    found = label_images(
        folder, todo, people, teachers, detector, settings, batch
    )
    with open(path, 'a', encoding='utf-8') as file:
        progress = dict(initial=len(done), total=len(entries), disable=None)
        for record in tqdm(found, **progress):
            records.append(record)
            if 'error' not in record:  # tried again by the next run
                file.write(json.dumps(record) + '\n')
                file.flush()
    good = {r['image']['id']: r for r in records if 'error' not in r}
    if not good:
        raise ValueError(
            f'none of {len(entries)} images can be read, the first one: '
            f'{records[0]["error"]}'
        )
    ordered = [good[e['id']] for e in entries if e['id'] in good]
    annotations = [a for record in ordered for a in record['annotations']]
    if boxes is None:
        annotations = [
            dict(id=i, **person) for i, person in enumerate(annotations, 1)
        ]
    content = spinetrack_file(
        [record['image'] for record in ordered], annotations, info
    )
    write_text(str(out), json.dumps(content))
    path.unlink()
    return content, records


def _read_record(path: Path, info: dict) -> List[dict]:
    """The finished images; the file holds these and no cut line after it."""
    lines = (
        path.read_text(encoding='utf-8').split('\n') if path.exists() else []
    )
    head = json.dumps(info)
    if lines and lines[0] != head:
        raise ValueError(
            f'{path} is the record of a run with other teachers, settings or '
            'boxes: give --overwrite to begin afresh'
        )
    lines = lines[1:-1]
    write_text(str(path), ''.join(f'{line}\n' for line in [head, *lines]))
    return [json.loads(line) for line in lines]
