import copy

from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)

import numpy as np
import pytest

PERSON = dict(
    id=1,
    image_id=2,
    category_id=1,
    bbox=[0, 0, 10, 20],
    area=80,
    iscrowd=0,
    keypoints=[1, 2, 2, 3, 4, 0],
)
DATASET = dict(
    images=[dict(id=4), dict(id=2)],
    annotations=[PERSON],
    categories=[dict(id=1)],
)
RESULT = dict(image_id=2, category_id=1, keypoints=[1, 2, 0.5] * 2, score=0.5)


def people(*changes):
    """DATASET with PERSON changed in each of these ways."""
    return dict(DATASET, annotations=[dict(PERSON, **c) for c in changes])


def test_parsed():
    before = copy.deepcopy(DATASET)
    gts = ground_truth_from_coco(DATASET)
    assert gts.image_ids == (2, 4) and gts.image_index.tolist() == [0]
    assert gts.keypoints.tolist() == [[[1, 2, 2], [3, 4, 0]]]
    assert gts.areas.tolist() == [80] and not gts.crowd.any()
    assert gts.labelled_people([0]).tolist() == [True]
    assert gts.labelled_people([1]).tolist() == [False]
    assert DATASET == before
    by_box = ground_truth_from_coco(DATASET, use_area=False)
    assert by_box.areas == pytest.approx([10 * 20 * 0.53])


def test_person_without_keypoints_and_unlisted_image():
    gts = ground_truth_from_coco(
        people({}, dict(id=3, keypoints=[]), dict(id=4, image_id=77))
    )
    assert len(gts) == 2 and not gts.keypoints[1].any()


@pytest.mark.parametrize(
    'dataset, message',
    [
        ([], "F should be a dictionary with 'images', 'annotations'"),
        (dict(images=[]), "F should be .* but lacks 'annotations'"),
        (dict(DATASET, images=[1]), "an image of F .* lacks 'id'"),
        (people(), 'F contains no annotation'),
        (people({}, {}), 'occur twice'),
        (people(dict(keypoints=[])), "'keypoints' of F.*have 0 numbers"),
        (people(dict(keypoints=[1, 2])), '2 numbers'),
        (
            people(dict(keypoints=['x'] * 6)),
            "'keypoints' values of F should be num",
        ),
        (people(dict(area=float('nan'))), "'area' values of F are not finite"),
        (people(dict(bbox=[1, 2, 3])), "'bbox' values of F"),
        (
            people({}, dict(id=8, keypoints=[0, 0, 1])),
            'people have 3, 6 numbers',
        ),
    ],
)
def test_bad_annotations(dataset, message):
    with pytest.raises(ValueError, match=message):
        ground_truth_from_coco(dataset, 'F')


def test_missing_area_names_the_remedy():
    dataset = people({})
    del dataset['annotations'][0]['area']
    with pytest.raises(
        ValueError, match="an annotation of F .*lacks 'area' .use_area=False"
    ):
        ground_truth_from_coco(dataset, 'F')
    assert len(ground_truth_from_coco(dataset, use_area=False)) == 1


@pytest.mark.parametrize(
    'results, message',
    [
        (dict(a=1), 'R should be a list'),
        ([dict(image_id=2)], "a person of R .*lacks 'keypoints', 'score'"),
        (
            [dict(RESULT, keypoints=[0] * 51)],
            'R have 17 keypoints.*F has 2',
        ),
        ([dict(RESULT, image_id=99)], 'R hold people.*F.*image ids 99'),
        ([dict(RESULT, category_id=3)], 'F does not list .category ids 3'),
        ([RESULT, dict(RESULT, score=float('nan'))], '1 of 2.*image 2'),
    ],
)
def test_bad_results(results, message):
    with pytest.raises(ValueError, match=message):
        detections_from_coco(results, ground_truth_from_coco(DATASET, 'F'), 'R')


def test_no_results():
    dts = detections_from_coco([], ground_truth_from_coco(DATASET))
    assert len(dts) == 0 and dts.keypoints.shape == (0, 2, 3)
    assert dts.image_index.dtype == np.int64
