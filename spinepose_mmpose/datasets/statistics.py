"""What a dataset holds: numbers, tables and plots."""

import json
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

from spinepose_mmpose.inference.images import write_image
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SKELETON,
    SPINE_CHAIN,
    SUBSETS,
    VERTEBRAE,
)
from spinepose_mmpose.utils import replaced, write_text

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .annotations import DataSet, People
from .browse import drawable, empty_folder, person_view, read_image
from .page import Figures, Table, Text, render

# Points that make a pose: head, limbs, spine; faces and feet add noise.
CHAIN, LIMBS = list(SUBSETS['spine']), list(SUBSETS['body'][5:])
SHAPE = [*CHAIN, KEYPOINT_IDS['head'], *LIMBS]
LEAST_LABELLED = 0.8  # of SHAPE
# Box sizes from the sacrum, further than which a point is no part of a pose.
FARTHEST = 10
# More people make the figure no better, only slower.
MOST_PEOPLE = 20_000


class Clusters(NamedTuple):
    """C clusters, the largest first."""

    sizes: np.ndarray  # C: people
    # C, K, 2: mean poses about the sacrum in longer sides of the box; NaN where
    # nobody has the point
    means: np.ndarray
    typical: np.ndarray  # C: the place in People of the nearest to the mean
    compared: int  # people


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
    xy = people.keypoints[..., :2]
    longest = people.boxes[:, 2:].max(axis=1)[:, None, None]
    near = abs(xy - xy[:, root, None]) <= FARTHEST * longest  # N, K, 2
    usable &= (near.all(axis=2) | ~known).all(axis=1)
    chosen = np.flatnonzero(usable)
    if len(chosen) > MOST_PEOPLE:
        chosen = np.sort(rng.permutation(chosen)[:MOST_PEOPLE])
    count = min(count, len(chosen))
    if not count:
        empty = np.zeros(0, int)
        return Clusters(empty, np.zeros((0, known.shape[1], 2)), empty, 0)
    xy, longest = xy[chosen], longest[chosen]
    xy = np.where(
        known[chosen, :, None], (xy - xy[:, root, None]) / longest, np.nan
    )
    features = pd.DataFrame(xy[:, SHAPE].reshape(len(xy), -1))
    # What nobody has says nothing about a pose: 0 then.
    features = features.fillna(features.mean()).fillna(0).to_numpy()
    centres, labels = kmeans2(features, count, minit='++', rng=rng)
    apart = pd.Series(np.linalg.norm(features - centres[labels], axis=1))
    sizes = apart.groupby(labels).size()
    sizes = sizes.sort_values(ascending=False, kind='stable')
    means = pd.DataFrame(xy.reshape(len(xy), -1)).groupby(labels).mean()
    return Clusters(
        sizes.to_numpy(),
        means.loc[sizes.index].to_numpy().reshape(-1, *xy.shape[1:]),
        chosen[apart.groupby(labels).idxmin()[sizes.index]],
        len(chosen),
    )


PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# COCO's limits of small and medium people, by area in pixels.
SMALL, MEDIUM = 32**2, 96**2


def keypoint_shares(people: People) -> Dict[str, np.ndarray]:
    """(K,) shares of people by visibility: ``visible``, ``hidden``,
    ``unlabelled``."""
    values = people.keypoints[..., 2]
    names = dict(visible=2, hidden=1, unlabelled=0)
    return {name: (values == v).mean(axis=0) for name, v in names.items()}


def spine_angles(people: People):
    """Of M people whose whole spine is labelled, in degrees: (M,) inclination,
    the direction from sacrum to C7 against the upright of the image, positive
    to the right; and (M, S - 2) turns, positive where the chain, walked
    downwards, turns clockwise in the image."""
    whole = people.labelled[:, CHAIN].all(axis=1)
    chain = people.keypoints[whole][:, CHAIN, :2]
    trunk = chain[:, SPINE_CHAIN.index('neck')] - chain[:, -1]
    inclination = np.degrees(np.arctan2(trunk[:, 0], -trunk[:, 1]))
    steps = np.diff(chain, axis=1)
    u, v = steps[:, :-1], steps[:, 1:]
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    turns = np.degrees(np.arctan2(cross, (u * v).sum(axis=2)))
    return inclination, turns


def share_of_image(people: People) -> np.ndarray:
    """(N,) area of the box as a share of the image's."""
    return (people.boxes[:, 2:] / people.image_sizes).prod(axis=1)


def area_counts(areas: np.ndarray) -> Dict[str, int]:
    """People by COCO's limits of areas."""
    counts, _ = np.histogram(areas, (-np.inf, SMALL, MEDIUM, np.inf))
    return dict(zip(('small', 'medium', 'large'), counts.tolist()))


def people_per_image(people: People) -> np.ndarray:
    """(M,) people in each of the images that have any."""
    return np.unique(people.image_rows, return_counts=True)[1]


def spread(values: Sequence[float]) -> Dict[str, Any]:
    """Count, mean and percentiles; None where there is nothing."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return dict(count=0)
    percentiles = np.percentile(values, PERCENTILES).tolist()
    ends = {f'p{p}': v for p, v in zip(PERCENTILES, percentiles)}
    return dict(count=len(values), mean=float(values.mean()), **ends)


def split_statistics(people: People, num_images: int) -> Dict[str, Any]:
    """All figures of one split, as JSON has them."""
    shares = pd.DataFrame(keypoint_shares(people), KEYPOINT_NAMES)
    inclination, turns = spine_angles(people)
    crowd = sorted(people_per_image(people).tolist())
    sizes = people.boxes[:, 2:]
    return dict(
        people=len(people),
        images=num_images,
        people_an_image=Counter(crowd),
        keypoints=shares.to_dict('index'),
        labelled_keypoints=spread(people.labelled.sum(axis=1)),
        box_height=spread(sizes[:, 1]),
        box_width=spread(sizes[:, 0]),
        share_of_image=spread(share_of_image(people)),
        areas=area_counts(people.areas),
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
SHADES = ('#3b75af', '#a9c7e2', '#eeeeee')  # visible, hidden, unlabelled


def _figure(width: float, height: float) -> Figure:
    return Figure((width, height), DPI, facecolor='white', layout='constrained')


def _legend(figure: Figure, axes) -> None:
    """Below the axes."""
    handles, labels = axes.get_legend_handles_labels()
    place = dict(loc='outside lower center', ncol=max(len(labels), 1))
    figure.legend(handles, labels, frameon=False, **place)


def plot_keypoints(people: People) -> Figure:
    """Share of people with each keypoint labelled."""
    figure = _figure(11.3, 10)
    axes = figure.subplots()
    names = [
        f'{n} ({VERTEBRAE[n]})' if n in VERTEBRAE else n for n in KEYPOINT_NAMES
    ]
    shares = 100 * pd.DataFrame(keypoint_shares(people), names)
    shares.plot.barh(ax=axes, stacked=True, color=SHADES, width=0.8)
    axes.get_legend().remove()
    axes.tick_params('y', labelsize=9)
    axes.set(xlim=(0, 100), ylim=(len(names) - 0.4, -0.6))
    axes.set_xlabel('% of people')
    axes.set_title(f'Labels of {len(people):,} people, by keypoint')
    _legend(figure, axes)
    return figure


def plot_sizes(splits: Dict[str, People]) -> Figure:
    """Box heights, shares of the image, people per image."""
    figure = _figure(13, 4.2)
    heights, shares, crowd = figure.subplots(1, 3)
    top = max(p.boxes[:, 3].max(initial=1) for p in splits.values())
    edges = np.geomspace(8, np.clip(top, 16, 1e5), 50)
    _outlines(heights, splits, lambda people: people.boxes[:, 3], edges)
    heights.set(xscale='log', xlabel='height of the box, pixels')
    ticks = [t for t in (10, 20, 50, 100, 200, 500, 1000, 2000) if t <= 2 * top]
    heights.set_xticks(ticks, ticks)
    heights.minorticks_off()
    edges = np.linspace(0, 1, 50)
    _outlines(shares, splits, share_of_image, edges)
    shares.set(xlabel="box's share of the image")
    most = max(people_per_image(p).max(initial=1) for p in splits.values())
    _outlines(crowd, splits, people_per_image, np.arange(most + 1) + 0.5)
    crowd.set(xlabel='people in an image', ylabel='% of images')
    crowd.xaxis.get_major_locator().set_params(integer=True)
    _legend(figure, crowd)
    counts = area_counts(np.concatenate([p.areas for p in splits.values()]))
    counts = ', '.join(f'{count:,} {name}' for name, count in counts.items())
    figure.suptitle(f'Sizes: {counts} people by COCO area')
    return figure


def _outlines(
    axes, splits: Dict[str, People], values: Callable, edges: np.ndarray
) -> None:
    """Histograms of the values of each split, in percent of them."""
    for (name, people), color in zip(splits.items(), SPLIT_COLORS * 9):
        found = values(people)
        found = found[np.isfinite(found)]
        if len(found):
            counts = 100 * np.histogram(found, edges)[0] / len(found)
            axes.stairs(counts, edges, color=color, label=name)
    axes.set_ylabel('% of people')


def _total_bends(people: People) -> np.ndarray:
    return np.abs(spine_angles(people)[1]).sum(axis=1)


def plot_spine(splits: Dict[str, People]) -> Figure:
    """Inclination, bend at each joint, total bend."""
    figure = _figure(13, 4.4)
    lean, joints, total = figure.subplots(1, 3, width_ratios=(1, 1.3, 1))
    edges = np.linspace(-180, 180, 49)
    _outlines(lean, splits, lambda people: spine_angles(people)[0], edges)
    lean.set(xlabel='sacrum to C7 against the upright, degrees')
    lean.set_xticks(range(-180, 181, 90))
    _outlines(total, splits, _total_bends, np.linspace(0, 240, 49))
    total.set(xlabel='bends of the whole spine together, degrees')
    turns = np.concatenate([spine_angles(p)[1] for p in splits.values()])
    names = [f'{VERTEBRAE[n]}  {n}' for n in SPINE_CHAIN[1:-1]]
    if len(turns):
        style = dict(whis=(5, 95), showfliers=False, orientation='horizontal')
        joints.boxplot(np.abs(turns), tick_labels=names, **style)
    joints.invert_yaxis()
    joints.set_xlabel('bend, degrees (box: quartiles, ends: 5 and 95 %)')
    _legend(figure, lean)
    figure.suptitle(
        f'Spines: {len(turns):,} people with all nine points labelled, in the '
        'image'
    )
    return figure


def plot_clusters(clusters: Clusters) -> Figure:
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
        for (start, end), color in SKELETON:
            ends = mean[[KEYPOINT_IDS[start], KEYPOINT_IDS[end]]]
            if np.isfinite(ends).all():
                axes.plot(*ends.T, color=np.array(color) / 255, lw=1.8)
        axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect='equal')
        share = 100 * size / clusters.compared
        axes.set_title(f'{size:,} people, {share:.0f} %', fontsize=10)
    figure.suptitle(
        f'Pose clusters of {clusters.compared:,} people: mean poses about the '
        "sacrum\n(person's left green, right orange, middle blue)",
        fontsize=12,
    )
    return figure


FORMAT = 1
ALL = 'all'
CLUSTER = ['people', 'share', 'typical_split', 'typical_annotation']
TILE = (180, 220)
PLOT = 1240  # pixels
PLOTS = {
    'Keypoints': 'keypoints.png',
    'Sizes': 'sizes.png',
    'Spines': 'spine.png',
    'Pose clusters': 'clusters.png',
}
CSV = dict(float_format='%.6g', lineterminator='\n')


# Numbers that overflow are far outside of everything, too.
@np.errstate(over='ignore', invalid='ignore')
def write_statistics(
    folder, sets: Sequence[DataSet], num_clusters: int = 12, seed: int = 0
) -> Dict[str, Any]:
    """Write ``index.html``, ``statistics.json``, ``keypoints.csv``,
    ``spine.csv``, ``clusters.csv`` and plots; returns what the JSON holds.

    People whose box or keypoints are unusable are left out and counted;
    number and seed are those of the pose clusters.
    """
    folder = Path(folder)
    splits = {content.name: content.people for content in sets}
    people = _together(list(splits.values()))
    if not len(people):
        raise ValueError(
            f'no usable person in {", ".join(splits)}: check_dataset.py says '
            'what is wrong'
        )
    images = {content.name: len(content.images) for content in sets}
    images[ALL] = sum(images.values())
    clusters = pose_clusters(people, num_clusters, seed)
    owners = [(c, int(row)) for c in sets for row in c.people.rows]
    typical = [owners[place] for place in clusters.typical]
    content = dict(
        format=FORMAT,
        left_out={c.name: len(c.annotations) - len(c.people) for c in sets},
        splits={
            name: split_statistics(part, images[name])
            for name, part in {**splits, ALL: people}.items()
            if len(part)
        },
        clusters=[
            dict(
                people=size,
                share=size / clusters.compared,
                typical_split=source.name,
                typical_annotation=source.annotations[row].get('id'),
            )
            for size, (source, row) in zip(clusters.sizes.tolist(), typical)
        ],
    )
    empty_folder(folder / 'clusters')
    figures = (
        plot_keypoints(people),
        plot_sizes(splits),
        plot_spine(splits),
        plot_clusters(clusters),
    )
    for name, figure in zip(PLOTS.values(), figures):
        with replaced(str(folder / name)) as temporary:
            figure.savefig(temporary)
    tiles = []
    for (source, row), cluster in zip(typical, content['clusters']):
        image = read_image(source.path_of(source.image_of(row)))
        view = person_view(image, *drawable(source.annotations[row]), TILE)
        path = f'clusters/{len(tiles) + 1:02d}.jpg'
        write_image(folder / path, view)
        caption = (
            f'{cluster["people"]:,} people ({cluster["share"]:.0%}): '
            f'{source.name} annotation {cluster["typical_annotation"]}'
        )
        tiles.append((path, caption, TILE[0]))
    for name, text in {
        'statistics.json': json.dumps(content, indent=1, default=str) + '\n',
        **_tables(content),
        'index.html': _page(content, tiles),
    }.items():
        write_text(str(folder / name), text)
    return content


def _together(parts: List[People]) -> People:
    """All people; images of several files stay apart."""
    columns = {
        field.name: np.concatenate([getattr(p, field.name) for p in parts])
        for field in fields(People)
    }
    ends = np.cumsum([p.image_rows.max(initial=-1) + 1 for p in parts])
    offsets = np.repeat([0, *ends[:-1]], [len(p) for p in parts])
    columns['image_rows'] = columns['image_rows'] + offsets
    return People(**columns)


def _tables(content: Dict[str, Any]) -> Dict[str, str]:
    """CSV text by file name; angles are in degrees."""
    keypoints, spine = {}, {}
    for split, figure in content['splits'].items():
        for name, shares in figure['keypoints'].items():
            keypoints[split, KEYPOINT_IDS[name], name] = shares
        for name, bend in figure['bends'].items():
            spine[split, f'bend at {name}', VERTEBRAE[name]] = bend
        for name in ('inclination', 'total_bend'):
            spine[split, name.replace('_', ' '), ''] = figure[name]
    tables = {
        'keypoints.csv': (keypoints, ['split', 'id', 'keypoint']),
        'spine.csv': (spine, ['split', 'angle', 'vertebra']),
    }
    texts = {
        name: pd.DataFrame(rows)
        .T.convert_dtypes()
        .to_csv(index_label=labels, **CSV)
        for name, (rows, labels) in tables.items()
    }
    clusters = pd.DataFrame(content['clusters'], columns=CLUSTER)
    return {**texts, 'clusters.csv': clusters.to_csv(index=False, **CSV)}


def _page(content: Dict[str, Any], tiles: List[tuple]) -> str:
    def median(entry):
        return f'{entry["p50"]:.0f}' if 'p50' in entry else '-'

    rows = {
        name: {
            'images': f'{figure["images"]:,}',
            'people': f'{figure["people"]:,}',
            'points labelled': median(figure['labelled_keypoints']),
            'box height, px': median(figure['box_height']),
            'small / medium / large': ' / '.join(
                f'{n:,}' for n in figure['areas'].values()
            ),
            'whole spines': f'{figure["whole_spines"]:,}',
            'bend of the spine, degrees': median(figure['total_bend']),
        }
        for name, figure in content['splits'].items()
    }
    left_out, note = sum(content['left_out'].values()), ''
    if left_out:
        note = f' Left out, with unusable labels: {left_out} '
        note += '(check_dataset.py lists them).'
    note = f'Points, height and bend are medians.{note} Angles are those in '
    header, cells = rows[ALL], [[n, *r.values()] for n, r in rows.items()]
    blocks = [
        Table(['split', *header], cells),
        Text(f'{note}the image.', 'note'),
    ]
    for title, plot in PLOTS.items():
        blocks += [Text(title, tag='h2'), Figures([(plot, '', PLOT)])]
    blocks += [Text('The person nearest to each mean pose:'), Figures(tiles)]
    return render('Dataset statistics', blocks)
