import contextlib
import copy
import io
import math

from spinepose_mmpose.evaluation.coco import (
    STAT_NAMES,
    evaluate_subsets,
    oks_matrix,
    subset_oks,
    summary_table,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.metainfo import NUM_KEYPOINTS
from spinepose_mmpose.metainfo import SIGMAS as OURS

import numpy as np
import pytest
from naive_coco import evaluate
from random_people import random_people

SIGMAS = (0.03, 0.08, 0.1, 0.06, 0.2, 0.09, 0.05)
SUBSETS = dict(first=(0, 1, 2), last=(6, 4), all=range(7), one=(5,))


def score(dataset, results, subsets=SUBSETS, sigmas=SIGMAS):
    gts = ground_truth_from_coco(dataset)
    return evaluate_subsets(
        gts, detections_from_coco(results, gts), subsets, sigmas
    )


@pytest.mark.parametrize('seed', range(6))
def test_like_the_naive_implementation(seed):
    dataset, results = random_people(
        seed, 7, categories=(1,) if seed % 2 else (1, 4)
    )
    if seed == 3:  # an image with only one person, a crowd
        results = results[::2]
    stats = score(dataset, results)
    for subset, ids in SUBSETS.items():
        expected = evaluate(dataset, results, list(ids), SIGMAS)
        assert stats[subset] == pytest.approx(expected, abs=1e-9), subset
        assert 0 < stats[subset]['AP'] < 1


@pytest.mark.parametrize('seed', range(3))
def test_like_pycocotools(seed):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    dataset, results = random_people(100 + seed, 7, num_images=40)
    stats = score(dataset, results)
    for subset, ids in SUBSETS.items():
        columns = np.ravel([[3 * i, 3 * i + 1, 3 * i + 2] for i in ids])
        cut_gt, cut_dt = copy.deepcopy((dataset, results))
        for person in cut_gt['annotations'] + cut_dt:
            person['keypoints'] = [person['keypoints'][c] for c in columns]
            person['num_keypoints'] = sum(
                v > 0 for v in person['keypoints'][2::3]
            )
        cut_dt = [person for person in cut_dt if person['num_keypoints']]
        with contextlib.redirect_stdout(io.StringIO()):
            labelled = COCO()
            labelled.dataset = cut_gt
            labelled.createIndex()
            stock = COCOeval(labelled, labelled.loadRes(cut_dt), 'keypoints')
            stock.params.kpt_oks_sigmas = np.array(SIGMAS)[list(ids)]
            stock.evaluate()
            stock.accumulate()
            stock.summarize()
        assert list(stats[subset].values()) == pytest.approx(
            stock.stats.tolist(), abs=1e-9
        ), subset


def one_person(num_keypoints=2, area=5000.0, **changes):
    points = np.zeros((num_keypoints, 3))
    points[:] = (50, 60, 2)
    points[:, 0] += np.arange(num_keypoints)
    return dict(
        dict(
            id=1,
            image_id=1,
            category_id=1,
            iscrowd=0,
            area=area,
            bbox=[40, 50, 100, 100],
            keypoints=points.reshape(-1).tolist(),
        ),
        **changes,
    )


def found(person, shift=0.0, score=0.5):
    points = np.array(person['keypoints'], dtype=float).reshape(-1, 3)
    points[:, 0] += shift
    points[:, 2] = 1
    return dict(
        image_id=person['image_id'],
        category_id=1,
        score=score,
        keypoints=points.reshape(-1).tolist(),
    )


def dataset_of(*people, num_images=1):
    return dict(
        images=[dict(id=i + 1) for i in range(num_images)],
        annotations=list(people),
    )


def test_known_displacement_gives_the_exact_score():
    # OKS = exp(-d^2 / (2 * 5000 * 0.2^2)) = 0.62 reaches 0.5, 0.55 and 0.6.
    person = one_person()
    shift = math.sqrt(-math.log(0.62) * 400)
    stats = score(
        dataset_of(person), [found(person, shift)], dict(all=(0, 1)), (0.1, 0.1)
    )['all']
    assert stats == pytest.approx(
        {
            'AP': 0.3,
            'AP .5': 1,
            'AP .75': 0,
            'AP (M)': 0.3,
            'AP (L)': -1,
            'AR': 0.3,
            'AR .5': 1,
            'AR .75': 0,
            'AR (M)': 0.3,
            'AR (L)': -1,
        }
    )


def test_perfect_predictions():
    dataset, _ = random_people(5, 7)
    dataset['annotations'] = [
        p
        for p in dataset['annotations']
        if not p['iscrowd']
        and all(
            any(p['keypoints'][3 * k + 2] for k in ids)
            for ids in SUBSETS.values()
        )
    ]
    stats = score(dataset, [found(p) for p in dataset['annotations']])
    assert all(
        value == pytest.approx(1, abs=1e-12)
        for values in stats.values()
        for value in values.values()
    )


def test_second_prediction_of_a_person_is_false():
    person = one_person()
    best_last = [found(person, 500, 0.9), found(person, 0, 0.1)]
    stats = score(dataset_of(person), best_last, dict(all=(0, 1)), (0.1, 0.1))
    assert stats['all']['AP'] == pytest.approx(0.5)
    stats = score(
        dataset_of(person),
        best_last[::-1] + [found(person)],
        dict(all=(0, 1)),
        (0.1, 0.1),
    )
    # .5: right; .9: wrong, hence precision 1/2; .1 is a second one.
    assert stats['all']['AP'] == pytest.approx(0.5)
    assert stats['all']['AR'] == 1


def test_people_without_labels_and_crowds_are_neither_missed_nor_false():
    person = one_person()
    blank = one_person(id=2, image_id=2, keypoints=[0] * 6)
    crowd = one_person(id=3, image_id=3, iscrowd=1)
    dataset = dataset_of(person, blank, crowd, num_images=3)
    results = [
        found(p, score=s)
        for p, s in ((person, 0.1), (crowd, 0.9), (crowd, 0.8))
    ]
    results.append(dict(found(person, score=0.7), image_id=2))
    stats = score(dataset, results, dict(all=(0, 1)), (0.1, 0.1))['all']
    assert [stats['AP'], stats['AR']] == pytest.approx([1, 1])


def test_subset_is_counted_by_itself():
    # Keypoint 1 is not labelled: its subset has nobody to find.
    person = one_person(keypoints=[50, 60, 2, 0, 0, 0])
    stats = score(
        dataset_of(person),
        [found(person)],
        dict(a=(0,), b=(1,), all=(0, 1)),
        (0.1, 0.1),
    )
    assert [stats[s]['AP'] for s in ('a', 'b', 'all')] == pytest.approx(
        [1, -1, 1]
    )


def test_nothing_predicted():
    stats = score(dataset_of(one_person()), [], dict(all=(0, 1)), (0.1, 0.1))
    assert stats['all']['AP'] == stats['all']['AR'] == 0
    assert stats['all']['AP (L)'] == -1


def test_prediction_without_scores_takes_no_part():
    person = one_person()
    unscored = found(person, 500, 0.9)
    unscored['keypoints'][2::3] = [0, 1]
    stats = score(
        dataset_of(person),
        [found(person), unscored],
        dict(a=(0,), b=(1,)),
        (0.1, 0.1),
    )
    assert stats['a']['AP'] == pytest.approx(1)
    assert stats['b']['AP'] == pytest.approx(0.5)


def test_bad_subsets_and_sigmas():
    dataset = dataset_of(one_person())
    with pytest.raises(ValueError, match='3 sigmas do not fit 2'):
        score(dataset, [], dict(all=(0, 1)), (0.1,) * 3)
    for ids in ((0, 2), (), (1, 1), (-1,)):
        with pytest.raises(ValueError, match="Subset 'feet'.*below 2"):
            score(dataset, [], dict(feet=ids), (0.1, 0.1))


def test_table():
    stats = {
        'body': dict.fromkeys(STAT_NAMES, 0.5),
        'spine': dict.fromkeys(STAT_NAMES, -1.0),
    }
    lines = summary_table(stats, dict(body=12, spine=0)).split('\n')
    assert lines[0].split()[:3] == ['subset', 'people', 'AP']
    assert lines[1].split() == ['body', '12'] + ['0.500'] * 10
    assert lines[2].split() == ['spine', '0'] + ['-'] * 10
    assert 'the value is -1' in lines[3]
    assert len({len(line) for line in lines[:3]}) == 1


def test_oks_of_a_known_displacement():
    # 3 pixels right, 4 down: d^2 = 25 for each keypoint.
    rng = np.random.default_rng(0)
    gt = np.full((1, NUM_KEYPOINTS, 3), 2.0)
    gt[..., :2] = rng.uniform(0, 100, (1, NUM_KEYPOINTS, 2))
    dt = gt.copy()
    dt[..., :2] += (3, 4)
    area = 900.0
    expected = sum(
        math.exp(-25 / (2 * area * (2 * s) ** 2)) for s in OURS
    ) / len(OURS)
    assert oks_matrix(dt, gt, [area], OURS)[0, 0] == pytest.approx(
        expected, abs=1e-14
    )


def test_only_labelled_keypoints_count():
    gt = np.array([[[0, 0, 2], [10, 0, 1], [99, 99, 0]]], dtype=float)
    dt = np.array([[[0, 0], [10, 2], [0, 0]]], dtype=float)
    # exp(-0) and exp(-4 / (2 * 100 * 0.2^2)) = exp(-0.5)
    assert oks_matrix(dt, gt, [100], [0.1] * 3)[0, 0] == pytest.approx(
        (1 + math.exp(-0.5)) / 2, abs=1e-14
    )


def test_person_without_labels_is_measured_to_the_doubled_box():
    gt = np.zeros((2, 2, 3))
    box = np.array([[10.0, 10.0, 20.0, 20.0]] * 2)  # doubled: -10 to 50
    dt = np.array([[[0.0, 0.0], [49.0, 49.0]], [[54.0, 53.0], [30.0, 30.0]]])
    sigmas, area = np.full(2, 0.5), np.full(2, 100.0)
    oks = subset_oks(dt, gt, area, box, sigmas, [np.arange(2)])
    # 4 right of and 3 below the doubled box: exp(-25 / (2 * 100 * 1))
    np.testing.assert_allclose(
        oks[:, 0], [1, (math.exp(-25 / 200) + 1) / 2], atol=1e-14
    )
    assert not oks_matrix(dt, gt, area, sigmas).any()


def test_oks_matrix_shape_and_no_people():
    dt, gt = np.zeros((4, 5, 2)), np.ones((3, 5, 3))
    assert oks_matrix(dt, gt, [1, 2, 3], [0.1] * 5).shape == (4, 3)
    assert oks_matrix(dt[:0], gt, [1, 2, 3], [0.1] * 5).shape == (0, 3)


def test_keypoint_counts_must_agree():
    with pytest.raises(ValueError, match=r'\(17, 37, 37\)'):
        oks_matrix(np.zeros((1, 17, 2)), np.zeros((1, 37, 3)), [1], OURS)
