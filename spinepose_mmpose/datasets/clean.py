"""A cleaned copy of a dataset: only what is certain is changed."""

import contextlib
import json
import os
from collections import Counter, defaultdict
from itertools import count
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set, Tuple

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS
from spinepose_mmpose.utils import refuse_existing, write_text

import numpy as np

from .annotations import (
    VISIBILITIES,
    DataSet,
    find_fault,
    key_of,
    number,
    numbers,
)
from .check import SLACK, CheckResult
from .findings import KINDS, Finding

CHANGES = 'changes.json'
# What was done to a person, and why.
Done = List[Tuple[str, str]]


class LeftOut(Exception):
    """A person cannot stay, for this reason."""


def cleaned(
    content: DataSet, findings: Iterable[Finding]
) -> Tuple[dict, List[dict]]:
    """A cleaned copy of a file, of which only people and images in these
    findings change, and in the file's order what was done to them."""
    kinds: Dict[int, Set[str]] = defaultdict(set)
    reasons: Dict[int, str] = {}
    for finding in findings:
        if not finding.about_image:
            kinds[finding.row].add(finding.kind)
        elif KINDS[finding.kind].remedy:  # such images are left out
            reasons.setdefault(finding.row, finding.detail)
    changes = []

    def note(action, detail, annotation=None, image=None):
        change = dict(split=content.name, action=action, detail=detail)
        changes.append(dict(change, annotation=annotation, image=image))

    for row, reason in sorted(reasons.items()):
        image = content.images[row].get('id')
        note('image left out', reason, image=image)
    raw, order = dict(content.raw), None  # where to find each keypoint
    names, ours = content.keypoint_names or [], list(KEYPOINT_NAMES)
    if names != ours and sorted(map(str, names)) == sorted(ours):
        order = [names.index(name) for name in ours]
        category = dict(raw['categories'][0], keypoints=ours)
        raw['categories'] = [category, *raw['categories'][1:]]
        note('keypoints put in order', "of all people's points")
    gone = {key_of(content.images[row].get('id')) for row in reasons}
    annotations = []
    ids = [key_of(a.get('id')) for a in content.annotations]
    free = count(max([i for i in ids if isinstance(i, int)], default=0) + 1)
    taken, copies = {None}, set()
    for row, annotation in enumerate(content.annotations):
        done: Done = []
        try:
            if key_of(annotation.get('image_id')) in gone:
                raise LeftOut('no image')
            image = content.image_of(row)
            fixed = _fixed(annotation, image, kinds.get(row), order, done)
            told = repr(sorted((k, v) for k, v in fixed.items() if k != 'id'))
            if told in copies:
                raise LeftOut('an exact copy of another')
            copies.add(told)
            if ids[row] in taken:
                fixed = dict(fixed, id=next(free))
                detail = f'its id was taken or absent, it is {fixed["id"]} now'
                done.append(('id changed', detail))
            taken.add(ids[row])
            annotations.append(fixed)
        except LeftOut as reason:
            done.append(('person left out', str(reason)))
        for entry in done:
            note(*entry, annotation.get('id'), annotation.get('image_id'))
    images = [e for i, e in enumerate(content.images) if i not in reasons]
    return dict(raw, images=images, annotations=annotations), changes


def _fixed(
    annotation: dict,
    image: Optional[dict],
    kinds: Optional[Set[str]],
    order: Optional[List[int]],
    done: Done,
) -> dict:
    """The person as they should be; what that took is added to ``done``."""
    annotation = dict(annotation)
    points = numbers(annotation.get('keypoints'))
    has_points = points is not None and points.shape == (3 * NUM_KEYPOINTS,)
    if order is not None and has_points:
        points = np.asarray(annotation['keypoints'], object).reshape(-1, 3)
        annotation['keypoints'] = points[order].ravel().tolist()
    if not kinds:
        return annotation
    if image is None:
        raise LeftOut('its image is not in the file')
    if has_points:
        _fix_points(annotation, image, done)
    fault = find_fault(annotation, image, NUM_KEYPOINTS)
    if fault is not None:
        done.clear()
        raise LeftOut(fault.detail)
    if 'box-beyond-image' in kinds:
        x, y, w, h = annotation['bbox']
        left, top = max(x, 0), max(y, 0)
        right, low = min(x + w, image['width']), min(y + h, image['height'])
        box = [left, top, right - left, low - top]
        done.append(('box cut', f'{annotation["bbox"]} is {box} now'))
        annotation['bbox'] = box
    if 'area' in kinds:
        area = annotation['bbox'][2] * annotation['bbox'][3]
        done.append(('area set', f'{annotation.get("area")} is {area:g} now'))
        annotation['area'] = area
    return annotation


def _fix_points(annotation: dict, image: dict, done: Done) -> None:
    """Take the label from points that cannot be right; count the labels."""
    points = np.asarray(annotation['keypoints'], float).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    bad = ~finite | ~np.isin(points[:, 2], VISIBILITIES)
    xy = np.where(finite[:, None], points[:, :2], 0)
    size = np.array([number(image.get(key)) for key in ('width', 'height')])
    outside = ((xy < -SLACK) | (xy > size + SLACK)).any(axis=1)
    bad |= (points[:, 2] > 0) & (outside | (xy == 0).all(axis=1))
    if bad.any():
        keypoints = list(annotation['keypoints'])
        for k in np.flatnonzero(bad):
            keypoints[3 * k : 3 * k + 3] = [0, 0, 0]
        annotation['keypoints'] = keypoints
        names = ', '.join(KEYPOINT_NAMES[k] for k in np.flatnonzero(bad))
        done.append(('label taken', names))
    counted = sum(v > 0 for v in annotation['keypoints'][2::3])
    stated = annotation.get('num_keypoints')
    if stated is not None and stated != counted:
        done.append(('counted', f'{stated} is {counted} now'))
        annotation['num_keypoints'] = counted


def write_cleaned(
    out, result: CheckResult, overwrite: bool = False
) -> List[dict]:
    """Annotations to ``out/annotations``, what was changed to
    ``out/changes.json``, and a link ``out/images`` to the images, which are
    not copied."""
    out = Path(out).expanduser()
    targets = {
        content: out / 'annotations' / content.ann_file.name
        for content in result.sets
    }
    if len(set(targets.values())) < len(targets):
        raise ValueError(
            'two of the annotation files have one name: clean them one by one'
        )
    for content, target in targets.items():
        if target.exists() and target.samefile(content.ann_file):
            raise ValueError(
                f'{out} is the dataset itself: give another folder, nothing '
                'is changed in place'
            )
        refuse_existing(target, overwrite)
    (out / 'annotations').mkdir(parents=True, exist_ok=True)
    changes: List[dict] = []
    for content, target in targets.items():
        own = [f for f in result.findings if f.content is content]
        raw, done = cleaned(content, own)
        write_text(str(target), json.dumps(raw, separators=(',', ':')))
        changes += done
    write_text(str(out / CHANGES), json.dumps(changes, indent=1, default=str))
    folders = {s.image_dir.parent.resolve() for s in result.sets if s.image_dir}
    link = out / 'images'
    if len(folders) == 1 and not link.exists() and not link.is_symlink():
        # Where links are not allowed the folder can be given.
        with contextlib.suppress(OSError):
            os.symlink(folders.pop(), link, target_is_directory=True)
    return changes


def summary(changes: List[dict]) -> str:
    """One line per split."""
    counts: Dict[str, Counter] = defaultdict(Counter)
    for change in changes:
        counts[change['split']][change['action']] += 1
    lines = [
        f'{split}: ' + ', '.join(f'{n} x {a}' for a, n in sorted(own.items()))
        for split, own in counts.items()
    ]
    return '\n'.join(lines) or 'nothing to change'
