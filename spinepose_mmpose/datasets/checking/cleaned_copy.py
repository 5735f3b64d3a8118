"""Write the cleaned copy of a data set."""

import json
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Dict, List

from spinepose_mmpose.utils import write_text

from .check import CheckResult
from .cleaning import Change, cleaned
from .findings import Finding

CHANGES = 'changes.json'


def write_cleaned(
    out, result: CheckResult, overwrite: bool = False
) -> List[Change]:
    """Annotations to ``out/annotations``, ``out/changes.json``, and a link
    ``out/images`` to the images, which are not copied.

    Returns:
        list[Change]: what was changed.

    Raises:
        ValueError: if ``out`` would replace the checked files themselves.
        FileExistsError: if ``out`` holds annotations already.
    """
    out = Path(out).expanduser()
    folder = out / 'annotations'
    targets = {
        name: folder / source.ann_file.name
        for name, source in result.sets.items()
    }
    if len(set(targets.values())) < len(targets):
        raise ValueError(
            'two of the annotation files have one name: clean them one by one'
        )
    for name, target in targets.items():
        source = result.sets[name].ann_file
        if target.exists() and target.samefile(source):
            raise ValueError(
                f'{out} is the data set itself: give another folder, nothing '
                'is changed in place'
            )
        if target.exists() and not overwrite:
            raise FileExistsError(
                f'{target} exists; give --overwrite to replace it'
            )
    folder.mkdir(parents=True, exist_ok=True)
    by_split: Dict[str, List[Finding]] = defaultdict(list)
    for finding in result.findings:
        by_split[finding.split].append(finding)
    changes: List[Change] = []
    for name, source in result.sets.items():
        raw, done = cleaned(source.load(), by_split[name])
        write_text(str(targets[name]), json.dumps(raw, separators=(',', ':')))
        changes += done
    write_text(
        str(out / CHANGES),
        json.dumps([c._asdict() for c in changes], indent=1, default=str),
    )
    _link_images(out, result)
    return changes


def _link_images(out: Path, result: CheckResult) -> None:
    """``out/images`` where all folders of images lie in one."""
    parents = {
        source.image_dir.parent.resolve()
        for source in result.sets.values()
        if source.image_dir is not None
    }
    link = out / 'images'
    if len(parents) != 1 or link.exists() or link.is_symlink():
        return
    try:
        os.symlink(parents.pop(), link, target_is_directory=True)
    except OSError:  # not allowed on this system: the folder can be given
        pass


def summary(changes: List[Change]) -> str:
    """One line a split."""
    counts: Dict[str, Counter] = defaultdict(Counter)
    for change in changes:
        counts[change.split][change.action] += 1
    lines = [
        f'{split}: '
        + ', '.join(f'{n} x {action}' for action, n in sorted(count.items()))
        for split, count in counts.items()
    ]
    return '\n'.join(lines) or 'nothing to change'
