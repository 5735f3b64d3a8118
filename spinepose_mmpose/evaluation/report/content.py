"""The figures of a report. numpy only.

Letters: N pairs of a labelled and a predicted person, K keypoints.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, List, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import SPINE_CHAIN

import numpy as np

from ..functional import (
    COCO_OKS_THRESHOLDS,
    RECALLS,
    Curves,
    Detections,
    GroundTruth,
    chain_errors,
    keypoint_report,
    match_people,
    mean_with_confidence,
    oks_matrix,
    side_confusion,
    subset_oks,
    summarize_curves,
)

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


@dataclass(frozen=True)
class ReportOptions:
    """Settings of a report.

    Attributes:
        min_oks: A predicted person is that labelled person from this OKS on;
            only such pairs enter the figures per keypoint.
        pck_fraction: A keypoint is correct up to this share of the longest
            side of the labelled box (``PCKAccuracy`` of mmpose with
            ``norm_item='bbox'``).
        num_bootstrap: Draws for the 95 % intervals; 0 leaves them out.
        num_worst: People on the contact sheet.
        draw: Write pictures as well.
    """

    min_oks: float = 0.1
    pck_fraction: float = 0.05
    num_bootstrap: int = 1000
    num_worst: int = 20
    draw: bool = True

    @classmethod
    def of(cls, options: Optional[dict]) -> 'ReportOptions':
        """From a config's dictionary.

        Raises:
            ValueError: An option does not exist or has no possible value.
        """
        options = dict(options or {})
        choices = [field.name for field in fields(cls)]
        unknown = sorted(set(options) - set(choices))
        if unknown:
            raise ValueError(
                f'report has no options {unknown}, choose from {choices}.'
            )
        made = cls(**options)
        if (
            not 0 < made.min_oks <= 1
            or made.pck_fraction <= 0
            or min(made.num_bootstrap, made.num_worst) < 0
        ):
            raise ValueError(
                f'report={options}: min_oks should lie in (0, 1], '
                'pck_fraction be positive, num_bootstrap and num_worst not '
                'negative.'
            )
        return made


@dataclass(frozen=True)
class Case:
    """A labelled person and what was predicted for them.

    ``prediction`` is a row of the detections or None; ``found`` says whether
    it reaches ``min_oks``.
    """

    person: int
    prediction: Optional[int]
    oks: float
    found: bool


@dataclass(frozen=True)
class Report:
    """``content`` is ready for JSON; the rest is for the pictures.

    ``cases`` are the worst first; ``curves`` as of :func:`subset_curves`.
    """

    content: Dict[str, Any]
    cases: List[Case]
    curves: Dict[str, Curves]
    ground_truth: GroundTruth
    detections: Detections
    links: Sequence[Tuple[int, int]]

    def values(self) -> Dict[str, float]:
        """The few that belong beside the AP; those that exist."""
        content = self.content
        values = {
            f'{subset}_{key}': row[name]['value']
            for subset, row in content['subsets'].items()
            for name, key in (
                ('oks', 'OKS'),
                ('pck', 'PCK'),
                ('error', 'error'),
            )
        }
        if content['spine']:
            values.update(
                spine_angle_error=content['spine']['angle']['value'],
                spine_curvature_error=content['spine']['curvature']['value'],
            )
        values['left_right_exchanged'] = content['left_right']['share']
        return {k: v for k, v in values.items() if v is not None}


def build_report(
    ground_truth: GroundTruth,
    detections: Detections,
    sigmas: Sequence[float],
    names: Sequence[str],
    subsets: Dict[str, Sequence[int]],
    curves: Dict[str, Curves],
    options: ReportOptions = ReportOptions(),
    links: Sequence[Tuple[int, int]] = (),
) -> Report:
    """Everything but the files.

    A keypoint whose score is 0 in every prediction counts as one that the
    model does not predict, and enters no figure but the AP.

    Args:
        ground_truth (GroundTruth): Labelled people.
        detections (Detections): Predicted people.
        sigmas (sequence): (K, ).
        names (sequence): (K, ), of the keypoints.
        subsets (dict): Keypoint ids by name of the subset.
        curves (dict): From :func:`subset_curves` for these.
        options (ReportOptions): Settings.
        links (sequence): Pairs of keypoint ids to draw a line between.
    """
    names = list(names)
    sigmas = np.asarray(sigmas, dtype=np.float64)
    predicted = (detections.keypoints[..., 2] > 0).any(axis=0)  # K
    keypoints = ground_truth.keypoints.copy()
    keypoints[:, ~predicted] = 0
    comparable = GroundTruth(
        **{**ground_truth.__dict__, 'keypoints': keypoints}
    )
    rows, found = match_people(comparable, detections, sigmas, options.min_oks)
    gt, dt = keypoints[rows], detections.keypoints[found]
    areas = ground_truth.areas[rows]
    # At least a pixel: a box without extent is no reason to stop.
    scales = np.maximum(ground_truth.boxes[rows, 2:].max(axis=1, initial=0), 1)

    def measured(groups):
        return keypoint_report(
            gt,
            dt,
            areas,
            sigmas,
            options.pck_fraction,
            options.num_bootstrap,
            scales=scales,
            groups=groups,
        )

    pair_oks = subset_oks(
        dt[..., :2],
        gt,
        areas,
        ground_truth.boxes[rows],
        sigmas,
        [np.arange(len(names))],
    )[:, 0]
    cases = _cases(comparable, detections, sigmas, rows, found, pair_oks)
    cases = cases[: options.num_worst]
    content = dict(
        format=FORMAT,
        ground_truth=ground_truth.source,
        settings=asdict(options),
        units=UNITS,
        people=dict(
            labelled=ground_truth.num_labelled_people(range(len(names))),
            predicted=len(detections),
            found=len(rows),
        ),
        not_predicted=[n for n, p in zip(names, predicted) if not p],
        subsets=_subset_rows(
            ground_truth, subsets, curves, measured(list(subsets.values()))
        ),
        keypoints=_keypoint_rows(names, predicted, measured(None)),
        spine=_chain_rows(gt, dt, names, predicted, options),
        left_right=_side_rows(gt, dt, names, predicted),
        worst=[_case_row(case, ground_truth) for case in cases],
    )
    return Report(
        content, cases, curves, ground_truth, detections, tuple(links)
    )


def triple(values: Sequence[float]) -> Dict[str, Optional[float]]:
    """Value and 95 % interval; None in place of NaN, which JSON lacks."""
    return dict(zip(('value', 'low', 'high'), map(number, values)))


def number(value: float) -> Optional[float]:
    return None if np.isnan(value) else float(value)


def _cases(
    gts: GroundTruth, dts: Detections, sigmas, rows, found, pair_oks
) -> List[Case]:
    """All labelled people, the worst first. One who was not found comes with
    the most similar prediction of the image that nobody else has."""
    cases = [
        Case(int(g), int(d), float(o), True)
        for g, d, o in zip(rows, found, pair_oks)
    ]
    usable = (gts.keypoints[..., 2] > 0).any(axis=1) & ~gts.crowd
    free = np.ones(len(dts), dtype=bool)
    free[found] = False
    for person in np.setdiff1d(np.flatnonzero(usable), rows):
        left = np.flatnonzero(
            free & (dts.image_index == gts.image_index[person])
        )
        if not left.size:
            cases.append(Case(int(person), None, 0.0, False))
            continue
        oks = oks_matrix(
            dts.keypoints[left],
            gts.keypoints[person : person + 1],
            gts.areas[person : person + 1],
            sigmas,
        )[:, 0]
        best = int(oks.argmax())
        cases.append(
            Case(int(person), int(left[best]), float(oks[best]), False)
        )
    return sorted(cases, key=lambda case: (case.oks, case.person))


def _case_row(case: Case, gts: GroundTruth) -> Dict[str, Any]:
    return dict(
        image_id=gts.image_ids[gts.image_index[case.person]],
        box=gts.boxes[case.person].tolist(),
        oks=case.oks,
        found=case.found,
        predicted=case.prediction is not None,
    )


def _subset_rows(gts, subsets, curves, figures) -> Dict[str, dict]:
    stats = summarize_curves(curves)
    return {
        name: dict(
            people=gts.num_labelled_people(ids),
            **{
                key: None if value == -1 else value
                for key, value in stats[name].items()
            },
            compared=int(figures['count'][i]),
            **{key: triple(figures[key][i]) for key in ('oks', 'pck', 'error')},
            curve=_curve(*curves[name]),
        )
        for i, (name, ids) in enumerate(subsets.items())
    }


def _curve(precision: np.ndarray, recall: np.ndarray) -> Dict[str, list]:
    """Precision over recall by threshold, people of any size; empty where
    nobody is labelled."""
    known = precision[:, 0, 0, 0] > -1
    if not known.any():
        return {}
    mean = precision[known, 0].mean(axis=0)  # T, R
    return dict(
        recall=RECALLS.tolist(),
        precision={
            f'{threshold:.2f}': row.round(6).tolist()
            for threshold, row in zip(COCO_OKS_THRESHOLDS, mean)
        },
    )


def _keypoint_rows(names, predicted, figures) -> List[dict]:
    return [
        dict(
            id=i,
            name=name,
            predicted=bool(predicted[i]),
            compared=int(figures['count'][i]),
            **{key: triple(figures[key][i]) for key in ('oks', 'pck', 'error')},
        )
        for i, name in enumerate(names)
    ]


def _chain_rows(gt, dt, names, predicted, options) -> Dict[str, Any]:
    """Figures of the spine; empty for a dataset without one, and for a model
    that does not predict two neighbouring segments."""
    chain = [
        names.index(n)
        for n in SPINE_CHAIN
        if n in names and predicted[names.index(n)]
    ]
    points = [names[i] for i in chain]
    expected = [n for n in SPINE_CHAIN if n in names]
    if len(chain) < 3 or points != expected:
        return {}
    errors = chain_errors(gt, dt, chain)
    columns = {}
    for key, values in errors.items():
        valid = ~np.isnan(values)
        sums = np.where(valid, values, 0)
        # The last column is the mean over the whole chain.
        columns[key] = mean_with_confidence(
            np.column_stack([sums, sums.sum(axis=1)]),
            np.column_stack([valid, valid.sum(axis=1)]).astype(float),
            options.num_bootstrap,
        )
    counts = {
        key: (~np.isnan(values)).sum(axis=0) for key, values in errors.items()
    }
    return dict(
        points=points,
        **{key: triple(rows[-1]) for key, rows in columns.items()},
        segments=[
            dict(
                upper=points[i],
                lower=points[i + 1],
                compared=int(counts['angle'][i]),
                angle=triple(columns['angle'][i]),
            )
            for i in range(len(points) - 1)
        ],
        joints=[
            dict(
                at=points[i + 1],
                compared=int(counts['curvature'][i]),
                **{
                    key: triple(columns[key][i])
                    for key in ('curvature', 'bend_labelled', 'bend_predicted')
                },
            )
            for i in range(len(points) - 2)
        ],
    )


def _side_rows(gt, dt, names, predicted) -> Dict[str, Any]:
    pairs = []
    for i, name in enumerate(names):
        other = name.replace('left', 'right', 1)
        if 'left' in name and other in names:
            pairs.append((i, names.index(other)))
    pairs = [p for p in pairs if predicted[list(p)].all()]
    if not pairs:
        return dict(share=None, pairs=[])
    left, right = np.array(pairs).T
    counts = ((gt[:, left, 2] > 0) & (gt[:, right, 2] > 0)).sum(axis=0)
    shares = side_confusion(gt, dt, pairs)
    total = counts.sum()
    return dict(
        share=float(np.nansum(shares * counts) / total) if total else None,
        pairs=[
            dict(
                left=names[a],
                right=names[b],
                people=int(n),
                exchanged=number(share),
            )
            for (a, b), n, share in zip(pairs, counts, shares)
        ],
    )
