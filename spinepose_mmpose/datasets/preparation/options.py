"""Settings of the preparation."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from .layout import PARTS, SPLITS


@dataclass(frozen=True)
class Options:
    """Settings of :func:`prepare`.

    Attributes:
        parts: of ``PARTS``.
        splits: of ``SPLITS``.
        archives: folder that holds the archives; else they are looked for in
            the data set's folder and the mirror, and downloaded.
        workers: threads that unpack.
        overwrite: replace annotation files that differ from the archive's;
            they are kept otherwise, they may be mended ones.
        stream: read the wanted entries out of the archive on the server,
            without a copy of the archive here; None does so where only some
            splits are wanted. The digest of the archive cannot be checked
            then, the CRC-32 of every file is.
        verify: read every unpacked file and compare its CRC-32.
        remove_archives: delete downloaded archives after they are unpacked.
        progress: show progress on stderr.
        timeout, retries: see :func:`.download_file`.
    """

    parts: Sequence[str] = PARTS
    splits: Sequence[str] = SPLITS
    archives: Optional[Path] = None
    workers: int = min(8, 2 * (os.cpu_count() or 1))
    overwrite: bool = False
    stream: Optional[bool] = None
    verify: bool = False
    remove_archives: bool = False
    progress: bool = True
    timeout: float = 30.0
    retries: int = 5

    def __post_init__(self):
        for what, given, choices in (
            ('part', self.parts, PARTS),
            ('split', self.splits, SPLITS),
        ):
            unknown = [name for name in given if name not in choices]
            if unknown or not given:
                raise ValueError(
                    f'{what} is {", ".join(unknown) or "empty"}, expected one '
                    f'or more of {", ".join(choices)}'
                )
        if self.workers < 1:
            raise ValueError(f'workers is {self.workers}, expected 1 or more')
