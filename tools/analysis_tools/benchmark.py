"""Test the methods of the published results table, and other models.

Writes table.md, table.csv and table.json with the measured and the published
values. Each entry is tested by tools/test.py in a separate process, so a
failure or interruption affects only that entry, and running the command again
continues where it stopped. SPINETRACK_ROOT, COCO_ROOT and HALPE_ROOT name the
data folders, see docs/evaluation.md.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.evaluation.published import (
    CONFIG,
    METHOD_NAMES,
    METHOD_VARIABLE,
    METRIC_KEYS,
    TITLES,
    find_method,
    model_complexity,
)
from spinepose_mmpose.utils import (
    config_file,
    content_root,
    one_sentence,
    quietly,
    read_json,
    write_text,
)

import pandas as pd
from mmengine.config import Config

TEST_SETS = ('spinetrack', 'coco', 'halpe26')
SETS_VARIABLE = 'SPINEPOSE_TEST_SETS'
UNTRAINED = 'none'
STATS = ('AP', 'AR')


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        epilog='methods: ' + ', '.join(METHOD_NAMES),
    )
    parser.add_argument(
        'methods',
        nargs='*',
        metavar='METHOD',
        help='methods of the published table; default: all, or none with --add',
    )
    parser.add_argument(
        '--add',
        nargs=3,
        action='append',
        default=[],
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help="add your own model; can be repeated; CHECKPOINT '"
        f"{UNTRAINED}' tests untrained weights",
    )
    parser.add_argument(
        '--checkpoint',
        action='append',
        default=[],
        metavar='METHOD=FILE',
        help='use these weights instead of the published ones; can be repeated',
    )
    parser.add_argument(
        '--untrained',
        action='store_true',
        help='download nothing and test untrained weights, to check that '
        'everything runs; the values are meaningless',
    )
    parser.add_argument('--work-dir', default='work_dirs/benchmark')
    parser.add_argument(
        '--sets', nargs='+', choices=TEST_SETS, default=['spinetrack']
    )
    parser.add_argument(
        '--report',
        action='store_true',
        help='also write a report for each model (see docs/evaluation.md)',
    )
    parser.add_argument(
        '--redo', action='store_true', help='discard earlier results'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='for all tests, as in tools/test.py',
    )
    return parser.parse_args()


# --- tests --------------------------------------------------------------------


class RunFailed(RuntimeError):
    """A test ended with an error; the message is its last words."""


@dataclass(frozen=True)
class Entry:
    """A model to test. ``checkpoint`` ``'none'`` tests untrained weights."""

    name: str
    config: str
    checkpoint: str


def entries_of(args) -> List[Entry]:
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
    entries = []
    for name in args.methods or ([] if args.add else METHOD_NAMES):
        method = find_method(name)
        weights = UNTRAINED if args.untrained else method.weights
        entries.append(
            Entry(name, str(config_file(CONFIG)), given.get(name, weights))
        )
    entries += [Entry(*item) for item in args.add]
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1 or os.sep in name or name in ('', '.', '..'):
            raise ValueError(
                f"entry name '{name}' occurs twice or cannot be a folder name."
            )
    return entries


def settings_of(entry: Entry, cfg_options=()) -> dict:
    """What a result depends on, as far as it can be told cheaply.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: The config cannot be read.
    """
    if not os.path.isfile(entry.config):
        raise FileNotFoundError(
            f"{entry.name}: there is no config file '{entry.config}'."
        )
    # With the method, test sets and data roots of the environment filled in.
    os.environ[METHOD_VARIABLE] = entry.name
    with quietly():
        config = Config.fromfile(entry.config).to_dict()
    state = None
    if entry.checkpoint != UNTRAINED and '://' not in entry.checkpoint:
        if not os.path.isfile(entry.checkpoint):
            raise FileNotFoundError(
                f"{entry.name}: there is no checkpoint '{entry.checkpoint}'."
            )
        file = os.stat(entry.checkpoint)
        state = [file.st_size, file.st_mtime_ns]
    return dict(
        config=entry.config,
        digest=hashlib.sha256(repr(config).encode()).hexdigest()[:16],
        checkpoint=entry.checkpoint,
        checkpoint_state=state,
        cfg_options=list(cfg_options),
    )


def finished(work_dir, entry: Entry, settings: dict) -> Optional[dict]:
    """The result of an earlier run with the same settings, or None.

    A broken result file counts as none.
    """
    try:
        result = read_json(str(Path(work_dir, entry.name, 'result.json')))
    except (FileNotFoundError, ValueError):
        return None
    same = isinstance(result, dict) and result.get('settings') == settings
    return result if same else None


def run(
    work_dir, entry: Entry, settings: dict, cfg_options=(), report=False
) -> dict:
    """Test an entry and keep the result.

    Args:
        work_dir (str): Files go to its subfolder ``entry.name``.
        entry (Entry): What to test.
        settings (dict): From :func:`settings_of`.
        cfg_options (sequence): ``KEY=VALUE`` for ``--cfg-options``.
        report (bool): Let the first metric write its report as well.

    Returns:
        dict: ``settings``, ``metrics``, ``params`` (M) and ``flops`` (G).

    Raises:
        RunFailed: The test did.
    """
    folder = Path(work_dir, entry.name)
    folder.mkdir(parents=True, exist_ok=True)
    metrics_file, log = folder / 'metrics.json', folder / 'test.log'
    metrics_file.unlink(missing_ok=True)
    os.environ[METHOD_VARIABLE] = entry.name
    command = _command(entry, folder, metrics_file, cfg_options, report)
    with open(log, 'w', encoding='utf-8') as file:
        code = subprocess.call(command, stdout=file, stderr=subprocess.STDOUT)
    if code:
        raise RunFailed(f'{_last_words(log)} (all of it: {log})')
    if not metrics_file.exists():
        raise RunFailed(f'the test wrote no metrics (see {log})')
    params, flops = model_complexity(entry.config)
    result = dict(
        settings=settings,
        metrics=read_json(str(metrics_file)),
        params=params,
        flops=flops,
    )
    write_text(str(folder / 'result.json'), json.dumps(result, indent=1))
    return result


def _command(
    entry: Entry, folder: Path, metrics_file: Path, cfg_options, report
) -> List[str]:
    tool = content_root() / 'tools' / 'test.py'
    command = [sys.executable, tool, entry.config, entry.checkpoint]
    command += ['--work-dir', folder, '--out', metrics_file]
    options = list(cfg_options)
    if entry.checkpoint == UNTRAINED:
        options.append('load_from=None')
    if report:
        folder = folder / 'report'
        options.append(f'test_evaluator.metrics.0.report_dir={folder}')
    command += ['--cfg-options', *options] if options else []
    return [str(part) for part in command]


def _last_words(log: Path) -> str:
    text = log.read_text(encoding='utf-8', errors='replace')
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith('error: '):
            return line.removeprefix('error: ')
    return lines[-1] if lines else 'the test ended without a word'


# --- the table ----------------------------------------------------------------


def table_rows(results: dict, errors: dict) -> List[dict]:
    """Measured values beside the published ones, one row per entry.

    Args:
        results (dict): By entry name, of :func:`run`.
        errors (dict): By entry name, why there is none.

    Returns:
        list[dict]: ``name``, ``title``, ``keypoints``, ``untrained``,
        ``error`` and ``figures``: by figure (``body AP``, ..., ``params``,
        ``flops``) ``measured``, ``published`` and ``difference``, each None
        where it is not known or, of untrained weights, says nothing. AP and
        AR are x100.
    """
    rows = []
    for name in dict.fromkeys([*results, *errors]):
        method = find_method(name) if name in METHOD_NAMES else None
        result = results.get(name, {})
        untrained = result.get('settings', {}).get('checkpoint') == UNTRAINED
        figures = {}
        for figure, key in METRIC_KEYS.items():
            value = result.get('metrics', {}).get(key)
            # -1 says that nobody is labelled.
            value = None if value is None or value < 0 else 100 * value
            paper = method.results[figure] if method else None
            figures[figure] = _figure(value, paper, compare=not untrained)
        for key in ('params', 'flops'):
            paper = getattr(method, key) if method else None
            figures[key] = _figure(result.get(key), paper)
        rows.append(
            dict(
                name=name,
                title=method.title if method else name,
                keypoints=method.keypoints if method else None,
                untrained=untrained,
                error=errors.get(name),
                figures=figures,
            )
        )
    return rows


def _figure(measured, published, compare=True) -> dict:
    difference = None
    if compare and measured is not None and published is not None:
        difference = measured - published
    return dict(measured=measured, published=published, difference=difference)


def to_markdown(rows: List[dict]) -> str:
    """Measured values, with the difference to the published ones."""

    def cell(figure, digits):
        measured, difference = figure['measured'], figure['difference']
        if measured is None:
            return '-'
        if difference is None:
            return f'{measured:.{digits}f}'
        # + 0. turns a rounded -0.0 into 0.0.
        difference = round(difference, digits) + 0.0
        return f'{measured:.{digits}f} ({difference:+.{digits}f})'

    lines = []
    for row in rows:
        line = dict(
            method=row['title'] + (' (untrained)' if row['untrained'] else ''),
            keypoints=row['keypoints'] or '-',
        )
        for column, title in TITLES.items():
            pair = [cell(row['figures'][f'{column} {s}'], 1) for s in STATS]
            line[title] = '-' if pair == ['-', '-'] else ' / '.join(pair)
        for key, title in (('params', 'params'), ('flops', 'FLOPs')):
            line[title] = cell(row['figures'][key], 2)
        lines.append(line)
    table = pd.DataFrame(lines).astype(str)
    # A test set that nobody was tested on has no column.
    empty = [title for title in TITLES.values() if (table[title] == '-').all()]
    table = table.drop(columns=empty)
    rule = ['---'] + ['--:'] * (table.shape[1] - 1)
    cells = [list(table), rule, *table.values.tolist()]
    failed = [f'- {r["title"]}: {r["error"]}\n' for r in rows if r['error']]
    return (
        '# Results\n\n'
        'AP / AR x100 as measured; in brackets measured minus published. '
        "COCO and Halpe26 with the detector's boxes, the others with the "
        'labelled boxes of SpineTrack val. Keypoints that a method lacks '
        'count as wrong. Params in millions, FLOPs in billions for one '
        'person without flip.\n\n'
        + ''.join(f'| {" | ".join(row)} |\n' for row in cells)
        + ('\nFailed:\n\n' if failed else '')
        + ''.join(failed)
    )


def to_csv(rows: List[dict]) -> str:
    """One line per figure, for spreadsheets and scripts."""
    lines = [
        dict(
            name=row['name'],
            title=row['title'],
            figure=figure,
            **values,
            untrained=int(row['untrained']),
            error=row['error'],
        )
        for row in rows
        for figure, values in row['figures'].items()
    ]
    return pd.DataFrame(lines).to_csv(
        index=False, float_format='%.6g', lineterminator='\n'
    )


def write_table(work_dir: str, results: dict, errors: dict) -> str:
    rows = table_rows(results, errors)
    texts = dict(
        json=json.dumps(rows, indent=1, allow_nan=False) + '\n',
        csv=to_csv(rows),
        md=to_markdown(rows),
    )
    for extension, text in texts.items():
        write_text(os.path.join(work_dir, f'table.{extension}'), text)
    return texts['md']


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
            kept = finished(args.work_dir, entry, wanted)
            try:
                if kept is None or args.redo:
                    options = args.cfg_options, args.report
                    kept = run(args.work_dir, entry, wanted, *options)
                    print(f'{time.time() - start:.0f} s')
                else:
                    print('kept from an earlier run')
                results[entry.name] = kept
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
