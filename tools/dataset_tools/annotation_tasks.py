"""Correct labels in CVAT or Label Studio.

  export  write the most doubtful images as files for one of these tools
  import  read the corrections back as an annotation file of these images
  merge   merge corrected files into the complete annotation file

changed_by and changed_keypoints record what was changed in each person.
docs/tutorials/active_learning.md describes the steps in CVAT and Label Studio.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from spinepose_mmpose.datasets.annotation_formats import (
    cvat_labels,
    from_cvat,
    from_label_studio,
    label_studio_config,
    to_cvat,
    to_label_studio,
)
from spinepose_mmpose.datasets.annotation_tools import (
    apply_corrections,
    merge_corrections,
    rank_images,
)
from spinepose_mmpose.datasets.convert import select_images
from spinepose_mmpose.datasets.pseudo_label import read_annotations
from spinepose_mmpose.utils import (
    counted,
    one_sentence,
    refuse_existing,
    write_text,
)

TOOLS = ('cvat', 'label-studio')
# Label Studio's address of a folder that is its local storage.
LOCAL_FILES = '/data/local-files/?d='


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    steps = parser.add_subparsers(dest='step', required=True)
    export = steps.add_parser(
        'export', help='write files for an annotation tool'
    )
    export.add_argument('tool', choices=TOOLS)
    export.add_argument(
        'annotations', help="annotation file in SpineTrack's layout"
    )
    export.add_argument('--out', required=True, help='output folder')
    export.add_argument(
        '--count',
        type=int,
        help='number of images, the most doubtful first; default: all',
    )
    export.add_argument(
        '--address',
        default=LOCAL_FILES,
        help='prefix of the image URLs for Label Studio (default: %(default)s)',
    )
    back = steps.add_parser('import', help='read corrected labels')
    back.add_argument('tool', choices=TOOLS)
    back.add_argument(
        'corrected', help='file exported by the tool; for CVAT also an archive'
    )
    back.add_argument(
        '--base', required=True, help='annotation file that was exported'
    )
    back.add_argument('--out', required=True, help='output JSON file')
    back.add_argument(
        '--by',
        default='',
        help='name of the annotator, unless Label Studio provides it',
    )
    merge = steps.add_parser('merge', help='merge corrected files')
    merge.add_argument('base', help='annotation file that was exported')
    merge.add_argument('corrected', nargs='+', help='files written by import')
    merge.add_argument('--out', required=True, help='output JSON file')
    for step in (export, back, merge):
        step.add_argument(
            '--overwrite', action='store_true', help='replace the output'
        )
    return parser.parse_args()


def export(args):
    dataset = read_annotations(args.annotations)
    ranked = rank_images(dataset)
    if not ranked:
        raise ValueError(f'{args.annotations} contains no people')
    if args.count is not None and args.count < 1:
        raise ValueError(f'--count is {args.count}, 1 or more expected')
    ranked = ranked[: args.count]
    dataset = select_images(dataset, [r.image for r in ranked])
    if args.tool == 'cvat':
        files = {
            'labels.json': json.dumps(cvat_labels(), indent=1),
            'person_keypoints_default.json': json.dumps(to_cvat(dataset)),
        }
    else:
        tasks = to_label_studio(dataset, args.address)
        files = {
            'config.xml': label_studio_config(),
            'tasks.json': json.dumps(tasks),
        }
    lines = [
        f'{r.image["file_name"]}\t{r.badness:.3f}\t{", ".join(r.reasons)}\n'
        for r in ranked
    ]
    files['images.tsv'] = ''.join(lines)
    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_text(str(folder / name), text)
    print(
        f'{folder}: {counted(len(ranked), "image")}, '
        f'{counted(len(dataset["annotations"]), "person")}, the most '
        f'doubtful first ({", ".join(sorted(files))})'
    )


def import_(args):
    base = read_annotations(args.base)
    read = from_cvat if args.tool == 'cvat' else from_label_studio
    found = read(args.corrected, base)
    if not found:
        raise ValueError(f'{args.corrected} contains no finished image')
    dataset, counts = apply_corrections(base, found, args.by)
    write_text(args.out, json.dumps(dataset))
    print(
        f'{args.out}: {counted(counts["images"], "image")}; {_changes(counts)}'
    )


def merge(args):
    dataset, counts = merge_corrections(
        read_annotations(args.base), [*map(read_annotations, args.corrected)]
    )
    write_text(args.out, json.dumps(dataset))
    print(
        f'{args.out}: {_changes(counts)}; changes replaced by those of a '
        f'later file: {counts["conflicts"]}'
    )


def _changes(counts: dict) -> str:
    people = counted(counts['people'], 'person')
    points = counted(counts['keypoints'], 'keypoint')
    added = counted(counts['added'], 'person')
    return (
        f'{people} and {points} changed, {added} added, '
        f'{counts["removed"]} removed'
    )


def main():
    args = parse_args()
    with one_sentence():
        marker = args.out
        if args.step == 'export':
            marker = os.path.join(args.out, 'images.tsv')
        refuse_existing(marker, args.overwrite)
        dict(export=export, merge=merge).get(args.step, import_)(args)
    return 0


if __name__ == '__main__':
    sys.exit(main())
