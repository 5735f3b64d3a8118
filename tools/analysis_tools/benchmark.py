"""Test the methods of the published results table, and other models.

Writes table.md, table.csv and table.json with the measured figures beside the
published ones. A second call goes on where the first one stopped. Data:
SPINETRACK_ROOT, COCO_ROOT and HALPE_ROOT name the folders, see
docs/evaluation.md.
"""

import argparse
import os
import os.path as osp
import sys
import time

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.benchmark.runs import (
    SETS_VARIABLE,
    TEST_SETS,
    UNTRAINED,
    Entry,
    RunFailed,
    finished,
    run,
    settings_of,
)
from spinepose_mmpose.evaluation.benchmark.table import (
    table_rows,
    to_csv,
    to_json,
    to_markdown,
)
from spinepose_mmpose.evaluation.published import find_method, method_names
from spinepose_mmpose.utils import config_file, one_sentence, write_text


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog='methods: ' + ', '.join(method_names()),
    )
    parser.add_argument(
        'methods',
        nargs='*',
        metavar='METHOD',
        help='of the published table; default: all, or none with --add',
    )
    parser.add_argument(
        '--add',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help="a model of your own; may be repeated; CHECKPOINT '"
        f"{UNTRAINED}' tests untrained weights",
    )
    parser.add_argument(
        '--checkpoint',
        action='append',
        default=[],
        metavar='METHOD=FILE',
        help='other weights than the published ones; may be repeated',
    )
    parser.add_argument(
        '--untrained',
        action='store_true',
        help='download nothing and test untrained weights: shows that all '
        'runs, the figures mean nothing',
    )
    parser.add_argument('--work-dir', default='work_dirs/benchmark')
    parser.add_argument(
        '--sets', nargs='+', choices=TEST_SETS, default=['spinetrack']
    )
    parser.add_argument(
        '--report',
        action='store_true',
        help='also write the report of each model (see docs/evaluation.md)',
    )
    parser.add_argument(
        '--redo', action='store_true', help='do not keep earlier results'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for all tests, as in tools/test.py',
    )
    return parser.parse_args()


def entries_of(args):
    """What to test, in order.

    Raises:
        ValueError: A name is unknown or occurs twice.
    """
    given = {}
    for item in args.checkpoint:
        name, found, path = item.partition('=')
        if not found:
            raise ValueError(f'--checkpoint {item} should be METHOD=FILE.')
        given[find_method(name).name] = path
    names = args.methods or ([] if args.add else method_names())
    entries = []
    for name in names:
        method = find_method(name)
        checkpoint = given.get(name, method.weights)
        if args.untrained and name not in given:
            checkpoint = UNTRAINED
        entries.append(Entry(name, str(config_file(method.config)), checkpoint))
    entries += [Entry(*item) for item in args.add]
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1 or os.sep in name or name in ('', '.', '..'):
            raise ValueError(
                f"entry name '{name}' occurs twice or cannot be a folder name."
            )
    return entries


def write_table(work_dir, results, errors):
    rows = table_rows(results, errors)
    for name, text in (
        ('table.json', to_json(rows)),
        ('table.csv', to_csv(rows)),
        ('table.md', to_markdown(rows)),
    ):
        write_text(osp.join(work_dir, name), text)
    return to_markdown(rows)


def main():
    args = parse_args()
    with one_sentence():
        entries = entries_of(args)
        os.environ[SETS_VARIABLE] = ','.join(args.sets)
        os.makedirs(args.work_dir, exist_ok=True)
        settings = [settings_of(entry, args.cfg_options) for entry in entries]
        results, errors, table = {}, {}, ''
        for i, (entry, wanted) in enumerate(zip(entries, settings), 1):
            print(f'{i}/{len(entries)} {entry.name} ... ', end='', flush=True)
            start = time.time()
            result = (
                None if args.redo else finished(args.work_dir, entry, wanted)
            )
            if result is not None:
                print('kept from an earlier run')
                results[entry.name] = result
            else:
                try:
                    results[entry.name] = run(
                        args.work_dir,
                        entry,
                        wanted,
                        args.cfg_options,
                        args.report,
                    )
                    print(f'{time.time() - start:.0f} s')
                except RunFailed as error:
                    print(f'failed: {error}')
                    errors[entry.name] = str(error)
            table = write_table(args.work_dir, results, errors)
        print(
            f'\n{table}\nwritten to {args.work_dir}/table.md, table.csv and '
            'table.json'
        )
    return 1 if errors else 0


if __name__ == '__main__':
    sys.exit(main())
