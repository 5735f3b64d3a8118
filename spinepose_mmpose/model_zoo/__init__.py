"""Published models: what there is, and how their files get here.

Standard library only, so that the ONNX path and the command line can use it
without torch or mmpose.
"""

from .digests import digest_in_name, sha256_of, verify_file
from .download import download_file
from .errors import DigestMismatch, DownloadError
from .mirrors import MIRROR_VARIABLE, cache_dir, fetch, mirror
from .mmengine_loader import register_loader
from .models import ModelInfo, UnknownModel, all_models, find_model
from .weights import resolve_weights

__all__ = [
    'DigestMismatch',
    'DownloadError',
    'MIRROR_VARIABLE',
    'ModelInfo',
    'UnknownModel',
    'all_models',
    'cache_dir',
    'digest_in_name',
    'download_file',
    'fetch',
    'find_model',
    'mirror',
    'register_loader',
    'resolve_weights',
    'sha256_of',
    'verify_file',
]
