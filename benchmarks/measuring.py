"""Helpers of the benchmarks: alternating tasks, memory, tables."""

import statistics
import time
from pathlib import Path
from typing import NamedTuple

from spinepose_mmpose.utils import config_file


def find_config(name):
    """A file, or a shipped config by its path or name alone."""
    if Path(name).is_file():
        return Path(name)
    return config_file(f'configs/{Path(name).stem}.py')


class Times(NamedTuple):
    """Of the rounds of a task, in seconds."""

    median: float
    fastest: float
    cpu: float  # median of the CPU time


def take_turns(tasks, rounds, warmup=1, rest=0.0):
    """Name -> :class:`Times`.

    The tasks alternate, so that a machine that slows down slows all of them.

    Args:
        tasks (dict): Functions without arguments, by name.
        rounds (int): That count.
        warmup (int): Rounds before them.
        rest (float): Seconds before each task.
    """
    walls, cpus = ({name: [] for name in tasks} for _ in range(2))
    for _ in range(warmup + rounds):
        for name, task in tasks.items():
            time.sleep(rest)
            wall, cpu = time.perf_counter(), time.process_time()
            task()
            walls[name].append(time.perf_counter() - wall)
            cpus[name].append(time.process_time() - cpu)
    return {
        name: Times(
            statistics.median(walls[name][warmup:]),
            min(walls[name][warmup:]),
            statistics.median(cpus[name][warmup:]),
        )
        for name in tasks
    }


def memory_mib(entry='VmHWM', file='/proc/self/status'):
    """An entry of a memory file of Linux, NaN elsewhere.

    The default is the peak of this process; getrusage counts that of the
    parent in as well.
    """
    try:
        text = Path(file).read_text()
    except OSError:
        return float('nan')
    lines = [line.split() for line in text.splitlines()]
    return next(
        int(line[1]) / 2**10 for line in lines if line[0] == f'{entry}:'
    )


def table(rows):
    """Markdown; the first of the rows is the header."""
    header, *body = [[str(cell) for cell in row] for row in rows]
    rule = ['---'] + ['---:'] * (len(header) - 1)
    rows = [header, rule, *body]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)
