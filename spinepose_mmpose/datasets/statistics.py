"""What a dataset holds: numbers, tables and plots."""

import csv
import io
import json
import os
import os.path as osp
from typing import Any, Dict, List, NamedTuple, Sequence

from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SKELETON,
    SPINE_CHAIN,
    VERTEBRAE,
)
from spinepose_mmpose.utils import replaced, write_text

import cv2
import numpy as np
from matplotlib.figure import Figure

from . import browse as html
from .browse import Loaded, Sample, person_view, write_image
from .check_content import People
from .check_labels import usable

# Points that make a pose: head, limbs, spine; faces and feet add noise.
SHAPE = [
    KEYPOINT_IDS[name]
    for name in (
        *SPINE_CHAIN,
        'head',
        *(
            f'{side}_{name}'
            for side in ('left', 'right')
            for name in (
                'shoulder',
                'elbow',
                'wrist',
                'hip',
                'knee',
                'ankle',
            )
        ),
    )
]
LEAST_LABELLED = 0.8  # of SHAPE
# More people make the figure no better, only slower.
MOST_PEOPLE = 20_000


class Clusters(NamedTuple):
    """C clusters, the largest first: (C,) numbers of people, (C, K, 2) mean
    poses about the sacrum in longer sides of the box (NaN: nobody has the
    point), (C,) the place in ``people`` of the person nearest to the mean, and
    the number of people that could be compared."""

    sizes: np.ndarray
    means: np.ndarray
    typical: np.ndarray
    compared: int


def pose_clusters(people: People, count: int, seed: int = 0) -> Clusters:
    """Group poses by the places of head, limbs and spine about the sacrum.

    A point without label takes its mean place. With fewer people than
    clusters there are fewer clusters.
    """
    from scipy.cluster.vq import kmeans2

    rng = np.random.default_rng(seed)
    root = KEYPOINT_IDS['hip']
    known = people.labelled
    usable = known[:, root] & (known[:, SHAPE].mean(axis=1) >= LEAST_LABELLED)
    chosen = np.flatnonzero(usable)
    if len(chosen) > MOST_PEOPLE:
        chosen = np.sort(rng.permutation(chosen)[:MOST_PEOPLE])
    count = min(count, len(chosen))
    if not count:
        empty = np.zeros(0, int)
        return Clusters(empty, np.zeros((0, known.shape[1], 2)), empty, 0)
    xy = people.keypoints[chosen, :, :2]
    longest = people.boxes[chosen, 2:].max(axis=1)
    xy = (xy - xy[:, root, None]) / longest[:, None, None]
    xy[~known[chosen]] = np.nan
    features = xy[:, SHAPE].reshape(len(xy), -1)
    features = np.where(np.isnan(features), _mean(features, axis=0), features)
    centres, labels = kmeans2(features, count, minit='++', rng=rng)
    found = [c for c in range(count) if (labels == c).any()]
    found.sort(key=lambda c: -(labels == c).sum())
    typical = []
    for c in found:
        own = np.flatnonzero(labels == c)
        apart = np.linalg.norm(features[own] - centres[c], axis=1)
        typical.append(chosen[own[apart.argmin()]])
    return Clusters(
        np.array([(labels == c).sum() for c in found]),
        np.array([_mean(xy[labels == c], axis=0) for c in found]),
        np.array(typical),
        len(chosen),
    )


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is known, NaN where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=axis)
    count = known.sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


CHAIN = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# COCO's limits of small and medium people, by area in pixels.
SMALL, MEDIUM = 32**2, 96**2


def keypoint_shares(people: People) -> Dict[str, np.ndarray]:
    """(K,) shares of people by visibility: ``visible``, ``hidden``,
    ``unlabelled``."""
    values = people.keypoints[..., 2]
    return {
        name: (values == value).mean(axis=0)
        for name, value in (('visible', 2), ('hidden', 1), ('unlabelled', 0))
    }


def spine_angles(people: People):
    """Of people whose whole spine is labelled.

    Returns:
        (M,) inclination in degrees: the direction from sacrum to C7 against
        the upright of the image, positive to the right, -180 to 180; and
        (M, S - 2) turns in degrees, 0 for a straight spine: positive where
        the chain, walked downwards, turns clockwise in the image.
    """
    whole = people.labelled[:, CHAIN].all(axis=1)
    chain = people.keypoints[whole][:, CHAIN, :2]
    trunk = chain[:, SPINE_CHAIN.index('neck')] - chain[:, -1]
    inclination = np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1]))
    steps = np.diff(chain, axis=1)
    u, v = steps[:, :-1], steps[:, 1:]
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    turns = np.degrees(np.arctan2(cross, (u * v).sum(axis=2)))
    return inclination, turns


def people_an_image(people: People) -> np.ndarray:
    """Number of images by number of people, from 1; index 0 is one person."""
    rows = people.image_rows[people.image_rows >= 0]
    if not len(rows):
        return np.zeros(0, int)
    counts = np.bincount(rows)
    return np.bincount(counts[counts > 0])[1:]


def spread(values: Sequence[float]) -> Dict[str, Any]:
    """Count, mean and percentiles; None where there is nothing."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return dict(count=0)
    return dict(
        count=len(values),
        mean=float(values.mean()),
        **{
            f'p{p}': float(v)
            for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES))
        },
    )


def split_statistics(people: People, num_images: int) -> Dict[str, Any]:
    """All figures of one split, as JSON has them."""
    shares = keypoint_shares(people)
    inclination, turns = spine_angles(people)
    crowd = people_an_image(people)
    areas = people.areas
    sizes = people.boxes[:, 2:]
    return dict(
        people=len(people),
        images=num_images,
        people_an_image={i: int(n) for i, n in enumerate(crowd, 1) if n},
        keypoints={
            name: {key: float(value[k]) for key, value in shares.items()}
            for k, name in enumerate(KEYPOINT_NAMES)
        },
        labelled_keypoints=spread(people.labelled.sum(axis=1)),
        box_height=spread(sizes[:, 1]),
        box_width=spread(sizes[:, 0]),
        share_of_image=spread(
            sizes.prod(axis=1) / people.image_sizes.prod(axis=1)
        ),
        areas=dict(
            small=int((areas < SMALL).sum()),
            medium=int(((areas >= SMALL) & (areas < MEDIUM)).sum()),
            large=int((areas >= MEDIUM).sum()),
        ),
        whole_spines=len(inclination),
        inclination=spread(inclination),
        bends={
            name: spread(np.abs(turns[:, i]))
            for i, name in enumerate(SPINE_CHAIN[1:-1])
        },
        total_bend=spread(np.abs(turns).sum(axis=1)),
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


FORMAT = 1
ALL = 'all'
TILE = (180, 220)


def write_statistics(
    folder: str, loaded: Loaded, num_clusters: int = 12, seed: int = 0
) -> Dict[str, Any]:
    """Write ``index.html``, ``statistics.json``, ``keypoints.csv``,
    ``spine.csv``, ``clusters.csv`` and plots.

    People whose box or keypoints are unusable are left out and counted.

    Returns:
        What ``statistics.json`` holds.

    Raises:
        ValueError: if no person is left.
    """
    pass

    splits = {name: usable(people) for name, people in loaded.people.items()}
    people = _together(splits)
    if not len(people):
        raise ValueError(
            f'no usable person in {", ".join(splits)}: check_dataset.py says '
            'what is wrong'
        )
    images = {n: len(c.images) for n, c in loaded.contents.items()}
    figures = {
        name: split_statistics(part, images[name])
        for name, part in splits.items()
        if len(part)
    }
    figures[ALL] = split_statistics(people, sum(images.values()))
    clusters = pose_clusters(people, num_clusters, seed)
    typical = [_owner(splits, i) for i in clusters.typical]
    left_out = {
        n: len(c.annotations) - len(splits[n])
        for n, c in loaded.contents.items()
    }
    content = dict(
        format=FORMAT,
        left_out=left_out,
        splits=figures,
        clusters=_cluster_rows(loaded, clusters, typical),
    )
    os.makedirs(osp.join(folder, 'clusters'), exist_ok=True)
    for name, plot, data in (
        ('keypoints.png', plot_keypoints, people),
        ('sizes.png', plot_sizes, splits),
        ('spine.png', plot_spine, splits),
        ('clusters.png', plot_clusters, clusters),
    ):
        with replaced(osp.join(folder, name)) as temporary:
            plot(temporary, data)
    pictures = _draw_typical(folder, loaded, typical)
    for name, text in {
        'statistics.json': json.dumps(content, indent=1, default=str) + '\n',
        'keypoints.csv': _keypoints_csv(figures),
        'spine.csv': _spine_csv(figures),
        'clusters.csv': _csv(
            ['people', 'share', 'typical_split', 'typical_annotation'],
            [list(row.values()) for row in content['clusters']],
        ),
        'index.html': _page(content, pictures),
    }.items():
        write_text(osp.join(folder, name), text)
    return content


def _together(splits: Dict[str, People]) -> People:
    parts = list(splits.values())
    columns = []
    for name in People.__annotations__:
        values, base = [], 0
        for part in parts:
            value = getattr(part, name)
            if name == 'image_rows':  # images of several files stay apart
                value = value + base
                base += int(part.image_rows.max(initial=-1)) + 1
            values.append(value)
        columns.append(np.concatenate(values))
    return People(*columns)


def _owner(splits: Dict[str, People], place: int) -> tuple:
    """(split, place in it) of a place in all people together."""
    for name, part in splits.items():
        if place < len(part):
            return name, int(part.rows[place])
        place -= len(part)
    raise IndexError(place)


def _cluster_rows(
    loaded: Loaded, clusters: Clusters, typical: List[tuple]
) -> List[dict]:
    return [
        dict(
            people=int(size),
            share=float(size / clusters.compared),
            typical_split=split,
            typical_annotation=loaded.contents[split]
            .annotations[row]
            .get('id'),
        )
        for size, (split, row) in zip(clusters.sizes, typical)
    ]


def _draw_typical(folder, loaded: Loaded, typical) -> List[str]:
    """Pictures of the person nearest to each mean pose."""
    names = []
    for number, (split, row) in enumerate(typical, 1):
        people = loaded.people[split]
        place = int(np.searchsorted(people.rows, row))
        path = loaded.image_path(Sample(split, None, place))
        image = None if path is None else cv2.imread(str(path))
        view = person_view(
            image, people.keypoints[place], people.boxes[place], TILE
        )
        name = f'clusters/{number:02d}.jpg'
        with replaced(osp.join(folder, name)) as temporary:
            write_image(temporary, view)
        names.append(name)
    return names


def _keypoints_csv(figures) -> str:
    return _csv(
        ['split', 'id', 'keypoint', 'visible', 'hidden', 'unlabelled'],
        [
            [split, k, name, *figure['keypoints'][name].values()]
            for split, figure in figures.items()
            for k, name in enumerate(KEYPOINT_NAMES)
        ],
    )


def _spine_csv(figures) -> str:
    """Degrees; a row a joint, then inclination and total."""
    rows = []
    for split, figure in figures.items():
        for name, entry in figure['bends'].items():
            rows.append([split, f'bend at {name}', VERTEBRAE[name], entry])
        rows.append([split, 'inclination', '', figure['inclination']])
        rows.append([split, 'total bend', '', figure['total_bend']])
    keys = ['count', 'mean', 'p5', 'p25', 'p50', 'p75', 'p95']
    return _csv(
        ['split', 'angle', 'vertebra', *keys],
        [[*row[:3], *(row[3].get(k) for k in keys)] for row in rows],
    )


def _csv(header, rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            [f'{v:.6g}' if isinstance(v, float) else v for v in row]
        )
    return out.getvalue()


def _page(content: dict, pictures: List[str]) -> str:
    def number(entry, key='p50', digits=0):
        return f'{entry[key]:.{digits}f}' if key in entry else '-'

    header = [
        'split', 'images', 'people', 'points labelled', 'box height, px',
        'small / medium / large', 'whole spines', 'bend of the spine, degrees',
    ]  # fmt: skip
    rows = [
        [
            name,
            f'{figure["images"]:,}',
            f'{figure["people"]:,}',
            number(figure['labelled_keypoints']),
            number(figure['box_height']),
            ' / '.join(f'{n:,}' for n in figure['areas'].values()),
            f'{figure["whole_spines"]:,}',
            number(figure['total_bend']),
        ]
        for name, figure in content['splits'].items()
    ]
    left_out = sum(content['left_out'].values())
    bends = content['splits'][ALL]['bends']
    body = [
        html.table(header, rows),
        html.paragraph(
            'Points, height and bend are medians. '
            + (
                f'Left out, with unusable labels: {left_out:,} '
                '(check_dataset.py lists them). '
                if left_out
                else ''
            )
            + 'Angles are those in the image.',
            'note',
        ),
    ]
    for title, source in (
        ('Keypoints', 'keypoints.png'),
        ('Sizes', 'sizes.png'),
        ('Spines', 'spine.png'),
    ):
        width = 990 if source == 'keypoints.png' else 1240
        body += [html.heading(title), html.figure(source, '', width)]
    body += [
        html.table(
            ['joint', 'vertebra', 'median bend', '5 %', '95 %'],
            [
                [name, VERTEBRAE[name], *(
                    number(bends[name], key, 1) for key in ('p50', 'p5', 'p95')
                )]
                for name in SPINE_CHAIN[1:-1]
            ],
        ),
        html.heading('Pose clusters'),
        html.figure('clusters.png', '', 1240),
        html.paragraph('The person nearest to each mean pose:'),
        html.grid(
            html.figure(
                picture,
                f'{row["people"]:,} people ({row["share"]:.0%}): '
                f'{row["typical_split"]} annotation '
                f'{row["typical_annotation"]}',
                TILE[0],
            )
            for picture, row in zip(pictures, content['clusters'])
        ),
    ]  # fmt: skip
    return html.page('Data set statistics', body)
