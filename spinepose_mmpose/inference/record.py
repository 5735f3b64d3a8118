"""What was done for an input, kept beside its outputs in ``.spinepose``.

``NAME.json`` says what the results depend on (options, digests of input and
model) and, once they are there, which files were written. Of a clip that is
being worked on ``NAME.jsonl`` has a line per frame, appended; ``NAME.json``
then has how many bytes of it are whole and the state of tracker and smoother
after the last of these frames. It is replaced as a whole.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import astuple, dataclass
from typing import Iterator, List, Optional, Sequence

from ..utils import DAMAGE, write_text
from .formats import Header, rounded_result
from .formats.tables import frame_record, frame_result
from .results import FrameResult
from .video import camera_index, files_of, is_address

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

FOLDER = '.spinepose'
LONGEST_NAME = 200  # bytes
# Of a large file so many blocks, evenly spread, stand for all of it.
BLOCKS, BLOCK = 64, 1 << 16


class DamagedRecord(Exception):
    """A record that cannot be read."""


@dataclass
class Tally:
    """What was found."""

    frames: int = 0  # that were read
    found: int = 0  # people, frame by frame
    people: int = 0  # different ones, as far as they were tracked
    empty: int = 0  # frames in which nobody was found
    bad: int = 0  # frames that could not be read

    def add(self, result: FrameResult) -> None:
        if result.error:
            self.bad += 1
            return
        self.frames += 1
        self.found += len(result.people)
        self.empty += not result.people
        # Identities are given from 1 and not used twice.
        ids = [person.track_id or 0 for person in result.people]
        self.people = max([self.people, *ids])

    def __add__(self, other: 'Tally') -> 'Tally':
        return Tally(*map(sum, zip(astuple(self), astuple(other))))


class Record:
    """What was done for one input; ``output`` is the path of its first output,
    ``facts`` what the outputs depend on: ``results`` and ``files``, name ->
    plain value, and ``targets``, their paths."""

    def __init__(self, output: str, facts: Optional[dict] = None):
        folder, name = os.path.split(os.path.abspath(output))
        if len(os.fsencode(name)) > LONGEST_NAME:
            name = hashlib.sha256(os.fsencode(name)).hexdigest()
        self.folder = os.path.join(folder, FOLDER)
        self.path = os.path.join(self.folder, name)
        self.facts = facts
        self.known: dict = {}  # the facts of the run before
        self.journal: Optional[dict] = None  # what that run says of its own
        self.written: Optional[List[str]] = None  # None if there is work left
        self.stale: List[str] = []  # files of earlier runs, to be replaced
        self.header = Header()
        self.file = None  # the journal, while frames can be appended
        self._forget_frames()

    @property
    def count(self) -> int:
        """Frames in the journal."""
        return self.tally.frames + self.tally.bad

    def load(self) -> bool:
        """Read what an earlier run left; False if there is nothing,
        DamagedRecord if it cannot be read."""
        try:
            with open(f'{self.path}.json', encoding='utf-8') as file:
                content = json.load(file)
            facts, written = content['facts'], content['written']
            known = {key: dict(facts[key]) for key in ('results', 'files')}
            known['targets'] = list(facts['targets'])
            header = Header.from_json(content['header'])
            stale = self._absolute(content['stale'])
            written = None if written is None else self._absolute(written)
            self.journal = content['journal']
        except FileNotFoundError:
            return False
        except DAMAGE as error:
            raise DamagedRecord from error
        self.known, self.header = known, header
        self.stale, self.written = stale, written
        return True

    def is_interrupted(self) -> bool:
        """Whether the run before was not finished."""
        try:
            return self.load() and self.written is None
        except DamagedRecord:
            return False

    def is_done(self, source: str, loop=None) -> bool:
        """Whether the run before, which was loaded, left nothing to do;
        ValueError, naming the ``source``, if the outputs depended on something
        else. Of an interrupted clip ``loop`` takes up the state, and the
        journal is open afterwards."""
        self._check_same('results', source)
        if self.written is None and loop is not None:
            self._resume(loop)
            return False
        self._check_same('files', source)
        if self.known['targets'] != self.facts['targets']:
            return False
        return self.written is not None and all(
            map(os.path.exists, self.written)
        )

    def begin(self, header: Header, journal: bool = True) -> None:
        """Begin anew; of what was done before only its files are kept in
        mind. With a journal frames will be appended."""
        self._forget_frames()
        self.header = header
        self.stale, self.written = self.stale + (self.written or []), None
        os.makedirs(self.folder, exist_ok=True)
        if journal:
            self._open('ab')
            self.file.truncate(0)
        self._save()

    def append(
        self, result: FrameResult, state: Optional[dict] = None
    ) -> FrameResult:
        """Add a frame and, with the state to go on from after it, make sure
        that it stays; returns the result as it will be read."""
        result = rounded_result(result)
        self.file.write((json.dumps(frame_record(result)) + '\n').encode())
        self._count(result)
        if state is not None:
            self._save(state)
        return result

    def finish(self, shortfall: str = '') -> None:
        """No frame will follow."""
        self.complete, self.shortfall = True, shortfall
        self._save()

    def results(self) -> Iterator[FrameResult]:
        """The frames of the journal, read one by one."""
        self.file.flush()
        with open(f'{self.path}.jsonl', encoding='utf-8') as file:
            for line in file:
                yield frame_result(json.loads(line), self.header)

    def close(self) -> None:
        """Let go of the journal; what was appended since the last state is
        lost to a resumed run."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def done(self, written: Sequence[str]) -> None:
        """All files are there: those of earlier runs go, and the journal."""
        self.close()
        left = {os.path.realpath(path) for path in written}
        for path in self.stale:
            if os.path.realpath(path) not in left:
                with suppress(FileNotFoundError):
                    os.remove(path)
        self.written, self.stale = list(written), []
        self._save()
        with suppress(FileNotFoundError):  # of photographs there is none
            os.remove(f'{self.path}.jsonl')

    def forget(self) -> None:
        """Leave nothing behind of a clip."""
        self.close()
        os.remove(f'{self.path}.json')
        os.remove(f'{self.path}.jsonl')
        with suppress(OSError):  # it holds other records
            os.rmdir(self.folder)

    def _forget_frames(self) -> None:
        self.tally = Tally()  # of the frames in the journal
        self.last = -1  # index of the last one
        self.complete = False  # all frames are there
        self.shortfall = ''  # what is missing of the input, see Source

    def _count(self, result: FrameResult) -> None:
        self.tally.add(result)
        self.last = result.frame_index

    def _resume(self, loop) -> None:
        try:
            saved = self.journal
            self._open('r+b')
            self.file.truncate(saved['bytes'])
            self.file.seek(0, os.SEEK_END)
            self.complete = saved['complete']
            self.shortfall = saved['shortfall']
            for result in self.results():
                self._count(result)
            if self.last != saved['last']:
                raise ValueError('lines are missing')
            if saved['state'] is not None:
                loop.load_state(saved['state'])
        except (FileNotFoundError, *DAMAGE) as error:
            self.close()
            raise DamagedRecord from error

    def _absolute(self, paths: Sequence[str]) -> List[str]:
        return [
            os.path.normpath(os.path.join(self.folder, path)) for path in paths
        ]

    def _relative(self, paths: Sequence[str]) -> List[str]:
        return [os.path.relpath(path, self.folder) for path in paths]

    def _save(self, state: Optional[dict] = None) -> None:
        written, journal = self.written, None
        if self.file is not None:
            self.file.flush()
            os.fsync(self.file.fileno())
            journal = dict(
                bytes=self.file.seek(0, os.SEEK_END),
                last=self.last,
                complete=self.complete,
                shortfall=self.shortfall,
                state=state,
            )
        content = dict(
            facts=self.facts,
            header=self.header.to_json(),
            written=None if written is None else self._relative(written),
            stale=self._relative(self.stale),
            journal=journal,
        )
        write_text(f'{self.path}.json', json.dumps(content))

    def _open(self, mode: str) -> None:
        self.file = open(f'{self.path}.jsonl', mode)
        if fcntl is not None:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OSError(
                    f'another process works on {self.header.source} right now'
                ) from None
            except OSError:  # a file system without locks
                pass

    def _check_same(self, kind: str, source: str) -> None:
        old, new = self.known[kind], self.facts[kind]
        for name in sorted(set(old) | set(new)):
            was, now = (facts.get(name, 'not given') for facts in (old, new))
            if was == now:
                continue
            change = f'{name} was {was}, and is {now} now'
            if not name.startswith('-'):
                change = f'{name} is not what it was'
            raise ValueError(
                f'{source}: what an earlier run left does not fit: {change} '
                '(use the same command, or --overwrite to begin again)'
            )


def digest_of(path: str) -> str:
    """Of the content of a file, of all files of a folder or a pattern, or of
    an address itself."""
    digest = hashlib.sha256()
    if is_address(str(path)) or camera_index(str(path)) is not None:
        digest.update(path.encode())
    elif os.path.isfile(path):
        size = os.path.getsize(path)
        digest.update(str(size).encode())
        with open(path, 'rb') as file:
            for i in range(BLOCKS):
                file.seek(max(0, size - BLOCK) * i // (BLOCKS - 1))
                digest.update(file.read(BLOCK))
                if size <= BLOCK:
                    break
    else:
        for file in files_of(path):
            digest.update(os.fsencode(os.path.basename(file)))
            digest.update(digest_of(file).encode())
    return digest.hexdigest()[:32]
