"""Score a stored result file against annotations, without a model.

Reads what SpineTrackMetric writes with outfile_prefix, or any COCO keypoint
result list: image_id, category_id, keypoints (flat x, y, score) and score of
each person. Scores and suppression of doubles are taken as they are.
"""

import argparse
import json
import os.path as osp
import sys

from spinepose_mmpose.evaluation.functional import (
    detections_from_coco,
    ground_truth_from_coco,
    read_json,
    subset_curves,
    summarize_curves,
    summary_table,
)
from spinepose_mmpose.evaluation.report import (
    ReportOptions,
    build_report,
    write_report,
)
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
    SIGMAS,
    SKELETON,
    SUBSETS,
)
from spinepose_mmpose.utils import one_sentence, write_text


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('annotations', help='COCO file with 37 keypoints')
    parser.add_argument('results', help='COCO keypoint results, JSON')
    parser.add_argument('--out', help='write the scores as JSON')
    parser.add_argument(
        '--no-area',
        action='store_true',
        help="take 0.53 of the box in place of the annotations' area",
    )
    parser.add_argument('--report-dir', help='write a report')
    parser.add_argument(
        '--images', help='folder of the images, for the contact sheet'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_sentence():
        dataset = read_json(args.annotations)
        ground_truth = ground_truth_from_coco(
            dataset, f"'{args.annotations}'", not args.no_area
        )
        if ground_truth.num_keypoints != NUM_KEYPOINTS:
            raise ValueError(
                f"'{args.annotations}' has {ground_truth.num_keypoints} "
                f'keypoints a person, expected {NUM_KEYPOINTS}: it is the '
                'annotation of another data set.'
            )
        detections = detections_from_coco(
            read_json(args.results), ground_truth, f"'{args.results}'"
        )
        curves = subset_curves(ground_truth, detections, SUBSETS, SIGMAS)
        stats = summarize_curves(curves)
        print(f'{len(detections)} predictions')
        print(
            summary_table(
                stats,
                {
                    name: ground_truth.num_labelled_people(ids)
                    for name, ids in SUBSETS.items()
                },
            )
        )
        if not len(detections):
            print(
                'nothing was predicted, so every score is 0 (-1 where '
                'nobody is labelled)'
            )
        if args.out:
            write_text(args.out, json.dumps(stats, indent=1) + '\n')
        if args.report_dir:
            report = build_report(
                ground_truth,
                detections,
                SIGMAS,
                KEYPOINT_NAMES,
                SUBSETS,
                curves,
                ReportOptions(),
                [
                    tuple(KEYPOINT_IDS[end] for end in link)
                    for link, _ in SKELETON
                ],
            )
            files = write_report(
                args.report_dir,
                report,
                {
                    image['id']: osp.join(args.images, image['file_name'])
                    for image in dataset['images']
                }
                if args.images
                else None,
            )
            print(f'wrote {", ".join(files)} to {args.report_dir}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
