"""Each keypoint's error on a figure of the body."""

from typing import Any, Dict, List, Sequence, Tuple

from spinepose_mmpose.metainfo import SKELETON, SPINE_CHAIN, VERTEBRAE

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .layout import PROFILE, STANDING

COLORS = 'YlOrRd'
EDGE = '#444444'
GREY = '#bbbbbb'
# Errors beyond it share the darkest colour; in percent of the box.
CLIP_PERCENTILE = 95
# The scale reaches at least so far: what is tiny should not look alarming.
LEAST_TOP = 2.0
# Distance between two labels in body heights.
LABEL_STEP = 0.042


def draw_body_map(path: str, content: Dict[str, Any]) -> None:
    """Figure with the whole body and, enlarged, the spine.

    Keypoints that are not SpineTrack's are listed beneath.

    Args:
        path (str): Image to write.
        content (dict): Of a :class:`Report`.
    """
    errors = {
        row['name']: row['error']['value'] for row in content['keypoints']
    }
    known = [100 * v for v in errors.values() if v is not None]
    top = float(np.percentile(known, CLIP_PERCENTILE)) if known else 0.0
    norm = Normalize(0, max(top, LEAST_TOP))

    figure = Figure(figsize=(13, 10), dpi=110, facecolor='white')
    body, spine = figure.subplots(
        1,
        2,
        width_ratios=(1.85, 1),
        gridspec_kw=dict(
            left=0.01, right=0.89, top=0.87, bottom=0.05, wspace=0
        ),
    )
    _draw_body(body, errors, norm)
    _draw_spine(spine, errors, norm)
    bar = figure.colorbar(
        ScalarMappable(norm, COLORS),
        cax=figure.add_axes((0.905, 0.2, 0.018, 0.5)),
        extend='max',
    )
    bar.set_label("mean error, % of the longest side of the person's box")
    people = content['people']
    figure.suptitle(
        f'Where the keypoints are wrong\n{people["found"]} of '
        f'{people["labelled"]} labelled people found; '
        f'numbers are the mean error in % of the longest side of the '
        'labelled box',
        fontsize=13,
    )
    others = [
        f'{name} {_text(value)}'
        for name, value in errors.items()
        if name not in STANDING
    ]
    if others:
        figure.text(
            0.02,
            0.012,
            'other keypoints: '
            + ', '.join(others[:12])
            + (', ...' if len(others) > 12 else ''),
            fontsize=9,
        )
    figure.savefig(path)


def _draw_body(axes, errors, norm) -> None:
    axes.set_title('Body, from the front', fontsize=12)
    for (a, b), _ in SKELETON:
        if a in errors and b in errors:
            axes.plot(
                *zip(STANDING[a], STANDING[b]), color=GREY, lw=2, zorder=1
            )
    shown = [n for n in STANDING if n in errors]
    for name in shown:
        _dot(
            axes,
            STANDING[name],
            errors[name],
            norm,
            70 if name not in SPINE_CHAIN else 45,
        )
    labelled = [n for n in shown if n not in SPINE_CHAIN]
    for side in (-1, 1):
        own = [n for n in labelled if _side(n) == side]
        _labels(axes, own, STANDING, errors, side, 0.28)
    for x, text in ((-0.3, "person's right"), (0.3, "person's left")):
        axes.text(
            x,
            -0.055,
            text,
            ha='center',
            fontsize=11,
            style='italic',
            color=EDGE,
        )
    axes.set_xlim(-0.56, 0.56)
    axes.set_ylim(1.01, -0.08)
    axes.set_aspect('equal', anchor='N')
    axes.axis('off')


def _draw_spine(axes, errors, norm) -> None:
    axes.set_title('Spine, enlarged, from the side', fontsize=12)
    chain = [n for n in SPINE_CHAIN if n in errors]
    if not chain:
        axes.text(
            0.5,
            0.5,
            'no spine keypoints',
            ha='center',
            transform=axes.transAxes,
        )
    for a, b in zip(chain, chain[1:]):
        axes.plot(*zip(PROFILE[a], PROFILE[b]), color=GREY, lw=4, zorder=1)
    for name in chain:
        x, y = PROFILE[name]
        _dot(axes, (x, y), errors[name], norm, 190)
        axes.annotate(
            f'{VERTEBRAE[name]}  {name}  {_text(errors[name])}',
            (x, y),
            (0.115, y),
            fontsize=11,
            va='center',
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.8),
        )
    axes.text(
        -0.02,
        0.105,
        'front',
        fontsize=10,
        style='italic',
        color=EDGE,
        ha='right',
    )
    axes.set_xlim(-0.06, 0.3)
    axes.set_ylim(0.51, 0.09)
    axes.axis('off')


def _dot(axes, place, error, norm, size) -> None:
    if error is None:
        axes.scatter(
            *place,
            s=size,
            facecolor='white',
            edgecolor=GREY,
            linestyle=':',
            zorder=2,
        )
    else:
        axes.scatter(
            *place,
            s=size,
            c=[100 * error],
            cmap=COLORS,
            norm=norm,
            edgecolor=EDGE,
            linewidth=0.8,
            zorder=2,
        )


def _side(name: str) -> int:
    """Column of a label: -1 left, 1 right."""
    if name.startswith('right') or name == 'head':
        return -1
    return 1


def _labels(axes, names, places, errors, side, column) -> None:
    names = sorted(names, key=lambda n: (places[n][1], -abs(places[n][0])))
    heights = spread([places[n][1] for n in names], LABEL_STEP)
    for name, height in zip(names, heights):
        axes.annotate(
            f'{name}  {_text(errors[name])}',
            places[name],
            (side * column, height),
            fontsize=10,
            va='center',
            ha='left' if side > 0 else 'right',
            arrowprops=dict(arrowstyle='-', color=GREY, lw=0.7, shrinkB=3),
            zorder=1.5,
        )


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


def _text(error) -> str:
    return '-' if error is None else f'{100 * error:.1f} %'
