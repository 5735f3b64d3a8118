"""What lies beneath the AP of one evaluation.

numpy only; :mod:`.report_files` writes it.
Letters: N pairs of a labelled and a predicted person, K keypoints.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from spinepose_mmpose.metainfo import SPINE_CHAIN

import numpy as np

from .coco import (
    OKS_THRESHOLDS,
    RECALLS,
    Curves,
    oks_matrix,
    subset_oks,
    summarize_curves,
)
from .keypoint_errors import (
    chain_errors,
    keypoint_report,
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
    """

    min_oks: float = 0.1
    pck_fraction: float = 0.05
    num_bootstrap: int = 1000
    num_worst: int = 20
    draw: bool = True

    @classmethod
    def of(cls, options: Optional[dict]) -> 'ReportOptions':
        """From the dictionary of a config.

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
    """``content`` is ready for JSON; the rest is for the contact sheet.

    ``cases`` are the worst first; ``links`` are pairs of keypoint ids.
    """

    content: Dict[str, Any]
    cases: List[Case]
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
    model does not predict, and enters no value but the AP.

    Args:
        ground_truth (GroundTruth): Labelled people.
        detections (Detections): Predicted people.
        sigmas (sequence): (K, ).
        names (sequence): (K, ), of the keypoints.
        subsets (dict): Keypoint ids by name of the subset.
        curves (dict): From :func:`subset_curves` for these.
        options (ReportOptions): Settings.
        links (sequence): Pairs of keypoint ids to draw a line between.

    Returns:
        Report: Its ``content`` holds one entry per table.
    """
    names, sigmas = list(names), np.asarray(sigmas, dtype=np.float64)
    predicted = (detections.keypoints[..., 2] > 0).any(axis=0)  # K
    keypoints = ground_truth.keypoints * predicted[:, None]
    gts = replace(ground_truth, keypoints=keypoints)
    rows, found = match_people(gts, detections, sigmas, options.min_oks)
    gt, dt = keypoints[rows], detections.keypoints[found]
    # At least a pixel: a box without extent is no reason to stop.
    scales = np.maximum(gts.boxes[rows, 2:].max(axis=1, initial=0), 1)

    def errors_of(groups):
        errors = keypoint_report(
            gt,
            dt,
            gts.areas[rows],
            sigmas,
            options.pck_fraction,
            options.num_bootstrap,
            scales,
            groups,
        )
        return [
            dict(compared=int(n), **{k: _triple(errors[k][i]) for k in ERRORS})
            for i, n in enumerate(errors['count'])
        ]

    stats = summarize_curves(curves)
    subset_rows = {
        name: dict(
            people=int(ground_truth.labelled_people(ids).sum()),
            **{k: None if v == -1 else v for k, v in stats[name].items()},
            **errors,
            curve=_curve(*curves[name]),
        )
        for (name, ids), errors in zip(
            subsets.items(), errors_of(list(subsets.values()))
        )
    }
    keypoint_rows = [
        dict(id=i, name=name, predicted=bool(predicted[i]), **errors)
        for i, (name, errors) in enumerate(zip(names, errors_of(None)))
    ]
    cases = _cases(gts, detections, sigmas, rows, found)[: options.num_worst]
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
        subsets=subset_rows,
        keypoints=keypoint_rows,
        spine=_spine(gt, dt, names, predicted, options.num_bootstrap),
        left_right=_sides(gt, dt, names, predicted),
        worst=[
            dict(
                image_id=gts.image_ids[gts.image_index[case.person]],
                box=gts.boxes[case.person].tolist(),
                oks=case.oks,
                found=case.found,
                predicted=case.prediction is not None,
            )
            for case in cases
        ],
    )
    return Report(content, cases, gts, detections, tuple(links))


def _number(value: float) -> Optional[float]:
    """None in place of NaN, which JSON lacks."""
    return None if np.isnan(value) else float(value)


def _triple(values: Sequence[float]) -> Dict[str, Optional[float]]:
    """Value and 95 % interval."""
    return dict(zip(('value', 'low', 'high'), map(_number, values)))


def _cases(gts, dts, sigmas, rows, found) -> List[Case]:
    """All labelled people, the worst first. One who was not found comes with
    the most similar prediction of the image that nobody else has."""
    oks = subset_oks(
        dts.keypoints[found, :, :2],
        gts.keypoints[rows],
        gts.areas[rows],
        gts.boxes[rows],
        sigmas,
        [np.arange(len(sigmas))],
    )[:, 0]
    cases = [
        Case(int(g), int(d), float(o), True)
        for g, d, o in zip(rows, found, oks)
    ]
    free = np.ones(len(dts), dtype=bool)
    free[found] = False
    for person in np.setdiff1d(np.flatnonzero(gts.labelled_people()), rows):
        image = gts.image_index[person]
        left = np.flatnonzero(free & (dts.image_index == image))
        case = Case(int(person), None, 0.0, False)
        if left.size:
            oks = oks_matrix(
                dts.keypoints[left],
                gts.keypoints[[person]],
                gts.areas[[person]],
                sigmas,
            )[:, 0]
            best = int(left[oks.argmax()])
            case = replace(case, prediction=best, oks=float(oks.max()))
        cases.append(case)
    return sorted(cases, key=lambda case: (case.oks, case.person))


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
            for threshold, row in zip(OKS_THRESHOLDS, mean)
        },
    )


def _spine(gt, dt, names, predicted, num_bootstrap) -> Dict[str, Any]:
    """Errors of the spine; empty for a dataset without one, and for a model
    that does not predict all of its points."""
    points = [name for name in SPINE_CHAIN if name in names]
    chain = [names.index(name) for name in points]
    if len(chain) < 3 or not predicted[chain].all():
        return {}
    means, counts = {}, {}
    for key, values in chain_errors(gt, dt, chain).items():
        valid = ~np.isnan(values)
        sums = np.where(valid, values, 0)
        # The last column is the mean over the whole chain.
        means[key] = mean_with_confidence(
            np.column_stack([sums, sums.sum(axis=1)]),
            np.column_stack([valid, valid.sum(axis=1)]).astype(float),
            num_bootstrap,
        )
        counts[key] = valid.sum(axis=0)
    segments = [
        dict(
            upper=points[i],
            lower=points[i + 1],
            compared=int(counts['angle'][i]),
            angle=_triple(means['angle'][i]),
        )
        for i in range(len(points) - 1)
    ]
    joints = [
        dict(
            at=points[i + 1],
            compared=int(counts['curvature'][i]),
            **{key: _triple(means[key][i]) for key in CHAIN_ERRORS[1:]},
        )
        for i in range(len(points) - 2)
    ]
    return dict(
        points=points,
        **{key: _triple(rows[-1]) for key, rows in means.items()},
        segments=segments,
        joints=joints,
    )


def _sides(gt, dt, names, predicted) -> Dict[str, Any]:
    pairs = []
    for i, name in enumerate(names):
        other = name.replace('left', 'right', 1)
        if 'left' in name and other in names:
            pair = (i, names.index(other))
            pairs += [pair] if predicted[list(pair)].all() else []
    if not pairs:
        return dict(share=None, pairs=[])
    shares = side_confusion(gt, dt, pairs)
    counts = (gt[:, pairs, 2] > 0).all(axis=-1).sum(axis=0)
    total = counts.sum()
    return dict(
        share=float(np.nansum(shares * counts) / total) if total else None,
        pairs=[
            dict(
                left=names[a],
                right=names[b],
                people=int(n),
                exchanged=_number(share),
            )
            for (a, b), n, share in zip(pairs, counts, shares)
        ],
    )
