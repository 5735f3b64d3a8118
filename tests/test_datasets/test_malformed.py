"""Checkers and browsers get through every malformed set, whatever is in it."""

import copy
import json

from spinepose_mmpose.datasets.annotation_tools import rank_images
from spinepose_mmpose.datasets.annotations import find_sets
from spinepose_mmpose.datasets.browse import (
    Sample,
    by_report,
    write_gallery,
)
from spinepose_mmpose.datasets.check import check_dataset
from spinepose_mmpose.datasets.check_report import write_report
from spinepose_mmpose.datasets.clean import write_cleaned
from spinepose_mmpose.datasets.findings import KINDS
from spinepose_mmpose.datasets.pseudo_label import read_annotations
from spinepose_mmpose.datasets.statistics import write_statistics

import cv2
import numpy as np
import pytest
from generated_set import generated_file

ABSENT = object()
NUMBERS = [float('nan'), float('inf'), 1e9, -1e308, 1e308, 10**400, 1e-320,
           -5, 0]  # fmt: skip
VALUES = [*NUMBERS, ABSENT, None, True, 'x', '', [], [1], [[1]], {}, '\ud800']
# File names that no system allows.
NAMES = ['a\0b.jpg', 'a' * 5000, '.', '/', 'a\ud800.jpg']


def changed(entry, key, value):
    entry = copy.deepcopy(entry)
    if value is ABSENT:
        del entry[key]
    else:
        entry[key] = value
    return entry


def malformed_people(person):
    """One for each value in each place of an annotation."""
    for value in VALUES:
        for key in person:
            yield changed(person, key, value)
        if value is ABSENT:
            continue
        for key in ('bbox', 'keypoints'):
            length = len(person[key])
            yield changed(person, key, [value] * length)
            for i in (0, 2):
                values = list(person[key])
                values[i] = value
                yield changed(person, key, values)
        x, y = person['bbox'][:2]
        yield changed(person, 'bbox', [x, y, value, value])
        yield changed(person, 'keypoints', [value, value, 2] * 37)


def write(root, raw, images=None):
    """The set, with files of these images."""
    (root / 'annotations').mkdir(parents=True)
    folder = root / 'images' / 'train-x'
    folder.mkdir(parents=True)
    for entry in images or ():
        pixels = np.full((48, 64, 3), 99, np.uint8)
        cv2.imwrite(str(folder / entry['file_name']), pixels)
    path = root / 'annotations' / 'person_keypoints_train-x.json'
    path.write_text(json.dumps(raw))
    return path


def go_through(root, tmp_path, worst):
    """Everything that looks at a set, and the people who have findings."""
    sets = find_sets(root)
    result = check_dataset(sets, workers=1)
    assert result.findings
    write_report(tmp_path / 'report', result, worst)
    found = json.loads((tmp_path / 'report' / 'check.json').read_text())
    assert len(found['findings']) == len(result.findings)
    samples = by_report(sets, tmp_path / 'report', 10**6)
    write_gallery(tmp_path / 'gallery', samples)
    page = (tmp_path / 'gallery' / 'index.html').read_text()
    assert page.count('<h2>') == len(samples)
    write_cleaned(tmp_path / 'clean', result)
    cleaned = check_dataset(find_sets(tmp_path / 'clean'), images=False)
    remaining = {f.kind for f in cleaned.findings if f.severity == 'error'}
    remaining.discard('keypoint-order')  # another skeleton stays another
    assert not {kind for kind in remaining if KINDS[kind].remedy}
    return sets, samples


def test_malformed_people(tmp_path):
    """Each in an image of its own, all of one file."""
    raw = generated_file(3)
    (person, *_), image = raw['annotations'], raw['images'][0]
    for i, entry in enumerate(malformed_people(person), 1000):
        for key, old in (('id', person['id']), ('image_id', image['id'])):
            if entry.get(key) == old:
                entry[key] = i
        raw['annotations'].append(entry)
        raw['images'].append(dict(image, id=i))
    write(tmp_path, raw, [image])
    sets, samples = go_through(tmp_path, tmp_path, worst=30)
    assert len(samples) > 150
    found = write_statistics(tmp_path / 'statistics', sets, 2)
    assert found['left_out']['train-x'] > 100


@pytest.mark.parametrize('key', ['id', 'file_name', 'width', 'height'])
def test_malformed_images(tmp_path, key):
    raw = generated_file(3)
    good = list(raw['images'])
    (person, *_), image = raw['annotations'], dict(good[0], id=77)
    names = NAMES if key == 'file_name' else []
    for i, value in enumerate([*VALUES, *names]):
        entry = changed(dict(image, id=100 + i), key, value)
        raw['images'].append(entry)
        of_entry = dict(person, id=100 + i, image_id=entry.get('id'))
        raw['annotations'].append(of_entry)
    write(tmp_path, raw, good)
    ((content,), _) = go_through(tmp_path, tmp_path, worst=3)
    rows = range(len(content.annotations))
    write_gallery(tmp_path / 'all', [Sample(content, row) for row in rows])


@pytest.mark.parametrize('value', VALUES, ids=lambda v: f'{v!r:.12}')
def test_malformed_categories(tmp_path, value):
    raw = generated_file(2)
    category = raw['categories'][0]
    names = category['keypoints']
    for i, categories in enumerate(
        [
            value,
            [value],
            [changed(category, 'keypoints', value)],
            [dict(category, keypoints=[value, *names[1:]])],
            [dict(category, keypoints=[*names, value])],
        ]
    ):
        categories = json.loads(json.dumps(categories, default=lambda _: None))
        root = tmp_path / str(i)
        path = write(root, dict(raw, categories=categories))
        go_through(root, root, worst=1)
        try:
            rank_images(read_annotations(path))
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize('key', ['id', 'image_id', 'bbox', 'keypoints'])
@pytest.mark.parametrize('value', VALUES, ids=lambda v: f'{v!r:.12}')
def test_reading_for_annotation_tools(tmp_path, key, value):
    """Either it is used, or one sentence names the file."""
    raw = generated_file(2)
    raw['annotations'][1] = changed(raw['annotations'][1], key, value)
    path = write(tmp_path, raw)
    try:
        rank_images(read_annotations(path))
    except ValueError as error:
        assert str(path) in str(error)


def test_a_drawing_that_fails_is_a_line(tmp_path, monkeypatch):
    raw = generated_file(3)
    for person in raw['annotations']:
        person['num_keypoints'] = 5
    write(tmp_path, raw, raw['images'])
    sets = find_sets(tmp_path)

    def fail(*args):
        raise cv2.error('nothing is drawn')

    monkeypatch.setattr('spinepose_mmpose.datasets.browse.draw_person', fail)
    result = check_dataset(sets, images=False)
    write_report(tmp_path / 'report', result, 9)
    page = (tmp_path / 'report' / 'index.html').read_text()
    assert page.count('(not drawn: nothing is drawn)') == 3
    samples = by_report(sets, tmp_path / 'report', 9, 'num-keypoints')
    write_gallery(tmp_path / 'gallery', samples)
    page = (tmp_path / 'gallery' / 'index.html').read_text()
    assert page.count('It could not be drawn: nothing is drawn.') == 3
