"""The metric of SpineTrack, for configs of MMPose."""

import logging
import os
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from spinepose_mmpose.metainfo import SUBSETS

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.fileio import dump, get_local_path
from mmengine.logging import MessageHub, print_log
from mmpose.registry import METRICS

from .coco import subset_curves, summarize_curves, summary_table
from .people import (
    GroundTruth,
    ground_truth_from_coco,
    make_detections,
    map_keypoints,
    map_sigmas,
    read_json,
)
from .predictions import (
    NMS_MODES,
    SCORE_MODES,
    PredictedPeople,
    gather_people,
    ground_truth_of_samples,
    person_scores,
    sample_annotations,
    sample_predictions,
    suppress_people,
)
from .report import ReportOptions, build_report, write_report


@METRICS.register_module()
class SpineTrackMetric(BaseMetric):
    """COCO keypoint AP and AR of body, feet, spine and all keypoints.

    The arguments are those of MMPose's ``CocoMetric`` and mean the same. The
    differences: each subset is scored by its own keypoints and sigmas (see
    :func:`subset_curves` for the protocol), in one pass and without files;
    neither ``dataset_meta`` nor the samples are modified; input that does not
    fit together is refused.

    Args:
        ann_file (str, optional): COCO annotation file. Default: the file of
            the dataset with the same ``dataset_name``, else the
            ``raw_ann_info`` of the samples. Two datasets with one name, or a
            combined dataset, need ``ann_file``.
        use_area (bool): Take ``area`` of the annotations. Otherwise 0.53 of
            the box area. Default: True.
        iou_type (str): ``'keypoints'``, the only one.
        score_mode, keypoint_score_thr: How the score of a person is formed,
            see :func:`person_scores`.
        nms_mode, nms_thr: See :func:`suppress_people`.
        format_only (bool): Write the predictions and score nothing; needs
            ``outfile_prefix``. Default: False.
        pred_converter (dict, optional): ``num_keypoints`` and ``mapping`` that
            turn predictions into the keypoints that are scored.
        gt_converter (dict, optional): The same for the ground truth.
        outfile_prefix (str, optional): Write the scored predictions to
            ``{outfile_prefix}.keypoints.json`` in COCO's result format.
        collect_device, prefix: Of :class:`BaseMetric`.
        subsets (dict, optional): Keypoint ids or names by subset name.
            Default: body, feet, spine and all of SpineTrack.
        report_dir (str, optional): Write what lies beneath the AP there, as
            JSON, CSV, Markdown and figures, and add the main values to the
            result. Default: None, no report.
        report (dict, optional): Settings of the report, see
            :class:`ReportOptions`.

    Raises:
        ValueError: An option is none of its choices, or the annotation file
            is no COCO keypoint file.
        FileNotFoundError: There is no such annotation file.
    """

    default_prefix: Optional[str] = 'spinetrack'

    def __init__(
        self,
        ann_file: Optional[str] = None,
        use_area: bool = True,
        iou_type: str = 'keypoints',
        score_mode: str = 'bbox_keypoint',
        keypoint_score_thr: float = 0.2,
        nms_mode: str = 'oks_nms',
        nms_thr: float = 0.9,
        format_only: bool = False,
        pred_converter: Optional[dict] = None,
        gt_converter: Optional[dict] = None,
        outfile_prefix: Optional[str] = None,
        collect_device: str = 'cpu',
        prefix: Optional[str] = None,
        subsets: Optional[Dict[str, Sequence[Union[int, str]]]] = None,
        report_dir: Optional[str] = None,
        report: Optional[dict] = None,
    ):
        super().__init__(collect_device=collect_device, prefix=prefix)
        for name, value, choices in (
            ('iou_type', iou_type, ('keypoints',)),
            ('score_mode', score_mode, SCORE_MODES),
            ('nms_mode', nms_mode, NMS_MODES),
        ):
            if value not in choices:
                raise ValueError(
                    f"{name} should be one of {choices}, but is '{value}'."
                )
        if format_only and outfile_prefix is None:
            raise ValueError(
                'format_only=True needs an outfile_prefix, the place to write '
                'the predictions to.'
            )
        self.ann_file = ann_file
        self.use_area = use_area
        self.score_mode = score_mode
        self.keypoint_score_thr = keypoint_score_thr
        self.nms_mode = nms_mode
        self.nms_thr = nms_thr
        self.format_only = format_only
        self.pred_converter = _converter(pred_converter)
        self.gt_converter = _converter(gt_converter)
        self.outfile_prefix = outfile_prefix
        self.subsets = SUBSETS if subsets is None else subsets
        self.report_dir = report_dir
        self.report_options = ReportOptions.of(report)
        if report_dir is not None:
            # Now, not after hours of inference.
            if os.path.exists(report_dir) and not os.path.isdir(report_dir):
                raise NotADirectoryError(
                    f"report_dir='{report_dir}' is a file, expected a folder."
                )
            os.makedirs(report_dir, exist_ok=True)
        self.ground_truth: Optional[GroundTruth] = None
        if ann_file is not None and not format_only:
            self.ground_truth = self._load_ground_truth(ann_file)

    @property
    def dataset_meta(self) -> Optional[dict]:
        """Meta information after ``gt_converter``."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        missing = {'sigmas', 'num_keypoints'} - set(dataset_meta)
        if missing:
            raise ValueError(
                f'The dataset meta information lacks {sorted(missing)}: it '
                'should be that of a keypoint dataset.'
            )
        meta = dict(dataset_meta)
        if self.gt_converter is not None:
            meta['num_keypoints'] = self.gt_converter['num_keypoints']
            meta['sigmas'] = map_sigmas(meta['sigmas'], **self.gt_converter)
        self._dataset_meta = meta
        self._subset_ids = _subset_ids(self.subsets, meta)

        if self.ground_truth is None and not self.format_only:
            name = meta.get('dataset_name')
            hub = MessageHub.get_current_instance()
            ann_file = hub.get_info(f'{name}_ann_file', None)
            remark = f" (the file of the dataset named '{name}'; set ann_file "
            remark += 'if several have that name)'
            if ann_file is not None:
                self.ground_truth = self._load_ground_truth(ann_file, remark)
        if self.ground_truth is not None:
            self._check_num_keypoints(self.ground_truth)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep of each sample what evaluation needs, see
        :func:`sample_predictions`, as small arrays.

        Raises:
            ValueError: A sample lacks that or has another K.
        """
        if self.dataset_meta is None:
            raise ValueError(
                f'{type(self).__name__} needs the meta information of the '
                'dataset: set dataset_meta.'
            )
        expected = self.dataset_meta['num_keypoints']
        for sample in data_samples:
            result = sample_predictions(sample, self.pred_converter)
            num_keypoints = result['keypoints'].shape[1]
            if num_keypoints != expected:
                raise ValueError(
                    f'The model predicts {num_keypoints} keypoints, but '
                    f'{expected} are to be scored: give a pred_converter, or '
                    'the dataset of the model.'
                )
            if self.ground_truth is None and not self.format_only:
                result['gt'] = sample_annotations(sample)
            if self.report_dir is not None:
                result['img_path'] = sample.get('img_path')
            self.results.append(result)

    def compute_metrics(self, results: List[dict]) -> Dict[str, float]:
        """``{subset}_{stat}`` of what :meth:`process` kept; nothing if
        ``format_only``.

        Raises:
            ValueError: Predictions and ground truth do not belong together.
        """
        meta = self.dataset_meta
        people, remarks = gather_people(results, meta['num_keypoints'])
        sigmas = np.asarray(meta['sigmas'], dtype=np.float64)
        scores = person_scores(
            people.keypoints[..., 2],
            people.box_scores,
            self.score_mode,
            self.keypoint_score_thr,
        )
        rows = suppress_people(
            people, scores, sigmas, self.nms_mode, self.nms_thr
        )
        people, scores = people.take(rows), scores[rows]
        if self.outfile_prefix is not None:
            self._write(people, scores)
        if self.format_only:
            return {}

        gts = self.ground_truth
        if gts is None:
            annotations = [result['gt'] for result in results]
            gts = ground_truth_of_samples(annotations, self.use_area)
            gts = self._converted(gts)
            self._check_num_keypoints(gts)
        dts = make_detections(
            people.image_ids, people.keypoints, scores, people.category_ids, gts
        )
        curves = subset_curves(gts, dts, self._subset_ids, sigmas)
        stats = summarize_curves(curves)
        self._log(stats, gts, people, remarks)
        metrics = {
            f'{subset}_{name}': value
            for subset, values in stats.items()
            for name, value in values.items()
        }
        if self.report_dir is not None:
            report = build_report(
                gts,
                dts,
                sigmas,
                subsets=self._subset_ids,
                curves=curves,
                options=self.report_options,
                **self._names_and_links(),
            )
            paths = {r['img_id']: r['img_path'] for r in results}
            files = write_report(self.report_dir, report, paths)
            self._say(f"wrote {', '.join(files)} to '{self.report_dir}'.")
            metrics.update(report.values())
        return metrics

    def _load_ground_truth(self, ann_file: str, remark='') -> GroundTruth:
        with get_local_path(ann_file) as path:
            dataset = read_json(path, ann_file)
        source = f"'{ann_file}'{remark}"
        return self._converted(
            ground_truth_from_coco(dataset, source, self.use_area)
        )

    def _converted(self, gts: GroundTruth) -> GroundTruth:
        if self.gt_converter is None:
            return gts
        keypoints = map_keypoints(gts.keypoints, **self.gt_converter)
        return replace(gts, keypoints=keypoints)

    def _check_num_keypoints(self, gts: GroundTruth) -> None:
        expected = self.dataset_meta['num_keypoints']
        if gts.num_keypoints != expected:
            raise ValueError(
                f'{gts.source} has {gts.num_keypoints} keypoints per person, '
                f'but {expected} are to be scored: it is the annotation of '
                'another dataset, or needs a gt_converter.'
            )

    def _log(
        self, stats: dict, gts: GroundTruth, people: PredictedPeople, remarks
    ) -> None:
        """The table, and why scores are -1 or 0 for a reason other than
        wrong positions."""
        reasons = []
        for subset, ids in self._subset_ids.items():
            if not gts.labelled_people(ids).any():
                reasons.append(
                    f'nobody in {gts.source} has a labelled keypoint of '
                    f"subset '{subset}', so its scores are -1."
                )
            elif not (people.keypoints[:, ids, 2] > 0).any():
                reasons.append(
                    'no prediction has a keypoint score above 0 in subset '
                    f"'{subset}', so its scores are 0."
                )
        if not len(people):
            reasons = [
                'nothing was predicted, so every score is 0 (-1 where nobody '
                'is labelled).'
            ]
        for remark in [*remarks, *reasons]:
            self._say(remark, logging.WARNING)
        images = np.unique(gts.image_index[~gts.crowd])
        predicted = set(people.image_ids)
        covered = sum(gts.image_ids[i] in predicted for i in images)
        self._say(
            f'{len(people)} predictions against {gts.source}, in {covered} of '
            f'its {len(images)} images with people\n'
            f'{summary_table(stats, gts, self._subset_ids)}'
        )

    def _say(self, message: str, level: int = logging.INFO) -> None:
        print_log(f'{type(self).__name__}: {message}', 'current', level)

    def _names_and_links(self) -> Dict[str, list]:
        """Names and skeleton of the keypoints after ``gt_converter``."""
        meta, count = self.dataset_meta, self.dataset_meta['num_keypoints']
        moved = {i: i for i in range(count)}
        if self.gt_converter is not None:
            mapping = self.gt_converter['mapping']
            moved = {a: to for a, to in mapping if isinstance(a, int)}
        names = [f'keypoint_{i}' for i in range(count)]
        for i, name in meta.get('keypoint_id2name', {}).items():
            if i in moved:
                names[moved[i]] = name
        links = meta.get('skeleton_links', ())
        links = [link for link in links if set(link) <= set(moved)]
        return dict(names=names, links=[(moved[a], moved[b]) for a, b in links])

    def _write(self, people: PredictedPeople, scores: np.ndarray) -> None:
        """COCO result file; without boxes, as published, for a reader would
        take the size of a person from them."""
        path = f'{self.outfile_prefix}.keypoints.json'
        columns = dict(
            image_id=people.image_ids,
            category_id=people.category_ids.tolist(),
            keypoints=people.keypoints.reshape(len(people), -1).tolist(),
            score=scores.tolist(),
        )
        dump([dict(zip(columns, row)) for row in zip(*columns.values())], path)
        self._say(f"wrote {len(people)} predictions to '{path}'.")


def _converter(config: Optional[dict]) -> Optional[dict]:
    """Arguments of :func:`map_keypoints`; a ``type`` is of no use here."""
    if config is None:
        return None
    missing = {'num_keypoints', 'mapping'} - set(config)
    if missing:
        raise ValueError(f'A converter lacks {sorted(missing)}.')
    return {key: config[key] for key in ('num_keypoints', 'mapping')}


def _subset_ids(subsets: dict, meta: dict) -> Dict[str, Tuple[int, ...]]:
    """Keypoint ids of the subsets in a dataset."""
    count = meta['num_keypoints']
    ids = {i: i for i in range(count)} | meta.get('keypoint_name2id', {})
    for subset, members in subsets.items():
        unknown = [m for m in members if m not in ids]
        if unknown:
            names = ', '.join(meta.get('keypoint_name2id', ()))
            raise ValueError(
                f"Subset '{subset}' asks for keypoints {unknown}, but the "
                f'dataset has {count}, {names or "without names"}: give '
                'subsets that fit it.'
            )
    return {
        subset: tuple(ids[m] for m in members)
        for subset, members in subsets.items()
    }
