"""What the command line says and shows while it works."""

import json
import os
import sys
from dataclasses import asdict
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from ..utils import sentence
from .jobs import Job
from .record import Tally
from .results import FrameResult

# Unreadable frames that are named.
NAMED = 5
# From one sign of progress to the next: seconds where stderr is no terminal,
# and frames in JSON.
LOG_SECONDS, LOG_FRAMES = 10.0, 100
TITLE = 'spinepose-mmpose'
LARGEST = 1280  # pixels of the longer side of a window


class ConsoleReport:
    """Text: a progress bar and complaints on stderr, results on stdout. JSON:
    everything on stderr, one object per line.

    Args:
        quiet (bool): complaints alone.
        as_json (bool): JSON in place of text.
        bar (bool): draw the bar.

    Attributes:
        tally (Tally): of all inputs that were done.
        failures, incomplete, remarks (int): inputs that could not be done,
            videos that ended early, photographs with a remark on the file.
    """

    def __init__(
        self, quiet: bool = False, as_json: bool = False, bar: bool = True
    ):
        self.quiet, self.as_json = quiet, as_json
        self.has_bar = bar and not quiet and not as_json
        self.bar, self.count, self.total = None, 0, None
        self.tally, self.failures, self.incomplete = Tally(), 0, 0
        self.remarks = 0
        self.photos: list = []
        self.is_about_clips = False

    def begin(self, label: str, total: Optional[int], done: int = 0) -> None:
        """A clip or a set of photographs begins."""
        self.close()
        self.count, self.total = done, total
        self._tell('begin', '', name=label, total=total, done=done)
        if self.has_bar:
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                initial=done,
                desc=_printable(label),
                unit=' photographs' if label == 'photographs' else ' frames',
                dynamic_ncols=True,
                mininterval=0.2 if sys.stderr.isatty() else LOG_SECONDS,
                file=sys.stderr,
            )

    def frame(self) -> None:
        """A frame or a photograph is done."""
        self.count += 1
        if self.bar is not None:
            self.bar.update()
        if self.count % LOG_FRAMES == 0:
            self._tell('progress', '', done=self.count, total=self.total)

    def photo(self, job: Job, result: FrameResult) -> None:
        """A photograph is done."""
        self.frame()
        self.tally.add(result)
        self.photos.append(job)
        self._tell('end', '', input=job.source, outputs=job.outputs)

    def clip(
        self,
        job: Job,
        tally: Tally,
        bad: Sequence[Tuple[int, str]] = (),
        shortfall: str = '',
    ) -> None:
        """A clip is done.

        Args:
            job (Job): the clip.
            tally (Tally): what was found.
            bad (Sequence): (index, reason) of frames that cannot be read.
            shortfall (str): what is missing of the clip, '' if nothing is.
        """
        self.close()
        self.is_about_clips = True
        self.tally += tally
        if bad:
            shown = ', '.join(str(index) for index, _ in bad[:NAMED])
            self.warn(
                f'{job.source}: {len(bad)} frames could not be read and were '
                f'skipped ({bad[0][1]}): {shown}'
                f'{", ..." if len(bad) > NAMED else ""}',
                frames=[index for index, _ in bad],
            )
        if shortfall:
            self.incomplete += 1
            self.warn(f'{job.source} ends early: {shortfall}')
        outputs = job.outputs
        self._tell(
            'end',
            f'{job.source}: {", ".join(outputs) or "shown"}',
            input=job.source,
            outputs=outputs,
            **asdict(tally),
        )

    def skipped(self, job: Job, reason: str) -> None:
        """A job was left out."""
        text = f'{job.source}: left out, {reason}'
        self._tell('skipped', text, input=job.source, why=reason)

    def failed(self, job: Job, error) -> None:
        """A job could not be done."""
        self.failures += 1
        why = str(sentence(error))
        text = why if job.source in why else f'{job.source}: {why}'
        self._complain('failed', f'error: {text}', input=job.source, why=why)

    def warn(self, text: str, **values) -> None:
        """Something is not as it should be."""
        self._complain('warning', f'warning: {text}', why=text, **values)

    def close(self) -> None:
        """End the bar and name what became of photographs."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if self.photos and not self.as_json:
            outputs = [path for job in self.photos for path in job.outputs]
            name = f'{len(self.photos)} photographs'
            if len(self.photos) == 1:
                name = self.photos[0].source
            else:
                outputs = sorted({os.path.dirname(p) or '.' for p in outputs})
            self._tell('', f'{name}: {", ".join(outputs)}')
        self.photos = []

    def finish(self) -> None:
        """Say what was found in all inputs."""
        self.close()
        tally = self.tally
        if not tally.frames + tally.bad:
            return
        kind = 'frames' if self.is_about_clips else 'photographs'
        remarks = f', {self.remarks} with a warning' if self.remarks else ''
        different = f' ({tally.people} different)' if tally.people else ''
        self._tell(
            'found',
            f'{tally.frames} {kind}: {tally.found} people{different}, nobody '
            f'in {tally.empty}{remarks}',
            warnings=self.remarks,
            **asdict(tally),
        )

    def _tell(self, event: str, text: str, **values) -> None:
        if self.as_json and event and not self.quiet:
            self._print_json(event, values)
        elif text and not (self.as_json or self.quiet):
            print(_printable(text), flush=True)

    def _complain(self, event: str, text: str, **values) -> None:
        if self.as_json:
            self._print_json(event, values)
        elif self.bar is not None:
            self.bar.write(_printable(text), file=sys.stderr)
        else:
            print(_printable(text), file=sys.stderr, flush=True)

    def _print_json(self, event: str, values: dict) -> None:
        line = json.dumps({'event': event, **values})
        print(line, file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Without what a name that is not UTF-8 holds."""
    return text.encode('utf-8', 'backslashreplace').decode()


def check_window() -> None:
    """Make sure that a window can be opened.

    Raises:
        ValueError: there is no display, or this OpenCV draws no windows.
    """
    on_unix = sys.platform not in ('win32', 'darwin')
    if on_unix and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise ValueError(
            '--show needs a display, and this machine has none: leave it out '
            'and write the drawing with -o'
        )
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise ValueError(
            '--show needs an OpenCV with windows: pip install opencv-python in '
            'place of opencv-python-headless, or leave it out and write the '
            'drawing with -o'
        ) from error


def show(picture: np.ndarray, wait: bool = False) -> None:
    """Show a drawing.

    Args:
        picture (np.ndarray): (H, W, 3) uint8 BGR.
        wait (bool): until a key is pressed.

    Raises:
        KeyboardInterrupt: the user pressed q or Escape.
    """
    h, w = picture.shape[:2]
    scale = LARGEST / max(h, w)
    if scale < 1:
        size = (max(1, int(w * scale)), max(1, int(h * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.imshow(TITLE, picture)
    if (cv2.waitKey(0 if wait else 1) & 0xFF) in (ord('q'), 27):
        raise KeyboardInterrupt
