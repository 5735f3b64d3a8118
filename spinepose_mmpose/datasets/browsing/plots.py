"""Plots of a data set's figures. matplotlib."""

from typing import Dict, Sequence

from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SKELETON,
    SPINE_CHAIN,
    VERTEBRAE,
)

import numpy as np
from matplotlib.figure import Figure

from ..checking.people import People
from .clusters import Clusters
from .statistics import (
    MEDIUM,
    SMALL,
    keypoint_shares,
    people_an_image,
    spine_angles,
)

DPI = 110
SPLIT_COLORS = ('#4477aa', '#228833', '#cc6677', '#aa7733', '#885599')
VISIBLE, HIDDEN, NONE = '#3b75af', '#a9c7e2', '#eeeeee'


def _figure(width: float, height: float) -> Figure:
    return Figure(
        figsize=(width, height),
        dpi=DPI,
        facecolor='white',
        layout='constrained',
    )


def plot_keypoints(path: str, people: People) -> None:
    """Share of people with each keypoint labelled."""
    shares = {k: 100 * v for k, v in keypoint_shares(people).items()}
    figure = _figure(9, 10)
    axes = figure.subplots()
    places = np.arange(len(KEYPOINT_NAMES))
    axes.barh(places, shares['visible'], color=VISIBLE, label='visible')
    axes.barh(
        places,
        shares['hidden'],
        left=shares['visible'],
        color=HIDDEN,
        label='hidden',
    )
    axes.barh(
        places,
        shares['unlabelled'],
        left=shares['visible'] + shares['hidden'],
        color=NONE,
        label='no label',
    )
    names = [
        f'{n} ({VERTEBRAE[n]})' if n in VERTEBRAE else n for n in KEYPOINT_NAMES
    ]
    axes.set_yticks(places, names, fontsize=9)
    axes.set(xlim=(0, 100), ylim=(len(names) - 0.4, -0.6))
    axes.set_xlabel('% of people')
    axes.set_title(f'Labels of {len(people):,} people, by keypoint')
    figure.legend(loc='outside lower center', ncol=3, frameon=False)
    figure.savefig(path)


def plot_sizes(path: str, splits: Dict[str, People]) -> None:
    """Box heights, shares of the image, people an image."""
    figure = _figure(13, 4.2)
    heights, shares, crowd = figure.subplots(1, 3)
    top = max(
        (p.boxes[:, 3].max() for p in splits.values() if len(p)), default=1
    )
    edges = np.geomspace(8, max(top, 16), 50)
    for (name, people), color in zip(splits.items(), SPLIT_COLORS * 9):
        if not len(people):
            continue
        _line(heights, people.boxes[:, 3], edges, name, color)
        part = people.boxes[:, 2:].prod(axis=1) / people.image_sizes.prod(
            axis=1
        )
        _line(shares, 100 * part, np.linspace(0, 100, 50), name, color)
        count = people_an_image(people)
        crowd.plot(
            np.arange(1, len(count) + 1),
            100 * count / count.sum(),
            'o-',
            ms=4,
            color=color,
            label=name,
        )
    heights.set(xscale='log', xlabel='height of the box, pixels')
    ticks = [t for t in (10, 20, 50, 100, 200, 500, 1000, 2000) if t <= 2 * top]
    heights.set_xticks(ticks, ticks)
    heights.minorticks_off()
    shares.set(xlabel="box's share of the image, %")
    crowd.set(xlabel='people in an image', ylabel='% of images')
    crowd.xaxis.get_major_locator().set_params(integer=True)
    for axes in (heights, shares):
        axes.set(ylabel='% of people')
    handles, labels = crowd.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc='outside lower center',
        ncol=max(1, len(labels)),
        frameon=False,
    )
    areas = np.concatenate([p.areas for p in splits.values()])
    figure.suptitle(
        'Sizes: '
        + ', '.join(
            f'{(part).sum():,} {name}'
            for name, part in (
                ('small', areas < SMALL),
                ('medium', (areas >= SMALL) & (areas < MEDIUM)),
                ('large', areas >= MEDIUM),
            )
        )
        + ' people by COCO area'
    )
    figure.savefig(path)


def _line(axes, values, edges, name, color) -> None:
    """A histogram's outline in percent of the values."""
    values = values[np.isfinite(values)]
    if len(values):
        counts, _ = np.histogram(values, edges)
        axes.stairs(100 * counts / len(values), edges, color=color, label=name)


def plot_spine(path: str, splits: Dict[str, People]) -> None:
    """Inclination, bend at each joint, total bend."""
    figure = _figure(13, 4.4)
    lean, joints, total = figure.subplots(1, 3, width_ratios=(1, 1.3, 1))
    count, bends = 0, []
    for (name, people), color in zip(splits.items(), SPLIT_COLORS * 9):
        inclination, turns = spine_angles(people)
        count += len(inclination)
        bends.append(np.abs(turns))
        _line(lean, inclination, np.linspace(-180, 180, 49), name, color)
        _line(
            total,
            np.abs(turns).sum(axis=1),
            np.linspace(0, 240, 49),
            name,
            color,
        )
    lean.set(xlabel='sacrum to C7 against the upright, degrees')
    lean.set_xticks(range(-180, 181, 90))
    total.set(xlabel='bends of the whole spine together, degrees')
    for axes in (lean, total):
        axes.set_ylabel('% of people')
    every = np.concatenate(bends)
    names = SPINE_CHAIN[1:-1]
    if len(every):
        joints.boxplot(
            list(every.T),
            orientation='horizontal',
            whis=(5, 95),
            showfliers=False,
            medianprops=dict(color='#cc6677'),
        )
    joints.set_yticks(
        range(1, len(names) + 1), [f'{VERTEBRAE[n]}  {n}' for n in names]
    )
    joints.set_ylim(len(names) + 0.6, 0.4)
    joints.set_xlabel('bend, degrees (box: quartiles, ends: 5 and 95 %)')
    handles, labels = lean.get_legend_handles_labels()
    if labels:
        figure.legend(
            handles,
            labels,
            loc='outside lower center',
            ncol=len(labels),
            frameon=False,
        )
    figure.suptitle(
        f'Spines: {count:,} people with all nine points labelled, in the image'
    )
    figure.savefig(path)


def plot_clusters(path: str, clusters: Clusters) -> None:
    """The mean pose of each cluster, all on one scale."""
    count = len(clusters.sizes)
    columns = min(6, max(count, 1))
    rows = max(1, -(-count // columns))
    figure = _figure(2.1 * columns, 2.5 * rows + 0.7)
    panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for axes in panels:
        axes.axis('off')
    spans = [np.nanmax(np.abs(mean)) for mean in clusters.means]
    reach = 1.08 * max(spans, default=1.0)
    for axes, size, mean in zip(panels, clusters.sizes, clusters.means):
        _draw_pose(axes, mean)
        axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect='equal')
        share = 100 * size / clusters.compared
        axes.set_title(f'{size:,} people, {share:.0f} %', fontsize=10)
    figure.suptitle(
        f'Pose clusters of {clusters.compared:,} people: mean poses about the '
        "sacrum\n(person's left green, right orange, middle blue)",
        fontsize=12,
    )
    figure.savefig(path)


def _draw_pose(axes, mean: Sequence) -> None:
    for (start, end), color in SKELETON:
        ends = mean[[KEYPOINT_IDS[start], KEYPOINT_IDS[end]]]
        if np.isfinite(ends).all():
            axes.plot(*ends.T, color=np.array(color) / 255, lw=1.8)
