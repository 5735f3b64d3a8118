from .checkpoint_check import checkpoint_weights, find_mismatch
from .full_precision import full_precision
from .head_extension import HeadExtension, count_keypoints, extend_head
from .keypoint_names import (
    KEYPOINT_ALIAS,
    checkpoint_names,
    keypoint_index,
    metainfo_names,
)
from .simcc_accuracy import simcc_accuracy
from .simcc_decode import simcc_soft_argmax

__all__ = [
    'HeadExtension',
    'KEYPOINT_ALIAS',
    'checkpoint_names',
    'checkpoint_weights',
    'count_keypoints',
    'extend_head',
    'find_mismatch',
    'full_precision',
    'keypoint_index',
    'metainfo_names',
    'simcc_accuracy',
    'simcc_soft_argmax',
]
