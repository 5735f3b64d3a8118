"""Which people to look at."""

import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from ..checking.people import People, pack
from ..checking.sets import Content, DataSet


class Sample(NamedTuple):
    """A person: the split, its annotation's id, its place in the arrays."""

    split: str
    annotation: object
    place: int
    note: str = ''


class Loaded:
    """A data set's files with their people as arrays."""

    def __init__(self, sets: Sequence[DataSet]):
        self.contents: Dict[str, Content] = {s.name: s.load() for s in sets}
        self.people: Dict[str, People] = {
            name: pack(content)[0] for name, content in self.contents.items()
        }

    def annotation(self, sample: Sample) -> dict:
        row = self.people[sample.split].rows[sample.place]
        return self.contents[sample.split].annotations[row]

    def image_entry(self, sample: Sample) -> Optional[dict]:
        row = self.people[sample.split].image_rows[sample.place]
        return None if row < 0 else self.contents[sample.split].images[row]

    def image_path(self, sample: Sample) -> Optional[Path]:
        entry = self.image_entry(sample)
        if entry is None:
            return None
        return self.contents[sample.split].path_of(entry)

    def others(self, sample: Sample) -> List[int]:
        """Places of all people in the sample's image, its own too."""
        rows = self.people[sample.split].image_rows
        return [int(i) for i in np.flatnonzero(rows == rows[sample.place])]


def by_seed(loaded: Loaded, count: int, seed: int) -> List[Sample]:
    """``count`` people with a label, all splits alike to choose from."""
    choices = [
        (split, int(place))
        for split, people in loaded.people.items()
        for place in np.flatnonzero(people.labelled.any(axis=1))
    ]
    if not choices:
        raise ValueError('no person has a labelled keypoint')
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(choices))[:count]
    return [_sample(loaded, *choices[i]) for i in chosen]


def by_ids(loaded: Loaded, ids: Sequence[str]) -> List[Sample]:
    """People by annotation id, in that order.

    Raises:
        ValueError: if an id is not there.
    """
    places = {
        str(content.annotations[row].get('id')): (split, place)
        for split, content in loaded.contents.items()
        for place, row in enumerate(loaded.people[split].rows)
    }
    absent = [i for i in ids if str(i) not in places]
    if absent:
        raise ValueError(
            f'no annotation with the id {", ".join(map(str, absent))} in '
            f'{", ".join(loaded.contents)}, or it has no 37 keypoints'
        )
    return [_sample(loaded, *places[str(i)]) for i in ids]


def by_report(
    loaded: Loaded, report, count: int, kind: Optional[str] = None
) -> List[Sample]:
    """The people that ``check.json`` lists first, errors before warnings and
    the kinds in turn, so that none fills the page alone.

    Raises:
        FileNotFoundError, ValueError: if it is no such report.
    """
    path = Path(report)
    if path.is_dir():
        path = path / 'check.json'
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        findings = [f for f in content['findings'] if 'annotation' in f]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is no check.json of check_dataset.py ({error})'
        ) from None
    kinds = list(dict.fromkeys(f['kind'] for f in findings))
    if kind is not None and kind not in kinds:
        raise ValueError(
            f'{path} has no people with findings of the kind {kind!r}, choose '
            f'from {", ".join(kinds) or "none"}'
        )
    places = {
        (split, int(row)): place
        for split, people in loaded.people.items()
        for place, row in enumerate(people.rows)
    }
    queues: Dict[str, List[Sample]] = {}
    for finding in findings:
        key = (finding['split'], finding.get('row'))
        if key not in places:
            continue
        if kind in (None, finding['kind']):
            note = f'{finding["kind"]}: {finding["detail"]}'
            sample = _sample(loaded, key[0], places[key], note)
            queues.setdefault(finding['kind'], []).append(sample)
    return _in_turn(list(queues.values()), count)


def _in_turn(queues: List[List[Sample]], count: int) -> List[Sample]:
    chosen: List[Sample] = []
    seen = set()
    for turn in range(max(map(len, queues), default=0)):
        for queue in queues:
            if turn >= len(queue):
                continue
            sample = queue[turn]
            if (sample.split, sample.place) not in seen:
                seen.add((sample.split, sample.place))
                chosen.append(sample)
    return chosen[:count]


def _sample(loaded: Loaded, split: str, place: int, note: str = '') -> Sample:
    row = loaded.people[split].rows[place]
    annotation = loaded.contents[split].annotations[row]
    return Sample(split, annotation.get('id'), place, note)
