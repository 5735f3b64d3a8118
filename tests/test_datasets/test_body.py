"""SpineTrackDataset: good files as its parent reads them, bad ones never in
silence."""

import json
import logging
import math
import os

from spinepose_mmpose.datasets.body import SpineTrackDataset
from spinepose_mmpose.metainfo import METAINFO

import numpy as np
import pytest
from coco_files import HEIGHT, WIDTH, Files, image, person
from mmengine.logging import MMLogger
from mmpose.datasets import CocoDataset, CombinedDataset
from mmpose.registry import DATASETS

NAN = math.nan


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def log(monkeypatch):
    """What a user sees in the log, as (level, text)."""
    lines = []

    def handle(record):
        if record.levelno >= logging.INFO:
            lines.append((record.levelname, record.getMessage()))

    monkeypatch.setattr(MMLogger.get_current_instance(), 'handle', handle)
    return lines


def with_keypoints(**values):
    """A change of the annotation: ``_7=9`` puts 9 at place 7."""
    keypoints = person(1, 1)['keypoints']
    for place, value in values.items():
        keypoints[int(place[1:])] = value
    return dict(keypoints=keypoints)


# kind in the report, change of annotation 7, what the error says of it
BAD = {
    'no box': ('incomplete', dict(bbox=...), "it has no 'bbox'"),
    'no keypoints': ('incomplete', dict(keypoints=...), "no 'keypoints'"),
    '17 keypoints': (
        'keypoint-count',
        dict(keypoints=[1, 1, 2] * 17),
        'it has 17 keypoints, expected 37',
    ),
    'a number too many': (
        'keypoint-count',
        dict(keypoints=[1] * 112),
        'expected 37',
    ),
    'keypoints in rows': (
        'keypoint-count',
        dict(keypoints=[[1, 1, 2]] * 37),
        'expected 37',
    ),
    'null for keypoints': (
        'malformed',
        dict(keypoints=None),
        'its keypoints are None',
    ),
    'a text for keypoints': (
        'malformed',
        dict(keypoints='1 2 2'),
        "its keypoints are '1 2 2'",
    ),
    'a text': (
        'malformed',
        with_keypoints(_4='5.5'),
        "keypoint 1 has '5.5' for y, expected a number",
    ),
    'null': ('malformed', with_keypoints(_5=None), 'keypoint 1 has None'),
    'rows among numbers': (
        'malformed',
        with_keypoints(_9=[1, 2]),
        'keypoint 3 has',
    ),
    'NaN': (
        'not-finite',
        with_keypoints(_9=NAN),
        'keypoint 3 is [nan, 6.5, 2.0]',
    ),
    'infinity': (
        'not-finite',
        with_keypoints(_110=math.inf),
        'keypoint 36 is',
    ),
    'visibility 3': (
        'visibility',
        with_keypoints(_2=3),
        'keypoint 0 has visibility 3, expected one of 0, 1, 2',
    ),
    'visibility 0.5': (
        'visibility',
        with_keypoints(_5=0.5),
        'keypoint 1 has visibility 0.5',
    ),
    'visibility -1': (
        'visibility',
        with_keypoints(_5=-1),
        'visibility -1',
    ),
    'three numbers for a box': (
        'malformed',
        dict(bbox=[1, 2, 3]),
        'expected four numbers x, y, w, h',
    ),
    'null for a box': ('malformed', dict(bbox=None), 'its box is None'),
    'texts in a box': ('malformed', dict(bbox=['1', 2, 3, 4]), 'four numbers'),
    'NaN in a box': (
        'not-finite',
        dict(bbox=[1, 2, NAN, 4]),
        'its box is',
    ),
    'no width': (
        'empty-box',
        dict(bbox=[1, 2, 0, 4]),
        'has no width or no height',
    ),
    'negative height': (
        'empty-box',
        dict(bbox=[1, 2, 3, -4]),
        'no width or no height',
    ),
    'box to the right': (
        'box-outside',
        dict(bbox=[WIDTH, 0, 5, 5]),
        f'outside the {WIDTH}x{HEIGHT} image',
    ),
    'box on the edge': (
        'box-outside',
        dict(bbox=[WIDTH - 0.5, 0, 5, 5]),
        'outside',
    ),
    'box above': (
        'box-outside',
        dict(bbox=[3, -9, 5, 9]),
        'outside',
    ),
    'no such image': (
        'no-image-entry',
        dict(image_id=99),
        "its image id 99 is not among the file's images",
    ),
}


@pytest.mark.parametrize('case', BAD)
def test_error(case, files):
    kind, change, text = BAD[case]
    files.write([person(5, 1), person(7, 1, **change)], [image(1)])
    with pytest.raises(ValueError) as error:
        SpineTrackDataset(**files.settings())
    message = str(error.value)
    assert f'{files.ann_file}: annotation 7 is bad: ' in message
    assert text in message
    assert "on_bad_annotation='skip'" in message


@pytest.mark.parametrize('case', BAD)
def test_skip(case, files, log):
    kind, change, text = BAD[case]
    files.write([person(5, 1), person(7, 1, **change)], [image(1)])
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert [info['id'] for info in dataset] == [5]
    ((level, message),) = log
    assert level == 'WARNING'
    assert f'{files.ann_file}: skipped 1 bad annotations' in message
    assert f'{kind} (1): 7: ' in message and text in message


def test_skip_counts_each_kind(files, log):
    files.write(
        [person(1, 1)]
        + [person(i, 1, bbox=[0, 0, 0, 1]) for i in range(10, 15)]
        + [person(i, 1, keypoints=[]) for i in (20, 21)],
        [image(1)],
    )
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert len(dataset) == 1
    ((_, message),) = log
    assert 'skipped 7 bad annotations' in message
    assert 'empty-box (5): 10: ' in message and '12: ' in message
    assert (
        '13: ' not in message
        and '; 12: its box [0, 0, 0, 1] has no width or no height, ...'
        in message
    )
    assert 'keypoint-count (2): 20: it has 0 keypoints' in message


@pytest.mark.parametrize(
    'size',
    [dict(width=...), dict(height=0), dict(width='60'), dict(height=None)],
)
def test_image_without_a_size(size, files, log):
    files.write([person(7, 1), person(8, 2)], [image(1, **size), image(2)])
    with pytest.raises(
        ValueError,
        match='annotation 7 is bad: its image 1 has no width or height',
    ):
        SpineTrackDataset(**files.settings())
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert [info['id'] for info in dataset] == [8]
    assert 'incomplete (1): 7' in log[0][1]


def test_listed_but_absent_image(files, log):
    files.write([person(7, 1), person(8, 2), person(9, 2)])
    (files.folder / '2.jpg').unlink()
    with pytest.raises(
        ValueError,
        match='annotation 8 is bad: its image .*'
        'images/train/2.jpg does not exist',
    ):
        SpineTrackDataset(**files.settings())
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert [info['id'] for info in dataset] == [7]
    assert 'image-missing (2): 8: ' in log[0][1]
    files.folder.joinpath('1.jpg').unlink()
    files.folder.rmdir()
    with pytest.raises(ValueError, match='annotation 7 is bad.*1.jpg'):
        SpineTrackDataset(**files.settings())
    dataset = SpineTrackDataset(**files.settings(check_images=False))
    assert len(dataset) == 3


def test_images_in_folders_of_their_own(files):
    names = ['a/1.jpg', 'b/2.jpg']
    for name in 'ab':
        (files.folder / name).mkdir()
    files.write(
        [person(7, 1), person(8, 2)],
        [image(i + 1, file_name=n) for i, n in enumerate(names)],
    )
    infos = list(SpineTrackDataset(**files.settings()))
    assert [i['img_path'] for i in infos] == [
        f'{files.root}/images/train/{n}' for n in names
    ]
    (files.folder / 'b' / '2.jpg').unlink()
    with pytest.raises(ValueError, match='annotation 8 is bad'):
        SpineTrackDataset(**files.settings())


def test_an_id_of_two_people(files, log):
    """COCO's index by id would give the second one twice."""
    files.write([person(5, 1), person(7, 1, bbox=[1, 1, 9, 9]), person(7, 2)])
    with pytest.raises(
        ValueError, match='annotation 7 is bad: 2 annotations have its id'
    ):
        SpineTrackDataset(**files.settings())
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert [info['id'] for info in dataset] == [5]
    assert 'duplicate-id (2)' in log[0][1]


def test_an_id_of_two_images(files, log):
    files.write(
        [person(5, 1), person(7, 2)],
        [image(1), image(2), image(2, file_name='other.jpg')],
    )
    with pytest.raises(
        ValueError, match='annotation 7 is bad: 2 images have its image id 2'
    ):
        SpineTrackDataset(**files.settings())
    dataset = SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert [info['id'] for info in dataset] == [5]
    assert 'duplicate-image-id (1)' in log[0][1]


def test_people_that_cannot_be_learned_from_are_counted(files, log):
    none = [0] * 111
    outside = [value for i in range(37) for value in (-i, -3, 2)]
    files.write(
        [
            person(1, 1),
            person(2, 1, iscrowd=1),
            person(3, 1, iscrowd=1, keypoints=none),
            person(4, 1, keypoints=none, num_keypoints=5),
            person(5, 1, keypoints=outside),
            person(6, 1, num_keypoints=0),  # wrong: it has 25
        ]
    )
    dataset = SpineTrackDataset(**files.settings())
    assert [info['id'] for info in dataset] == [1, 6]
    assert log == [
        (
            'INFO',
            f'{files.ann_file}: left out 2 crowd, 1 without a labelled '
            'keypoint, 1 with all keypoints outside the image',
        )
    ]


def test_nobody_is_left(files):
    files.write([person(1, 1, iscrowd=1)])
    for serialize in (True, False):
        with pytest.raises(ValueError, match='no person is left') as error:
            SpineTrackDataset(**files.settings(serialize_data=serialize))
        assert str(files.ann_file) in str(error.value)


def test_good_data_is_as_its_parent_reads_it(files, log):
    """In every mode, and with nothing in the log."""
    people = [
        person(1, 1),
        person(2, 1, bbox=[-5.5, 3, 80, 20.25], area=...),
        person(3, 2, segmentation=[[1, 1, 5, 1, 5, 5]]),
        person(4, 2, num_keypoints=..., iscrowd=...),
    ]
    files.write(people)
    wanted = list(
        CocoDataset(**files.settings(metainfo=METAINFO), test_mode=True)
    )
    assert len(wanted) == 4
    for mode in ('error', 'skip'):
        found = list(
            SpineTrackDataset(
                **files.settings(on_bad_annotation=mode), test_mode=True
            )
        )
        assert len(found) == 4
        for a, b in zip(found, wanted):
            assert a.keys() == b.keys()
            for key in a.keys() - {'num_keypoints', 'raw_ann_info', 'dataset'}:
                np.testing.assert_equal(a[key], b[key])
    assert log == []
    first = found[0]
    np.testing.assert_array_equal(first['bbox'], [[8, 4, 50, 34]])
    np.testing.assert_array_equal(first['keypoints'][0, 4], [14, 7])
    assert first['keypoints_visible'][0, :4].tolist() == [1, 1, 0, 1]
    np.testing.assert_array_equal(found[1]['bbox'], [[0, 3, WIDTH - 1, 23.25]])
    assert [info['num_keypoints'] for info in found] == [25] * 4
    raw = found[3]['raw_ann_info']
    raw.setdefault('iscrowd', False)  # the real xtcocotools adds it
    assert raw == dict(people[3], num_keypoints=25, iscrowd=False)


def test_bottomup(files, log):
    files.write([person(1, 1), person(2, 1), person(3, 2, bbox=[1, 1, 0, 0])])
    dataset = SpineTrackDataset(
        **files.settings(data_mode='bottomup', on_bad_annotation='skip')
    )
    assert [info['id'] for info in dataset] == [[1, 2]]
    assert dataset[0]['keypoints'].shape == (2, 37, 2)
    assert 'skipped 1' in log[0][1]


def test_missing_annotation_file(files):
    with pytest.raises(FileNotFoundError) as error:
        SpineTrackDataset(**files.settings())
    assert str(files.ann_file) in str(error.value)
    assert 'data_root' in str(error.value)


@pytest.mark.parametrize(
    'content, text',
    [
        ('{"images": [{"id": 1, "fi', 'is not JSON'),
        ('', 'is not JSON'),
        ('\xff\xd8\xff\xe0', 'is not JSON'),
        ('[]', 'is not in COCO format'),
        ('[{"image_id": 1, "keypoints": []}]', 'is not in COCO format'),
        ('{}', "'images'"),
        ('{"images": [], "annotations": null}', 'is not in COCO format'),
        ('{"images": 3, "annotations": []}', 'is not in COCO format'),
        ('{"images": {"1": "1.jpg"}, "annotations": []}', 'not in COCO format'),
        ('"images"', 'is not in COCO format'),
        ('null', 'is not in COCO format'),
    ],
)
def test_other_files(content, text, files):
    files.ann_file.write_bytes(content.encode('latin1'))
    for mode in ('error', 'skip'):
        with pytest.raises(ValueError, match=text) as error:
            SpineTrackDataset(**files.settings(on_bad_annotation=mode))
        assert str(files.ann_file) in str(error.value)
        assert 'expected' in str(error.value)


@pytest.mark.parametrize('missing', ['images', 'annotations'])
def test_missing_list(missing, files):
    files.write([person(1, 1)])
    content = json.loads(files.ann_file.read_text())
    del content[missing]
    files.ann_file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"COCO format.*'{missing}'"):
        SpineTrackDataset(**files.settings(on_bad_annotation='skip'))


@pytest.mark.parametrize('key', ['id', 'image_id', 'category_id'])
def test_annotation_without_an_id(key, files):
    files.write([person(1, 1), person(2, 1, **{key: ...})], [image(1)])
    with pytest.raises(ValueError, match=f"COCO format.*'{key}'"):
        SpineTrackDataset(**files.settings(on_bad_annotation='skip'))


def test_categories_are_not_needed(files):
    files.write([person(1, 1)], categories=...)
    assert len(SpineTrackDataset(**files.settings())) == 1


def test_cut_in_the_middle(files):
    files.write([person(i, 1) for i in range(1, 9)])
    text = files.ann_file.read_text()
    files.ann_file.write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match='is not JSON') as error:
        SpineTrackDataset(**files.settings(on_bad_annotation='skip'))
    assert 'download or write the file again' in str(error.value)


def test_detections(files):
    """Boxes of a detector instead of annotations."""
    files.write([person(1, 1)])
    boxes = files.root / 'boxes.json'
    settings = files.settings(bbox_file=str(boxes), test_mode=True)
    with pytest.raises(FileNotFoundError, match='bbox_file .*boxes.json'):
        SpineTrackDataset(**settings)
    boxes.write_text(
        json.dumps(
            [dict(image_id=1, category_id=1, bbox=[1, 2, 3, 4], score=0.5)]
        )
    )
    (info,) = SpineTrackDataset(**settings)
    assert info['bbox'].tolist() == [[1, 2, 4, 6]]
    assert info['keypoints'].shape == (1, 37, 2)
    files.ann_file.unlink()
    with pytest.raises(FileNotFoundError, match='annotation file'):
        SpineTrackDataset(**settings)


def test_unknown_choice(files):
    with pytest.raises(ValueError, match=r"'ignore'.*\('error', 'skip'\)"):
        SpineTrackDataset(**files.settings(on_bad_annotation='ignore'))


def test_combined(tmp_path, log, monkeypatch):
    """As the training configs put several subsets together."""
    sets = [Files(tmp_path / name) for name in 'abc']
    sets[0].write([person(1, 1), person(2, 1)])
    sets[1].write([person(3, 4), person(4, 4, keypoints=[])])
    sets[2].write([person(5, 4), person(6, 4, iscrowd=1)])
    config = dict(
        type='CombinedDataset',
        metainfo=dict(from_file='configs/_base_/datasets/spinetrack.py'),
        datasets=[
            dict(
                type='SpineTrackDataset', **s.settings(on_bad_annotation='skip')
            )
            for s in sets
        ],
    )
    monkeypatch.chdir(tmp_path)
    dataset = DATASETS.build(config)
    assert isinstance(dataset, CombinedDataset)
    assert dataset.lens == [2, 1, 1]
    assert [dataset[i]['id'] for i in range(4)] == [1, 2, 3, 5]
    assert dataset.metainfo['num_keypoints'] == 37
    assert dataset[3]['img_path'] == f'{tmp_path}/c/images/train/4.jpg'
    assert [level for level, _ in log] == ['WARNING', 'INFO']
    assert str(sets[1].ann_file) in log[0][1]
    config['datasets'][1].update(on_bad_annotation='error')
    with pytest.raises(ValueError, match='annotation 4') as error:
        DATASETS.build(config)
    assert str(sets[1].ann_file) in str(error.value)


@pytest.mark.parametrize(
    'metainfo',
    [
        None,
        dict(from_file='configs/_base_/datasets/spinetrack.py'),
        dict(from_file='/nowhere/spinetrack.py'),
        METAINFO,
    ],
)
def test_any_working_directory(metainfo, files, tmp_path, monkeypatch):
    files.write([person(1, 1)])
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    dataset = SpineTrackDataset(**files.settings(metainfo=metainfo))
    assert dataset.metainfo['num_keypoints'] == 37
    assert dataset.metainfo['keypoint_id2name'][36] == 'neck_03'
    monkeypatch.chdir(tmp_path)
    relative = SpineTrackDataset(**files.settings(data_root='.'))
    assert len(relative) == len(dataset) == 1


def test_a_users_own_file_goes_first(tmp_path, monkeypatch):
    """``from_file`` of the same name that does exist is what is meant."""
    folder = tmp_path / 'configs'
    folder.mkdir()
    (folder / 'spinetrack.py').write_text(
        'dataset_info = dict(dataset_name="mine", keypoint_info={0: dict('
        'name="nose", id=0, swap="")}, skeleton_info={}, joint_weights=[1.], '
        'sigmas=[0.1])'
    )
    monkeypatch.chdir(tmp_path)
    dataset = SpineTrackDataset(
        metainfo=dict(from_file='configs/spinetrack.py'), lazy_init=True
    )
    assert dataset.metainfo['dataset_name'] == 'mine'


def test_metainfo_is_not_shared(files):
    """What one dataset adds is not seen by another, nor by the table."""
    files.write([person(1, 1)])
    first = SpineTrackDataset(**files.settings())
    first._metainfo['sigmas'][0] = 9
    assert SpineTrackDataset(lazy_init=True).metainfo['sigmas'][0] < 1
    assert 'CLASSES' not in METAINFO and METAINFO['sigmas'][0] == 0.026
    assert os.path.exists(files.ann_file)
