"""The figures of a report, by matplotlib."""

from itertools import accumulate
from typing import Any, Dict, Hashable

from spinepose_mmpose.metainfo import (
    SKELETON,
    SPINE_CHAIN,
    STANDING,
    VERTEBRAE,
)

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .report import FIGURES, EvaluationReport

INK, GREY, EMPTY = '#444444', '#bbbbbb', '#c8c8c8'


def draw_figures(
    report: EvaluationReport, image_paths: Dict[Hashable, str]
) -> Dict[str, Figure]:
    """By file name: precision and recall, errors on the body and, if anybody
    is labelled, the worst people, whose files ``image_paths`` has by image
    id."""
    figures = [precision_recall(report.content), body_map(report.content)]
    if report.content['worst']:
        figures.append(contact_sheet(report, image_paths))
    return dict(zip(FIGURES, figures))


def _figure(width: float, height: float) -> Figure:
    """Inches."""
    return Figure(figsize=(width, height), dpi=110, layout='constrained')


# --- precision and recall -----------------------------------------------------

# Lines of their own, by OKS threshold; all ten in one.
LINES = {'0.50': '#4477aa', '0.75': '#228833', '0.90': '#cc6677'}


def precision_recall(content: Dict[str, Any]) -> Figure:
    """One panel per subset: three OKS thresholds and the mean over all ten."""
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
    place = dict(loc='upper center', bbox_to_anchor=(0.5, -0.13), ncol=2)
    style = dict(fontsize=9, frameon=False)
    axes.legend(title='average precision x100', **place, **style)


# --- errors on the body -------------------------------------------------------

# x of the spine from the side, facing the viewer's left, exaggerated.
_BEND = (0.005, -0.02, 0.005, 0.045, 0.065, 0.035, -0.005, 0.0, 0.04)
PROFILE = {n: (x, STANDING[n][1]) for n, x in zip(SPINE_CHAIN, _BEND)}

# Errors beyond it share the darkest colour; in percent of the box.
CLIP_PERCENTILE = 95
# The scale reaches at least so far: what is tiny should not look alarming.
LEAST_TOP = 2.0
# Distance between two labels in body heights.
LABEL_STEP = 0.038


def body_map(content: Dict[str, Any]) -> Figure:
    """The error of each keypoint on the body and, enlarged, on the spine;
    keypoints that are not SpineTrack's are listed beneath."""
    rows = content['keypoints']
    errors = {r['name']: r['error']['value'] for r in rows}
    known = {n: 100 * e for n, e in errors.items() if e is not None}
    labels = {name: f'{name}  -' for name in errors}
    labels.update((name, f'{name}  {e:.1f} %') for name, e in known.items())
    top = np.percentile(list(known.values()) or [0], CLIP_PERCENTILE)
    scale = ScalarMappable(Normalize(0, max(top, LEAST_TOP)), 'YlOrRd')
    colors = dict.fromkeys(errors, 'white')
    colors.update((name, scale.to_rgba(e)) for name, e in known.items())

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
    places = {name: xy for name, xy in places.items() if name in colors}
    lines = [
        (places[a], places[b]) for a, b in links if a in places and b in places
    ]
    axes.add_collection(LineCollection(lines, color=GREY, lw=2, zorder=1))
    for name, (x, y) in places.items():
        color = colors[name]
        edge, line = (GREY, ':') if color == 'white' else (INK, '-')
        style = dict(edgecolors=edge, linestyles=line, linewidths=0.8)
        axes.scatter(x, y, s=size, color=[color], zorder=2, **style)


def _side(name: str) -> int:
    """Column of a label: -1 left, 1 right, 0 for the spine, which has its own
    panel."""
    if name in SPINE_CHAIN:
        return 0
    return -1 if name.startswith('right') or name == 'head' else 1


def _annotate(axes, text: str, place, label_place) -> None:
    side, end = ('left', 0) if label_place[0] > 0 else ('right', 1)
    line = dict(arrowstyle='-', color=GREY, lw=0.7, shrinkB=4)
    style = dict(arrowprops=dict(line, relpos=(end, 0.5)), zorder=1.5)
    axes.annotate(text, place, label_place, va='center', ha=side, **style)


# --- the worst people ---------------------------------------------------------

COLUMNS = 5
# Around the labelled box, in box sizes; the prediction may lie outside.
MARGIN = 0.3
LABEL_COLOR, PREDICTION_COLOR = '#3cdc50', '#e63ce6'


def contact_sheet(
    report: EvaluationReport, image_paths: Dict[Hashable, str]
) -> Figure:
    """Label and prediction of the report's cases, one tile per person, on
    grey where there is no image."""
    cases = report.content['worst']
    columns = min(COLUMNS, max(len(cases), 3))
    rows = -(-len(cases) // columns)
    figure = _figure(2.8 * columns, 3.4 * rows + 0.6)
    figure.suptitle(
        f'The {len(cases)} worst people, lowest OKS first\n'
        'green: labelled; magenta: predicted; grey line: a keypoint to its '
        'label; white box: labelled box',
        fontsize=10,
    )
    for rank, case in enumerate(cases, 1):
        axes = figure.add_subplot(rows, columns, rank)
        _draw_case(axes, rank, case, report, image_paths)
    return figure


def _draw_case(axes, rank: int, case: dict, report, paths) -> None:
    path = paths.get(case['image_id'])
    image = None if path is None else cv2.imread(path)
    axes.set_facecolor(EMPTY)
    if image is None:
        style = dict(transform=axes.transAxes, fontsize=8, va='top')
        axes.text(0.03, 0.97, 'image not at hand', **style)
    else:
        # Darker, so that the lines stand out.
        axes.imshow((image[..., ::-1] * 0.75).astype(np.uint8))

    x, y, w, h = case['box']
    axes.add_patch(Rectangle((x, y), w, h, fill=False, color='white'))
    label = report.ground_truth.keypoints[case['person']]
    if case['prediction'] is not None:
        dt = report.detections.keypoints[case['prediction']]
        both = (dt[:, 2] > 0) & (label[:, 2] > 0)
        offsets = np.stack([dt[both, :2], label[both, :2]], axis=1)
        axes.add_collection(LineCollection(offsets, color=GREY, lw=0.8))
        _draw_person(axes, dt, report.links, PREDICTION_COLOR)
    _draw_person(axes, label, report.links, LABEL_COLOR)

    verdict = f'OKS {case["oks"]:.3f}'
    if case['prediction'] is None:
        verdict = 'nothing predicted'
    elif not case['found']:
        verdict += ', not found'
    title = f'#{rank}  {verdict}\nimage {case["image_id"]}'
    axes.set_title(title, fontsize=8)
    w, h = max(w, 1), max(h, 1)
    axes.set(xticks=(), yticks=())
    # One side may show more of the image, so that every tile is full.
    axes.set_xlim(x - MARGIN * w, x + w + MARGIN * w, auto=None)
    axes.set_ylim(y + h + MARGIN * h, y - MARGIN * h, auto=None)
    axes.set_aspect('equal', adjustable='datalim')


def _draw_person(axes, keypoints, links, color: str) -> None:
    xy, shown = keypoints[:, :2], keypoints[:, 2] > 0
    lines = [xy[[a, b]] for a, b in links if shown[a] and shown[b]]
    axes.add_collection(LineCollection(lines, color=color, lw=0.8))
    axes.scatter(*xy[shown].T, s=9, color=color, zorder=3)
