"""Several processes share one list of inputs without talking to each other.

Each process goes through the whole list and takes what nobody has taken: a
claim is a file that only one process can create, on a shared folder as well.
Its holder touches it every few seconds. A claim that nobody touches any more
is lost: the next generation of it may be created, again by one process only.
"""

import json
import os
import socket
import threading
from typing import List, Mapping, NamedTuple, Optional

HEARTBEAT = 5.0
# Seconds without a heartbeat after which a claim is lost. A shared folder may
# show a change some seconds late.
LOST_AFTER = 60.0
PREFIX = 'claim.'


class Rank(NamedTuple):
    """This process among those that work on the same list."""

    index: int = 0
    count: int = 1

    @property
    def shared(self) -> bool:
        return self.count > 1


def find_rank(environment: Mapping[str, str] = os.environ) -> Rank:
    """From torchrun's, SLURM's or a SLURM array's variables."""
    for index, count in (
        ('RANK', 'WORLD_SIZE'),
        ('SLURM_PROCID', 'SLURM_NTASKS'),
        ('SLURM_ARRAY_TASK_ID', 'SLURM_ARRAY_TASK_COUNT'),
    ):
        try:
            rank = Rank(int(environment[index]), int(environment[count]))
        except (KeyError, ValueError):
            continue
        if rank.shared:
            return rank
    return Rank()


class Claim:
    """A folder of work that this process holds. Use :func:`take`."""

    def __init__(self, folder: str, generation: int, heartbeat: float):
        self.folder, self.generation = folder, generation
        self.path = os.path.join(folder, f'{PREFIX}{generation}')
        self.stop = threading.Event()
        self.lost = False
        self.thread = threading.Thread(
            target=self._beat, args=(heartbeat,), daemon=True
        )
        self.thread.start()

    def check(self) -> None:
        """Make sure that nobody has taken over.

        Raises:
            OSError: another process has.
        """
        if self.lost or max(_generations(self.folder), default=-1) != (
            self.generation
        ):
            raise OSError(
                f'{self.folder}: another process took this over, since this '
                'one did not show signs of life'
            )

    def release(self) -> None:
        """Let go; others see the claim no longer."""
        self.stop.set()
        self.thread.join()
        for generation in sorted(_generations(self.folder)):
            if generation <= self.generation:
                _remove(os.path.join(self.folder, f'{PREFIX}{generation}'))
        try:
            os.rmdir(self.folder)
        except OSError:  # it holds unfinished work, or a newer claim
            pass

    def _beat(self, period: float) -> None:
        while not self.stop.wait(period):
            try:
                os.utime(self.path)
            except OSError:
                self.lost = True
                return


def take(
    folder: str, lost_after: float = LOST_AFTER, heartbeat: float = HEARTBEAT
) -> Optional[Claim]:
    """Claim a folder; None if another process holds it.

    Args:
        folder: made if need be.
        lost_after: seconds after which a silent claim is lost.
        heartbeat: seconds between two signs of life.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        generations = _generations(folder)
        latest = max(generations, default=-1)
        if generations and not _is_lost(folder, latest, lost_after):
            return None
        path = os.path.join(folder, f'{PREFIX}{latest + 1}')
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except (FileExistsError, FileNotFoundError):
        return None  # another process was faster, or finished meanwhile
    with os.fdopen(handle, 'w') as file:
        json.dump({'machine': _machine(), 'process': os.getpid()}, file)
    return Claim(folder, latest + 1, heartbeat)


def _is_lost(folder: str, generation: int, lost_after: float) -> bool:
    path = os.path.join(folder, f'{PREFIX}{generation}')
    try:
        with open(path) as file:
            holder = json.load(file)
        if holder['machine'] == _machine() and not _runs(holder['process']):
            return True
    except FileNotFoundError:
        return False  # just released
    except (ValueError, KeyError, TypeError):
        pass  # its holder has not written it yet, or never will
    try:
        return _now(folder) - os.stat(path).st_mtime > lost_after
    except FileNotFoundError:
        return False


def _generations(folder: str) -> List[int]:
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    ends = [name[len(PREFIX) :] for name in names if name.startswith(PREFIX)]
    return [int(end) for end in ends if end.isdigit()]


def _now(folder: str) -> float:
    """The time by the clock of the folder's file system, which may be that
    of another machine."""
    probe = os.path.join(folder, f'now.{socket.gethostname()}.{os.getpid()}')
    try:
        with open(probe, 'w'):
            pass
        return os.stat(probe).st_mtime
    finally:
        _remove(probe)


def _machine() -> str:
    """What tells process numbers apart: machine, start, container."""
    parts = [socket.gethostname()]
    for read in (
        lambda: open('/proc/sys/kernel/random/boot_id').read().strip(),
        lambda: os.readlink('/proc/self/ns/pid'),
    ):
        try:
            parts.append(read())
        except OSError:  # not Linux: the heartbeat alone tells
            parts.append(f'process {os.getpid()}')
    return ' '.join(parts)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, as another user
        pass
    return True


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
