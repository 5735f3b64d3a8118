"""Compare the speed of the SpineTrack evaluation with COCOeval.

The people are random. The stock evaluation writes the annotations and results
of each subset as JSON, reads them back with pycocotools and runs COCOeval. Ours
reads the annotations once and evaluates all subsets in one pass. Both start
from the annotation file on disk and the predictions in memory, each in a
separate process with one thread. The numbers must agree.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time

from spinepose_mmpose.evaluation.coco import (
    AREA_RANGES,
    OKS_THRESHOLDS,
    STAT_NAMES,
    subset_curves,
    summarize_curves,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.metainfo import NUM_KEYPOINTS, SIGMAS, SUBSETS
from spinepose_mmpose.utils import read_json

import numpy as np
from measuring import memory_mib

TOLERANCE = 1e-9


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--people', type=int, default=6000)
    parser.add_argument(
        '--people-per-image', type=int, default=2, help='average'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--min-ratio',
        type=float,
        default=10,
        help='fail if the ratio of the times is below this value',
    )
    return parser.parse_args()


def make_people(num_people, people_per_image, seed):
    """COCO annotations and (image ids, keypoints (D, K, 3), scores)."""
    rng = np.random.default_rng(seed)
    num_images = max(1, num_people // people_per_image)
    shape = (num_people, NUM_KEYPOINTS)
    image_ids = rng.integers(1, num_images + 1, num_people)
    size = rng.uniform(30, 400, (num_people, 1))
    corner = rng.uniform(0, 600, (num_people, 2))
    xy = corner[:, None] + size[:, None] * rng.random((*shape, 2))
    visibility = rng.choice([0, 1, 2], shape, p=(0.1, 0.2, 0.7))
    visibility[rng.random(num_people) < 0.1, 20:26] = 0
    keypoints = np.concatenate([xy, visibility[..., None]], -1)
    keypoints[visibility == 0] = 0
    annotations = [
        dict(
            id=i + 1,
            image_id=int(image_ids[i]),
            category_id=1,
            iscrowd=int(rng.random() < 0.01),
            bbox=[*corner[i].tolist(), float(size[i, 0]), float(size[i, 0])],
            area=float(size[i, 0] ** 2 * 0.5),
            num_keypoints=int((visibility[i] > 0).sum()),
            keypoints=keypoints[i].round(2).reshape(-1).tolist(),
        )
        for i in range(num_people)
    ]
    dataset = dict(
        images=[
            dict(id=i, width=1000, height=1000)
            for i in range(1, num_images + 1)
        ],
        annotations=annotations,
        categories=[dict(id=1, name='person')],
    )

    # Nine in ten are found, one in five of them twice.
    once, twice = (rng.random(num_people) < share for share in (0.9, 0.2))
    found = np.concatenate([np.flatnonzero(once), np.flatnonzero(twice)])
    error = rng.gamma(2, 0.02, (len(found), 1, 1)) * size[found, None]
    points = xy[found] + rng.normal(size=(len(found), NUM_KEYPOINTS, 2)) * error
    point_scores = rng.uniform(0.1, 1, points.shape[:2])
    keypoints = np.concatenate([points, point_scores[..., None]], -1)
    scores = rng.random(len(found))
    return dataset, (image_ids[found].tolist(), keypoints, scores)


def run_ours(ann_file, predictions):
    gts = ground_truth_from_coco(read_json(ann_file), ann_file)
    results = [
        dict(image_id=image_id, keypoints=points.ravel(), score=score)
        for image_id, points, score in zip(*predictions)
    ]
    dts = detections_from_coco(results, gts)
    return summarize_curves(subset_curves(gts, dts, SUBSETS, SIGMAS))


def run_stock(ann_file, predictions):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    stats = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, 'w') as null,
        contextlib.redirect_stdout(null),
    ):
        gt_file, dt_file = f'{folder}/gt', f'{folder}/dt'
        for subset, ids in SUBSETS.items():
            ids = list(ids)
            dataset = read_json(ann_file)
            for person in dataset['annotations']:
                points = np.reshape(person['keypoints'], (-1, 3))[ids]
                person['keypoints'] = points.reshape(-1).tolist()
                person['num_keypoints'] = int((points[:, 2] > 0).sum())
            results = [
                dict(
                    image_id=image_id,
                    category_id=1,
                    keypoints=points[ids].reshape(-1).tolist(),
                    score=float(score),
                )
                for image_id, points, score in zip(*predictions)
            ]
            for file, content in ((gt_file, dataset), (dt_file, results)):
                with open(file, 'w') as stream:
                    json.dump(content, stream)
            labelled = COCO(gt_file)
            predicted = labelled.loadRes(dt_file)
            evaluation = COCOeval(labelled, predicted, 'keypoints')
            evaluation.params.kpt_oks_sigmas = np.array(SIGMAS)[ids]
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            stats[subset] = dict(zip(STAT_NAMES, evaluation.stats.tolist()))
    return stats


def measure(run, ann_file, predictions):
    """(result, seconds, MiB before, MiB at the peak)."""
    before = memory_mib()
    start = time.perf_counter()
    result = run(ann_file, predictions)
    return result, time.perf_counter() - start, before, memory_mib()


def print_limit(dataset, predictions, read_seconds):
    """What the evaluation has to do at least."""
    labelled = [person['image_id'] for person in dataset['annotations']]
    num_images = len(dataset['images']) + 1
    pairs = int(
        np.bincount(labelled, minlength=num_images)
        @ np.bincount(predictions[0], minlength=num_images)
    )
    shape = (len(SUBSETS), len(AREA_RANGES), len(OKS_THRESHOLDS))
    cells = int(np.prod(shape))
    print(
        f'limit   {pairs:,} pairs of a detection and a person in the same '
        f'image: {pairs * NUM_KEYPOINTS:,} exponentials and '
        f'{pairs * cells:,} comparisons ({" x ".join(map(str, shape))} '
        f'subsets, area ranges, thresholds); {pairs * shape[0] * 8 / 1e6:.1f} '
        f'MB of similarities, {len(predictions[2]) * cells * 2 / 1e6:.1f} MB '
        f'of matches. Reading the annotations alone: {read_seconds:.2f} s.'
    )


def main():
    args = parse_args()
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
        os.environ[name] = '1'  # of the two processes
    dataset, predictions = make_people(
        args.people, args.people_per_image, args.seed
    )
    print(
        f'{len(dataset["annotations"])} labelled and {len(predictions[2])} '
        f'predicted people in {len(dataset["images"])} images'
    )
    found, times = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        ann_file = f'{folder}/annotations.json'
        with open(ann_file, 'w') as file:
            json.dump(dataset, file)
        start = time.perf_counter()
        read_json(ann_file)
        read_seconds = time.perf_counter() - start
        for name, run in (('ours', run_ours), ('stock', run_stock)):
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                found[name], times[name], before, peak = pool.apply(
                    measure, (run, ann_file, predictions)
                )
            print(
                f'{name:<7} {times[name]:7.2f} s   peak memory {peak:5.0f} MiB '
                f'(before the start {before:.0f} MiB)'
            )
    print_limit(dataset, predictions, read_seconds)
    difference = max(
        abs(found['ours'][subset][name] - found['stock'][subset][name])
        for subset in SUBSETS
        for name in STAT_NAMES
    )
    ratio = times['stock'] / times['ours']
    print(
        f'largest difference of the {len(SUBSETS) * len(STAT_NAMES)} numbers '
        f'{difference:.1e}\nratio   {ratio:.1f}'
    )
    if difference > TOLERANCE:
        sys.exit(f'The numbers differ by more than {TOLERANCE}.')
    if ratio < args.min_ratio:
        sys.exit(f'The ratio is below {args.min_ratio}.')


if __name__ == '__main__':
    main()
