import contextlib
import copy
import io
import math

from spinepose_mmpose.evaluation.coco import (
    STAT_NAMES,
    oks_matrix,
    subset_curves,
    subset_oks,
    summarize_curves,
    summary_table,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS

import numpy as np
import pytest
from made_people import annotation, parsed
from naive_coco import evaluate
from random_people import random_people

SUBSETS = dict(first=(0, 1, 2), last=(6, 4), all=range(7), one=(5,))
SEVEN = (0.03, 0.08, 0.1, 0.06, 0.2, 0.09, 0.05)


def score(dataset, results):
    gts = ground_truth_from_coco(dataset)
    dts = detections_from_coco(results, gts)
    return summarize_curves(subset_curves(gts, dts, SUBSETS, SEVEN))


@pytest.mark.parametrize('seed', range(6))
def test_like_the_naive_implementation(seed):
    dataset, results = random_people(
        seed, 7, categories=(1,) if seed % 2 else (1, 4)
    )
    if seed == 3:  # an image with only one person, a crowd
        results = results[::2]
    stats = score(dataset, results)
    for subset, ids in SUBSETS.items():
        expected = evaluate(dataset, results, list(ids), SEVEN)
        assert stats[subset] == pytest.approx(expected, abs=1e-9), subset
        assert 0 < stats[subset]['AP'] < 1


@pytest.mark.parametrize('seed', range(3))
def test_like_pycocotools(seed):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    dataset, results = random_people(100 + seed, 7, num_images=40)
    stats = score(dataset, results)
    for subset, ids in SUBSETS.items():
        cut_gt, cut_dt = copy.deepcopy((dataset, results))
        for person in cut_gt['annotations'] + cut_dt:
            points = np.reshape(person['keypoints'], (-1, 3))[list(ids)]
            person['keypoints'] = points.ravel().tolist()
            person['num_keypoints'] = int((points[:, 2] > 0).sum())
        cut_dt = [person for person in cut_dt if person['num_keypoints']]
        with contextlib.redirect_stdout(io.StringIO()):
            labelled = COCO()
            labelled.dataset = cut_gt
            labelled.createIndex()
            stock = COCOeval(labelled, labelled.loadRes(cut_dt), 'keypoints')
            stock.params.kpt_oks_sigmas = np.array(SEVEN)[list(ids)]
            stock.evaluate()
            stock.accumulate()
            stock.summarize()
        assert list(stats[subset].values()) == pytest.approx(
            stock.stats.tolist(), abs=1e-9
        ), subset


# Two keypoints, both labelled; sigmas are 0.1.
PERSON = annotation([[50, 60, 2], [51, 60, 2]])


def found(shift=0.0, score=0.5, seen=(1, 1), **changes):
    """PERSON as a result, moved to the right."""
    points = np.reshape(PERSON['keypoints'], (2, 3)) + [shift, 0, 0]
    points[:, 2] = seen
    return annotation(points, score=score, **changes)


def stats_of(people, results, **subsets):
    people = parsed(people, results)
    subsets = subsets or dict(all=(0, 1))
    return summarize_curves(subset_curves(*people, subsets, (0.1, 0.1)))


def test_known_displacement_gives_the_exact_score():
    # OKS = exp(-d^2 / (2 * 5000 * 0.2^2)) = 0.62 reaches 0.5, 0.55 and 0.6.
    shift = math.sqrt(-math.log(0.62) * 400)
    stats = stats_of([PERSON], [found(shift)])['all']
    expected = dict.fromkeys(('AP', 'AR', 'AP (M)', 'AR (M)'), 0.3)
    expected |= {'AP .5': 1, 'AR .5': 1, 'AP .75': 0, 'AR .75': 0}
    assert stats == pytest.approx(expected | {'AP (L)': -1, 'AR (L)': -1})


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
    results = copy.deepcopy(dataset['annotations'])
    for result in results:
        result['score'], result['keypoints'][2::3] = 0.5, [1] * 7
    for values in score(dataset, results).values():
        assert list(values.values()) == pytest.approx([1] * 10, abs=1e-12)


@pytest.mark.parametrize(
    'results, ap',
    [
        ([found(500, 0.9), found(0, 0.1)], 0.5),
        # .5: right; .9: wrong, hence precision 1/2; .1 is a second one.
        ([found(0, 0.1), found(500, 0.9), found()], 0.5),
        ([found(), found(score=0.4)], 1),
    ],
)
def test_second_prediction_of_a_person_is_false(results, ap):
    stats = stats_of([PERSON], results)['all']
    assert (stats['AP'], stats['AR']) == (pytest.approx(ap), 1)


def test_people_without_labels_and_crowds_are_neither_missed_nor_false():
    blank = dict(PERSON, id=2, image_id=2, keypoints=[0] * 6)
    crowd = dict(PERSON, id=3, image_id=3, iscrowd=1)
    results = [
        found(score=0.1),
        found(score=0.9, image_id=3),
        found(score=0.8, image_id=3),
        found(score=0.7, image_id=2),
    ]
    stats = stats_of([PERSON, blank, crowd], results)['all']
    assert [stats['AP'], stats['AR']] == pytest.approx([1, 1])


def test_subset_is_counted_by_itself():
    # Keypoint 1 is not labelled: its subset has nobody to find.
    person = annotation([50, 60, 2, 0, 0, 0])
    stats = stats_of([person], [found()], a=(0,), b=(1,), all=(0, 1))
    assert [s['AP'] for s in stats.values()] == pytest.approx([1, -1, 1])


def test_nothing_predicted():
    stats = stats_of([PERSON], [])['all']
    assert stats['AP'] == stats['AR'] == 0 and stats['AP (L)'] == -1


def test_prediction_without_scores_takes_no_part():
    results = [found(), found(500, 0.9, seen=(0, 1))]
    stats = stats_of([PERSON], results, a=(0,), b=(1,))
    assert [s['AP'] for s in stats.values()] == pytest.approx([1, 0.5])


def test_table():
    stats = {
        'body': dict.fromkeys(STAT_NAMES, 0.5),
        'spine': dict.fromkeys(STAT_NAMES, -1.0),
    }
    people = [annotation([1, 2, 2, 3, 4, 0], id_) for id_ in range(12)]
    gts, _ = parsed(people, [])
    lines = summary_table(stats, gts, dict(body=[0], spine=[1])).split('\n')
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
    terms = [math.exp(-25 / (2 * 900 * (2 * s) ** 2)) for s in SIGMAS]
    oks = oks_matrix(gt + [3, 4, 0], gt, [900.0], SIGMAS)
    assert oks[0, 0] == pytest.approx(np.mean(terms), abs=1e-14)


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
    oks = subset_oks(dt, gt, area, sigmas, [np.arange(2)], box)[:, 0]
    # 4 right of and 3 below the doubled box: exp(-25 / (2 * 100 * 1))
    assert oks == pytest.approx([1, (math.exp(-1 / 8) + 1) / 2], abs=1e-14)
    assert not oks_matrix(dt, gt, area, sigmas).any()


def test_oks_matrix_shape_and_counts():
    dt, gt = np.zeros((4, 5, 2)), np.ones((3, 5, 3))
    assert oks_matrix(dt, gt, [1, 2, 3], [0.1] * 5).shape == (4, 3)
    assert oks_matrix(dt[:0], gt, [1, 2, 3], [0.1] * 5).shape == (0, 3)
