import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from spinepose_mmpose.inference.pipeline.ranks import Rank, find_rank, take

import pytest
from block_clips import make_clip

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    'environment, rank',
    [
        ({}, Rank(0, 1)),
        ({'RANK': '2', 'WORLD_SIZE': '4'}, Rank(2, 4)),
        ({'SLURM_PROCID': '1', 'SLURM_NTASKS': '3'}, Rank(1, 3)),
        (
            {'SLURM_ARRAY_TASK_ID': '5', 'SLURM_ARRAY_TASK_COUNT': '9'},
            Rank(5, 9),
        ),
        ({'RANK': '0', 'WORLD_SIZE': '1'}, Rank(0, 1)),
        ({'RANK': 'x', 'WORLD_SIZE': '2'}, Rank(0, 1)),
    ],
)
def test_environment(environment, rank):
    assert find_rank(environment) == rank


def test_one_holder_at_a_time(tmp_path):
    folder = str(tmp_path / 'job')
    claim = take(folder)
    assert take(folder) is None
    claim.check()
    claim.release()
    assert not os.path.exists(folder)
    take(folder).release()


def test_a_silent_claim_is_lost_and_its_holder_learns_of_it(tmp_path):
    folder = str(tmp_path / 'job')
    first = take(folder, heartbeat=1000)
    path = Path(folder, 'claim.0')
    # Another machine's, whose processes cannot be looked up.
    path.write_text(json.dumps({'machine': 'elsewhere', 'process': 1}))
    assert take(folder, lost_after=60) is None
    os.utime(path, (time.time() - 100,) * 2)
    second = take(folder, lost_after=60)
    assert second.generation == 1
    assert take(folder, lost_after=60) is None
    with pytest.raises(OSError, match='another process took this over'):
        first.check()
    first.release()
    second.check()  # the old holder took nothing away from the new one
    second.release()
    assert not os.path.exists(folder)


def test_a_heartbeat_keeps_a_claim(tmp_path):
    folder = str(tmp_path / 'job')
    claim = take(folder, heartbeat=0.05)
    path = Path(folder, 'claim.0')
    os.utime(path, (time.time() - 100,) * 2)
    deadline = time.monotonic() + 5
    while time.time() - path.stat().st_mtime > 50:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    claim.release()


def test_the_claim_of_a_dead_process_of_this_machine(tmp_path):
    folder = str(tmp_path / 'job')
    program = (
        'import os, sys\n'
        'from spinepose_mmpose.inference.pipeline.ranks import take\n'
        'take(sys.argv[1])\n'
        'os._exit(9)\n'
    )
    root = str(HERE.parents[1])
    subprocess.run(
        [sys.executable, '-c', program, folder],
        env={**os.environ, 'PYTHONPATH': root},
    )
    claim = take(folder)
    assert claim.generation == 1
    claim.release()


def start(arguments, rank, count, delay):
    paths = [str(HERE.parents[1]), str(HERE)]
    return subprocess.Popen(
        [sys.executable, str(HERE / 'block_run.py'), *arguments],
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join(paths),
            'RANK': str(rank),
            'WORLD_SIZE': str(count),
            'BLOCK_DELAY': str(delay),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_processes_share_a_list_and_one_is_killed(tmp_path):
    """Three processes, five clips; the first is killed at its first clip.
    Afterwards the same command picks its work up, and every result is that of
    a single process."""
    for i in range(5):
        make_clip(tmp_path / f'clip{i}.mp4', 20 + i)
    pattern = str(tmp_path / 'clip*.mp4')
    arguments = ['-i', pattern, '-s', str(tmp_path / 'out'), '--log-json']
    arguments += ['--save-format', 'csv', '--nosmooth']
    # The one to be killed is the slowest: it never finishes a clip.
    victim = start(arguments, 0, 3, delay=3)
    work = tmp_path / 'out' / '.clip0.csv.spinepose' / 'claim.0'
    deadline = time.monotonic() + 60
    while not work.exists():
        assert time.monotonic() < deadline and victim.poll() is None
        time.sleep(0.02)
    others = [start(arguments, rank, 3, delay=0.001) for rank in (1, 2)]
    logs = [process.communicate(timeout=120)[1] for process in others]
    assert [process.returncode for process in others] == [0, 0]
    assert 'another process works on it' in logs[0] + logs[1]
    victim.kill()
    victim.communicate()
    assert not (tmp_path / 'out' / 'clip0.csv').exists()

    again = start(arguments, 0, 3, delay=0)
    logs.append(again.communicate(timeout=120)[1])
    assert again.returncode == 0
    ends = Counter(
        Path(event['input']).name
        for log in logs
        for event in map(json.loads, log.splitlines())
        if event['event'] == 'end'
    )
    assert ends == {f'clip{i}.mp4': 1 for i in range(5)}

    alone = [*arguments]
    alone[3] = str(tmp_path / 'alone')
    assert start(alone, 0, 1, delay=0).wait(timeout=120) == 0
    for i in range(5):
        name = f'clip{i}.csv'
        shared = (tmp_path / 'out' / name).read_bytes()
        assert shared == (tmp_path / 'alone' / name).read_bytes()
    assert sorted(os.listdir(tmp_path / 'out')) == [
        f'clip{i}.csv' for i in range(5)
    ]
