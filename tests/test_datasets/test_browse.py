import json

from spinepose_mmpose.datasets import page
from spinepose_mmpose.datasets.annotations import find_sets
from spinepose_mmpose.datasets.browse import (
    by_ids,
    by_report,
    by_seed,
    crop_transform,
    draw_person,
    person_view,
    write_gallery,
)
from spinepose_mmpose.datasets.check import check_dataset
from spinepose_mmpose.datasets.check_report import write_report
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import cv2
import numpy as np
import pytest
from generated_set import HEIGHT, WIDTH, person_keypoints, write_set


@pytest.fixture
def root(tmp_path):
    """A grey picture for each image, of the stated size."""
    root = write_set(tmp_path / 'set', {'train-x': 6, 'val2017': 4})
    grey = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for data_set in find_sets(root):
        data_set.image_dir.mkdir(parents=True)
        for entry in json.loads(data_set.ann_file.read_text())['images']:
            cv2.imwrite(str(data_set.image_dir / entry['file_name']), grey)
    return root


@pytest.fixture
def loaded(root):
    return find_sets(root)


def test_points_follow_the_crop():
    scale, offset = crop_transform((100, 50, 40, 80), (200, 200))
    # 80 px and a margin of 0.2 on both sides fill 200: factor 200 / 112.
    points = scale * np.array([[120.0, 90], [100, 50]]) + offset
    assert points[0] == pytest.approx([100, 100])
    assert points[1] == pytest.approx(
        [100 - 20 * 200 / 112, 100 - 40 * 200 / 112]
    )


def test_visible_points_are_discs_and_hidden_ones_rings():
    image = np.zeros((60, 60, 3), np.uint8)
    keypoints = np.zeros((37, 3))
    keypoints[KEYPOINT_IDS['nose']] = 20, 30, 2
    keypoints[KEYPOINT_IDS['left_knee']] = 40, 30, 1
    keypoints[KEYPOINT_IDS['right_knee']] = 30, 10, 0
    draw_person(image, keypoints)
    assert tuple(image[30, 20]) == (51, 51, 204)
    assert tuple(image[30, 40]) == (255, 255, 255)
    assert not image[:20].any()


def test_nothing_is_drawn_of_points_that_are_no_numbers():
    image = np.zeros((60, 60, 3), np.uint8)
    draw_person(image, np.full((37, 3), np.nan), marked=(0, 1))
    assert not image.any()
    draw_person(image, np.full((37, 3), 1e30))  # far outside: no crash


@pytest.mark.parametrize('factor', [1, 6])  # enlarged and shrunk
def test_view_shows_the_picture_where_the_points_are(factor):
    """A white square in the picture appears under its keypoint."""
    image = np.zeros((200 * factor, 200 * factor, 3), np.uint8)
    x, y = 70 * factor, 90 * factor
    half = 12 * factor
    image[y - half : y + half, x - half : x + half] = 255
    keypoints = np.zeros((37, 3))
    box = (20 * factor, 20 * factor, 120 * factor, 120 * factor)
    view = person_view(image, keypoints, box, (240, 240))
    scale, offset = crop_transform(box, (240, 240))
    bright = view.min(axis=2) > 128
    u, v = np.round(scale * np.array([x, y]) + offset).astype(int)
    size = int(0.8 * half * scale)
    assert bright[v - size : v + size, u - size : u + size].all()
    outside = int(1.3 * half * scale)
    assert not bright[v - outside, u] and not bright[v, u + outside]


def test_choice_by_seed(loaded):
    first = by_seed(loaded, 5, seed=1)
    assert first == by_seed(loaded, 5, seed=1)
    assert first != by_seed(loaded, 5, seed=2)
    assert len(set(first)) == 5 and len(by_seed(loaded, 99, 0)) == 10


def test_choice_by_ids(loaded):
    samples = by_ids(loaded, ['1000002', 3])
    assert [(s.content.name, s.row) for s in samples] == [
        ('val2017', 1),
        ('train-x', 2),
    ]
    with pytest.raises(ValueError, match='id 77 in train-x, val2017'):
        by_ids(loaded, [3, 77])


def test_choice_by_report(root, loaded, tmp_path):
    data_set = find_sets(root)[0]
    content = json.loads(data_set.ann_file.read_text())
    for row in (1, 2, 3):
        content['annotations'][row]['num_keypoints'] = 5
    content['annotations'][4]['area'] = -1
    data_set.ann_file.write_text(json.dumps(content))
    write_report(str(tmp_path / 'r'), check_dataset(find_sets(root)), worst=0)
    samples = by_report(loaded, tmp_path / 'r', 3)
    # Errors first, then the kinds in turn.
    assert [s.row for s in samples] == [4, 1, 2]
    assert samples[0].note.startswith('area: its area is -1')
    only = by_report(loaded, tmp_path / 'r' / 'check.json', 9, 'num-keypoints')
    assert [s.row for s in only] == [1, 2, 3]
    with pytest.raises(
        ValueError, match="kind 'x', choose from area, num-keypoints$"
    ):
        by_report(loaded, tmp_path / 'r', 9, 'x')
    (tmp_path / 'bad.json').write_text('{"findings": [')
    with pytest.raises(ValueError, match='bad.json is not a check.json'):
        by_report(loaded, tmp_path / 'bad.json', 9)


def test_gallery(root, loaded, tmp_path):
    out = tmp_path / 'out'
    names = write_gallery(out, by_ids(loaded, [1, 2]))
    assert names == ['index.html'] + [
        f'pictures/{i:04d}-{kind}.jpg' for i in (1, 2)
        for kind in ('image', 'person')
    ]  # fmt: skip
    person = cv2.imread(str(out / 'pictures/0001-person.jpg'))
    assert person.shape == (384, 288, 3)
    # The trunk's colours are there: labels have been drawn on grey.
    assert (np.ptp(person.astype(int), axis=2) > 80).sum() > 200
    text = (out / 'index.html').read_text()
    assert 'train-x, annotation 2' in text and 'pictures/0002-image.jpg' in text
    write_gallery(out, by_ids(loaded, [1]))
    assert len(list((out / 'pictures').iterdir())) == 2


def test_gallery_without_images(loaded, root, tmp_path):
    for picture in root.rglob('*.jpg'):
        picture.unlink()
    names = write_gallery(tmp_path / 'out', by_ids(loaded, [1]))
    assert names[1:] == ['pictures/0001-person.jpg']


def test_page_escapes_what_it_shows():
    caption = '<"x">'
    figures = page.Figures([('a b.jpg', caption, 5)])
    table = page.Table(['a', 'b'], [[caption, 2]])
    text = page.render('<t>', [figures, table])
    assert '<t>' not in text and '<"x">' not in text and 'a%20b.jpg' in text
    assert '<td>&lt;&#34;x&#34;&gt;</td>' in text


def test_views_after_augmentation(root, loaded, tmp_path):
    """Only the crop: the points are where TopdownAffine puts them."""
    from spinepose_mmpose.datasets.browse import Augmenter

    config = tmp_path / 'config.py'
    config.write_text(
        "train_pipeline = [dict(type='LoadPoseImage'), "
        "dict(type='GetBBoxCenterScale', padding=1.0), "
        "dict(type='FastTopdownAffine', input_size=(192, 256)), "
        "dict(type='GenerateTarget', encoder=dict(type='x')), "
        "dict(type='PackPoseInputs')]\n"
    )
    augmenter = Augmenter(str(config))
    source = find_sets(root)[0]
    (image, points), (_, again) = augmenter.views(source, 2, 2, seed=0)
    assert image.shape == (256, 192, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(points, again)
    people = loaded[0].people
    (place,) = np.flatnonzero(people.rows == by_ids(loaded, [2])[0].row)
    box = people.boxes[place]
    factor = 256 / box[3]  # taller than the input's shape: height decides
    centre = box[:2] + box[2:] / 2
    expected = (people.keypoints[place, :, :2] - centre) * factor
    np.testing.assert_allclose(points[:, :2], expected + (96, 128), atol=0.6)
    assert (points[:, 2] == 2).all()
    assert augmenter.views(source, 99, 1, seed=0) == []
    names = write_gallery(
        str(tmp_path / 'out'),
        by_ids(loaded, [2]),
        augmenter,
        draws=1,
    )
    assert names[-1] == 'pictures/0001-augmented-1.jpg'


def test_config_without_a_pipeline(tmp_path):
    from spinepose_mmpose.datasets.browse import Augmenter

    (tmp_path / 'c.py').write_text('model = dict()\n')
    with pytest.raises(ValueError, match='has no train_pipeline'):
        Augmenter(str(tmp_path / 'c.py'))


def test_standing_person_is_as_drawn():
    points = person_keypoints(0.0, 400, 300, 200)
    assert points[:, 1].min() == pytest.approx(200)
    assert np.ptp(points[:, 1]) == pytest.approx(400)
