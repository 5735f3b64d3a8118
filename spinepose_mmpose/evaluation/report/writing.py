"""The files of a report."""

import os
import os.path as osp
from typing import Dict, Hashable, List, Optional

from spinepose_mmpose.utils import replaced, write_text

from .content import Report
from .tables import (
    PICTURES,
    keypoints_csv,
    spine_csv,
    subsets_csv,
    to_json,
    to_markdown,
)


def write_report(
    folder: str,
    report: Report,
    image_paths: Optional[Dict[Hashable, str]] = None,
) -> List[str]:
    """Write tables and pictures, each by temporary file and rename.

    Args:
        folder (str): Made where it is missing; older reports are replaced.
        report (Report): From :func:`build_report`.
        image_paths (dict, optional): File by image id, for the contact sheet.

    Returns:
        list[str]: Names of the files.
    """
    os.makedirs(folder, exist_ok=True)
    content = report.content
    pictures = []
    if content['settings']['draw']:
        pictures = _draw(folder, report, image_paths or {})
    for name in set(PICTURES.values()) - set(pictures):  # of an older report
        if osp.exists(osp.join(folder, name)):
            os.remove(osp.join(folder, name))
    texts = {
        'report.json': to_json(content),
        'keypoints.csv': keypoints_csv(content),
        'subsets.csv': subsets_csv(content),
        'spine.csv': spine_csv(content),
        'report.md': to_markdown(content, pictures),
    }
    for name, text in texts.items():
        write_text(osp.join(folder, name), text)
    return [*texts, *pictures]


def _draw(folder, report, image_paths) -> List[str]:
    # Imported here: the tables alone need numpy only.
    from .body_map import draw_body_map
    from .contact_sheet import draw_contact_sheet
    from .precision_recall import draw_precision_recall

    makers = dict(
        precision_recall=lambda path: draw_precision_recall(
            path, report.content
        ),
        body_map=lambda path: draw_body_map(path, report.content),
        worst_cases=lambda path: draw_contact_sheet(path, report, image_paths),
    )
    drawn = []
    for name, make in makers.items():
        if name == 'worst_cases' and not report.cases:
            continue
        with replaced(osp.join(folder, PICTURES[name])) as temporary:
            make(temporary)
        drawn.append(PICTURES[name])
    return drawn
