"""Inference: images and videos to people with 37 keypoints.

Nothing is imported before it is asked for; with an ONNX file neither torch
nor MMPose ever is.
"""

import importlib
import importlib.util

if importlib.util.find_spec('cv2') is None:
    raise ImportError(
        'inference needs OpenCV, of which there are several packages: pip '
        'install opencv-python-headless, or opencv-python for windows'
    )

_MODULES = {
    'detectors': 'Detector create_detector',
    'draw': 'draw_people',
    'estimator': 'SpinePoseEstimator',
    'images': 'read_image',
    'infer': 'PoseTracker infer_image infer_video iter_video',
    'intrinsics': 'read_intrinsics',
    'lifting': 'Lifter Lifting',
    'results': 'FrameResult Person SPINE_ONLY',
    'smooth': 'OneEuroSmoother smooth_tracks',
    'track': 'Tracker',
}
_EXPORTS = {name: m for m, names in _MODULES.items() for name in names.split()}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(
        importlib.import_module(f'.{_EXPORTS[name]}', __name__), name
    )
    globals()[name] = value
    return value


def __dir__() -> list:
    return sorted({*globals(), *_EXPORTS})
