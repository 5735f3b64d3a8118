"""What lies beneath the AP of one evaluation: its values and its files.

Building it takes numpy alone; writing it takes pandas, jinja2 and matplotlib.
Letters: N pairs of a labelled and a predicted person, K keypoints.
"""

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Dict, Hashable, List, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import SPINE_CHAIN, VERTEBRAE
from spinepose_mmpose.utils import replaced, write_text

import numpy as np

from .coco import (
    OKS_THRESHOLDS,
    RECALLS,
    STAT_NAMES,
    Curves,
    oks_matrix,
    summarize_curves,
)
from .keypoint_errors import (
    chain_errors,
    keypoint_errors,
    match_people,
    mean_with_confidence,
    side_confusion,
)
from .people import Detections, GroundTruth

# Changes with the layout of report.json.
FORMAT = 1
UNITS = dict(
    oks='0 to 1, object keypoint similarity',
    pck='share of the labelled keypoints that lie within pck_fraction of the '
    "longest side of the person's labelled box",
    error='mean distance to the label, in longest sides of the labelled box',
    angle='degrees, mean absolute error of the direction of a segment',
    curvature='degrees, mean absolute error of the turn between two segments',
    bend='degrees, mean absolute turn between two segments',
    exchanged='share of the people whose predicted left and right point lie '
    'closer to the labels of the other side',
)
ERRORS = ('oks', 'pck', 'error')
CHAIN_ERRORS = ('angle', 'curvature', 'bend_labelled', 'bend_predicted')
FIGURES = ('precision_recall.png', 'body_map.png', 'worst_cases.jpg')


@dataclass(frozen=True)
class ReportOptions:
    """Settings of a report.

    Attributes:
        min_oks: A predicted person is that labelled person from this OKS on;
            only such pairs enter the values per keypoint.
        pck_fraction: A keypoint is correct up to this share of the longest
            side of the labelled box (``PCKAccuracy`` of mmpose with
            ``norm_item='bbox'``).
        num_bootstrap: Draws for the 95 % intervals; 0 leaves them out.
        num_worst: People on the contact sheet.
        draw: Write figures as well.

    Raises:
        ValueError: A setting has no possible value.
    """

    min_oks: float = 0.1
    pck_fraction: float = 0.05
    num_bootstrap: int = 1000
    num_worst: int = 20
    draw: bool = True

    def __post_init__(self):
        numbers = self.num_bootstrap, self.num_worst
        is_oks, is_share = 0 < self.min_oks <= 1, self.pck_fraction > 0
        if not is_oks or not is_share or min(numbers) < 0:
            raise ValueError(
                f'{self}: min_oks should lie in (0, 1], pck_fraction be '
                'positive, num_bootstrap and num_worst not negative.'
            )

    @classmethod
    def of(cls, options: Optional[dict]) -> 'ReportOptions':
        """From the dictionary of a config, of which nothing is unknown."""
        choices = [field.name for field in fields(cls)]
        unknown = sorted(set(options or {}) - set(choices))
        if unknown:
            raise ValueError(
                f'report has no options {unknown}, choose from {choices}.'
            )
        return cls(**(options or {}))


@dataclass(frozen=True)
class EvaluationReport:
    """``content`` is ready for JSON; the rest is for the contact sheet.

    ``links`` are pairs of keypoint ids.
    """

    content: Dict[str, Any]
    ground_truth: GroundTruth
    detections: Detections
    links: Sequence[Tuple[int, int]]

    def values(self) -> Dict[str, float]:
        """The few that belong beside the AP; those that exist."""
        values = {
            f'{subset}_{title}': row[key]['value']
            for subset, row in self.content['subsets'].items()
            for key, title in zip(ERRORS, ('OKS', 'PCK', 'error'))
        }
        spine = self.content['spine']
        if spine:
            for key in ('angle', 'curvature'):
                values[f'spine_{key}_error'] = spine[key]['value']
        values['left_right_exchanged'] = self.content['left_right']['share']
        return {k: v for k, v in values.items() if v is not None}


# --- values -------------------------------------------------------------------


def build_report(
    ground_truth: GroundTruth,
    detections: Detections,
    sigmas: Sequence[float],
    names: Sequence[str],
    subsets: Dict[str, Sequence[int]],
    curves: Dict[str, Curves],
    options: ReportOptions = ReportOptions(),
    links: Sequence[Tuple[int, int]] = (),
) -> EvaluationReport:
    """Everything but the files.

    A keypoint whose score is 0 in every prediction counts as one that the
    model does not predict, and enters no value but the AP.

    Args:
        ground_truth, detections, sigmas, subsets: See :func:`subset_curves`.
        names (sequence): (K, ), of the keypoints.
        curves (dict): From :func:`subset_curves` for these.
        options (ReportOptions): Settings.
        links (sequence): Pairs of keypoint ids to draw a line between.
    """
    names, sigmas = list(names), np.asarray(sigmas, dtype=np.float64)
    predicted = (detections.keypoints[..., 2] > 0).any(axis=0)  # K
    keypoints = ground_truth.keypoints * predicted[:, None]
    gts = replace(ground_truth, keypoints=keypoints)
    rows, found, oks = match_people(gts, detections, sigmas, options.min_oks)
    gt, dt = keypoints[rows], detections.keypoints[found]
    # At least a pixel: a box without extent is no reason to stop.
    scales = np.maximum(gts.boxes[rows, 2:].max(axis=1, initial=0), 1)
    errors = _summaries(
        keypoint_errors(
            gt, dt, gts.areas[rows], scales, sigmas, options.pck_fraction
        ),
        [*([i] for i in range(len(names))), *subsets.values()],
        options.num_bootstrap,
    )
    stats = summarize_curves(curves)
    worst = [
        dict(person=int(g), prediction=int(d), oks=float(o), found=True)
        for g, d, o in zip(rows, found, oks)
    ]
    worst += _missed(gts, detections, sigmas, rows, found)
    worst.sort(key=lambda case: (case['oks'], case['person']))
    worst = worst[: options.num_worst]
    for case in worst:
        image, box = gts.image_index[case['person']], gts.boxes[case['person']]
        case.update(image_id=gts.image_ids[image], box=box.tolist())
        case['predicted'] = case['prediction'] is not None
    content = dict(
        format=FORMAT,
        ground_truth=ground_truth.source,
        settings=asdict(options),
        units=UNITS,
        people=dict(
            labelled=int(ground_truth.labelled_people().sum()),
            predicted=len(detections),
            found=len(rows),
        ),
        not_predicted=[n for n, p in zip(names, predicted) if not p],
        subsets={
            name: dict(
                people=int(ground_truth.labelled_people(ids).sum()),
                **{k: None if v == -1 else v for k, v in stats[name].items()},
                **row,
                curve=_curve(*curves[name]),
            )
            for (name, ids), row in zip(subsets.items(), errors[len(names) :])
        },
        keypoints=[
            dict(id=i, name=name, predicted=bool(predicted[i]), **errors[i])
            for i, name in enumerate(names)
        ],
        spine=_spine(gt, dt, names, predicted, options.num_bootstrap),
        left_right=_sides(gt, dt, names, predicted),
        worst=worst,
    )
    return EvaluationReport(content, gts, detections, links)


def _summaries(values, groups, num_bootstrap) -> List[Dict[str, Any]]:
    """Of each group of columns: how many are ``compared`` and, of each of the
    values, the mean and the ends of its interval; None in place of NaN, which
    JSON lacks."""
    summaries = [{} for _ in groups]
    for key, array in values.items():
        counts, means = mean_with_confidence(array, groups, num_bootstrap)
        for summary, count, row in zip(summaries, counts, means):
            row = [None if np.isnan(v) else float(v) for v in row]
            summary['compared'] = int(count)
            summary[key] = dict(zip(('value', 'low', 'high'), row))
    return summaries


def _each_and_all(values, num_bootstrap) -> List[Dict[str, Any]]:
    """:func:`_summaries` of each column, and of all together."""
    columns = range(next(iter(values.values())).shape[1])
    groups = [*([i] for i in columns), columns]
    return _summaries(values, groups, num_bootstrap)


def _missed(gts, dts, sigmas, rows, found):
    """Labelled people who were not found, with the most similar prediction of
    the image that nobody else has."""
    free = np.setdiff1d(np.arange(len(dts)), found)
    for person in np.setdiff1d(np.flatnonzero(gts.labelled_people()), rows):
        left = free[dts.image_index[free] == gts.image_index[person]]
        case = dict(person=int(person), prediction=None, oks=0.0, found=False)
        if left.size:
            of = [person]
            oks = oks_matrix(
                dts.keypoints[left], gts.keypoints[of], gts.areas[of], sigmas
            )
            case['prediction'] = int(left[oks.argmax()])
            case['oks'] = float(oks.max())
        yield case


def _curve(precision: np.ndarray, recall: np.ndarray) -> Dict[str, list]:
    """Precision over recall by threshold, people of any size; empty where
    nobody is labelled."""
    known = precision[:, 0, 0, 0] > -1
    if not known.any():
        return {}
    mean = precision[known, 0].mean(axis=0).round(6)  # T, R
    thresholds = [f'{threshold:.2f}' for threshold in OKS_THRESHOLDS]
    return dict(
        recall=RECALLS.tolist(), precision=dict(zip(thresholds, mean.tolist()))
    )


def _spine(gt, dt, names, predicted, num_bootstrap) -> Dict[str, Any]:
    """Errors of the spine; empty for a dataset without one, and for a model
    that does not predict all of its points."""
    points = [name for name in SPINE_CHAIN if name in names]
    chain = [names.index(name) for name in points]
    if len(chain) < 3 or not predicted[chain].all():
        return {}
    bends = chain_errors(gt, dt, chain)
    angles = dict(angle=bends.pop('angle'))
    *segments, angle = _each_and_all(angles, num_bootstrap)
    *joints, turns = _each_and_all(bends, num_bootstrap)
    del angle['compared'], turns['compared']
    return dict(
        points=points,
        **angle,
        **turns,
        segments=[
            dict(upper=upper, lower=lower, **row)
            for upper, lower, row in zip(points, points[1:], segments)
        ],
        joints=[dict(at=at, **row) for at, row in zip(points[1:], joints)],
    )


def _sides(gt, dt, names, predicted) -> Dict[str, Any]:
    others = [name.replace('left', 'right', 1) for name in names]
    pairs = [
        (i, names.index(other))
        for i, (name, other) in enumerate(zip(names, others))
        if 'left' in name and other in names
    ]
    pairs = [pair for pair in pairs if predicted[list(pair)].all()]
    if not pairs:
        return dict(share=None, pairs=[])
    values = dict(exchanged=side_confusion(gt, dt, pairs))
    *rows, whole = _each_and_all(values, 0)
    return dict(
        share=whole['exchanged']['value'],
        pairs=[
            dict(
                left=names[a],
                right=names[b],
                people=row['compared'],
                exchanged=row['exchanged']['value'],
            )
            for (a, b), row in zip(pairs, rows)
        ],
    )


# --- files --------------------------------------------------------------------


def write_report(
    folder: str,
    report: EvaluationReport,
    image_paths: Optional[Dict[Hashable, str]] = None,
) -> List[str]:
    """Write tables and figures in place of those of an older report, each by
    temporary file and rename, and return their names. ``image_paths`` are the
    files by image id, for the contact sheet."""
    content, figures = report.content, {}
    os.makedirs(folder, exist_ok=True)
    if content['settings']['draw']:
        from .figures import draw_figures

        figures = draw_figures(report, image_paths or {})
    for name in FIGURES:
        if name in figures:
            with replaced(os.path.join(folder, name)) as temporary:
                figures[name].savefig(temporary)
        else:  # of an older report
            Path(folder, name).unlink(missing_ok=True)
    texts = {
        'report.json': json.dumps(content, indent=1, allow_nan=False) + '\n',
        **tables(content),
        'report.md': to_markdown(content, list(figures)),
    }
    for name, text in texts.items():
        write_text(os.path.join(folder, name), text)
    return [*texts, *figures]


def tables(content: Dict[str, Any]) -> Dict[str, str]:
    """CSV text by file name: one row per keypoint, per subset, and per
    segment and joint of the spine. Shares, not percent; degrees; empty where
    nothing is known."""
    import pandas as pd

    def frame(rows, columns, errors):
        ends = ('', '_low', '_high')
        columns = [*columns, *(f'{e}{end}' for e in errors for end in ends)]
        flat = pd.json_normalize(rows, sep='_')
        flat = flat.rename(columns=lambda name: name.removesuffix('_value'))
        return flat.reindex(columns=columns)

    columns = ('id', 'keypoint', 'vertebra', 'predicted', 'compared')
    keypoints = [dict(r, keypoint=r['name']) for r in content['keypoints']]
    keypoints = frame(keypoints, columns, ERRORS)
    keypoints['vertebra'] = keypoints['keypoint'].map(VERTEBRAE)
    keypoints['predicted'] = keypoints['predicted'].astype(int)
    keypoints['exchanged'] = keypoints['keypoint'].map(
        {
            pair[side]: pair['exchanged']
            for pair in content['left_right']['pairs']
            for side in ('left', 'right')
        }
    )
    subsets = [dict(v, subset=name) for name, v in content['subsets'].items()]
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
    columns = ('subset', 'people', *STAT_NAMES, 'compared')
    subsets = frame(subsets, columns, ERRORS)
    columns = ('part', 'keypoints', 'vertebrae', 'compared')
    spine = frame(spine, columns, CHAIN_ERRORS)
    frames = dict(keypoints=keypoints, subsets=subsets, spine=spine)
    style = dict(index=False, float_format='%.6g', lineterminator='\n')
    return {f'{n}.csv': table.to_csv(**style) for n, table in frames.items()}


def to_markdown(content: Dict[str, Any], figures: Sequence[str] = ()) -> str:
    """A report's ``content`` for people, from ``report.md.jinja``, with the
    figures of these file names."""
    import jinja2

    def plain(value, factor=1, digits=1):
        return '-' if value is None else f'{value * factor:.{digits}f}'

    def spread(entry, factor=1, digits=1):
        value, low, high = (plain(v, factor, digits) for v in entry.values())
        return value if low == '-' else f'{value} [{low}, {high}]'

    def named(name):
        return f'{name} ({VERTEBRAE[name]})' if name in VERTEBRAE else name

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(plain=plain, spread=spread, named=named)
    template = environment.get_template('report.md.jinja')
    return template.render(content, figures=figures).rstrip() + '\n'
