"""Evaluate a file of results against annotations, without a model.

Reads files that SpineTrackMetric writes with outfile_prefix, or any list of
COCO keypoint results: image_id, category_id, keypoints (flat x, y, score) and
score of each person. Scores are used as they are, and duplicates are not
suppressed.
"""

import argparse
import json
import os
import sys

from spinepose_mmpose.evaluation.coco import (
    subset_curves,
    summarize_curves,
    summary_table,
)
from spinepose_mmpose.evaluation.people import (
    detections_from_coco,
    ground_truth_from_coco,
)
from spinepose_mmpose.evaluation.report import build_report, write_report
from spinepose_mmpose.metainfo import (
    BONES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
    SIGMAS,
    SUBSETS,
)
from spinepose_mmpose.utils import one_sentence, read_json, write_text


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('annotations', help='COCO file with 37 keypoints')
    parser.add_argument('results', help='COCO keypoint results, JSON')
    parser.add_argument('--out', help='write the scores as JSON')
    parser.add_argument(
        '--no-area',
        action='store_true',
        help='use 0.53 of the box area instead of the annotated area',
    )
    parser.add_argument('--report-dir', help='write a report to this folder')
    parser.add_argument(
        '--images', help='folder with the images, for the contact sheet'
    )
    return parser.parse_args()


def write_report_files(args, dataset, gts, dts, curves):
    links = [tuple(KEYPOINT_IDS[end] for end in bone) for bone in BONES]
    report = build_report(
        gts, dts, SIGMAS, KEYPOINT_NAMES, SUBSETS, curves, links=links
    )
    paths = {}
    if args.images:
        paths = {
            image['id']: os.path.join(args.images, image['file_name'])
            for image in dataset['images']
        }
    files = write_report(args.report_dir, report, paths)
    print(f'wrote {", ".join(files)} to {args.report_dir}')


def main():
    args = parse_args()
    with one_sentence():
        dataset = read_json(args.annotations)
        gts = ground_truth_from_coco(
            dataset, f"'{args.annotations}'", not args.no_area
        )
        if gts.num_keypoints != NUM_KEYPOINTS:
            raise ValueError(
                f"'{args.annotations}' has {gts.num_keypoints} keypoints per "
                f'person, expected {NUM_KEYPOINTS}: it is the annotation of '
                'another dataset.'
            )
        dts = detections_from_coco(
            read_json(args.results), gts, f"'{args.results}'"
        )
        curves = subset_curves(gts, dts, SUBSETS, SIGMAS)
        stats = summarize_curves(curves)
        table = summary_table(stats, gts, SUBSETS)
        print(f'{len(dts)} predictions\n{table}')
        if not len(dts):
            print(
                'nothing was predicted, so every score is 0 (-1 where nobody '
                'is labelled)'
            )
        if args.out:
            write_text(args.out, json.dumps(stats, indent=1) + '\n')
        if args.report_dir:
            write_report_files(args, dataset, gts, dts, curves)
    return 0


if __name__ == '__main__':
    sys.exit(main())
