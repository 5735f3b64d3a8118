"""What a check found, as text, JSON and a page with images."""

import json
import os
import os.path as osp
from collections import defaultdict
from typing import Dict, Iterator, List, Sequence, Tuple

from spinepose_mmpose.utils import replaced, write_text

import cv2
import numpy as np

from .browse import EMPTY, FONT, box_of_points, person_view
from .check import CheckResult
from .check_content import ERROR, KINDS, Content, Finding, People, pack

# BGR
INK = (60, 60, 60)


def thumbnails(
    result: CheckResult, findings: Sequence[Finding], size: Tuple[int, int]
) -> Iterator[Tuple[Finding, np.ndarray]]:
    """(finding, (h, w, 3) uint8 BGR) for each; a file is read once."""
    by_split: Dict[str, List[Finding]] = defaultdict(list)
    for finding in findings:
        by_split[finding.split].append(finding)
    for split, group in by_split.items():
        content = result.sets[split].load()
        people, _ = pack(content)
        places = {int(row): i for i, row in enumerate(people.rows)}
        for finding in group:
            yield finding, _picture(content, people, places, finding, size)


def _picture(
    content: Content, people: People, places, finding: Finding, size
) -> np.ndarray:
    if finding.annotation is None and finding.image is not None:
        image = _read(content, content.images[finding.row])
        return _letterbox(image, size)
    row = content.rows_of_people[finding.row]
    image = None if row is None else _read(content, content.images[row])
    place = places.get(finding.row)
    if place is None:  # no numbers to draw
        return _letterbox(image, size)
    keypoints, box = people.keypoints[place], people.boxes[place]
    if finding.kind in ('point-outside-box', 'point-outside-image'):
        box = _with_points(box, keypoints)
    view = person_view(image, keypoints, box, size, finding.points)
    if image is None:
        _write(view, 'image not at hand')
    return view


def _with_points(box, keypoints) -> np.ndarray:
    """The box, grown to hold all labelled points."""
    points = box_of_points(keypoints)
    low = np.minimum(box[:2], points[:2])
    high = np.maximum(box[:2] + box[2:], points[:2] + points[2:])
    return np.concatenate([low, high - low])


def _read(content: Content, entry: dict):
    path = content.path_of(entry)
    if path is None or not path.is_file():
        return None
    return cv2.imread(str(path))


def _letterbox(image, size) -> np.ndarray:
    """The whole image within ``size``."""
    tile = np.full((size[1], size[0], 3), EMPTY, np.uint8)
    if image is None:
        _write(tile, 'no picture')
        return tile
    factor = min(size[0] / image.shape[1], size[1] / image.shape[0])
    w, h = (max(1, int(side * factor)) for side in image.shape[1::-1])
    x, y = (size[0] - w) // 2, (size[1] - h) // 2
    tile[y : y + h, x : x + w] = cv2.resize(
        image, (w, h), interpolation=cv2.INTER_AREA
    )
    return tile


def _write(tile, text) -> None:
    cv2.putText(tile, text, (8, 18), FONT, 0.45, INK, 1, cv2.LINE_AA)


# Changes with the layout of check.json.
FORMAT = 1
QUOTED = 3
TILE = (220, 260)
COUNTS = dict(
    images='images',
    people='people',
    labelled='with labels',
    crowds='crowds',
    empty_images='images without people',
)


def to_text(result: CheckResult) -> str:
    """A few lines for the terminal."""
    lines = []
    for name, counts in result.counts.items():
        parts = [f'{counts[k]} {text}' for k, text in COUNTS.items()]
        lines.append(f'{name}: {", ".join(parts)}')
    for kind, found in result.by_kind().items():
        lines.append(
            f'{KINDS[kind].severity} {kind} ({len(found)}): '
            f'{KINDS[kind].meaning}'
        )
        for finding in found[:QUOTED]:
            lines.append(f'    {place(finding)}: {finding.detail}')
        if len(found) > QUOTED:
            lines.append(f'    ... and {len(found) - QUOTED} more')
    lines.append(verdict(result))
    return '\n'.join(lines)


def verdict(result: CheckResult) -> str:
    warnings = len(result.findings) - result.num_errors
    if not result.findings:
        return 'nothing found'
    return f'{_plural(result.num_errors, "error")}, ' + _plural(
        warnings, 'warning'
    )


def _plural(count: int, word: str) -> str:
    return f'{count} {word}' if count == 1 else f'{count} {word}s'


def place(finding: Finding) -> str:
    parts = [finding.split]
    if finding.annotation is not None:
        parts.append(f'annotation {finding.annotation}')
    if finding.image is not None:
        parts.append(f'image {finding.image}')
    return ' '.join(parts)


def to_json(result: CheckResult) -> str:
    """Everything that was found."""
    content = dict(
        format=FORMAT,
        counts=result.counts,
        files={n: str(s.ann_file) for n, s in result.sets.items()},
        kinds={
            kind: dict(
                severity=KINDS[kind].severity,
                meaning=KINDS[kind].meaning,
                count=len(found),
            )
            for kind, found in result.by_kind().items()
        },
        findings=[
            {
                key: value
                for key, value in dict(
                    finding._asdict(), severity=finding.severity
                ).items()
                if value not in (None, '', ())
            }
            for found in result.by_kind().values()
            for finding in found
        ],
    )
    return json.dumps(content, indent=1, default=str) + '\n'


def write_report(folder: str, result: CheckResult, worst: int) -> List[str]:
    """``check.txt``, ``check.json``, ``index.html`` and its pictures.

    Args:
        folder: made where it is missing; an older report is replaced.
        worst: pictures of each kind of finding.

    Returns:
        Names of the files.
    """
    os.makedirs(folder, exist_ok=True)
    pictures = _draw(folder, result, worst) if worst else {}
    texts = {
        'check.txt': to_text(result) + '\n',
        'check.json': to_json(result),
        'index.html': _page(result, pictures),
    }
    for name, text in texts.items():
        write_text(osp.join(folder, name), text)
    return list(texts)


def _draw(folder, result, worst) -> Dict[Finding, str]:
    """Relative path of the picture by finding."""
    # Imported here: text and JSON need no OpenCV.
    from .browse import write_image

    pass

    pictures = osp.join(folder, 'worst')
    os.makedirs(pictures, exist_ok=True)
    for name in os.listdir(pictures):  # of an older report
        if name.endswith('.jpg'):
            os.remove(osp.join(pictures, name))
    chosen = [
        finding
        for found in result.by_kind().values()
        for finding in [f for f in found if f.row is not None][:worst]
    ]
    paths = {}
    for finding, image in thumbnails(result, chosen, TILE):
        name = f'worst/{finding.kind}-{len(paths):04d}.jpg'
        with replaced(osp.join(folder, name)) as temporary:
            write_image(temporary, image)
        paths[finding] = name
    return paths


def _page(result: CheckResult, pictures: Dict[Finding, str]) -> str:
    from . import browse as html

    groups = result.by_kind()
    style = 'error' if result.num_errors else 'good'
    body = [
        html.paragraph(verdict(result), style),
        html.table(
            ['split', *COUNTS.values(), 'errors', 'warnings'],
            [
                [
                    name,
                    *(counts[k] for k in COUNTS),
                    *(
                        sum(
                            f.split == name and (f.severity == ERROR) == error
                            for f in result.findings
                        )
                        for error in (True, False)
                    ),
                ]
                for name, counts in result.counts.items()
            ],
        ),
        html.paragraph(
            'Errors keep training from using a label or an image, or make '
            'it wrong; warnings are for a human eye. Left and right, order '
            'and spacing are judged by geometry alone, and real poses '
            'trigger them now and then. Pictures: the worst of each kind; '
            'rings are points labelled as hidden, red circles what the '
            'finding is about.',
            'note',
        ),
        html.table(
            ['kind', '', 'found', 'meaning', 'a cleaned copy'],
            [
                [
                    kind,
                    KINDS[kind].severity,
                    len(found),
                    KINDS[kind].meaning,
                    KINDS[kind].remedy or 'leaves it as it is',
                ]
                for kind, found in groups.items()
            ],
            text=(1, 3, 4),
        ),
    ]
    for kind, found in groups.items():
        severity = KINDS[kind].severity
        body.append(
            html.heading(f'{kind}: {_plural(len(found), severity)}', severity)
        )
        body.append(html.paragraph(KINDS[kind].meaning))
        drawn = [f for f in found if f in pictures]
        body.append(
            html.grid(
                html.figure(pictures[f], f'{place(f)}: {f.detail}', TILE[0])
                for f in drawn
            )
        )
        if not drawn:
            for finding in found[:QUOTED]:
                body.append(
                    html.paragraph(f'{place(finding)}: {finding.detail}')
                )
    return html.page('Data set check', body)
