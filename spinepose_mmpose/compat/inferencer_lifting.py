"""Pose3DInferencer takes the keypoints of Human3.6M alone, and needs the usual
box of a dataset that has none."""

from functools import wraps
from importlib import import_module

from .shim import replace_in_mmpose

VERSIONS = 'mmpose 1.3.2'
REMOVE_WHEN = 'mmpose converts nothing where 2D and 3D keypoints are the same'
AFTER = 'mmpose.apis.inferencers.pose3d_inferencer'


def probe() -> str | None:
    import numpy as np

    convert = import_module(AFTER).convert_keypoint_definition
    try:
        convert(np.zeros((1, 37, 2)), 'spinetrack', 'spinetrack')
    except AssertionError as error:
        return f'keypoints of SpineTrack are refused: {error}'
    return None


def apply() -> None:
    """Keypoints of one dataset need no conversion; and where a lifter's
    dataset says nothing of usual boxes, 2D poses are not brought to them."""
    module = import_module(AFTER)
    convert = module.convert_keypoint_definition

    @wraps(convert)
    def convert_keypoint_definition(
        keypoints, pose_det_dataset, pose_lift_dataset
    ):
        if pose_det_dataset == pose_lift_dataset == 'spinetrack':
            return keypoints
        return convert(keypoints, pose_det_dataset, pose_lift_dataset)

    replace_in_mmpose(
        'convert_keypoint_definition', convert, convert_keypoint_definition
    )
    cls = module.Pose3DInferencer
    preprocess = cls.preprocess_single

    @wraps(preprocess)
    def preprocess_single(self, *args, **kwargs):
        if 'stats_info' not in self.model.dataset_meta:
            kwargs['disable_norm_pose_2d'] = True
        return preprocess(self, *args, **kwargs)

    cls.preprocess_single = preprocess_single
