"""Results on disk as they are made, so that a run can be taken up again.

``journal.jsonl``: a header, then one short line a frame, appended and flushed.
``state.json``: how many bytes of it are whole, the state of tracker and
smoother behind the last of those frames, and whether the clip is complete; it
is replaced as a whole. What lies behind those bytes is thrown away.
"""

import json
import os
from typing import Iterator, Optional, Tuple

import numpy as np

from ...utils import write_text
from ..formats import Header
from ..formats.rounding import (
    box_values,
    person_of,
    rounded_result,
    score_value,
    triplets,
)
from ..results import FrameResult

JOURNAL, STATE = 'journal.jsonl', 'state.json'


class Journal:
    """Results of one clip in a folder.

    Attributes:
        header: what is known of the clip.
        state: to go on from, None at the start.
        last: (index, time) of the last frame, or None.
        count: number of frames.
        complete: every frame of the clip is there.
    """

    def __init__(self, folder: str, header: Header, settings: dict):
        self.folder, self.header, self.settings = folder, header, settings
        self.state: Optional[dict] = None
        self.last: Optional[Tuple[int, float]] = None
        self.count, self.complete = 0, False
        self.file = None

    @classmethod
    def create(cls, folder: str, header: Header, settings: dict) -> 'Journal':
        """A new one; an older one there is forgotten.

        Args:
            settings: everything that the results depend on, plain values.
        """
        os.makedirs(folder, exist_ok=True)
        remove(folder)
        journal = cls(folder, header, settings)
        path = os.path.join(folder, JOURNAL)
        head = {'header': header.to_json(), 'settings': settings}
        write_text(path, json.dumps(head) + '\n')
        journal.file = open(path, 'ab')
        journal._save_state()
        return journal

    @classmethod
    def resume(cls, folder: str, settings: dict) -> 'Journal':
        """Go on with one.

        Raises:
            ValueError: its results depend on other settings.
        """
        path = os.path.join(folder, JOURNAL)
        with open(path, encoding='utf-8') as file:
            head = json.loads(file.readline())
        _same_settings(head['settings'], settings)
        journal = cls(folder, Header.from_json(head['header']), settings)
        with open(os.path.join(folder, STATE), encoding='utf-8') as file:
            saved = json.load(file)
        journal.state, journal.count = saved['state'], saved['count']
        journal.complete = saved['complete']
        journal.last = tuple(saved['last']) if saved['last'] else None
        journal.file = open(path, 'r+b')
        journal.file.truncate(saved['bytes'])
        journal.file.seek(0, os.SEEK_END)
        return journal

    def append(
        self, result: FrameResult, state: Optional[dict] = None
    ) -> FrameResult:
        """Add a frame.

        Args:
            state: to go on from behind this frame, where one can.

        Returns:
            FrameResult: the result as it will be read.
        """
        result = rounded_result(result)
        self.file.write((json.dumps(_record(result)) + '\n').encode())
        self.count += 1
        self.last = (result.frame_index, result.time)
        if state is not None:
            self.state = state
            self._save_state()
        return result

    def finish(self) -> None:
        """No frame will follow."""
        self.complete, self.state = True, None
        self._save_state()

    def close(self) -> None:
        """Let go of the file; what was appended since the last state is
        lost to a resumed run."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def results(self, after: Optional[int] = None) -> Iterator[FrameResult]:
        """The frames, read one by one.

        Args:
            after: only those behind the frame with this index.
        """
        self.file.flush()
        with open(os.path.join(self.folder, JOURNAL), encoding='utf-8') as file:
            file.readline()
            for line in file:
                record = json.loads(line)
                if after is None or record[0] > after:
                    yield _result(record, self.header)

    def _save_state(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        write_text(
            os.path.join(self.folder, STATE),
            json.dumps(
                {
                    'bytes': self.file.seek(0, os.SEEK_END),
                    'count': self.count,
                    'last': self.last,
                    'complete': self.complete,
                    'state': self.state,
                }
            ),
        )


def exists(folder: str) -> bool:
    """Whether a run in this folder was interrupted."""
    return all(
        os.path.isfile(os.path.join(folder, name)) for name in (JOURNAL, STATE)
    )


def remove(folder: str) -> None:
    """Forget a journal. The state goes first: without it there is none."""
    for name in (STATE, JOURNAL):
        try:
            os.remove(os.path.join(folder, name))
        except FileNotFoundError:
            pass


def _same_settings(old: dict, new: dict) -> None:
    for name in sorted(set(old) | set(new)):
        if old.get(name) != new.get(name):
            raise ValueError(
                f'the interrupted run had {name} {old.get(name)!r}, this one '
                f'has {new.get(name)!r}: use the same command, or --overwrite '
                'to begin again'
            )


def _record(result: FrameResult) -> list:
    return [
        result.frame_index,
        result.time,
        result.error,
        [
            [
                p.track_id,
                box_values(p),
                score_value(p.bbox_score),
                np.ravel(triplets(p)).tolist(),
            ]
            for p in result.people
        ],
    ]


def _result(record: list, header: Header) -> FrameResult:
    index, time, error, people = record
    return FrameResult(
        people=tuple(
            person_of(points, box, score, track_id, header.keypoints)
            for track_id, box, score, points in people
        ),
        frame_index=index,
        time=time,
        size=header.size,
        error=error,
    )
