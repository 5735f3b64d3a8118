import copy
import json

from spinepose_mmpose.datasets.annotations import DataSet, find_sets
from spinepose_mmpose.datasets.check import (
    check_content,
    check_dataset,
)
from spinepose_mmpose.datasets.clean import cleaned, summary, write_cleaned
from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES

import pytest
from generated_set import WIDTH, generated_file, write_set

NAN = float('nan')


@pytest.fixture
def raw():
    return generated_file(6)


def clean(raw):
    """The cleaned content, and (action, annotation id) of the changes."""
    content = DataSet('train', None, raw=copy.deepcopy(raw))
    before = copy.deepcopy(content.raw)
    result, changes = cleaned(content, check_content(content))
    assert repr(content.raw) == repr(before)  # not edited in place
    return result, [(c['action'], c['annotation']) for c in changes]


def test_a_clean_file_stays_as_it_is(raw):
    assert clean(raw) == (raw, [])


@pytest.mark.parametrize(
    'key, value',
    [
        ('bbox', [1, 1, 0, 5]),
        ('bbox', [1, 1, NAN, 5]),
        ('bbox', None),
        ('keypoints', [1, 2, 3]),
        ('keypoints', ['x'] * 111),
        ('image_id', 999),
    ],
)
def test_useless_people_are_left_out(raw, key, value):
    raw['annotations'][2][key] = value
    result, changes = clean(raw)
    ids = [a['id'] for a in result['annotations']]
    assert ids == [1, 2, 4, 5, 6] and changes == [('person left out', 3)]


def test_bad_points_lose_their_label(raw):
    keypoints = raw['annotations'][2]['keypoints']
    toe, heel, ear = (
        3 * KEYPOINT_IDS[n]
        for n in ('left_small_toe', 'right_heel', 'left_ear')
    )
    keypoints[toe] = NAN
    keypoints[heel + 2] = 7
    keypoints[ear : ear + 3] = [-50, 10, 2]
    result, changes = clean(raw)
    assert changes == [('label taken', 3), ('counted', 3)]
    mended = result['annotations'][2]
    assert mended['num_keypoints'] == 34
    for start in (toe, heel, ear):
        assert mended['keypoints'][start : start + 3] == [0, 0, 0]
    same = [i for i in range(111) if i // 3 * 3 not in (toe, heel, ear)]
    assert all(mended['keypoints'][i] == keypoints[i] for i in same)


def test_nan_and_a_bad_box_together(raw):
    raw['annotations'][2]['keypoints'][0] = NAN
    raw['annotations'][2]['bbox'] = [0, 0, 0, 0]
    _, changes = clean(raw)
    assert changes == [('person left out', 3)]


def test_box_and_area(raw):
    person = raw['annotations'][2]
    x, y, w, h = person['bbox']
    person.update(bbox=[x, y, WIDTH, h], area=0)
    result, changes = clean(raw)
    assert changes == [('box cut', 3), ('area set', 3)]
    mended = result['annotations'][2]
    assert mended['bbox'] == [x, y, WIDTH - x, h]
    assert mended['area'] == pytest.approx((WIDTH - x) * h)


def test_ids(raw):
    raw['annotations'][3]['id'] = 3
    raw['annotations'].append(dict(raw['annotations'][0], id=9))
    result, changes = clean(raw)
    assert [a['id'] for a in result['annotations']] == [1, 2, 3, 10, 5, 6]
    assert changes == [('id changed', 3), ('person left out', 9)]


def test_image_ids(raw):
    image = raw['images'][0]
    raw['images'].append(dict(image, file_name='other.jpg'))
    result, changes = clean(raw)
    assert image['id'] not in [e['id'] for e in result['images']]
    assert image['id'] not in [a['image_id'] for a in result['annotations']]
    assert changes.count(('image left out', None)) == 2


def test_points_are_put_in_order(raw):
    expected = copy.deepcopy(raw)
    order = list(reversed(range(37)))
    raw['categories'] = [
        dict(raw['categories'][0], keypoints=[KEYPOINT_NAMES[i] for i in order])
    ]
    for person in raw['annotations']:
        points = [person['keypoints'][3 * i : 3 * i + 3] for i in order]
        person['keypoints'] = sum(points, [])
    result, changes = clean(raw)
    assert result == expected
    assert changes[0] == ('keypoints put in order', None)


@pytest.fixture
def root(tmp_path):
    """Without pictures, a bad person in each split."""
    root = write_set(tmp_path / 'set', {'train-x': 3, 'val2017': 3})
    (root / 'images').mkdir()
    for data_set in find_sets(root):
        content = json.loads(data_set.ann_file.read_text())
        content['annotations'][1]['bbox'] = [0, 0, 0, 0]
        data_set.ann_file.write_text(json.dumps(content))
    return root


def check(root, **options):
    return check_dataset(find_sets(root), **options)


def test_cleaned_copy_is_clean(root, tmp_path):
    before = {p: p.read_bytes() for p in root.rglob('*.json')}
    result = check(root, images=False)
    assert result.num_errors == 2
    out = tmp_path / 'out'
    changes = write_cleaned(out, result)
    assert summary(changes) == (
        'train-x: 1 x person left out\nval2017: 1 x person left out'
    )
    assert check(out, images=False).findings == []
    assert (out / 'images').resolve() == (root / 'images').resolve()
    listed = json.loads((out / 'changes.json').read_text())
    assert [c['split'] for c in listed] == ['train-x', 'val2017']
    assert before == {p: p.read_bytes() for p in root.rglob('*.json')}
    with pytest.raises(FileExistsError, match='--overwrite'):
        write_cleaned(out, result)
    write_cleaned(out, result, overwrite=True)


def test_absent_images_take_their_people_along(root, tmp_path):
    changes = write_cleaned(tmp_path / 'out', check(root))
    actions = {c['action'] for c in changes}
    assert actions == {'image left out', 'person left out'}
    for data_set in find_sets(tmp_path / 'out'):
        content = json.loads(data_set.ann_file.read_text())
        assert content['images'] == content['annotations'] == []


@pytest.mark.parametrize('as_link', [False, True])
def test_never_in_place(root, tmp_path, as_link):
    target = root
    if as_link:
        target = tmp_path / 'link'
        target.symlink_to(root)
    before = {p: p.read_bytes() for p in root.rglob('*.json')}
    with pytest.raises(ValueError, match='is the dataset itself'):
        write_cleaned(target, check(root, images=False), overwrite=True)
    assert before == {p: p.read_bytes() for p in root.rglob('*.json')}
