"""The figures of a report, by matplotlib."""

from itertools import accumulate
from typing import Any, Dict, Hashable

from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .report import FIGURES, Case, EvaluationReport

INK, GREY, EMPTY = '#444444', '#bbbbbb', '#c8c8c8'


def draw_figures(
    report: EvaluationReport, image_paths: Dict[Hashable, str]
) -> Dict[str, Figure]:
    """By file name: precision and recall, errors on the body and, if anybody
    is labelled, the worst people.

    Args:
        report (EvaluationReport): What to show.
        image_paths (dict): File by image id, for the last one.
    """
    figures = [precision_recall(report.content), body_map(report.content)]
    if report.cases:
        figures.append(contact_sheet(report, image_paths))
    return dict(zip(FIGURES, figures))


def _figure(width: float, height: float) -> Figure:
    """Inches."""
    return Figure(figsize=(width, height), dpi=110, layout='constrained')


# --- precision and recall -----------------------------------------------------

# Lines of their own, by OKS threshold; all ten in one.
LINES = {'0.50': '#4477aa', '0.75': '#228833', '0.90': '#cc6677'}


def precision_recall(content: Dict[str, Any]) -> Figure:
    """One panel per subset: three OKS thresholds and the mean over all ten.

    Args:
        content (dict): Of a :class:`EvaluationReport`.
    """
    subsets = content['subsets']
    columns = min(2, len(subsets))
    rows = -(-len(subsets) // columns)
    figure = _figure(5.2 * columns, 4.7 * rows + 0.5)
    for place, (name, row) in enumerate(subsets.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.set_title(f'{name}  ({row["people"]} people)', fontsize=11)
        axes.set(xlim=(0, 1), ylim=(0, 1.03))
        axes.set(xlabel='recall', ylabel='precision')
        axes.grid(color='#dddddd')
        if row['curve']:
            _draw_curves(axes, row['AP'], **row['curve'])
        else:
            axes.text(0.5, 0.5, 'nobody is labelled', ha='center', va='center')
    figure.suptitle('Precision and recall of found people, by keypoint subset')
    return figure


def _draw_curves(axes, ap, recall, precision) -> None:
    for threshold, color in LINES.items():
        values = np.array(precision[threshold])
        # The line ends where the recall does.
        shown = np.where(values > 0, values, np.nan)
        label = f'OKS {threshold}:  {100 * values.mean():.1f}'
        axes.plot(recall, shown, color=color, label=label)
    mean = np.mean(list(precision.values()), axis=0)
    label = f'mean .50 to .95 (AP):  {100 * ap:.1f}'
    axes.plot(recall, mean, color='black', lw=2.5, label=label)
    # Below the panel: inside, it would hide lines.
    axes.legend(
        loc='upper center',
        bbox_to_anchor=(0.5, -0.13),
        ncol=2,
        fontsize=9,
        title='average precision x100',
        frameon=False,
    )


# --- errors on the body -------------------------------------------------------

# Where the keypoints lie on a standing figure seen from the front: [x, y] in
# body heights, the head top at y = 0, x to the viewer's right, which is the
# person's left.
# fmt: off
_MIDLINE = dict(
    head=0.0, nose=0.083, neck_03=0.118, neck_02=0.148, neck=0.185,
    spine_05=0.235, spine_04=0.295, spine_03=0.36, spine_02=0.41,
    spine_01=0.45, hip=0.49,
)
_LEFT = dict(
    eye=(0.028, 0.055), ear=(0.06, 0.068), clavicle=(0.055, 0.2),
    shoulder=(0.13, 0.2), latissimus=(0.095, 0.315), elbow=(0.185, 0.35),
    wrist=(0.22, 0.485), hip=(0.075, 0.51), knee=(0.085, 0.72),
    ankle=(0.085, 0.92), heel=(0.065, 0.955), big_toe=(0.1, 0.985),
    small_toe=(0.14, 0.97),
)
# fmt: on
STANDING = {
    **{name: (0.0, y) for name, y in _MIDLINE.items()},
    **{f'left_{name}': (x, y) for name, (x, y) in _LEFT.items()},
    **{f'right_{name}': (-x, y) for name, (x, y) in _LEFT.items()},
}
# x of the spine from the side, facing the viewer's left, exaggerated.
_BEND = (0.005, -0.02, 0.005, 0.045, 0.065, 0.035, -0.005, 0.0, 0.04)
PROFILE = {n: (x, _MIDLINE[n]) for n, x in zip(SPINE_CHAIN, _BEND)}

# Errors beyond it share the darkest colour; in percent of the box.
CLIP_PERCENTILE = 95
# The scale reaches at least so far: what is tiny should not look alarming.
LEAST_TOP = 2.0
# Distance between two labels in body heights.
LABEL_STEP = 0.038


def body_map(content: Dict[str, Any]) -> Figure:
    """The error of each keypoint on the body and, enlarged, on the spine.

    Keypoints that are not SpineTrack's are listed beneath.

    Args:
        content (dict): Of a :class:`EvaluationReport`.
    """
    rows = content['keypoints']
    errors = {r['name']: 100 * (r['error']['value'] or 0) for r in rows}
    known = {r['name'] for r in rows if r['error']['value'] is not None}
    labels = {
        name: f'{name}  ' + (f'{error:.1f} %' if name in known else '-')
        for name, error in errors.items()
    }
    top = np.percentile([errors[n] for n in known] or [0], CLIP_PERCENTILE)
    scale = ScalarMappable(Normalize(0, max(top, LEAST_TOP)), 'YlOrRd')
    colors = {
        name: scale.to_rgba(error) if name in known else 'white'
        for name, error in errors.items()
    }

    figure = _figure(13, 10)
    body, spine = figure.subplots(1, 2, width_ratios=(1.85, 1))
    body.set(xlim=(-0.5, 0.5), ylim=(1.06, -0.03))
    body.set_title("Body, from the front: the person's right is on the left")
    _draw_dots(body, STANDING, [link for link, _ in SKELETON], colors, 70)
    for side in (-1, 1):
        names = sorted(
            (n for n in STANDING if n in labels and _side(n) == side),
            key=lambda n: (STANDING[n][1], -abs(STANDING[n][0])),
        )
        # At the height of their point, or as far below as leaves room.
        heights = accumulate(
            (STANDING[n][1] for n in names),
            lambda above, y: max(y, above + LABEL_STEP),
        )
        for name, y in zip(names, heights):
            _annotate(body, labels[name], STANDING[name], (side * 0.27, y))

    spine.set(xlim=(-0.06, 0.3), ylim=(0.51, 0.09))
    spine.set_title('Spine, enlarged, from the side: front on the left')
    chain = [n for n in SPINE_CHAIN if n in labels]
    _draw_dots(spine, PROFILE, zip(chain, chain[1:]), colors, 190)
    for name in chain:
        text = f'{VERTEBRAE[name]}  {labels[name]}'
        _annotate(spine, text, PROFILE[name], (0.115, PROFILE[name][1]))
    if not chain:
        spine.text(0.12, 0.3, 'no spine keypoints', ha='center')
    figure.colorbar(scale, ax=spine, shrink=0.6, extend='max').set_label(
        "mean error, % of the longest side of the person's box"
    )
    people = content['people']
    figure.suptitle(
        f'Where the keypoints are wrong\n{people["found"]} of '
        f'{people["labelled"]} labelled people found; numbers are the mean '
        'error in % of the longest side of the labelled box'
    )
    others = [labels[n] for n in labels if n not in STANDING]
    if others:
        more = ', ...' if len(others) > 12 else ''
        text = 'other keypoints: ' + ', '.join(others[:12]) + more
        figure.supxlabel(text, fontsize=9)
    return figure


def _draw_dots(axes, places, links, colors, size) -> None:
    """Links, and dots by the colour of their name; white is dotted."""
    axes.axis('off')
    lines = [
        (places[a], places[b]) for a, b in links if a in colors and b in colors
    ]
    axes.add_collection(LineCollection(lines, color=GREY, lw=2, zorder=1))
    names = [name for name in places if name in colors]
    white = [colors[name] == 'white' for name in names]
    axes.scatter(
        *zip(*[places[name] for name in names] or [(np.nan, np.nan)]),
        s=size,
        c=[colors[name] for name in names] or None,
        edgecolors=[GREY if w else INK for w in white],
        linestyles=[':' if w else '-' for w in white],
        linewidths=0.8,
        zorder=2,
    )


def _side(name: str) -> int:
    """Column of a label: -1 left, 1 right, 0 for the spine, which has its own
    panel."""
    if name in SPINE_CHAIN:
        return 0
    return -1 if name.startswith('right') or name == 'head' else 1


def _annotate(axes, text: str, place, label_place) -> None:
    left = label_place[0] > 0
    line = dict(arrowstyle='-', color=GREY, lw=0.7, shrinkB=4)
    axes.annotate(
        text,
        place,
        label_place,
        va='center',
        ha='left' if left else 'right',
        arrowprops=dict(line, relpos=(0 if left else 1, 0.5)),
        zorder=1.5,
    )


# --- the worst people ---------------------------------------------------------

COLUMNS = 5
# Around the labelled box, in box sizes; the prediction may lie outside.
MARGIN = 0.3
LABEL_COLOR, PREDICTION_COLOR = '#3cdc50', '#e63ce6'


def contact_sheet(
    report: EvaluationReport, image_paths: Dict[Hashable, str]
) -> Figure:
    """Label and prediction of the report's cases, one tile per person.

    Args:
        report (EvaluationReport): What to show.
        image_paths (dict): File by image id; a tile without one is grey.
    """
    columns = min(COLUMNS, max(len(report.cases), 3))
    rows = -(-len(report.cases) // columns)
    figure = _figure(2.8 * columns, 3.4 * rows + 0.6)
    figure.suptitle(
        f'The {len(report.cases)} worst people, lowest OKS first\n'
        'green: labelled; magenta: predicted; grey line: a keypoint to its '
        'label; white box: labelled box',
        fontsize=10,
    )
    for rank, case in enumerate(report.cases, 1):
        axes = figure.add_subplot(rows, columns, rank)
        _draw_case(axes, rank, case, report, image_paths)
    return figure


def _draw_case(
    axes, rank: int, case: Case, report: EvaluationReport, paths
) -> None:
    gts = report.ground_truth
    image_id = gts.image_ids[gts.image_index[case.person]]
    path = paths.get(image_id)
    image = None if path is None else cv2.imread(path)
    axes.set_facecolor(EMPTY)
    if image is None:
        style = dict(transform=axes.transAxes, fontsize=8, va='top')
        axes.text(0.03, 0.97, 'image not at hand', **style)
    else:
        # Darker, so that the lines stand out.
        axes.imshow((image[..., ::-1] * 0.75).astype(np.uint8))

    x, y, w, h = gts.boxes[case.person]
    axes.add_patch(Rectangle((x, y), w, h, fill=False, color='white'))
    label = gts.keypoints[case.person]
    if case.prediction is not None:
        dt = report.detections.keypoints[case.prediction]
        both = (dt[:, 2] > 0) & (label[:, 2] > 0)
        offsets = np.stack([dt[both, :2], label[both, :2]], axis=1)
        axes.add_collection(LineCollection(offsets, color=GREY, lw=0.8))
        _draw_person(axes, dt, report.links, PREDICTION_COLOR)
    _draw_person(axes, label, report.links, LABEL_COLOR)

    verdict = f'OKS {case.oks:.3f}'
    if case.prediction is None:
        verdict = 'nothing predicted'
    elif not case.found:
        verdict += ', not found'
    axes.set_title(f'#{rank}  {verdict}\nimage {image_id}', fontsize=8)
    right, bottom = x + max(w, 1), y + max(h, 1)
    dx, dy = MARGIN * max(w, 1), MARGIN * max(h, 1)
    axes.set(xticks=(), yticks=())
    # One side may show more of the image, so that every tile is full.
    axes.set_xlim(x - dx, right + dx, auto=None)
    axes.set_ylim(bottom + dy, y - dy, auto=None)
    axes.set_aspect('equal', adjustable='datalim')


def _draw_person(axes, keypoints, links, color: str) -> None:
    xy, shown = keypoints[:, :2], keypoints[:, 2] > 0
    lines = [xy[[a, b]] for a, b in links if shown[a] and shown[b]]
    axes.add_collection(LineCollection(lines, color=color, lw=0.8))
    axes.scatter(*xy[shown].T, s=9, color=color, zorder=3)
