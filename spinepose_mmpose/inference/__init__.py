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

_EXPORTS = {
    'Detector': 'detectors',
    'FrameResult': 'results',
    'Lifter': 'lifting',
    'Lifting': 'lifting',
    'OneEuroSmoother': 'smooth',
    'Person': 'results',
    'PoseTracker': 'infer',
    'SPINE_ONLY': 'results',
    'SpinePoseEstimator': 'estimator',
    'Tracker': 'track',
    'create_detector': 'detectors',
    'draw_people': 'draw',
    'infer_image': 'infer',
    'infer_video': 'infer',
    'iter_video': 'infer',
    'read_image': 'images',
    'read_intrinsics': 'intrinsics',
    'smooth_tracks': 'smooth',
}

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
