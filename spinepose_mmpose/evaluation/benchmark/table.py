"""Measured figures beside the published ones."""

import csv
import io
import json
from typing import Any, Dict, List, Optional, Sequence

from ..published import COLUMNS, METHODS, METRIC_KEYS

TITLES = dict(
    coco='COCO',
    halpe26='Halpe26',
    body='body',
    feet='feet',
    spine='spine',
    all='overall',
)
STATS = ('AP', 'AR')


def table_rows(
    results: Dict[str, Dict[str, Any]], errors: Optional[Dict[str, str]] = None
) -> List[dict]:
    """A row for each entry.

    Args:
        results (dict): By entry name, of :func:`run`.
        errors (dict, optional): By entry name, why there is none.

    Returns:
        list[dict]: ``name``, ``title``, ``keypoints``, ``untrained``,
        ``error`` and ``figures``: by figure (``body AP``, ..., ``params``,
        ``flops``) ``measured``, ``published`` and ``difference``, each None
        where it is not known or, of untrained weights, says nothing. AP and
        AR are x100.
    """
    published = {method.name: method for method in METHODS}
    errors = errors or {}
    rows = []
    for name in dict.fromkeys([*results, *errors]):
        method, result = published.get(name), results.get(name, {})
        metrics = result.get('metrics', {})
        untrained = result.get('settings', {}).get('checkpoint') == 'none'
        figures = {}
        for column in COLUMNS:
            paper = method.results.get(column) if method else None
            for i, stat in enumerate(STATS):
                figures[f'{column} {stat}'] = _figure(
                    _percent(metrics.get(METRIC_KEYS[column][i])),
                    paper[i] if paper else None,
                    not untrained,
                )
        for key in ('params', 'flops'):
            figures[key] = _figure(
                result.get(key), getattr(method, key) if method else None
            )
        rows.append(
            dict(
                name=name,
                title=method.title if method else name,
                keypoints=method.keypoints if method else None,
                untrained=untrained,
                error=errors.get(name),
                figures=figures,
            )
        )
    return rows


def to_markdown(rows: Sequence[dict]) -> str:
    """For people: measured figures with the difference to the published."""
    columns = [
        c
        for c in COLUMNS
        if any(
            row['figures'][f'{c} AP']['measured'] is not None for row in rows
        )
    ]
    lines = [
        '# Results',
        '',
        'AP / AR x100 as measured; in brackets measured minus published. '
        "COCO and Halpe26 with the detector's boxes, the others with the "
        'labelled boxes of SpineTrack val. Keypoints that a method lacks '
        'count as wrong. Params in millions, FLOPs in billions for one '
        'person without flip.',
        '',
    ]
    header = [
        'method',
        'keypoints',
        *(TITLES[c] for c in columns),
        'params',
        'FLOPs',
    ]
    body = []
    for row in rows:
        cells = [
            row['title'] + (' (untrained)' if row['untrained'] else ''),
            row['keypoints'] or '-',
        ]
        for column in columns:
            pair = [
                _cell(row['figures'][f'{column} {stat}'], 1) for stat in STATS
            ]
            cells.append('-' if pair == ['-', '-'] else ' / '.join(pair))
        cells += [_cell(row['figures'][key], 2) for key in ('params', 'flops')]
        body.append(cells)
    marks = ['---'] + ['--:'] * (len(header) - 1)
    lines += [
        '| ' + ' | '.join(map(str, r)) + ' |' for r in (header, marks, *body)
    ]
    failed = [row for row in rows if row['error']]
    if failed:
        lines += ['', 'Failed:', '']
        lines += [f'- {row["title"]}: {row["error"]}' for row in failed]
    return '\n'.join(lines) + '\n'


def to_csv(rows: Sequence[dict]) -> str:
    """One line a figure, for spreadsheets and scripts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    kinds = ('measured', 'published', 'difference')
    writer.writerow(['name', 'title', 'figure', *kinds, 'untrained', 'error'])
    for row in rows:
        for figure, values in row['figures'].items():
            writer.writerow(
                [
                    row['name'],
                    row['title'],
                    figure,
                    *(
                        '' if values[k] is None else f'{values[k]:.6g}'
                        for k in kinds
                    ),
                    int(row['untrained']),
                    row['error'] or '',
                ]
            )
    return out.getvalue()


def to_json(rows: Sequence[dict]) -> str:
    return json.dumps(list(rows), indent=1, allow_nan=False) + '\n'


def _figure(
    measured: Optional[float], published: Optional[float], compare: bool = True
) -> dict:
    difference = None
    if compare and measured is not None and published is not None:
        difference = measured - published
    return dict(measured=measured, published=published, difference=difference)


def _percent(value: Optional[float]) -> Optional[float]:
    """x100; None for -1, which says that nobody is labelled."""
    return None if value is None or value < 0 else 100 * value


def _cell(values: dict, digits: int) -> str:
    if values['measured'] is None:
        return '-'
    text = f'{values["measured"]:.{digits}f}'
    if values['difference'] is None:
        return text
    # + 0. turns a rounded -0.0 into 0.0.
    return f'{text} ({round(values["difference"], digits) + 0.0:+.{digits}f})'
