"""Download SpineTrack in the layout that the configs expect.

Extracts and verifies the files of annotations.zip (24.8 MB) and images.zip
(19.4 GB) at huggingface.co/datasets/saifkhichi96/spinetrack (CC-BY-NC-4.0).
After an interruption, run it again to continue.
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
from spinepose_mmpose.utils import one_sentence, settings_of

TIMEOUT_VARIABLE = 'HF_HUB_DOWNLOAD_TIMEOUT'  # of huggingface_hub


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        '--out',
        default='data/spinetrack',
        help='output folder (default: %(default)s)',
    )
    parser.add_argument(
        '--only', nargs=1, choices=PARTS, default=PARTS, dest='parts',
        help='only the annotations or only the images',
    )  # fmt: skip
    parser.add_argument(
        '--splits', nargs='+', choices=SPLITS, default=SPLITS, metavar='SPLIT',
        help='only these splits: ' + ', '.join(SPLITS),
    )  # fmt: skip
    parser.add_argument(
        '--archives',
        type=Path,
        help='folder in which annotations.zip and images.zip already are; it\n'
        'is not changed',
    )
    parser.add_argument(
        '--mirror',
        help='folder or URL to try first, like the environment variable\n'
        f'{MIRROR_VARIABLE}; files are verified in the same way',
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=Options.workers,
        help='number of unpacking threads (default: %(default)s)',
    )
    parser.add_argument(
        '--stream',
        action=argparse.BooleanOptionalAction,
        default=Options.stream,
        help='read only the required files from the archive on the server,\n'
        'several at once, without storing the archive (half the space); this\n'
        'is the default',
    )
    parser.add_argument(
        '--verify',
        action='store_true',
        help='read every existing file again and compare its checksum',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace annotation files that differ from the published ones',
    )
    parser.add_argument(
        '--remove-archives',
        action='store_true',
        help='delete the downloaded archives after unpacking',
    )
    parser.add_argument(
        '--timeout',
        type=int,
        default=30,
        help='seconds without an answer before an attempt is given up\n'
        f'(default: %(default)s), like {TIMEOUT_VARIABLE}',
    )
    parser.add_argument(
        '--retries',
        type=int,
        default=Options.retries,
        help='number of further attempts after a failure, which continue from\n'
        'there (default: %(default)s)',
    )
    parser.add_argument(
        '--quiet',
        action='store_false',
        dest='progress',
        help='do not show progress',
    )
    return parser.parse_args()


def main():
    args = parse_args()
    logging.basicConfig(format='%(message)s', level=logging.WARNING)
    if args.mirror:
        os.environ[MIRROR_VARIABLE] = args.mirror
    os.environ[TIMEOUT_VARIABLE] = str(args.timeout)  # before it is imported
    with one_sentence():
        statuses = prepare(args.out, settings_of(Options, args))
    print(f'{args.out} (SpineTrack, {LICENCE}: not for commercial use)')
    for status in statuses:
        print(f'  {describe(status)}')
    return int(any(status.missing for status in statuses))


if __name__ == '__main__':
    sys.exit(main())
