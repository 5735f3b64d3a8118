"""Run the installed ``spinepose`` and ``rtmlib`` packages with our files."""

import contextlib
import importlib.metadata
import io

import numpy as np


def version(package: str) -> str:
    """Of an installed package, '' without it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ''


def spinepose_pose(model: str, size):
    """(image, boxes) -> keypoints, scores, as the client does it.

    Args:
        model: the ONNX file.
        size: (w, h) of its input.
    """
    from spinepose.tools.base_solution import BasePoseSolution
    from spinepose.tools.pose_estimation import RTMPose

    # Its __init__ would download a detector.
    solution = BasePoseSolution.__new__(BasePoseSolution)
    solution.num_keypoints = 37
    solution.pose_model = RTMPose(
        model, model_input_size=size, hardware_acceleration=False
    )
    return solution.estimate


def rtmlib_pose(model: str, size):
    """(image, boxes) -> keypoints, scores, as rtmlib does it."""
    from rtmlib import RTMPose

    with contextlib.redirect_stdout(io.StringIO()):
        return RTMPose(model, model_input_size=size, device='cpu')


def rtmlib_detector(model: str, size, score: float):
    """image -> boxes (N, 4), as rtmlib does it.

    Args:
        size: (w, h).
        score: the lowest that counts.
    """
    from rtmlib import RTMDet

    with contextlib.redirect_stdout(io.StringIO()):
        return RTMDet(
            model,
            model_input_size=(size[1], size[0]),
            device='cpu',
            score_thr=score,
        )


def spinepose_draw():
    """(image, keypoints, scores) -> image, as the client does it."""
    from spinepose.metainfo import metainfo
    from spinepose.tools.visualization import draw_skeleton

    def draw(image, keypoints, scores) -> np.ndarray:
        scale = image.shape[1] / 800
        return draw_skeleton(
            image.copy(),
            keypoints,
            scores,
            metainfo,
            radius=max(1, int(4 * scale)),
            line_width=max(1, int(2 * scale)),
        )

    return draw
