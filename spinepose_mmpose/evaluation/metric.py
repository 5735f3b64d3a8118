"""The metric of SpineTrack, for configs of MMPose."""

import logging
import os
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from spinepose_mmpose.metainfo import SUBSETS
from spinepose_mmpose.utils import read_json

import numpy as np
from mmengine.fileio import dump, get_local_path
from mmengine.logging import MessageHub, print_log
from mmpose.evaluation.functional import transform_sigmas
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

from .coco import subset_curves, summarize_curves, summary_table
from .people import (
    Detections,
    GroundTruth,
    detections_from_coco,
    ground_truth_from_coco,
)
from .report import ReportOptions, build_report, write_report


@METRICS.register_module()
class SpineTrackMetric(CocoMetric):
    """COCO keypoint AP and AR of body, feet, spine and all keypoints.

    The parent prepares the people. What differs: each subset is scored by its
    own keypoints and sigmas (see :func:`subset_curves` for the protocol), in
    one pass and without files; neither ``dataset_meta`` nor the annotations
    are modified; input that does not fit together is refused.

    Args:
        ann_file (str, optional): COCO annotation file. Default: the file of
            the dataset with the same ``dataset_name``, else the
            ``raw_ann_info`` of the samples. Two datasets with one name, or a
            combined dataset, need ``ann_file``.
        gt_converter (dict, optional): As the parent's.
        subsets (dict, optional): Keypoint ids or names by subset name.
            Default: body, feet, spine and all of SpineTrack.
        report_dir (str, optional): Write what lies beneath the AP there, as
            JSON, CSV, Markdown and figures, and add the main values to the
            result. Default: None, no report.
        report (dict, optional): Settings of the report, see
            :class:`ReportOptions`.
        **others: Of :class:`CocoMetric`; ``iou_type`` is ``'keypoints'``.
            Files of ``outfile_prefix`` hold no boxes, for a reader would take
            the size of a person from them.

    Raises:
        ValueError: An option is none of its choices, or the annotation file
            is no COCO keypoint file.
        FileNotFoundError: There is no such annotation file.
    """

    default_prefix: Optional[str] = 'spinetrack'

    def __init__(
        self,
        ann_file: Optional[str] = None,
        gt_converter: Optional[dict] = None,
        subsets: Optional[Dict[str, Sequence[Union[int, str]]]] = None,
        report_dir: Optional[str] = None,
        report: Optional[dict] = None,
        **others,
    ):
        super().__init__(**others)
        if self.iou_type != 'keypoints':
            raise ValueError(
                f"iou_type should be 'keypoints', but is '{self.iou_type}'."
            )
        self.ann_file = ann_file
        # Under another name, for the parent would convert an object of COCO.
        self.label_converter = gt_converter
        self.subsets = SUBSETS if subsets is None else subsets
        self.report_dir = report_dir
        self.report_options = ReportOptions.of(report)
        if report_dir is not None:
            # An error now, not after hours of inference.
            os.makedirs(report_dir, exist_ok=True)
        # Where it is None, the parent collects annotations from the samples.
        self.coco: Union[GroundTruth, bool, None] = self.format_only or None

    @property
    def dataset_meta(self) -> Optional[dict]:
        """Meta information after ``gt_converter``."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        sigmas = np.array(dataset_meta['sigmas'])
        count = _converted_count(self.label_converter, len(sigmas))
        moved = {i: i for i in range(count)}
        if self.label_converter is not None:
            moved = dict(self.label_converter['mapping'])
            sigmas = transform_sigmas(sigmas, count, list(moved.items()))
        meta = dict(dataset_meta, sigmas=sigmas, num_keypoints=count)
        self._dataset_meta = meta
        self._names = [f'keypoint_{i}' for i in range(count)]
        for name, i in meta.get('keypoint_name2id', {}).items():
            if i in moved:
                self._names[moved[i]] = name
        links = meta.get('skeleton_links', ())
        links = [link for link in links if set(link) <= set(moved)]
        self._links = [(moved[a], moved[b]) for a, b in links]
        self._subset_ids = _subset_ids(self.subsets, self._names)
        if self.coco is None:
            ann_file, remark, name = self.ann_file, '', meta.get('dataset_name')
            if ann_file is None:
                hub = MessageHub.get_current_instance()
                ann_file = hub.get_info(f'{name}_ann_file', None)
                remark = f" (the file of the dataset named '{name}'; set "
                remark += 'ann_file if several have that name)'
            if ann_file is not None:
                with get_local_path(ann_file) as path:
                    dataset = read_json(path, ann_file)
                self.coco = self._parse(dataset, f"'{ann_file}'{remark}")

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """As the parent's.

        Raises:
            ValueError: The model predicts another number of keypoints.
        """
        super().process(data_batch, data_samples)
        expected = self.dataset_meta['num_keypoints']
        added = self.results[-len(data_samples) :]
        for sample, (prediction, _) in zip(data_samples, added):
            count = _converted_count(
                self.pred_converter, prediction['keypoints'].shape[1]
            )
            if count != expected:
                raise ValueError(
                    f'The model predicts {count} keypoints, but {expected} are '
                    'to be scored: give a pred_converter, or the dataset of '
                    'the model.'
                )
            prediction['img_path'] = sample.get('img_path')

    def compute_metrics(self, results: List[tuple]) -> Dict[str, float]:
        """``{subset}_{stat}`` of what :meth:`process` kept; nothing if
        ``format_only``.

        Raises:
            ValueError: Predictions and ground truth do not belong together.
        """
        if not results:
            raise ValueError('No sample was processed: nothing can be scored.')
        predictions, annotations = zip(*results)
        self._paths = {p['img_id']: p['img_path'] for p in predictions}
        ids = [
            (p['img_id'], p['id']) for p in predictions if np.isscalar(p['id'])
        ]
        if len(set(ids)) < len(ids):
            self._say(
                f'{len(ids) - len(set(ids))} predictions carry the image and '
                'sample id of another; the first of each is scored.',
                logging.WARNING,
            )
        if self.coco is None:
            source = "the samples' raw_ann_info"
            self.coco = self._parse(_merge(annotations), source)
        return super().compute_metrics(results)

    def results2json(self, keypoints: Dict[Any, list], **_) -> None:
        """Keep the people that are left; a file only if it is asked for."""
        self._people = [
            dict(
                image_id=person['img_id'],
                category_id=int(np.ravel(person['category_id'])[0]),
                keypoints=person['keypoints'].ravel(),
                score=float(person['score']),
            )
            for people in keypoints.values()
            for person in people
        ]
        if self.outfile_prefix is not None:
            path = f'{self.outfile_prefix}.keypoints.json'
            dump(self._people, path)
            self._say(f"wrote {len(self._people)} predictions to '{path}'.")

    def _do_python_keypoint_eval(self, _) -> Dict[str, float]:
        gts, sigmas = self.coco, self.dataset_meta['sigmas']
        dts = detections_from_coco(self._people, gts, 'the predictions')
        curves = subset_curves(gts, dts, self._subset_ids, sigmas)
        stats = summarize_curves(curves)
        self._log(stats, gts, dts)
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
                self._names,
                self._subset_ids,
                curves,
                self.report_options,
                self._links,
            )
            files = write_report(self.report_dir, report, self._paths)
            self._say(f"wrote {', '.join(files)} to '{self.report_dir}'.")
            metrics.update(report.values())
        return metrics

    def _parse(self, dataset: dict, source: str) -> GroundTruth:
        gts = ground_truth_from_coco(dataset, source, self.use_area)
        count = _converted_count(self.label_converter, gts.num_keypoints)
        expected = self.dataset_meta['num_keypoints']
        if count != expected:
            raise ValueError(
                f'{source} has {count} keypoints per person, but {expected} '
                'are to be scored: it is the annotation of another dataset, '
                'or needs a gt_converter.'
            )
        if self.label_converter is None:
            return gts
        keypoints = np.zeros((len(gts), count, 3))
        for of, to in self.label_converter['mapping']:
            keypoints[:, to] = gts.keypoints[:, of]
        return replace(gts, keypoints=keypoints)

    def _log(self, stats: dict, gts: GroundTruth, dts: Detections) -> None:
        """The table, and why scores are -1 or 0 for a reason other than
        wrong positions."""
        reasons = []
        for subset, ids in self._subset_ids.items():
            if not gts.labelled_people(ids).any():
                reasons.append(
                    f'nobody in {gts.source} has a labelled keypoint of '
                    f"subset '{subset}', so its scores are -1."
                )
            elif not (dts.keypoints[:, ids, 2] > 0).any():
                reasons.append(
                    'no prediction has a keypoint score above 0 in subset '
                    f"'{subset}', so its scores are 0."
                )
        if not len(dts):
            reasons = [
                'nothing was predicted, so every score is 0 (-1 where nobody '
                'is labelled).'
            ]
        for reason in reasons:
            self._say(reason, logging.WARNING)
        images = np.unique(gts.image_index[~gts.crowd])
        covered = np.isin(images, dts.image_index).sum()
        self._say(
            f'{len(dts)} predictions against {gts.source}, in {covered} of '
            f'its {len(images)} images with people\n'
            f'{summary_table(stats, gts, self._subset_ids)}'
        )

    def _say(self, message: str, level: int = logging.INFO) -> None:
        print_log(f'{type(self).__name__}: {message}', 'current', level)


def _converted_count(converter: Optional[dict], count: int) -> int:
    """How many keypoints a converter makes of ``count``.

    Raises:
        ValueError: It is incomplete, or has ids that do not exist.
    """
    if converter is None:
        return count
    missing = {'num_keypoints', 'mapping'} - set(converter)
    if missing:
        raise ValueError(f'A converter lacks {sorted(missing)}.')
    targets = converter['num_keypoints']
    for pair in converter['mapping']:
        if not all(i in range(n) for i, n in zip(pair, (count, targets))):
            raise ValueError(
                f'The mapping {tuple(pair)} does not fit {count} source '
                f'keypoints and {targets} target keypoints.'
            )
    return targets


def _merge(annotations: Sequence[dict]) -> dict:
    """COCO annotations of what the samples carried; a repeated person counts
    once.

    Raises:
        ValueError: One annotation id stands for two people.
    """
    people = {}
    for sample in annotations:
        for person in filter(None, sample['raw_ann_info']):
            if people.setdefault(person['id'], person) != person:
                raise ValueError(
                    f'Annotation id {person["id"]} stands for two people: '
                    'combined datasets need ids that do not clash.'
                )
    images = [dict(id=sample['img_id']) for sample in annotations]
    return dict(images=images, annotations=list(people.values()))


def _subset_ids(subsets: dict, names: List[str]) -> Dict[str, Tuple[int, ...]]:
    """Keypoint ids of the subsets in a dataset with these keypoints."""
    ids = {i: i for i in range(len(names))}
    ids.update((name, i) for i, name in enumerate(names))
    for subset, members in subsets.items():
        known = {ids[m] for m in members if m in ids}
        if not 0 < len(known) == len(members):
            raise ValueError(
                f"Subset '{subset}' asks for keypoints {list(members)}, but "
                f'the dataset has {len(names)}, {", ".join(names)}: give '
                'subsets that fit it, each keypoint once.'
            )
    return {
        subset: tuple(ids[m] for m in members)
        for subset, members in subsets.items()
    }
