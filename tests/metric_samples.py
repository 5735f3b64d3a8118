"""Data samples for the metric, as a test loop would hand them over."""

import copy
import json
from pathlib import Path

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.metainfo import METAINFO

import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo

GOLDEN = Path(__file__).parent / 'data' / 'metric_golden'


def golden(name):
    return json.loads((GOLDEN / f'{name}.json').read_text())


def dataset_meta(**changes):
    return dict(parse_pose_metainfo(copy.deepcopy(METAINFO)), **changes)


def to_sample(prediction, **changes):
    """One entry of predictions.json as a top-down sample."""
    return dict(
        dict(
            id=prediction['id'],
            img_id=prediction['img_id'],
            category_id=np.array(1),
            ori_shape=(480, 640),
            pred_instances=dict(
                keypoints=np.array([prediction['keypoints']], np.float32),
                keypoint_scores=np.array(
                    [prediction['keypoint_scores']], np.float32
                ),
                bboxes=np.array([prediction['bbox']]),
            ),
            gt_instances=dict(
                bbox_scores=np.array([prediction['bbox_score']], np.float32)
            ),
        ),
        **changes,
    )


def golden_samples():
    return [to_sample(prediction) for prediction in golden('predictions')]
