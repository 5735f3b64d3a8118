"""Bring SpineTrack to this machine, in the layout that the configs expect.

Reads the files of annotations.zip (24.8 MB) and images.zip (19.4 GB) at
huggingface.co/datasets/saifkhichi96/spinetrack (CC-BY-NC-4.0) and checks them.
Run it again after any interruption: it goes on.
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from spinepose_mmpose.datasets.download import (
    LICENCE,
    PARTS,
    SPLITS,
    Options,
    describe,
    prepare,
)
from spinepose_mmpose.downloads import MIRROR_VARIABLE
from spinepose_mmpose.utils import one_sentence

TIMEOUT_VARIABLE = 'HF_HUB_DOWNLOAD_TIMEOUT'  # of huggingface_hub


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        '--out', default='data/spinetrack', help='folder (%(default)s)'
    )
    parser.add_argument(
        '--only', choices=PARTS, help='annotations alone, or images alone'
    )
    parser.add_argument(
        '--splits', nargs='+', choices=SPLITS, default=SPLITS, metavar='SPLIT',
        help='unpack these alone: ' + ', '.join(SPLITS),
    )  # fmt: skip
    parser.add_argument(
        '--archives',
        type=Path,
        help='folder that holds annotations.zip and images.zip already;\n'
        'it is only read',
    )
    parser.add_argument(
        '--mirror',
        help='folder or URL to look in first, as the environment variable\n'
        f'{MIRROR_VARIABLE}; files are checked the same way',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=Options.workers,
        help='threads that unpack (%(default)s)',
    )
    parser.add_argument(
        '--stream',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='read the wanted files out of the archive on the server, several\n'
        'at once, and keep no copy of the archive (half the space); the\n'
        'default',
    )
    parser.add_argument(
        '--verify',
        action='store_true',
        help='read every file that is there and compare its checksum',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace annotation files that differ from the published ones',
    )
    parser.add_argument(
        '--remove-archives',
        action='store_true',
        help='delete the downloaded archives once they are unpacked',
    )
    parser.add_argument(
        '--timeout',
        type=int,
        default=30,
        help='seconds without an answer until an attempt is given up; as the\n'
        f'environment variable {TIMEOUT_VARIABLE}',
    )
    parser.add_argument(
        '--retries',
        type=int,
        default=5,
        help='further attempts after a failure, which go on from there',
    )
    parser.add_argument('--quiet', action='store_true', help='show no progress')
    return parser.parse_args()


def main():
    args = parse_args()
    logging.basicConfig(format='%(message)s', level=logging.WARNING)
    if args.mirror:
        os.environ[MIRROR_VARIABLE] = args.mirror
    os.environ[TIMEOUT_VARIABLE] = str(args.timeout)  # before it is imported
    with one_sentence():
        options = Options(
            parts=(args.only,) if args.only else PARTS,
            splits=tuple(args.splits),
            archives=args.archives,
            workers=args.workers,
            stream=args.stream,
            overwrite=args.overwrite,
            verify=args.verify,
            remove_archives=args.remove_archives,
            progress=not args.quiet,
            retries=args.retries,
        )
        statuses = prepare(args.out, options)
    print(f'{args.out} (SpineTrack, {LICENCE}: not for commercial use)')
    for status in statuses:
        print(f'  {describe(status)}')
    return int(any(status.missing for status in statuses))


if __name__ == '__main__':
    sys.exit(main())
