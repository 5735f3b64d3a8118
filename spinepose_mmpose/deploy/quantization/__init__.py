"""INT8 post-training quantisation (needs onnx and onnxruntime)."""

from .quantize import Quantization, Settings
from .samples import Crops, calibration_split, load_crops
from .search import Tolerance
from .static import METHODS

__all__ = [
    'Crops',
    'METHODS',
    'Quantization',
    'Settings',
    'Tolerance',
    'calibration_split',
    'load_crops',
]
