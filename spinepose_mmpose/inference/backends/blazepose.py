"""BlazePose's body landmarks (``pose_landmark_*.tflite``), run by OpenVINO.

The files come with MediaPipe (Apache-2.0); none is shipped here. Input:
(1, S, S, 3) RGB, 0 to 1, a square around the person. Output: 39 landmarks of
x, y (pixels of the input), z, visibility and presence (logits). Those that
SpineTrack has too are kept.
"""

from pathlib import Path

import numpy as np

from ...metainfo import KEYPOINT_NAMES
from ..network import NetworkSpec, flip_indices
from ..preprocess import Points
from .openvino import OpenVinoSession

SUFFIXES = ('.tflite',)
LANDMARKS, VALUES = 39, 5
# Side of the square in the longer side of the box: the best of 1.25 to 1.35
# on hand-labelled people.
PADDING = 1.3
# Our name -> landmark, where the point on the body is the same.
# The first 17 keypoints are COCO's.
NAMES = dict(
    zip(KEYPOINT_NAMES, (0, 2, 5, 7, 8, *range(11, 17), *range(23, 29)))
) | dict(left_big_toe=31, right_big_toe=32, left_heel=29, right_heel=30)


def create(files, device, threads, half, spinning) -> 'BlazePose':
    """See :func:`.create_backend`; OpenVINO's threads do not spin."""
    return BlazePose(OpenVinoSession(files.path, device, threads, half=half))


class BlazePose:
    """See :class:`.Backend`; ValueError if the session, as
    :class:`.OpenVinoSession`, holds another network."""

    def __init__(self, session) -> None:
        shape, outputs = session.input_shape, session.outputs
        wanted = [1, LANDMARKS * VALUES]
        self._output = next((n for n, s in outputs.items() if s == wanted), '')
        if len(shape) != 4 or shape[3] != 3 or not self._output:
            raise ValueError(
                f'{session.source} takes {shape} and gives '
                f'{", ".join(map(str, outputs.values()))}, but BlazePose takes '
                f'images [1, height, width, 3] and gives {wanted}: '
                'pose_landmark_lite, _full or _heavy.tflite expected'
            )
        self._session = session
        self.device = session.device
        names = tuple(NAMES)
        self.spec = NetworkSpec(
            input_size=(shape[2], shape[1]),
            outputs=(self._output,),
            kind='points',
            names=names,
            flip_indices=flip_indices(names),
            padding=PADDING,
            batch=1,
            model=Path(session.source).stem,
        )

    def run(self, crops: np.ndarray) -> Points:
        """See :class:`.Backend`; one person after another."""
        landmarks = [
            self._session.run(crop[None, ..., ::-1] / np.float32(255))
            for crop in crops
        ]
        return decode_landmarks(
            np.concatenate([found[self._output] for found in landmarks])
        )


def decode_landmarks(output: np.ndarray) -> Points:
    """Those of the landmarks (B, 39 * 5) that SpineTrack has, in the order of
    ``NAMES`` and in pixels of the input; scores are the smaller of the
    probabilities of visibility and of presence."""
    landmarks = output.reshape(-1, LANDMARKS, VALUES)[:, list(NAMES.values())]
    logits = landmarks[..., 3:].min(axis=-1).clip(-50, 50)
    scores = 1 / (1 + np.exp(-logits))
    return Points(landmarks[..., :2].copy(), scores.astype(np.float32))
