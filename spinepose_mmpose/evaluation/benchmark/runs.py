"""Test runs that are done once and can be continued.

Each entry is tested by ``tools/test.py`` in a process of its own: a failure
or an interruption costs that entry alone.
"""

import hashlib
import json
import os
import os.path as osp
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from spinepose_mmpose.utils import content_root, write_text

from ..functional import read_json

TEST_SETS = ('spinetrack', 'coco', 'halpe26')
SETS_VARIABLE = 'SPINEPOSE_TEST_SETS'
UNTRAINED = 'none'


class RunFailed(RuntimeError):
    """A test ended with an error; the message is its last words."""


@dataclass(frozen=True)
class Entry:
    """A model to test. ``checkpoint`` ``'none'`` tests untrained weights."""

    name: str
    config: str
    checkpoint: str


def result_file(work_dir: str, entry: Entry) -> str:
    return osp.join(work_dir, entry.name, 'result.json')


def settings_of(entry: Entry, cfg_options: Sequence[str] = ()) -> dict:
    """What a result depends on, as far as it can be told cheaply.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: The config cannot be read.
    """
    from mmengine.config import Config

    from ..complexity import quietly

    if not osp.isfile(entry.config):
        raise FileNotFoundError(
            f"{entry.name}: there is no config file '{entry.config}'."
        )
    # With the test sets and data roots of the environment filled in.
    with quietly():
        config = Config.fromfile(entry.config).to_dict()
    return dict(
        config=entry.config,
        digest=hashlib.sha256(repr(config).encode()).hexdigest()[:16],
        checkpoint=entry.checkpoint,
        checkpoint_state=_file_state(entry),
        cfg_options=list(cfg_options),
    )


def finished(
    work_dir: str, entry: Entry, settings: Dict[str, Any]
) -> Optional[Dict[str, Any]]:
    """The result of an earlier run with the same settings, or None.

    A broken result file counts as none.
    """
    path = result_file(work_dir, entry)
    if not osp.isfile(path):
        return None
    try:
        result = read_json(path)
    except ValueError:
        return None
    if not isinstance(result, dict) or result.get('settings') != settings:
        return None
    return result


def run(
    work_dir: str,
    entry: Entry,
    settings: Dict[str, Any],
    cfg_options: Sequence[str] = (),
    report: bool = False,
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
    from ..complexity import model_complexity

    folder = osp.join(work_dir, entry.name)
    os.makedirs(folder, exist_ok=True)
    metrics_file = osp.join(folder, 'metrics.json')
    if osp.exists(metrics_file):
        os.remove(metrics_file)
    log = osp.join(folder, 'test.log')
    with open(log, 'w', encoding='utf-8') as file:
        code = subprocess.call(
            _command(entry, folder, metrics_file, cfg_options, report),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if code:
        raise RunFailed(f'{_last_words(log)} (all of it: {log})')
    if not osp.exists(metrics_file):
        raise RunFailed(f'the test wrote no metrics (see {log})')
    params, flops = model_complexity(entry.config)
    result = dict(
        settings=settings,
        metrics=read_json(metrics_file),
        params=params,
        flops=flops,
    )
    write_text(result_file(work_dir, entry), json.dumps(result, indent=1))
    return result


def _command(
    entry: Entry, folder: str, metrics_file: str, cfg_options, report
) -> List[str]:
    options = list(cfg_options)
    checkpoint = entry.checkpoint
    if checkpoint == UNTRAINED:
        options.append('load_from=None')
    if report:
        options.append(
            'test_evaluator.metrics.0.report_dir=' + osp.join(folder, 'report')
        )
    command = [
        sys.executable,
        str(content_root() / 'tools' / 'test.py'),
        entry.config,
        checkpoint,
        '--work-dir',
        folder,
        '--out',
        metrics_file,
    ]
    return command + (['--cfg-options', *options] if options else [])


def _file_state(entry: Entry) -> Optional[List[int]]:
    """Size and time of a checkpoint on this machine."""
    if entry.checkpoint == UNTRAINED or '://' in entry.checkpoint:
        return None
    if not osp.isfile(entry.checkpoint):
        raise FileNotFoundError(
            f"{entry.name}: there is no checkpoint '{entry.checkpoint}'."
        )
    state = os.stat(entry.checkpoint)
    return [state.st_size, state.st_mtime_ns]


def _last_words(log: str) -> str:
    with open(log, encoding='utf-8', errors='replace') as file:
        lines = [line.strip() for line in file if line.strip()]
    for line in reversed(lines):
        if line.startswith('error: '):
            return line[len('error: ') :]
    return lines[-1] if lines else 'the test ended without a word'
