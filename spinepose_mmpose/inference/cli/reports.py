"""What the command line says while it works."""

import json
import os
import sys
from typing import Optional, Sequence, Tuple

from ..pipeline.jobs import CLIP, Job
from ..pipeline.run import Report
from ..pipeline.settings import Seen

# Unreadable frames that are named.
NAMED = 5
# Seconds between two lines of progress where stderr is no terminal.
LOG_PERIOD = 10.0


class TextReport(Report):
    """A progress bar on stderr, a line for every result on stdout.

    Args:
        quiet: complaints alone.
        bar: draw the bar.
    """

    def __init__(self, quiet: bool = False, bar: bool = True):
        self.quiet, self.with_bar = quiet, bar and not quiet
        self.bar = None
        self.photos = []

    def begin(self, label: str, total: Optional[int], done: int = 0) -> None:
        self.close()
        if not self.with_bar:
            return
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=total,
            initial=done,
            desc=label,
            unit=' frames' if label != 'photographs' else ' photographs',
            dynamic_ncols=True,
            mininterval=0.2 if terminal else LOG_PERIOD,
            file=sys.stderr,
        )

    def frame(self, job: Job, seen: Seen) -> None:
        if job.source.kind != CLIP and not seen.result.error:
            self.photos.append(job)
        if self.bar is not None:
            self.bar.update()

    def end(self, job: Job, bad: Sequence[Tuple[int, str]]) -> None:
        self.close()
        if bad:
            shown = ', '.join(str(index) for index, _ in bad[:NAMED])
            more = ', ...' if len(bad) > NAMED else ''
            self._complain(
                f'warning: {job.source.spec}: {len(bad)} frames could not be '
                f'read and were skipped ({bad[0][1]}): {shown}{more}'
            )
        self._say(f'{job.source.spec}: {", ".join(written(job)) or "shown"}')

    def skipped(self, job: Job, reason: str) -> None:
        self._say(f'{job.source.spec}: left out, {reason}')

    def failed(self, job: Job, reason: str) -> None:
        spec = job.source.spec
        told = reason if spec in reason else f'{spec}: {reason}'
        self._complain(f'error: {told}')

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if len(self.photos) == 1:
            (job,) = self.photos
            self._say(f'{job.source.spec}: {", ".join(written(job))}')
        elif self.photos:
            outputs = [path for job in self.photos for path in written(job)]
            folders = sorted({os.path.dirname(path) or '.' for path in outputs})
            self._say(f'{len(self.photos)} photographs: {", ".join(folders)}')
        self.photos = []

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)

    def _complain(self, text: str) -> None:
        if self.bar is not None:
            self.bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


class JsonReport(Report):
    """One JSON object a line on stderr; frames are not reported one by one.

    Args:
        quiet: complaints alone.
        every: frames from one line of progress to the next.
    """

    def __init__(self, quiet: bool = False, every: int = 100):
        self.quiet, self.every = quiet, every
        self.count, self.total = 0, None

    def begin(self, label: str, total: Optional[int], done: int = 0) -> None:
        self.count, self.total = done, total
        self._log('begin', name=label, total=total, done=done)

    def frame(self, job: Job, seen: Seen) -> None:
        self.count += 1
        if job.source.kind != CLIP and not seen.result.error:
            self._log('end', input=job.source.spec, outputs=written(job))
        if self.count % self.every == 0:
            self._log('progress', done=self.count, total=self.total)

    def end(self, job: Job, bad: Sequence[Tuple[int, str]]) -> None:
        for index, reason in bad:
            self._log(
                'bad_frame',
                True,
                input=job.source.spec,
                frame=index,
                why=reason,
            )
        self._log('end', input=job.source.spec, outputs=written(job))

    def skipped(self, job: Job, reason: str) -> None:
        self._log('skipped', input=job.source.spec, why=reason)

    def failed(self, job: Job, reason: str) -> None:
        self._log('failed', True, input=job.source.spec, why=reason)

    def close(self) -> None:
        pass

    def _log(self, event: str, always: bool = False, **values) -> None:
        if always or not self.quiet:
            line = json.dumps({'event': event, **values})
            print(line, file=sys.stderr, flush=True)


def written(job: Job) -> list:
    """Outputs of a job for the eye."""
    trc = f'{job.trc}_person*.trc' if job.trc else ''
    paths = (job.picture, job.openpose, job.json, job.csv, trc)
    return [path for path in paths if path]
