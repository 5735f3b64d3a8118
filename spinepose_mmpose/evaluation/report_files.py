"""The files of a report: JSON, CSV, Markdown and figures."""

import json
import os
from typing import Any, Dict, Hashable, List, Optional, Sequence

from spinepose_mmpose.metainfo import VERTEBRAE
from spinepose_mmpose.utils import replaced, write_text

import jinja2
import pandas as pd

from .figures import body_map, contact_sheet, precision_recall
from .report import CHAIN_ERRORS, ERRORS, Report

FIGURES = ('precision_recall.png', 'body_map.png', 'worst_cases.jpg')


def write_report(
    folder: str,
    report: Report,
    image_paths: Optional[Dict[Hashable, str]] = None,
) -> List[str]:
    """Write tables and figures, each by temporary file and rename.

    Args:
        folder (str): Made where it is missing; older reports are replaced.
        report (Report): From :func:`build_report`.
        image_paths (dict, optional): File by image id, for the contact sheet.

    Returns:
        list[str]: Names of the files.
    """
    os.makedirs(folder, exist_ok=True)
    content = report.content
    drawn = []
    if content['settings']['draw']:
        drawn = _draw(folder, report, image_paths or {})
    for name in set(FIGURES) - set(drawn):  # of an older report
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    texts = {
        'report.json': json.dumps(content, indent=1, allow_nan=False) + '\n',
        **tables(content),
        'report.md': to_markdown(content, drawn),
    }
    for name, text in texts.items():
        write_text(os.path.join(folder, name), text)
    return [*texts, *drawn]


def _draw(folder: str, report: Report, image_paths) -> List[str]:
    figures = [precision_recall(report.content), body_map(report.content)]
    if report.cases:
        figures.append(contact_sheet(report, image_paths))
    for name, figure in zip(FIGURES, figures):
        with replaced(os.path.join(folder, name)) as temporary:
            figure.savefig(temporary)
    return list(FIGURES[: len(figures)])


def tables(content: Dict[str, Any]) -> Dict[str, str]:
    """CSV text by file name: one row per keypoint, per subset, and per
    segment and joint of the spine. Shares, not percent; degrees; empty where
    nothing is known."""

    def csv(rows, columns, errors, *more):
        ends = ('', '_low', '_high')
        columns = [*columns, *(f'{e}{end}' for e in errors for end in ends)]
        frame = pd.json_normalize(rows, sep='_')
        frame = frame.rename(columns=lambda name: name.removesuffix('_value'))
        return frame.reindex(columns=[*columns, *more]).to_csv(
            index=False, float_format='%.6g', lineterminator='\n'
        )

    exchanged = {
        pair[side]: pair['exchanged']
        for pair in content['left_right']['pairs']
        for side in ('left', 'right')
    }
    keypoints = [
        dict(
            row,
            keypoint=row['name'],
            vertebra=VERTEBRAE.get(row['name']),
            predicted=int(row['predicted']),
            exchanged=exchanged.get(row['name']),
        )
        for row in content['keypoints']
    ]
    subsets = [dict(v, subset=name) for name, v in content['subsets'].items()]
    stats = [k for k in subsets[0] if k.startswith(('AP', 'AR'))]
    spine = [
        dict(
            row,
            part=part,
            keypoints=' - '.join(points),
            vertebrae=' - '.join(VERTEBRAE.get(p, '') for p in points),
        )
        for part in ('segment', 'joint')
        for row in content['spine'].get(f'{part}s', ())
        for points in [[row[k] for k in ('upper', 'lower', 'at') if k in row]]
    ]
    return {
        'keypoints.csv': csv(
            keypoints,
            ['id', 'keypoint', 'vertebra', 'predicted', 'compared'],
            ERRORS,
            'exchanged',
        ),
        'subsets.csv': csv(
            subsets, ['subset', 'people', *stats, 'compared'], ERRORS
        ),
        'spine.csv': csv(
            spine, ['part', 'keypoints', 'vertebrae', 'compared'], CHAIN_ERRORS
        ),
    }


def to_markdown(content: Dict[str, Any], figures: Sequence[str] = ()) -> str:
    """The report for people.

    Args:
        content (dict): Of a :class:`Report`.
        figures (sequence): File names of those that were drawn.
    """
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(plain=_plain, spread=_spread, named=_named)
    template = environment.from_string(_TEMPLATE)
    return template.render(content, figures=figures).rstrip() + '\n'


def _plain(value: Optional[float], factor: float = 1, digits: int = 1) -> str:
    return '-' if value is None else f'{value * factor:.{digits}f}'


def _spread(
    entry: Dict[str, Optional[float]], factor: float = 1, digits: int = 1
) -> str:
    value, low, high = (_plain(v, factor, digits) for v in entry.values())
    return value if low == '-' else f'{value} [{low}, {high}]'


def _named(name: str) -> str:
    return f'{name} ({VERTEBRAE[name]})' if name in VERTEBRAE else name


_TEMPLATE = """\
{% macro figure(name) %}
{% if name in figures %}

![{{ name.split('.')[0].replace('_', ' ') }}]({{ name }})
{% endif %}
{% endmacro %}
# Evaluation report

Ground truth: {{ ground_truth }}.

{{ people.labelled }} labelled people, {{ people.predicted }} predicted \
people, {{ people.found }} found\
{% if people.labelled %}
 ({{ '%.1f' % (100 * people.found / people.labelled) }}%)\
{% endif %}
: paired at an OKS of {{ '%g' % settings.min_oks }} or more. The tables below \
the first describe those pairs. Brackets hold 95 % intervals (people drawn \
anew with replacement).

PCK: labelled keypoints within {{ '%.0f' % (100 * settings.pck_fraction) }}% \
of the longest side of the person's labelled box. Error: mean distance to the \
label in percent of that side.
{% if not_predicted %}

Not predicted by this model (score 0 everywhere): \
{{ not_predicted | join(', ') }}. The AP counts them as wrong; the other \
values leave them out.
{% endif %}

## Subsets

{% set stats = ['AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR'] %}
| subset | people | {{ stats | join(' | ') }} | OKS | PCK % | error % |
| --- |{{ ' --: |' * 10 }}
{% for name, row in subsets.items() %}
| {{ name }} | {{ row.people }} |\
{% for stat in stats %} {{ row[stat] | plain(100) }} |{% endfor %}
 {{ row.oks | spread(1, 3) }} | {{ row.pck | spread(100) }} | \
{{ row.error | spread(100) }} |
{% endfor %}
{{ figure('precision_recall.png') }}
## Keypoints

| keypoint | compared | OKS | PCK % | error % |
| --- |{{ ' --: |' * 4 }}
{% for row in keypoints %}
| {{ row.name | named }} | \
{{ row.compared if row.predicted else 'not predicted' }} | \
{{ row.oks | spread(1, 3) }} | {{ row.pck | spread(100) }} | \
{{ row.error | spread(100) }} |
{% endfor %}
{{ figure('body_map.png') }}
## Spine

{% if spine %}
Direction of the segments and turn at the joints, in degrees; predicted bends \
smaller than labelled ones mean a flattened spine.

|  | degrees |
| --- | --: |
| direction error | {{ spine.angle | spread }} |
| curvature error | {{ spine.curvature | spread }} |
| bend, labelled | {{ spine.bend_labelled | spread }} |
| bend, predicted | {{ spine.bend_predicted | spread }} |

| segment | compared | direction error |
| --- | --: | --: |
{% for row in spine.segments %}
| {{ row.upper | named }} - {{ row.lower | named }} | {{ row.compared }} | \
{{ row.angle | spread }} |
{% endfor %}

| joint | compared | curvature error | bend, labelled | bend, predicted |
| --- |{{ ' --: |' * 4 }}
{% for row in spine.joints %}
| {{ row['at'] | named }} | {{ row.compared }} | {{ row.curvature | spread }} \
| {{ row.bend_labelled | spread }} | {{ row.bend_predicted | spread }} |
{% endfor %}
{% else %}
This model or dataset has no complete spine.
{% endif %}

## Left and right exchanged

{% if left_right.pairs %}
| pair | compared | exchanged % |
| --- | --: | --: |
{% for pair in left_right.pairs %}
| {{ pair.left }} / {{ pair.right }} | {{ pair.people }} | \
{{ pair.exchanged | plain(100) }} |
{% endfor %}
| all | {{ left_right.pairs | sum('people') }} | \
{{ left_right.share | plain(100) }} |
{% else %}
No pair of a left and a right keypoint is predicted.
{% endif %}
{% if worst %}

## Worst cases

| # | image id | box x, y, w, h | OKS |  |
| --- |{{ ' --: |' * 4 }}
{% for row in worst %}
| {{ loop.index }} | {{ row.image_id }} | \
{% for side in row.box %}{{ '%.0f' % side }}\
{{ '' if loop.last else ', ' }}{% endfor %} | {{ '%.3f' % row.oks }} | \
{{ '' if row.found else 'not found' }} |
{% endfor %}
{{ figure('worst_cases.jpg') }}
{% endif %}
"""
