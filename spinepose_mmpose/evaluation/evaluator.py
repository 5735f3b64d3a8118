"""Several test sets in one run, for configs of MMPose."""

import copy
import logging
from collections import Counter
from typing import Dict, List, Optional, Sequence, Union

from mmengine.dist import get_world_size
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.evaluation.evaluators import MultiDatasetEvaluator
from mmpose.registry import DATASETS, EVALUATORS

KeypointSource = Union[str, dict, Sequence[str]]


@EVALUATORS.register_module()
class NamedKeypointsEvaluator(MultiDatasetEvaluator):
    """Several test sets in one run, for a model of any named keypoints.

    With ``predicts``, each metric gets the ``pred_converter`` that moves the
    model's keypoints to those of its dataset by name. Keypoints that the
    model lacks lie at (0, 0) with score 0, as in the published results table:
    a subset of which none is predicted scores 0.

    Two datasets or two metrics with one name are refused, and so is a dataset
    that took no part in the test; the parent drops the first of two datasets
    silently.

    Args:
        metrics (list[dict]): One for each dataset.
        datasets (list[dict]): Configs of the datasets, of which ``type`` and
            ``metainfo`` are read.
        predicts (str | dict | list[str], optional): The model's keypoints: a
            dataset class such as ``'CocoDataset'``, a metainfo file such as
            ``'configs/_base_/datasets/coco.py'``, metainfo, or the names in
            order. Default: those that the metrics' own converters expect.

    Raises:
        ValueError: Names collide, or no keypoint can be mapped.
    """

    def __init__(
        self,
        metrics: Sequence[dict],
        datasets: Sequence[dict],
        predicts: Optional[KeypointSource] = None,
    ):
        if len(metrics) != len(datasets):
            raise ValueError(
                f'{len(metrics)} metrics do not fit {len(datasets)} datasets: '
                'give one for each.'
            )
        metainfos = [_metainfo(dataset) for dataset in datasets]
        names = [metainfo['dataset_name'] for metainfo in metainfos]
        _require_unique(
            names,
            'two datasets are called',
            'the samples of one could not be told from those of the other',
        )
        self.num_predicted = None
        if predicts is not None:
            source = keypoint_names(predicts)
            self.num_predicted = len(source)
            metrics = [
                _with_converter(metric, metainfo, source)
                for metric, metainfo in zip(metrics, metainfos)
            ]
        # Not the parent's, which reads the metainfo of the class alone.
        Evaluator.__init__(self, metrics)
        for metric, metainfo in zip(self.metrics, metainfos):
            # A copy each: CocoMetric edits it where it has a gt_converter.
            metric.dataset_meta = copy.deepcopy(metainfo)
        self.metrics_dict = dict(zip(names, self.metrics))
        _require_unique(
            [metric.prefix for metric in self.metrics],
            'two metrics are called',
            "their results would have the same names; set 'prefix'",
        )

    @property
    def dataset_meta(self) -> Optional[dict]:
        """Meta information of the combined dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        count = dataset_meta['num_keypoints']
        if self.num_predicted not in (None, count):
            raise ValueError(
                f'the model predicts {self.num_predicted} keypoints, but the '
                f'dataset of the test_dataloader has {count}, so that '
                'flipping would exchange the wrong ones: wrap it in a '
                'CombinedDataset with the metainfo of the model.'
            )
        self._dataset_meta = dataset_meta

    def evaluate(self, size: int) -> Dict[str, float]:
        """As the parent's.

        Raises:
            ValueError: A dataset had no sample.
        """
        for name, metric in self.metrics_dict.items():
            if not metric.results and get_world_size() == 1:
                raise ValueError(
                    f"no sample of dataset '{name}' was tested, so "
                    f'{type(metric).__name__} has nothing to score: add it to '
                    "the test_dataloader, or remove it from the evaluator's "
                    "'metrics' and 'datasets'."
                )
        return super().evaluate(size)


def keypoint_names(source: KeypointSource) -> List[str]:
    """Keypoint names in order, of anything that ``predicts`` may be.

    Raises:
        ValueError: There is no such dataset class.
        FileNotFoundError: There is no such file.
    """
    if isinstance(source, (list, tuple)):
        return list(source)
    if isinstance(source, str) and source.endswith('.py'):
        source = dict(from_file=source)
    elif isinstance(source, str):
        DATASETS.import_from_location()
        known = {
            name: cls.METAINFO
            for name, cls in sorted(DATASETS.module_dict.items())
            if getattr(cls, 'METAINFO', None)
        }
        if source not in known:
            raise ValueError(
                f"predicts='{source}' is neither a metainfo file (.py) nor a "
                f'dataset class, which are {", ".join(known)}.'
            )
        source = known[source]
    return _names(parse_pose_metainfo(copy.deepcopy(dict(source))))


def _metainfo(dataset: dict) -> dict:
    """Metainfo in the config of a dataset, else that of its class."""
    cls = DATASETS.get(dataset['type'])
    if cls is None:
        raise ValueError(f"there is no dataset class '{dataset['type']}'.")
    return parse_pose_metainfo(
        copy.deepcopy(dataset.get('metainfo') or cls.METAINFO)
    )


def _with_converter(metric: dict, metainfo: dict, source: List[str]) -> dict:
    """The config of a metric with the ``pred_converter`` by name."""
    if metric.get('pred_converter') is not None:
        raise ValueError(
            f"{metric['type']} has a pred_converter although 'predicts' "
            'already says what the model predicts: give one of them.'
        )
    target = _names(metainfo)
    converter = metric.get('gt_converter')
    if converter is not None:
        # '' where no name is known, which no mapping reaches.
        names, target = target, [''] * converter['num_keypoints']
        for i, to in converter['mapping']:
            target[to] = names[i]
    if source == target:
        return metric
    for what, names in (('model', source), ('dataset', target)):
        _require_unique(
            [name for name in names if name],
            f'two keypoints of the {what} are called',
            'they cannot be mapped by name',
        )
    common = [name for name in target if name in source]
    mapping = [(source.index(name), target.index(name)) for name in common]
    if not mapping:
        raise ValueError(
            f'no keypoint of the model ({", ".join(source)}) has the name of '
            f'one of the dataset ({", ".join(target)}): nothing can be mapped '
            'by name.'
        )
    missing = [name for name in target if name not in source]
    print_log(
        f'{len(mapping)} of the {len(target)} keypoints of '
        f"'{metainfo['dataset_name']}' are among the model's {len(source)}"
        + (f'; scored as wrong: {", ".join(missing)}' if missing else ''),
        'current',
        logging.WARNING if missing else logging.INFO,
    )
    converter = dict(num_keypoints=len(target), mapping=mapping)
    converter['type'] = 'KeypointConverter'
    return dict(metric, pred_converter=converter)


def _names(metainfo: dict) -> List[str]:
    names = metainfo['keypoint_id2name']
    return [names[i] for i in range(metainfo['num_keypoints'])]


def _require_unique(names: Sequence[str], what: str, why: str) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(f'{what} {twice}: {why}.')
