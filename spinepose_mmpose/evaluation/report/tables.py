"""A report as JSON, CSV and Markdown."""

import csv
import io
import json
from typing import Any, Dict, List, Optional, Sequence

from spinepose_mmpose.metainfo import VERTEBRAE

PICTURES = dict(
    body_map='body_map.png',
    precision_recall='precision_recall.png',
    worst_cases='worst_cases.jpg',
)


def to_json(content: Dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + '\n'


def keypoints_csv(content: Dict[str, Any]) -> str:
    """A row a keypoint; shares, not percent; empty where nothing is known."""
    exchanged = {
        name: pair['exchanged']
        for pair in content['left_right']['pairs']
        for name in (pair['left'], pair['right'])
    }
    header = ['id', 'keypoint', 'vertebra', 'predicted', 'compared']
    header += [
        f'{key}{end}'
        for key in ('oks', 'pck', 'error')
        for end in ('', '_low', '_high')
    ] + ['exchanged']
    return _csv(
        header,
        [
            [
                row['id'],
                row['name'],
                VERTEBRAE.get(row['name'], ''),
                int(row['predicted']),
                row['compared'],
                *(
                    row[key][end]
                    for key in ('oks', 'pck', 'error')
                    for end in ('value', 'low', 'high')
                ),
                exchanged.get(row['name']),
            ]
            for row in content['keypoints']
        ],
    )


def subsets_csv(content: Dict[str, Any]) -> str:
    rows = content['subsets']
    stats = [
        key
        for key, value in next(iter(rows.values())).items()
        if key.startswith(('AP', 'AR'))
    ]
    header = ['subset', 'people', *stats, 'compared']
    header += [
        f'{key}{end}'
        for key in ('oks', 'pck', 'error')
        for end in ('', '_low', '_high')
    ]
    return _csv(
        header,
        [
            [
                name,
                row['people'],
                *(row[key] for key in stats),
                row['compared'],
                *(
                    row[key][end]
                    for key in ('oks', 'pck', 'error')
                    for end in ('value', 'low', 'high')
                ),
            ]
            for name, row in rows.items()
        ],
    )


def spine_csv(content: Dict[str, Any]) -> str:
    """Segments, then joints; degrees."""
    header = ['part', 'keypoints', 'vertebrae', 'compared']
    keys = ('angle', 'curvature', 'bend_labelled', 'bend_predicted')
    header += [f'{key}{end}' for key in keys for end in ('', '_low', '_high')]
    rows = []
    for part, entries in (
        ('segment', content['spine'].get('segments', ())),
        ('joint', content['spine'].get('joints', ())),
    ):
        for entry in entries:
            points = (
                [entry['at']]
                if part == 'joint'
                else [entry['upper'], entry['lower']]
            )
            rows.append(
                [
                    part,
                    ' - '.join(points),
                    ' - '.join(VERTEBRAE.get(p, '') for p in points),
                    entry['compared'],
                    *(
                        entry.get(key, {}).get(end)
                        for key in keys
                        for end in ('value', 'low', 'high')
                    ),
                ]
            )
    return _csv(header, rows)


def to_markdown(content: Dict[str, Any], pictures: Sequence[str] = ()) -> str:
    """The report for people; ``pictures`` are the file names that exist."""
    people, settings = content['people'], content['settings']
    share = (
        f' ({people["found"] / people["labelled"]:.1%})'
        if people['labelled']
        else ''
    )
    lines = [
        '# Evaluation report',
        '',
        f'Ground truth: {content["ground_truth"]}.',
        '',
        f'{people["labelled"]} labelled people, {people["predicted"]} '
        f'predicted people, {people["found"]} found{share}: paired at an OKS '
        f'of {settings["min_oks"]:g} or more. The tables below the first '
        'describe those pairs. Brackets hold 95 % intervals (people drawn '
        'anew with replacement).',
        '',
        f'PCK: labelled keypoints within {settings["pck_fraction"]:.0%} of '
        "the longest side of the person's labelled box. Error: mean distance "
        'to the label in percent of that side.',
        '',
    ]
    if content['not_predicted']:
        lines += [
            'Not predicted by this model (score 0 everywhere): '
            f'{", ".join(content["not_predicted"])}. The AP counts them '
            'as wrong; the other figures leave them out.',
            '',
        ]
    lines += ['## Subsets', '', *_subset_table(content['subsets']), '']
    lines += _picture(pictures, 'precision_recall')
    lines += ['## Keypoints', '', *_keypoint_table(content['keypoints']), '']
    lines += _picture(pictures, 'body_map')
    lines += ['## Spine', '', *_spine_tables(content['spine']), '']
    lines += [
        '## Left and right exchanged',
        '',
        *_side_table(content['left_right']),
        '',
    ]
    if content['worst']:
        lines += ['## Worst cases', '', *_worst_table(content['worst']), '']
        lines += _picture(pictures, 'worst_cases')
    return '\n'.join(lines).rstrip() + '\n'


def _subset_table(subsets) -> List[str]:
    stats = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')
    return _table(
        ['subset', 'people', *stats, 'OKS', 'PCK %', 'error %'],
        [
            [
                name,
                row['people'],
                *(_plain(row[key], 100) for key in stats),
                _spread(row['oks'], 1, 3),
                _spread(row['pck'], 100),
                _spread(row['error'], 100),
            ]
            for name, row in subsets.items()
        ],
    )


def _keypoint_table(rows) -> List[str]:
    return _table(
        ['keypoint', 'compared', 'OKS', 'PCK %', 'error %'],
        [
            [
                _named(row['name']),
                row['compared'] if row['predicted'] else 'not predicted',
                _spread(row['oks'], 1, 3),
                _spread(row['pck'], 100),
                _spread(row['error'], 100),
            ]
            for row in rows
        ],
    )


def _spine_tables(spine) -> List[str]:
    if not spine:
        return ['This model or data set has no complete spine.']
    return [
        'Direction of the segments and turn at the joints, in degrees; '
        'predicted bends smaller than labelled ones mean a flattened spine.',
        '',
        *_table(
            ['', 'degrees'],
            [
                ['direction error', _spread(spine['angle'])],
                ['curvature error', _spread(spine['curvature'])],
                ['bend, labelled', _spread(spine['bend_labelled'])],
                ['bend, predicted', _spread(spine['bend_predicted'])],
            ],
        ),
        '',
        *_table(
            ['segment', 'compared', 'direction error'],
            [
                [
                    f'{_named(row["upper"])} - {_named(row["lower"])}',
                    row['compared'],
                    _spread(row['angle']),
                ]
                for row in spine['segments']
            ],
        ),
        '',
        *_table(
            [
                'joint',
                'compared',
                'curvature error',
                'bend, labelled',
                'bend, predicted',
            ],
            [
                [
                    _named(row['at']),
                    row['compared'],
                    _spread(row['curvature']),
                    _spread(row['bend_labelled']),
                    _spread(row['bend_predicted']),
                ]
                for row in spine['joints']
            ],
        ),
    ]


def _side_table(sides) -> List[str]:
    if not sides['pairs']:
        return ['No pair of a left and a right keypoint is predicted.']
    rows = [
        [
            f'{pair["left"]} / {pair["right"]}',
            pair['people'],
            _plain(pair['exchanged'], 100),
        ]
        for pair in sides['pairs']
    ]
    total = sum(pair['people'] for pair in sides['pairs'])
    return _table(
        ['pair', 'compared', 'exchanged %'],
        [*rows, ['all', total, _plain(sides['share'], 100)]],
    )


def _worst_table(worst) -> List[str]:
    return _table(
        ['#', 'image id', 'box x, y, w, h', 'OKS', ''],
        [
            [
                i,
                row['image_id'],
                ', '.join(f'{v:.0f}' for v in row['box']),
                f'{row["oks"]:.3f}',
                '' if row['found'] else 'not found',
            ]
            for i, row in enumerate(worst, 1)
        ],
    )


def _named(name: str) -> str:
    return f'{name} ({VERTEBRAE[name]})' if name in VERTEBRAE else name


def _picture(pictures, name) -> List[str]:
    file = PICTURES[name]
    title = name.replace('_', ' ')
    return [f'![{title}]({file})', ''] if file in pictures else []


def _plain(value: Optional[float], factor: float = 1, digits: int = 1) -> str:
    return '-' if value is None else f'{value * factor:.{digits}f}'


def _spread(
    entry: Dict[str, Optional[float]], factor: float = 1, digits: int = 1
) -> str:
    text = _plain(entry['value'], factor, digits)
    if entry['low'] is None:
        return text
    low, high = (_plain(entry[k], factor, digits) for k in ('low', 'high'))
    return f'{text} [{low}, {high}]'


def _table(header: Sequence[str], rows: Sequence[Sequence]) -> List[str]:
    marks = ['---'] + ['--:'] * (len(header) - 1)
    return [
        '| ' + ' | '.join(map(str, row)) + ' |'
        for row in (header, marks, *rows)
    ]


def _csv(header: Sequence[str], rows: Sequence[Sequence]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            [
                ''
                if value is None
                else f'{value:.6g}'
                if isinstance(value, float)
                else value
                for value in row
            ]
        )
    return out.getvalue()
