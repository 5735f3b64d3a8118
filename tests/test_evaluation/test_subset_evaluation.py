import contextlib
import copy
import io
import math

from spinepose_mmpose.evaluation.functional import (
    STAT_NAMES,
    detections_from_coco,
    evaluate_subsets,
    ground_truth_from_coco,
    summary_table,
)

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
