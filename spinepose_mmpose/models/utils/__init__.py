from .full_precision import full_precision
from .keypoint_names import keypoint_index
from .simcc_decode import simcc_soft_argmax

__all__ = ['full_precision', 'keypoint_index', 'simcc_soft_argmax']
