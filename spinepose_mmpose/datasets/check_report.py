"""What a check found, as text, JSON and a page with images."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import List

from spinepose_mmpose.inference.images import write_image
from spinepose_mmpose.metainfo import NUM_KEYPOINTS
from spinepose_mmpose.utils import counted, sentence, write_text

import cv2
import numpy as np

from .annotations import box_around
from .browse import (
    drawable,
    empty_folder,
    person_view,
    read_image,
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
UNCHANGED = 'leaves it as it is'
# Of DataSet.counts.
COUNTS = 'images', 'people', 'with labels', 'crowds', 'images without people'
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
    for content in result.sets:
        counts = zip(content.counts.values(), COUNTS)
        parts = [f'{count} {text}' for count, text in counts]
        lines.append(f'{content.name}: {", ".join(parts)}')
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
    errors = result.num_errors
    warnings = counted(len(result.findings) - errors, WARNING)
    return f'{counted(errors, ERROR)}, {warnings}'


def _told(finding: Finding) -> str:
    """Where it is and what it is."""
    place = finding.place
    ids = [f'{k} {place[k]}' for k in ('annotation', 'image') if k in place]
    return f'{" ".join([place["split"], *ids])}: {finding.detail}'


def _listed(finding: Finding) -> dict:
    """As check.json has it."""
    listed = dict(kind=finding.kind, **finding.place, detail=finding.detail)
    listed.update(score=finding.score, severity=finding.severity)
    if finding.points:
        listed['points'] = finding.points
    if finding.about_image:
        listed['about_image'] = True
    return listed


def to_json(result: CheckResult) -> str:
    """Everything that was found."""
    groups = worst_by_kind(result.findings)
    content = dict(
        format=FORMAT,
        counts={content.name: content.counts for content in result.sets},
        files={content.name: str(content.ann_file) for content in result.sets},
        kinds={
            kind: dict(zip(('severity', 'meaning'), KINDS[kind]), count=len(f))
            for kind, f in groups.items()
        },
        findings=[_listed(f) for found in groups.values() for f in found],
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
                image = _view(finding)
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
        title = f'{kind}: {counted(len(found), severity)}'
        blocks += [Text(title, severity, 'h2'), Text(meaning), Figures(figures)]
        blocks += map(Text, lines)
    counts = Counter((f.content.name, f.severity) for f in result.findings)
    splits = [
        [content.name, *content.counts.values()]
        + [counts[content.name, severity] for severity in (ERROR, WARNING)]
        for content in result.sets
    ]
    header = ['split', *COUNTS, 'errors', 'warnings']
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


def _view(finding: Finding) -> np.ndarray:
    """(h, w, 3) uint8 BGR of what a finding is about."""
    points, box = np.zeros((NUM_KEYPOINTS, 3)), None
    image = read_image(finding.content.path_of(finding.image))
    if not finding.about_image:
        with contextlib.suppress(ValueError):  # the whole image, then
            points, box = drawable(finding.content.annotations[finding.row])
    if box is None:
        box = (0, 0, *(TILE if image is None else image.shape[1::-1]))
    elif finding.kind in ('point-outside-box', 'point-outside-image'):
        box = box_around(points, box)
    view = person_view(image, points, box, TILE, finding.points)
    if image is None:
        text, font = 'image not at hand', cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(view, text, (8, 18), font, 0.45, INK, 1, cv2.LINE_AA)
    return view
