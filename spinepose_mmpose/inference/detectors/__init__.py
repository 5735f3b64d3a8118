"""Detectors of people: one small protocol, one file each."""

import os
from pathlib import Path
from typing import Optional, Tuple

from .base import Detector
from .published import PUBLISHED, detector_file

__all__ = ['DETECTOR_VARIABLE', 'Detector', 'create_detector']

# A detector file to use where none is named.
DETECTOR_VARIABLE = 'SPINEPOSE_DETECTOR'
# What a family's name means; the key says whether it shall be fast.
SIZED = {
    'rtmdet': {False: 'rtmdet-m', True: 'rtmdet-nano'},
    'yolox': {False: 'yolox-m', True: 'yolox-tiny'},
}


def create_detector(
    detector='auto',
    device: str = 'auto',
    threads: Optional[int] = None,
    *,
    config=None,
    input_size: Optional[Tuple[int, int]] = None,
    score_threshold: float = 0.3,
    nms_threshold: float = 0.45,
    fast: bool = False,
    spinning: bool = True,
    progress: bool = True,
) -> Detector:
    """A detector that is ready to run.

    Args:
        detector: ``auto``, a published one's name, an ONNX file or the folder
            of an mmdeploy export, a checkpoint (with ``config``), or something
            that is a :class:`Detector` already. ``auto`` is the file that the
            environment variable ``SPINEPOSE_DETECTOR`` names, else
            ``rtmdet``.
        device, threads: see the backends.
        config: the MMDetection config of a checkpoint.
        input_size: (w, h) for an ONNX file that takes any size.
        score_threshold: the lowest score that counts.
        nms_threshold: overlap of two people at most, for files that do not
            suppress overlapping boxes by themselves.
        fast: ``rtmdet`` means the nano one, ``yolox`` the tiny one, not the
            medium ones.
        spinning: of ONNX Runtime, see :func:`.open_session`.
        progress: show the progress of a download.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no detector.
        DownloadError: the published weights cannot be had.
    """
    if callable(detector):
        return detector
    name = os.fspath(detector)
    if name == 'auto':
        name = os.environ.get(DETECTOR_VARIABLE, '').strip() or 'rtmdet'
    name = SIZED.get(name, {}).get(fast, name)
    if config is not None:
        from .mmdet import MMDetDetector

        return MMDetDetector(config, name, device, threads, score_threshold)
    path = find_detector(name, progress)
    from .rtmdet_onnx import OnnxDetector

    return OnnxDetector(
        path,
        device,
        threads,
        input_size,
        score_threshold,
        nms_threshold,
        spinning,
    )


def find_detector(name: str, progress: bool = True) -> Path:
    """The ONNX file, or the folder, that a name or a path means.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is neither a name nor a path of that kind.
        DownloadError: the published weights cannot be had.
    """
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix.lower() == '.onnx':
        if not path.exists():
            raise FileNotFoundError(f'no such detector file: {name}')
        return path
    if name.lower() in PUBLISHED:
        return detector_file(name.lower(), progress)
    if path.suffix.lower() in ('.pth', '.pt'):
        raise ValueError(
            f'the detector {name} is a checkpoint: its MMDetection config is '
            'needed as well'
        )
    raise ValueError(
        f'no detector {name!r}: choose auto, {_names()}, or the '
        'path of an .onnx file'
    )


def _names() -> str:
    return ', '.join([*SIZED, *PUBLISHED])
