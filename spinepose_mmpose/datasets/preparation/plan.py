"""What is there already, and what has to be unpacked."""

import logging
import zipfile
from typing import Dict, List, Optional, Sequence

from .contents import is_complete, is_readable
from .extraction import Job
from .layout import annotation_path, place_of
from .manifest import Manifest
from .options import Options
from .zip_safety import BadArchive

logger = logging.getLogger(__name__)
QUOTED = 3


def is_done(
    manifest: Manifest, part: str, split: str, options: Options
) -> Optional[bool]:
    """Whether nothing has to be unpacked; None: all files are there, but we
    did not unpack them."""
    if not manifest.knows(part, split):
        if part == 'annotations':
            there = is_readable(annotation_path(manifest.root, split))
        else:
            there = is_complete(manifest.root, split)
        return None if there and not options.overwrite else False
    faults = manifest.faults(part, split, options.verify)
    if part == 'annotations' and not options.overwrite:
        faults = [
            path for path in faults if not is_readable(manifest.root / path)
        ]
    if not faults:
        return True
    more = ', ...' if len(faults) > QUOTED else ''
    logger.warning(
        '%d files of %s are missing or damaged (%s%s); they are unpacked again',
        len(faults),
        split,
        ', '.join(faults[:QUOTED]),
        more,
    )
    if options.verify:
        _remove_damaged(manifest, part, split, faults)
    return False


def _remove_damaged(manifest, part, split, faults) -> None:
    """Files of the right size but other bytes would be taken for good."""
    files = manifest.parts[part]['splits'][split]
    for path in faults:
        target = manifest.root / path
        if target.is_file() and target.stat().st_size == files[path][0]:
            target.unlink()


def wanted_entries(
    path,
    part: str,
    members: Sequence[zipfile.ZipInfo],
    splits: Sequence[str],
) -> Dict[str, Dict[str, zipfile.ZipInfo]]:
    """Entries by target, by split.

    Raises:
        BadArchive: if a split is absent or a file is there twice.
    """
    wanted: dict = {split: {} for split in splits}
    for info in members:
        split, target = place_of(info.filename, part) or (None, None)
        if split not in wanted:
            continue
        other = wanted[split].setdefault(target, info)
        if (other.file_size, other.CRC) != (info.file_size, info.CRC):
            raise BadArchive(
                f'{path} is refused: it holds two different files for {target}'
            )
    absent = [split for split, infos in wanted.items() if not infos]
    if absent:
        found = ', '.join(info.filename for info in members[:QUOTED])
        raise BadArchive(
            f'{path} holds no {part} of {", ".join(absent)}; its first files '
            f'are {found or "none"}'
        )
    return wanted


def open_jobs(
    manifest: Manifest, part: str, wanted: dict, options: Options
) -> List[Job]:
    """What is not there yet."""
    jobs, kept = [], []
    for split, infos in wanted.items():
        for target, info in infos.items():
            place = manifest.root / target
            there = place.is_file()
            if there and place.stat().st_size == info.file_size:
                known = manifest.crc(part, split, target)
                if known in (None, info.CRC):
                    continue
            if (
                there
                and part == 'annotations'
                and not options.overwrite
                and is_readable(place)
            ):
                kept.append(target)
                continue
            jobs.append(Job(info, place))
    if kept:
        logger.warning(
            'kept %s, which differ from the archive; --overwrite replaces them',
            ', '.join(kept),
        )
    return jobs
