"""RTMDet and YOLOX in ONNX files, run by ONNX Runtime."""

from pathlib import Path
from typing import Dict, Optional, Tuple

import numpy as np

from ..backends.ort_session import open_session
from ..model_files import EXPORTED, read_pipeline
from ..preprocessing import Normalizer
from .base import no_people
from .boxes import keep_people
from .letterbox import letterbox

# Of RTMDet, in the order blue, green, red. YOLOX takes pixels as they are.
MEAN = (103.53, 116.28, 123.675)
STD = (57.375, 57.12, 58.395)
STRIDES = (8, 16, 32)
PERSON = 0


class OnnxDetector:
    """Finds people with RTMDet or YOLOX, exported in any usual way.

    - boxes with scores ``dets`` (1, N, 5) and ``labels`` (1, N): mmdeploy's
      export, as RTMPose's and rtmlib's files are;
    - ``dets`` alone: all are people;
    - boxes (1, N, 4) and scores (1, N, C) before suppression;
    - YOLOX's own export (1, N, 5 + C), relative to its grid.

    Args:
        path: an ONNX file, or the folder of an mmdeploy export.
        device, threads, spinning: see :func:`.open_session`.
        input_size: (w, h); needed where the file takes any size and nothing
            beside it says more. By default 320x320 of a nano network, else
            640x640.
        score_threshold: the lowest score that counts.
        nms_threshold: overlap of two people at most, where the file does not
            suppress by itself.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no detector that is known here.
    """

    def __init__(
        self,
        path,
        device: str = 'auto',
        threads: Optional[int] = None,
        input_size: Optional[Tuple[int, int]] = None,
        score_threshold: float = 0.3,
        nms_threshold: float = 0.45,
        spinning: bool = True,
    ) -> None:
        path = Path(path).expanduser()
        path = path / EXPORTED if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f'no such detector file: {path}')
        self.session, self.device = open_session(
            path, device, threads, spinning=spinning
        )
        self.path = path
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        network = self.session.get_inputs()[0]
        self._input = network.name
        said = _said(path)
        self.input_size = _input_size(network.shape, said, input_size, path)
        outputs = self.session.get_outputs()
        self._outputs = [o.name for o in outputs]
        if not any(_may_be_boxes(o.shape, len(outputs)) for o in outputs):
            raise self._unknown({o.name: o.shape for o in outputs})
        is_yolox = 'yolox' in str(path).lower() or _is_grid(outputs)
        mean, std = (said.get('mean', MEAN), said.get('std', STD))
        if is_yolox or said.get('plain'):
            mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        self._normalize = Normalizer(mean, std, said.get('bgr_to_rgb', False))

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        frame, factors = letterbox(image, self.input_size)
        inputs = self._normalize(frame[None])
        outputs = dict(
            zip(
                self._outputs,
                self.session.run(self._outputs, {self._input: inputs}),
            )
        )
        boxes, scores, suppressed = self._read(outputs)
        if not len(boxes):
            return no_people()
        return keep_people(
            boxes / factors,
            scores,
            (image.shape[1], image.shape[0]),
            self.score_threshold,
            None if suppressed else self.nms_threshold,
        )

    def _read(self, outputs: Dict[str, np.ndarray]) -> tuple:
        """(boxes in pixels of the frame, scores, whether suppressed)."""
        arrays = {name: array[0] for name, array in outputs.items()}
        for name, array in arrays.items():
            if array.ndim == 2 and array.shape[1] == 5:
                labels = [a for a in arrays.values() if a.ndim == 1]
                people = (
                    labels[0] == PERSON if labels else np.ones(len(array), bool)
                )
                return array[people, :4], array[people, 4], True
            if array.ndim == 2 and array.shape[1] == 4:
                others = [
                    a
                    for n, a in arrays.items()
                    if n != name and a.ndim == 2 and len(a) == len(array)
                ]
                if others and not self._is_detr(others[0]):
                    return array, others[0][:, PERSON], False
        grid = next(iter(arrays.values()))
        if len(arrays) == 1 and grid.ndim == 2 and grid.shape[1] > 5:
            return (*decode_grid(grid, self.input_size), False)
        raise self._unknown({n: a.shape for n, a in outputs.items()})

    def _unknown(self, shapes: dict) -> ValueError:
        given = ', '.join(f'{n} {tuple(s)}' for n, s in shapes.items())
        return ValueError(
            f'{self.path} gives {given}, which is neither RTMDet nor YOLOX: '
            'boxes with scores (1, N, 5), boxes (1, N, 4) with scores '
            '(1, N, C), or a grid (1, N, 5 + C) expected'
        )

    @staticmethod
    def _is_detr(scores: np.ndarray) -> bool:
        """Logits, not scores: boxes are relative then (RF-DETR)."""
        return bool((scores < 0).any())


def decode_grid(
    grid: np.ndarray, input_size: Tuple[int, int]
) -> Tuple[np.ndarray, np.ndarray]:
    """YOLOX's output to boxes (N, 4) in pixels of the frame and scores (N,).

    Each cell of each stride gives an offset of the centre in cells, the
    logarithm of the size in cells, and objectness and class scores.
    YOLOX (arXiv 2107.08430).

    Args:
        grid: (N, 5 + C).
        input_size: (w, h) of the frame.
    """
    cells, strides = [], []
    for stride in STRIDES:
        w, h = (size // stride for size in input_size)
        x, y = np.meshgrid(np.arange(w), np.arange(h))
        cells.append(np.stack([x, y], -1).reshape(-1, 2))
        strides.append(np.full((w * h, 1), stride))
    cells, strides = np.concatenate(cells), np.concatenate(strides)
    if len(cells) != len(grid):
        raise ValueError(
            f'a YOLOX network for {input_size[0]} x {input_size[1]} pixels '
            f'gives {len(cells)} cells, this one {len(grid)}'
        )
    centers = (grid[:, :2] + cells) * strides
    sizes = np.exp(grid[:, 2:4]) * strides
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], 1)
    return boxes, grid[:, 4] * grid[:, 5 + PERSON]


def _may_be_boxes(shape, count: int) -> bool:
    """Whether an output of ``count`` has the shape of boxes or of a grid."""
    last = shape[-1] if len(shape) == 3 else 0
    return not isinstance(last, int) or last in (4, 5) or count == 1 < last


def _is_grid(outputs) -> bool:
    """One output (1, N, 5 + C): YOLOX as its authors export it."""
    if len(outputs) != 1 or len(outputs[0].shape) != 3:
        return False
    last = outputs[0].shape[2]
    return isinstance(last, int) and last > 5


def _said(path: Path) -> dict:
    """What mmdeploy's pipeline.json beside an exported file says."""
    pipeline = path.parent / 'pipeline.json'
    if path.name != EXPORTED or not pipeline.is_file():
        return {}
    said = read_pipeline(pipeline)
    said['plain'] = 'mean' not in said
    return said


def _input_size(shape, said: dict, given, path: Path) -> Tuple[int, int]:
    if all(isinstance(size, int) and size > 0 for size in shape[2:]):
        return shape[3], shape[2]
    if given is not None:
        return int(given[0]), int(given[1])
    if 'input_size' in said:
        return tuple(said['input_size'])
    return (320, 320) if 'nano' in str(path.name).lower() else (640, 640)
