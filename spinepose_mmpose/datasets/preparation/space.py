"""Is there room for it?"""

import shutil
from pathlib import Path

from ...model_zoo.progress import readable_size

# What the files of an archive take beyond its own size: JPEGs hardly shrink
# in a zip archive, JSON of numbers to about a fifth.
GROWTH = dict(annotations=6.0, images=1.02)


class NoSpace(OSError):
    """There is not enough room; nothing was begun."""


def check_space(root: Path, need: float, what: str) -> None:
    """
    Raises:
        NoSpace: if ``need`` bytes do not fit into the folder ``root``.
    """
    free = shutil.disk_usage(root).free
    if need > free:
        raise NoSpace(
            f'no room for {what} in {root}: {readable_size(need)} needed, '
            f'{readable_size(free)} free; nothing was begun'
        )
