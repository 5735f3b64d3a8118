"""Which labels people should look at first, and what they changed.

An annotation that somebody changed has ``changed_by`` (names, in order) and
``changed_keypoints`` (keypoint -> who changed it last).
"""

from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..evaluation.people import AREA_OF_BOX
from ..metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, NUM_KEYPOINTS
from .annotation_formats import Found, FoundPerson
from .annotations import DataSet, box_around
from .check import check_content
from .convert import labels_of, points_with_guesses, spinetrack_file

# How the kinds of findings begin that cast doubt on labels.
SUSPICIONS = 'spine-', 'sides-'
# What counts beside 1 - quality: all points disputed, and any suspicion.
DISPUTED, SUSPECTED = 0.5, 0.5
# Pixels below which a point did not move: the tools round.
MOVED = 0.25
# Sizes of the box (root of its area) by which the points of a person without
# our id may be away from ours on average.
FARTHEST = 0.2


class Ranked(NamedTuple):
    """An image with what is doubtful about its worst person."""

    image: dict
    badness: float
    reasons: Tuple[str, ...]


def rank_images(dataset: dict) -> List[Ranked]:
    """Images with people, the most doubtful first, by what pseudo_label.py
    writes beside the keypoints, if that is there, and by geometry."""
    content = DataSet('annotations', Path(), raw=dataset)
    suspected = defaultdict(list)
    for finding in check_content(content):
        if finding.kind.startswith(SUSPICIONS):
            suspected[finding.row].append(finding.kind)
    worst: Dict[object, Tuple[float, Tuple[str, ...]]] = {}
    for row, person in enumerate(dataset['annotations']):
        reasons = suspected[row]
        quality = person.get('quality', 1.0)
        disputed = len(person.get('disputed', ()))
        badness = 1 - quality + DISPUTED * disputed / NUM_KEYPOINTS
        badness += SUSPECTED * bool(reasons)
        reasons = [f'quality {quality:.2f}', *reasons]
        reasons += [f'{disputed} disputed'] if disputed else []
        found, image = (badness, tuple(reasons)), person['image_id']
        worst[image] = max(worst.get(image, found), found)
    ranked = [
        Ranked(image, *worst[image['id']])
        for image in dataset['images']
        if image['id'] in worst
    ]
    return sorted(ranked, key=lambda r: -r.badness)


def apply_corrections(
    base: dict, found: Found, who: str = ''
) -> Tuple[dict, Dict[str, int]]:
    """The annotation file of the images that somebody looked at, from the file
    that was exported and what the tool gave back, and counts of ``images``,
    changed ``people`` and ``keypoints``, people ``added`` and ``removed``.

    ``who`` corrected it; '' is what the tool says.
    """
    counts = dict(images=0, people=0, keypoints=0, added=0, removed=0)
    images = [i for i in base['images'] if i['file_name'] in found]
    counts['images'] = len(images)
    annotations = []
    for image in images:
        ours = [a for a in base['annotations'] if a['image_id'] == image['id']]
        theirs = found[image['file_name']]
        pairs = match_people(ours, theirs)
        counts['removed'] += len(ours) - len(pairs)
        for place, person in enumerate(theirs):
            name = who or person.who
            if not name:
                raise ValueError(
                    'the file does not say who corrected it: give --by NAME'
                )
            if place in pairs:
                before = ours[pairs[place]]
            elif person.bbox is None and not person.points.any():
                continue  # added, without a point
            else:
                counts['added'] += 1
                number = _largest_id(base) + counts['added']
                before = dict(id=number, image_id=image['id'], category_id=1)
                before.update(iscrowd=0, keypoints=[0] * 3 * NUM_KEYPOINTS)
            after, changed = correct(before, person, name)
            counts['people'] += after != before
            counts['keypoints'] += len(changed)
            annotations.append(after)
    return spinetrack_file(images, annotations, base.get('info', {})), counts


def _largest_id(dataset: dict) -> int:
    ids = [a['id'] for a in dataset['annotations']]
    return max([i for i in ids if isinstance(i, int)], default=0)


def match_people(
    ours: Sequence[dict], theirs: Sequence[FoundPerson]
) -> Dict[int, int]:
    """Place of a person in theirs -> place in ours, of one image: by our id,
    and without one by the mean distance of the points."""
    costs = np.full((len(ours), len(theirs)), 1e6)
    for (i, person), (j, found) in product(enumerate(ours), enumerate(theirs)):
        if found.id is None:
            costs[i, j] = _distance(person, found)
        elif found.id == person['id']:
            costs[i, j] = -1 / (1 + j)  # the first one: a copy is a new person
    pairs = zip(*linear_sum_assignment(costs))
    return {j: i for i, j in pairs if costs[i, j] < FARTHEST}


def _distance(person: dict, found: FoundPerson) -> float:
    """Mean distance of the points that both have, in sizes of the box."""
    points = points_with_guesses(person)
    both = points[:, :2].any(axis=1) & (found.points[:, 2] > 0)
    if not both.any():
        return 1e6
    offsets = (points - found.points)[both, :2]
    size = np.sqrt(person['bbox'][2] * person['bbox'][3])
    return float(np.linalg.norm(offsets, axis=1).mean() / size)


def correct(
    person: dict, found: FoundPerson, who: str
) -> Tuple[dict, List[str]]:
    """Our annotation with what ``who`` changed in a tool, itself if that is
    nothing, and the names of the keypoints that changed."""
    points = np.reshape(person['keypoints'], (-1, 3)).astype(float)
    moved = np.linalg.norm((points - found.points)[:, :2], axis=1) > MOVED
    moved &= found.points[:, 2] > 0
    changed = moved | (points[:, 2] != found.points[:, 2])
    names = [KEYPOINT_NAMES[k] for k in np.flatnonzero(changed)]
    points[changed] = found.points[changed].round(2)
    old_box = box = person.get('bbox')
    if found.bbox is None and names:
        box = box_around(points[changed], old_box)
    elif found.bbox and not (
        old_box and np.allclose(found.bbox, old_box, rtol=0, atol=MOVED)
    ):
        box = found.bbox
    if not names and box == old_box:
        return person, []
    share = AREA_OF_BOX
    if old_box:
        share = person['area'] / (old_box[2] * old_box[3])
    after = dict(
        bbox=[round(float(v), 2) for v in box],
        area=round(float(share * box[2] * box[3]), 2),
        changed_by=[who],
        changed_keypoints=dict.fromkeys(names, who),
    )
    return _with_points(person, points, names, after), names


def _with_points(
    person: dict, points: np.ndarray, names: Sequence[str], after: dict
) -> dict:
    """The person with other points, the box and the area of ``after``, and
    those who changed them added."""
    guesses = person.get('guesses', {}).items()
    by, said = after.get('changed_by', []), after.get('changed_keypoints', {})
    return dict(
        person,
        **labels_of(points),
        bbox=after['bbox'],
        area=after['area'],
        guesses={n: xy for n, xy in guesses if n not in names},
        changed_by=[n for n in person.get('changed_by', ()) if n not in by]
        + by,
        changed_keypoints={
            **person.get('changed_keypoints', {}),
            **{n: said[n] for n in names if n in said},
        },
    )


def merge_corrections(
    base: dict, corrected: Sequence[dict]
) -> Tuple[dict, Dict[str, int]]:
    """The whole file with what several people changed.

    Where two changed the same keypoint, the later file wins; a person is
    removed if somebody removed them and nobody changed them. Files and counts
    are those of :func:`apply_corrections`; ``conflicts`` are counted too.
    """
    before = {person['id']: person for person in base['annotations']}
    people = dict(before)
    changed = defaultdict(set)  # id -> names of keypoints
    missing, added, conflicts = set(), [], 0
    for file in corrected:
        images = {image['id'] for image in file['images']}
        theirs = {person['id']: person for person in file['annotations']}
        exported = {i for i, p in before.items() if p['image_id'] in images}
        missing |= exported - set(theirs)
        for number, person in theirs.items():
            if number not in before:
                new_id = _largest_id(base) + 1 + len(added)
                added.append(dict(person, id=new_id))
            elif person != before[number]:
                names = _difference(before[number], person)
                again = changed[number] & names
                conflicts += len(again & _difference(people[number], person))
                points = np.reshape(people[number]['keypoints'], (-1, 3))
                points = points.astype(float)
                ids = [KEYPOINT_IDS[name] for name in names]
                points[ids] = np.reshape(person['keypoints'], (-1, 3))[ids]
                people[number] = _with_points(
                    people[number], points, names, person
                )
                changed[number] |= names
    removed = missing - set(changed)
    annotations = [p for number, p in people.items() if number not in removed]
    return dict(base, annotations=annotations + added), dict(
        people=len(changed),
        keypoints=sum(map(len, changed.values())),
        added=len(added),
        removed=len(removed),
        conflicts=conflicts + len(missing & set(changed)),
    )


def _difference(one: dict, other: dict) -> set:
    """Names of the keypoints that are not the same."""
    points = (np.reshape(p['keypoints'], (-1, 3)) for p in (one, other))
    unequal = np.not_equal(*points).any(axis=1)
    return {KEYPOINT_NAMES[k] for k in np.flatnonzero(unequal)}
