"""The figures of a report, by matplotlib."""

from typing import Any, Dict, Hashable, List, Sequence, Tuple

from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE

import cv2
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .report import Case, Report

INK, GREY, EMPTY = '#444444', '#bbbbbb', '#c8c8c8'
DPI = 110

# --- precision and recall -----------------------------------------------------

# Lines of their own, by OKS threshold; all ten in one.
LINES = {'0.50': '#4477aa', '0.75': '#228833', '0.90': '#cc6677'}


def precision_recall(content: Dict[str, Any]) -> Figure:
    """One panel per subset: three OKS thresholds and the mean over all ten.

    Args:
        content (dict): Of a :class:`Report`.
    """
    subsets = content['subsets']
    columns = min(2, len(subsets))
    rows = -(-len(subsets) // columns)
    figure = Figure(
        figsize=(5.2 * columns, 4.7 * rows + 0.5),
        dpi=DPI,
        layout='constrained',
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, row) in zip(panels, subsets.items()):
        _precision_recall_panel(axes, f'{name}  ({row["people"]} people)', row)
    for axes in panels[len(subsets) :]:
        axes.axis('off')
    figure.suptitle('Precision and recall of found people, by keypoint subset')
    return figure


def _precision_recall_panel(axes, title: str, row: Dict[str, Any]) -> None:
    axes.set_title(title, fontsize=11)
    axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel='recall', ylabel='precision')
    axes.grid(color='#dddddd')
    curve = row['curve']
    if not curve:
        axes.text(0.5, 0.5, 'nobody is labelled', ha='center', va='center')
        return
    for threshold, color in LINES.items():
        precision = np.array(curve['precision'][threshold])
        # The line ends where the recall does.
        shown = np.where(precision > 0, precision, np.nan)
        label = f'OKS {threshold}:  {100 * precision.mean():.1f}'
        axes.plot(curve['recall'], shown, color=color, label=label)
    mean = np.mean(list(curve['precision'].values()), axis=0)
    label = f'mean .50 to .95 (AP):  {100 * row["AP"]:.1f}'
    axes.plot(curve['recall'], mean, color='black', lw=2.5, label=label)
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
LABEL_STEP = 0.042


def body_map(content: Dict[str, Any]) -> Figure:
    """The error of each keypoint on the body and, enlarged, on the spine.

    Keypoints that are not SpineTrack's are listed beneath.

    Args:
        content (dict): Of a :class:`Report`.
    """
    errors = {
        row['name']: row['error']['value'] for row in content['keypoints']
    }
    known = [100 * v for v in errors.values() if v is not None]
    top = float(np.percentile(known, CLIP_PERCENTILE)) if known else 0.0
    scale = ScalarMappable(Normalize(0, max(top, LEAST_TOP)), 'YlOrRd')

    figure = Figure(figsize=(13, 10), dpi=DPI)
    grid = dict(left=0.01, right=0.89, top=0.87, bottom=0.05, wspace=0)
    body, spine = figure.subplots(
        1, 2, width_ratios=(1.85, 1), gridspec_kw=grid
    )
    _draw_body(body, errors, scale)
    _draw_spine(spine, errors, scale)
    place = figure.add_axes((0.905, 0.2, 0.018, 0.5))
    figure.colorbar(scale, cax=place, extend='max').set_label(
        "mean error, % of the longest side of the person's box"
    )
    people = content['people']
    figure.suptitle(
        f'Where the keypoints are wrong\n{people["found"]} of '
        f'{people["labelled"]} labelled people found; numbers are the mean '
        'error in % of the longest side of the labelled box',
        fontsize=13,
    )
    others = [_label(n, errors) for n in errors if n not in STANDING]
    if others:
        more = ', ...' if len(others) > 12 else ''
        text = 'other keypoints: ' + ', '.join(others[:12]) + more
        figure.text(0.02, 0.012, text, fontsize=9)
    return figure


def _draw_body(axes, errors, scale) -> None:
    axes.set_title('Body, from the front', fontsize=12)
    _draw_dots(axes, STANDING, [link for link, _ in SKELETON], errors, scale)
    shown = [n for n in STANDING if n in errors and n not in SPINE_CHAIN]
    for side in (-1, 1):
        names = [n for n in shown if _side(n) == side]
        names.sort(key=lambda n: (STANDING[n][1], -abs(STANDING[n][0])))
        heights = spread([STANDING[n][1] for n in names], LABEL_STEP)
        for name, height in zip(names, heights):
            axes.annotate(
                _label(name, errors),
                STANDING[name],
                (side * 0.28, height),
                fontsize=10,
                va='center',
                ha='left' if side > 0 else 'right',
                arrowprops=dict(arrowstyle='-', color=GREY, lw=0.7, shrinkB=3),
                zorder=1.5,
            )
    style = dict(ha='center', fontsize=11, style='italic', color=INK)
    axes.text(-0.3, -0.055, "person's right", **style)
    axes.text(0.3, -0.055, "person's left", **style)
    axes.set(xlim=(-0.56, 0.56), ylim=(1.01, -0.08))
    axes.set_aspect('equal', anchor='N')
    axes.axis('off')


def _draw_spine(axes, errors, scale) -> None:
    axes.set_title('Spine, enlarged, from the side', fontsize=12)
    chain = [n for n in SPINE_CHAIN if n in errors]
    _draw_dots(axes, PROFILE, zip(chain, chain[1:]), errors, scale, 190)
    for name in chain:
        axes.annotate(
            f'{VERTEBRAE[name]}  {_label(name, errors)}',
            PROFILE[name],
            (0.115, PROFILE[name][1]),
            fontsize=11,
            va='center',
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.8),
        )
    if not chain:
        axes.text(0.12, 0.3, 'no spine keypoints', ha='center')
    style = dict(ha='right', fontsize=10, style='italic', color=INK)
    axes.text(-0.02, 0.105, 'front', **style)
    axes.set(xlim=(-0.06, 0.3), ylim=(0.51, 0.09))
    axes.axis('off')


def _draw_dots(axes, places, links, errors, scale, size=70) -> None:
    """Links, and dots coloured by the error; hollow where it is unknown."""
    lines = [
        (places[a], places[b]) for a, b in links if a in errors and b in errors
    ]
    axes.add_collection(LineCollection(lines, color=GREY, lw=2, zorder=1))
    for name in places:
        if name not in errors:
            continue
        known = errors[name] is not None
        axes.scatter(
            *places[name],
            s=size,
            facecolor=scale.to_rgba(100 * errors[name]) if known else 'white',
            edgecolor=INK if known else GREY,
            linestyle='-' if known else ':',
            linewidth=0.8,
            zorder=2,
        )


def _side(name: str) -> int:
    """Column of a label: -1 left, 1 right."""
    return -1 if name.startswith('right') or name == 'head' else 1


def _label(name: str, errors) -> str:
    error = errors[name]
    return f'{name}  ' + ('-' if error is None else f'{100 * error:.1f} %')


def spread(heights: Sequence[float], step: float) -> List[float]:
    """Ascending heights moved apart to at least ``step``, around where they
    were."""
    groups: List[Tuple[float, int]] = []  # (centre, count)
    for height in heights:
        groups.append((height, 1))
        while len(groups) > 1:
            (a, m), (b, n) = groups[-2:]
            if b - a >= step * (m + n) / 2 - 1e-12:
                break
            groups[-2:] = [((a * m + b * n) / (m + n), m + n)]
    return [
        centre + step * (i - (count - 1) / 2)
        for centre, count in groups
        for i in range(count)
    ]


# --- the worst people ---------------------------------------------------------

COLUMNS = 5
# Inches: a tile, the title above it, the text above all, between columns.
TILE_WIDTH, TILE_HEIGHT, TITLE, HEADER, GAP = 2.7, 3.0, 0.42, 0.6, 0.08
# Around the labelled box, in box sizes; the prediction may lie outside.
MARGIN = 0.3
LABEL_COLOR, PREDICTION_COLOR = '#3cdc50', '#e63ce6'


def contact_sheet(report: Report, image_paths: Dict[Hashable, str]) -> Figure:
    """Label and prediction of :attr:`Report.cases`, one tile per person.

    Args:
        report (Report): What to show.
        image_paths (dict): File by image id; a tile without one is grey.
    """
    cases = report.cases
    columns = min(COLUMNS, max(len(cases), 3))
    rows = -(-len(cases) // columns)
    height = rows * (TILE_HEIGHT + TITLE) + HEADER
    figure = Figure(figsize=(columns * (TILE_WIDTH + GAP), height), dpi=DPI)
    figure.text(
        0.01,
        1 - 0.15 / height,
        f'The {len(cases)} worst people, lowest OKS first\n'
        'green: labelled; magenta: predicted; grey line: a keypoint to its '
        'label; white box: labelled box',
        va='top',
    )
    panels = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw=dict(
            left=GAP / 2 / (TILE_WIDTH + GAP) / columns,
            right=1 - GAP / 2 / (TILE_WIDTH + GAP) / columns,
            bottom=0.05 / height,
            top=1 - (HEADER + TITLE - 0.05) / height,
            wspace=GAP / TILE_WIDTH,
            hspace=TITLE / TILE_HEIGHT,
        ),
    ).ravel()
    for rank, (axes, case) in enumerate(zip(panels, cases), 1):
        _draw_case(axes, rank, case, report, image_paths)
    for axes in panels[len(cases) :]:
        axes.axis('off')
    return figure


def _draw_case(axes, rank: int, case: Case, report: Report, paths) -> None:
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
    tile = np.array([TILE_WIDTH, TILE_HEIGHT])
    half = (0.5 + MARGIN) * max((np.array([w, h]) / tile).max(), 1) * tile
    low, high = (x + w / 2, y + h / 2) - half, (x + w / 2, y + h / 2) + half
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect='equal')
    axes.set(xticks=(), yticks=())


def _draw_person(axes, keypoints, links, color: str) -> None:
    xy, shown = keypoints[:, :2], keypoints[:, 2] > 0
    lines = [xy[[a, b]] for a, b in links if shown[a] and shown[b]]
    axes.add_collection(LineCollection(lines, color=color, lw=0.8))
    axes.scatter(*xy[shown].T, s=9, color=color, zorder=3)
