"""Progress of a download on stderr."""

import sys
import time
from typing import Optional


def readable_size(n: float) -> str:
    """Bytes as a short text, decimal units: ``'19.4 GB'``."""
    for unit in ('B', 'kB', 'MB', 'GB'):
        if n < 1000:
            return f'{n:.0f} {unit}' if unit == 'B' else f'{n:.1f} {unit}'
        n /= 1000
    return f'{n:.1f} TB'


class Progress:
    """A line that redraws itself on a terminal, else one every few seconds.

    Args:
        label: what is downloaded.
        total: bytes in the whole file, None if unknown.
        start: bytes that were there before.
        enabled: write anything at all.
    """

    TTY_PERIOD, LOG_PERIOD = 0.2, 5.0  # seconds

    def __init__(
        self,
        label: str,
        total: Optional[int],
        start: int = 0,
        enabled: bool = True,
        stream=None,
    ):
        self.stream = sys.stderr if stream is None else stream
        self.label, self.total = label, total
        self.start = self.done = start
        self.enabled = enabled and self.stream is not None
        self.tty = self.enabled and self.stream.isatty()
        self.began = time.monotonic()
        # A download that ends within one period stays silent in a log.
        self.drawn = float('-inf') if self.tty else self.began

    def update(self, n: int) -> None:
        """``n`` more bytes arrived."""
        self.done += n
        now = time.monotonic()
        period = self.TTY_PERIOD if self.tty else self.LOG_PERIOD
        if self.enabled and now - self.drawn >= period:
            self.drawn = now
            self._draw(now)

    def close(self) -> None:
        """Finish the terminal's line."""
        if self.tty and self.drawn != float('-inf'):
            self._draw(time.monotonic())
            self.stream.write('\n')

    def _draw(self, now: float) -> None:
        rate = (self.done - self.start) / max(now - self.began, 1e-6)
        text = f'{self.label}: {readable_size(self.done)}'
        if self.total:
            left = (self.total - self.done) / max(rate, 1.0)
            text += (
                f' of {readable_size(self.total)} '
                f'({100 * self.done / self.total:.0f} %), '
                f'{readable_size(rate)}/s, {left:.0f} s left'
            )
        else:
            text += f', {readable_size(rate)}/s'
        # \x1b[K clears what a longer line left behind.
        self.stream.write(f'\r{text}\x1b[K' if self.tty else f'{text}\n')
        self.stream.flush()
