"""What a check found, as text, JSON and a page with images."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import List

from spinepose_mmpose.utils import sentence, write_text

import cv2
import numpy as np

from .annotations import DataSet, box_around
from .browse import (
    EMPTY,
    drawable,
    empty_folder,
    fitted,
    person_view,
    read_image,
    write_image,
)
from .check import CheckResult
from .findings import ERROR, KINDS, WARNING, Finding, worst_by_kind
from .page import Figures, Table, Text, printable, render

INK = (60, 60, 60)  # BGR
# Changes with the layout of check.json.
FORMAT = 1
# Findings of a kind that the text quotes.
QUOTED = 3
TILE = (220, 260)
# What check.json leaves out.
UNSAID = (None, '', ())
UNCHANGED = 'leaves it as it is'
COUNTS = dict(
    images='images',
    people='people',
    labelled='with labels',
    crowds='crowds',
    empty_images='images without people',
)
NOTE = (
    'Errors keep training from using a label or an image, or make it wrong; '
    'warnings are for a human eye. Left and right, order and spacing are '
    'judged by geometry alone, and real poses trigger them now and then. '
    'Images: the worst of each kind; rings are points labelled as hidden, red '
    'circles what the finding is about.'
)


def to_text(result: CheckResult) -> str:
    """A few lines for the terminal."""
    lines = []
    for name, counts in result.counts.items():
        parts = [f'{counts[k]} {text}' for k, text in COUNTS.items()]
        lines.append(f'{name}: {", ".join(parts)}')
    for kind, found in worst_by_kind(result.findings).items():
        about = KINDS[kind]
        lines.append(f'{about.severity} {kind} ({len(found)}): {about.meaning}')
        lines += [f'    {_told(finding)}' for finding in found[:QUOTED]]
        if len(found) > QUOTED:
            lines.append(f'    ... and {len(found) - QUOTED} more')
    return printable('\n'.join([*lines, _verdict(result)]))


def _verdict(result: CheckResult) -> str:
    if not result.findings:
        return 'nothing found'
    warnings = len(result.findings) - result.num_errors
    return ', '.join(
        _plural(count, word)
        for count, word in ((result.num_errors, 'error'), (warnings, 'warning'))
    )


def _plural(count: int, word: str) -> str:
    return f'{count} {word}' if count == 1 else f'{count} {word}s'


def _told(finding: Finding) -> str:
    """Where it is and what it is."""
    parts = [finding.split]
    if finding.annotation is not None:
        parts.append(f'annotation {finding.annotation}')
    if finding.image is not None:
        parts.append(f'image {finding.image}')
    return f'{" ".join(parts)}: {finding.detail}'


def to_json(result: CheckResult) -> str:
    """Everything that was found."""
    groups = worst_by_kind(result.findings)
    content = dict(
        format=FORMAT,
        counts=result.counts,
        files={n: str(c.ann_file) for n, c in result.contents.items()},
        kinds={
            kind: dict(severity=severity, meaning=meaning, count=len(found))
            for kind, found in groups.items()
            for severity, meaning, _ in [KINDS[kind]]
        },
        findings=[
            {k: v for k, v in finding._asdict().items() if v not in UNSAID}
            | (dict(about_image=True) if finding.about_image else {})
            | dict(severity=finding.severity)
            for found in groups.values()
            for finding in found
        ],
    )
    return json.dumps(content, indent=1, default=str) + '\n'


def write_report(folder, result: CheckResult, worst: int) -> List[str]:
    """``check.txt``, ``check.json``, ``index.html`` and its images, so many
    of each kind; what cannot be drawn is a line of the page. Older ones are
    replaced. Returns the names of the files."""
    folder = Path(folder)
    empty_folder(folder / 'worst')
    kinds, blocks, number = [], [], 0
    for kind, found in worst_by_kind(result.findings).items():
        figures, lines = [], []
        for finding in [f for f in found if f.row is not None][:worst]:
            try:
                image = _picture(result.contents[finding.split], finding)
            except Exception as error:  # one image ends no report
                lines.append(f'{_told(finding)} (not drawn: {sentence(error)})')
                continue
            path = f'worst/{kind}-{number:04d}.jpg'
            write_image(folder / path, image)
            figures.append((path, _told(finding), TILE[0]))
            number += 1
        if not figures and not lines:
            lines = [_told(finding) for finding in found[:QUOTED]]
        severity, meaning, remedy = KINDS[kind]
        kinds.append([kind, severity, len(found), meaning, remedy or UNCHANGED])
        title = f'{kind}: {_plural(len(found), severity)}'
        blocks += [Text(title, severity, 'h2'), Text(meaning), Figures(figures)]
        blocks += map(Text, lines)
    counts = Counter((f.split, f.severity) for f in result.findings)
    splits = [
        [name, *(of_split[key] for key in COUNTS)]
        + [counts[name, severity] for severity in (ERROR, WARNING)]
        for name, of_split in result.counts.items()
    ]
    header = ['split', *COUNTS.values(), 'errors', 'warnings']
    columns = ['kind', '', 'found', 'meaning', 'a cleaned copy']
    blocks = [
        Text(_verdict(result), 'error' if result.num_errors else 'good'),
        Table(header, splits),
        Text(NOTE, 'note'),
        Table(columns, kinds, 'text'),
        *blocks,
    ]
    texts = {
        'check.txt': to_text(result) + '\n',
        'check.json': to_json(result),
        'index.html': render('Dataset check', blocks),
    }
    for name, text in texts.items():
        write_text(str(folder / name), text)
    return list(texts)


def _picture(content: DataSet, finding: Finding) -> np.ndarray:
    """(h, w, 3) uint8 BGR of what a finding is about."""
    person = None
    if finding.about_image:
        entry = content.images[finding.row]
    else:
        entry = content.image_of(finding.row)
        with contextlib.suppress(ValueError):  # the whole image, then
            person = drawable(content.annotations[finding.row])
    image = read_image(content.path_of(entry))
    if person is not None:
        points, box = person
        if finding.kind in ('point-outside-box', 'point-outside-image'):
            box = box_around(points, box)
        tile = person_view(image, points, box, TILE, finding.points)
    else:
        tile = np.full((TILE[1], TILE[0], 3), EMPTY, np.uint8)
        if image is not None:
            small = fitted(image, TILE)
            h, w = small.shape[:2]
            x, y = (TILE[0] - w) // 2, (TILE[1] - h) // 2
            tile[y : y + h, x : x + w] = small
    if image is None:
        text, font = 'image not at hand', cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(tile, text, (8, 18), font, 0.45, INK, 1, cv2.LINE_AA)
    return tile
