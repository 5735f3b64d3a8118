"""The figures of a data set as JSON, CSV, plots and a page."""

import csv
import io
import json
import os
import os.path as osp
from typing import Any, Dict, List

from spinepose_mmpose.metainfo import KEYPOINT_NAMES, SPINE_CHAIN, VERTEBRAE
from spinepose_mmpose.utils import replaced, write_text

import cv2
import numpy as np

from ..checking.people import People
from ..checking.value_checks import usable
from . import page as html
from .clusters import Clusters, pose_clusters
from .drawing import person_view, write_image
from .samples import Loaded, Sample
from .statistics import split_statistics

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
    from .plots import plot_clusters, plot_keypoints, plot_sizes, plot_spine

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
