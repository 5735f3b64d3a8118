"""Images: absent, unreadable, of another size, in two places."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from .findings import Finding
from .image_files import ImageState, read_states

QUOTED = 3


@dataclass(frozen=True)
class ImageEntry:
    """An image of a split; ``path`` None where it cannot be looked for."""

    split: str
    is_validation: bool
    row: int
    id: object
    file: str
    path: Optional[Path]
    size: Tuple[float, float]

    def finding(self, kind: str, detail: str, score: float = 0.0) -> Finding:
        return Finding(
            kind,
            self.split,
            detail,
            row=self.row,
            image=self.id,
            file=self.file,
            score=score,
        )


def entries_of(content) -> List[ImageEntry]:
    return [
        ImageEntry(
            content.name,
            content.source.is_validation,
            row,
            image.get('id'),
            str(image.get('file_name', '')),
            content.path_of(image),
            (image.get('width'), image.get('height')),
        )
        for row, image in enumerate(content.images)
    ]


def check_images(
    entries: Sequence[ImageEntry],
    workers: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> Iterator[Finding]:
    """Read every file once; equal files are told by size, then by content."""
    sizes = [_file_size(entry.path) for entry in entries]
    shared = Counter(size for size in sizes if size)
    states = read_states(
        [entry.path for entry in entries],
        [shared[size] > 1 for size in sizes],
        workers,
        on_done,
    )
    for entry, state in zip(entries, states):
        if state.fault:
            yield entry.finding(state.fault, state.detail)
        elif state.size and all(entry.size) and state.size != entry.size:
            yield entry.finding(
                'image-size',
                f'the file has {state.size[0]}x{state.size[1]} pixels, its '
                f'entry says {entry.size[0]:g}x{entry.size[1]:g}',
            )
    yield from _equal_files(entries, states)


def _file_size(path: Optional[Path]) -> int:
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0


def _equal_files(
    entries: Sequence[ImageEntry], states: Sequence[ImageState]
) -> Iterator[Finding]:
    groups: Dict[str, List[ImageEntry]] = defaultdict(list)
    for entry, state in zip(entries, states):
        if state.digest:
            groups[state.digest].append(entry)
    for group in groups.values():
        # One file under two entries is no second file.
        if len({entry.path for entry in group}) < 2:
            continue
        val = [entry for entry in group if entry.is_validation]
        for entry in group:
            if val and not entry.is_validation:
                yield entry.finding(
                    'train-val-image',
                    f'its bytes are those of {val[0].split}/{val[0].file}',
                )
            elif entry is not group[0] and not val:
                yield entry.finding(
                    'image-twice',
                    f'its bytes are those of {group[0].split}/{group[0].file}',
                )


def check_names(entries: Sequence[ImageEntry]) -> Iterator[Finding]:
    """File names of training images that a validation set has too."""
    val = {
        Path(entry.file).name: entry
        for entry in entries
        if entry.is_validation and entry.file
    }
    for entry in entries:
        other = val.get(Path(entry.file).name)
        if other is not None and not entry.is_validation:
            yield entry.finding(
                'train-val-name', f'{other.split} has the same file name'
            )
