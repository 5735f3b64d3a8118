"""A cleaned copy of a dataset: only what is certain is changed."""

import json
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, NUM_KEYPOINTS
from spinepose_mmpose.utils import write_text

import numpy as np

from .check import CheckResult
from .check_content import VISIBILITIES, Content, Finding, find_fault, key_of
from .check_labels import SLACK

IMAGE_KINDS = (
    'image-missing',
    'image-truncated',
    'image-unreadable',
    'train-val-image',
)


class Change(NamedTuple):
    """What was done to a person or an image, and why."""

    split: str
    action: str
    detail: str
    annotation: Optional[object] = None
    image: Optional[object] = None


def cleaned(
    content: Content, findings: Iterable[Finding]
) -> Tuple[dict, List[Change]]:
    """A cleaned copy of a file.

    Args:
        content: as loaded; not changed.
        findings: those of this file; only people and images in them change.

    Returns:
        The new file's content, and the changes in the order of the file.
    """
    kinds: Dict[int, Set[str]] = defaultdict(set)
    reasons: Dict[int, str] = {}
    for finding in findings:
        if finding.kind in IMAGE_KINDS:
            reasons.setdefault(finding.row, finding.detail)
        elif finding.kind == 'duplicate-image-id':
            reasons.setdefault(finding.row, finding.detail)
        elif finding.annotation is not None or finding.kind == 'duplicate-id':
            kinds[finding.row].add(finding.kind)
    changes = [
        Change(
            content.name,
            'image left out',
            reason,
            image=content.images[row].get('id'),
        )
        for row, reason in sorted(reasons.items())
    ]
    order, notes = _keypoint_order(content)
    changes += notes
    gone = {key_of(content.images[row].get('id')) for row in reasons}
    annotations = []
    fresh = _FreshIds(content.annotations)
    for row, annotation in enumerate(content.annotations):
        if key_of(annotation.get('image_id')) in gone:
            changes.append(_change(content, row, 'person left out', 'no image'))
            continue
        mended, done = _mended(content, row, annotation, kinds, order)
        if mended is not None:
            mended, more = fresh.renamed(mended)
            done += more
        changes += [_change(content, row, *entry) for entry in done]
        if mended is not None:
            annotations.append(mended)
    images = [e for i, e in enumerate(content.images) if i not in reasons]
    raw = dict(content.raw, images=images, annotations=annotations)
    if order is not None:
        raw['categories'] = [
            dict(raw['categories'][0], keypoints=list(KEYPOINT_NAMES)),
            *raw['categories'][1:],
        ]
    return raw, changes


def _change(content, row, action, detail) -> Change:
    annotation = content.annotations[row]
    return Change(
        content.name,
        action,
        detail,
        annotation.get('id'),
        annotation.get('image_id'),
    )


class _FreshIds:
    """Gives later people of an id that is taken a new one, and notices exact
    copies."""

    def __init__(self, annotations: List[dict]):
        ids = [key_of(a.get('id')) for a in annotations]
        self._counts = Counter(ids)
        numbers = [i for i in ids if isinstance(i, int)]
        self._next = max(numbers, default=0) + 1
        self._seen: Set = set()
        self._copies: Set[str] = set()

    def renamed(self, annotation: dict):
        """The person, or None for a copy, and what was done."""
        content = repr(
            sorted((k, v) for k, v in annotation.items() if k != 'id')
        )
        if content in self._copies:
            return None, [('person left out', 'an exact copy of another')]
        self._copies.add(content)
        key = key_of(annotation.get('id'))
        if key not in self._seen and key is not None:
            self._seen.add(key)
            return annotation, []
        new, self._next = self._next, self._next + 1
        return dict(annotation, id=new), [
            ('id changed', f'its id was taken or absent, it is {new} now')
        ]


def _keypoint_order(content: Content):
    """Where to find each keypoint, None for where it belongs."""
    categories = content.raw.get('categories')
    first = categories[0] if isinstance(categories, list) and categories else {}
    names = first.get('keypoints') if isinstance(first, dict) else None
    if not isinstance(names, list) or names == list(KEYPOINT_NAMES):
        return None, []
    if sorted(map(str, names)) != sorted(KEYPOINT_NAMES):
        return None, []
    return [names.index(name) for name in KEYPOINT_NAMES], [
        Change(content.name, 'keypoints put in order', "of all people's points")
    ]


def _mended(content, row, annotation, kinds, order):
    """The person, or None if nothing can be done, and what was done."""
    if order is not None and _is_numbers(annotation.get('keypoints')):
        points = np.asarray(annotation['keypoints'], object).reshape(-1, 3)
        annotation = dict(annotation, keypoints=points[order].ravel().tolist())
    own = kinds.get(row)
    if not own:
        return annotation, []
    image_row = content.rows_of_people[row]
    if image_row is None:
        return None, [('person left out', 'its image is not in the file')]
    image = content.images[image_row]
    annotation, done = dict(annotation), []
    if _is_numbers(annotation.get('keypoints')):
        done += _mend_points(annotation, image)
    fault = find_fault(annotation, image, NUM_KEYPOINTS)
    if fault is not None:
        return None, [('person left out', fault.detail)]
    done += _mend_box(annotation, image, own)
    return annotation, done


def _is_numbers(keypoints) -> bool:
    if not isinstance(keypoints, list) or len(keypoints) != 3 * NUM_KEYPOINTS:
        return False
    return all(type(v) in (int, float) for v in keypoints)


def _mend_points(annotation: dict, image: dict) -> list:
    """Take the label from points that cannot be right; count the labels."""
    points = np.asarray(annotation['keypoints'], float).reshape(-1, 3)
    finite = np.isfinite(points).all(axis=1)
    bad = ~finite | ~np.isin(points[:, 2], VISIBILITIES)
    xy = np.where(finite[:, None], points[:, :2], 0)
    size = np.array(
        [image.get('width') or np.inf, image.get('height') or np.inf]
    )
    outside = ((xy < -SLACK) | (xy > size + SLACK)).any(axis=1)
    bad |= (points[:, 2] > 0) & (outside | (xy == 0).all(axis=1))
    done = []
    if bad.any():
        keypoints = list(annotation['keypoints'])
        for k in np.flatnonzero(bad):
            keypoints[3 * k : 3 * k + 3] = [0, 0, 0]
        annotation['keypoints'] = keypoints
        names = ', '.join(KEYPOINT_NAMES[k] for k in np.flatnonzero(bad))
        done.append(('label taken', names))
    count = sum(v > 0 for v in annotation['keypoints'][2::3])
    if annotation.get('num_keypoints') not in (None, count):
        done.append(
            ('counted', f'{annotation["num_keypoints"]} is {count} now')
        )
        annotation['num_keypoints'] = count
    return done


def _mend_box(annotation: dict, image: dict, kinds: Set[str]) -> list:
    done = []
    if 'box-beyond-image' in kinds:
        x, y, w, h = annotation['bbox']
        low = max(x, 0), max(y, 0)
        high = min(x + w, image['width']), min(y + h, image['height'])
        box = [*low, high[0] - low[0], high[1] - low[1]]
        done.append(('box cut', f'{annotation["bbox"]} is {box} now'))
        annotation['bbox'] = box
    if 'area' in kinds:
        area = annotation['bbox'][2] * annotation['bbox'][3]
        done.append(('area set', f'{annotation.get("area")} is {area:g} now'))
        annotation['area'] = area
    return done


CHANGES = 'changes.json'


def write_cleaned(
    out, result: CheckResult, overwrite: bool = False
) -> List[Change]:
    """Annotations to ``out/annotations``, ``out/changes.json``, and a link
    ``out/images`` to the images, which are not copied.

    Returns:
        list[Change]: what was changed.

    Raises:
        ValueError: if ``out`` would replace the checked files themselves.
        FileExistsError: if ``out`` holds annotations already.
    """
    out = Path(out).expanduser()
    folder = out / 'annotations'
    targets = {
        name: folder / source.ann_file.name
        for name, source in result.sets.items()
    }
    if len(set(targets.values())) < len(targets):
        raise ValueError(
            'two of the annotation files have one name: clean them one by one'
        )
    for name, target in targets.items():
        source = result.sets[name].ann_file
        if target.exists() and target.samefile(source):
            raise ValueError(
                f'{out} is the data set itself: give another folder, nothing '
                'is changed in place'
            )
        if target.exists() and not overwrite:
            raise FileExistsError(
                f'{target} exists; give --overwrite to replace it'
            )
    folder.mkdir(parents=True, exist_ok=True)
    by_split: Dict[str, List[Finding]] = defaultdict(list)
    for finding in result.findings:
        by_split[finding.split].append(finding)
    changes: List[Change] = []
    for name, source in result.sets.items():
        raw, done = cleaned(source.load(), by_split[name])
        write_text(str(targets[name]), json.dumps(raw, separators=(',', ':')))
        changes += done
    write_text(
        str(out / CHANGES),
        json.dumps([c._asdict() for c in changes], indent=1, default=str),
    )
    _link_images(out, result)
    return changes


def _link_images(out: Path, result: CheckResult) -> None:
    """``out/images`` where all folders of images lie in one."""
    parents = {
        source.image_dir.parent.resolve()
        for source in result.sets.values()
        if source.image_dir is not None
    }
    link = out / 'images'
    if len(parents) != 1 or link.exists() or link.is_symlink():
        return
    try:
        os.symlink(parents.pop(), link, target_is_directory=True)
    except OSError:  # not allowed on this system: the folder can be given
        pass


def summary(changes: List[Change]) -> str:
    """One line a split."""
    counts: Dict[str, Counter] = defaultdict(Counter)
    for change in changes:
        counts[change.split][change.action] += 1
    lines = [
        f'{split}: '
        + ', '.join(f'{n} x {action}' for action, n in sorted(count.items()))
        for split, count in counts.items()
    ]
    return '\n'.join(lines) or 'nothing to change'
