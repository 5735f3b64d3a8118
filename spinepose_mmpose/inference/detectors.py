"""Detectors of people: published ones by name, ONNX files, and MMDetection."""

import os
import shutil
import zipfile
from pathlib import Path
from typing import Dict, Optional, Protocol, Tuple

import cv2
import numpy as np

from ..model_zoo import DownloadError, cache_dir, fetch
from ..utils import replaced
from .backends.onnxruntime import OnnxSession
from .model_files import EXPORTED, said_beside
from .preprocess import Normalizer, box_iou

# A detector file to use where none is named.
DETECTOR_VARIABLE = 'SPINEPOSE_DETECTOR'
# Archives that OpenMMLab publishes with RTMPose, each with an end2end.onnx.
# Apache-2.0.
SDK = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/'
PUBLISHED = {
    'rtmdet-nano': 'rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e',
    'rtmdet-m': 'rtmdet_m_8xb32-100e_coco-obj365-person-235e8209',
    'yolox-tiny': 'yolox_tiny_8xb8-300e_humanart-6f3252f9',
    'yolox-m': 'yolox_m_8xb8-300e_humanart-c2c7a14a',
    'yolox-x': 'yolox_x_8xb8-300e_humanart-a39d44ed',
}
# What a family's name means; the key says whether it shall be fast.
SIZED = {
    'rtmdet': {False: 'rtmdet-m', True: 'rtmdet-nano'},
    'yolox': {False: 'yolox-m', True: 'yolox-tiny'},
}

# Of RTMDet, in the order blue, green, red. YOLOX takes pixels as they are.
MEAN = (103.53, 116.28, 123.675)
STD = (57.375, 57.12, 58.395)
STRIDES = (8, 16, 32)
PAD_VALUE = 114
PERSON = 0


class Detector(Protocol):
    """Finds people in an image."""

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """People in an image, the surest first.

        Args:
            image (np.ndarray): (H, W, 3) uint8, BGR.

        Returns:
            tuple: boxes (N, 4) float32, [x1, y1, x2, y2] in pixels of the
            image and within it; scores (N,) float32, 0 to 1.
        """
        ...


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
        detector (str | Path | Detector): ``auto``, a published one's name, an
            ONNX file or the folder of an mmdeploy export, a checkpoint (with
            ``config``), or something that is a :class:`Detector` already.
            ``auto`` is the file that the environment variable
            ``SPINEPOSE_DETECTOR`` names, else ``rtmdet``.
        device (str): see the backends.
        threads (int, optional): see the backends.
        config (str | Path, optional): the MMDetection config of a checkpoint.
        input_size (tuple, optional): (w, h) for an ONNX file that takes any
            size.
        score_threshold (float): the lowest score that counts.
        nms_threshold (float): overlap of two people at most, for files that
            do not suppress overlapping boxes by themselves.
        fast (bool): ``rtmdet`` means the nano one, ``yolox`` the tiny one,
            not the medium ones.
        spinning (bool): of ONNX Runtime, see :class:`.OnnxSession`.
        progress (bool): show the progress of a download.

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
        from .mmdet_detector import MMDetDetector

        return MMDetDetector(config, name, device, threads, score_threshold)
    return OnnxDetector(
        find_detector(name, progress),
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
        return _published_file(name.lower(), progress)
    if path.suffix.lower() in ('.pth', '.pt'):
        raise ValueError(
            f'the detector {name} is a checkpoint: its MMDetection config is '
            'needed as well'
        )
    raise ValueError(
        f'no detector {name!r}: choose auto, '
        f'{", ".join([*SIZED, *PUBLISHED])}, or the path of an .onnx file'
    )


def _published_file(name: str, progress: bool) -> Path:
    """The ONNX file of a published detector, downloaded if need be.

    Raises:
        DownloadError: it cannot be had; it says where to get it, where to put
            it, and what else helps.
    """
    stem = PUBLISHED[name]
    path = cache_dir() / f'{stem}.onnx'
    if path.is_file():
        return path
    try:
        archive = fetch(
            [f'{SDK}{stem}.zip'], cache_dir() / f'{stem}.zip', progress=progress
        )
    except DownloadError as error:
        raise DownloadError(
            f'the person detector {name} is not here: {error}; or name a '
            'detector file of your own, or give the boxes, or do without a '
            'detector (one person fills the image)',
            local=error.local,
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as files:
            members = [n for n in files.namelist() if Path(n).name == EXPORTED]
            if not members:
                raise ValueError(f'{archive} holds no {EXPORTED}')
            with (
                replaced(str(path)) as temporary,
                files.open(members[0]) as source,
                open(temporary, 'wb') as file,
            ):
                shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f'{archive} is no complete archive ({error}): delete it to have '
            'it downloaded again'
        ) from error
    return path


class OnnxDetector:
    """Finds people with RTMDet or YOLOX, exported in any usual way.

    - boxes with scores ``dets`` (1, N, 5) and ``labels`` (1, N): mmdeploy's
      export, as RTMPose's and rtmlib's files are;
    - ``dets`` alone: all are people;
    - boxes (1, N, 4) and scores (1, N, C) before suppression;
    - YOLOX's own export (1, N, 5 + C), relative to its grid.

    Args:
        path (str | Path): an ONNX file, or the folder of an mmdeploy export.
        device, threads, spinning: see :class:`.OnnxSession`.
        input_size (tuple, optional): (w, h); needed where the file takes any
            size and nothing beside it says more. By default 320x320 of a nano
            network, else 640x640.
        score_threshold (float): the lowest score that counts.
        nms_threshold (float): overlap of two people at most, where the file
            does not suppress by itself.

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
        self.session = OnnxSession(path, device, threads, spinning=spinning)
        self.device = self.session.device
        self.path = path
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        said = said_beside(path)
        self.input_size = _input_size(
            self.session.input_shape, said, input_size, path
        )
        shapes = self.session.outputs
        if not any(_may_be_boxes(s, len(shapes)) for s in shapes.values()):
            raise self._unknown(shapes)
        is_yolox = 'yolox' in str(path).lower() or _is_grid(shapes)
        mean, std = said.get('mean', MEAN), said.get('std', STD)
        if is_yolox or (said and 'mean' not in said):
            mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        self._normalize = Normalizer(mean, std, said.get('bgr_to_rgb', False))

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        frame, factors = letterbox(image, self.input_size)
        outputs = self.session.run(self._normalize(frame[None]))
        boxes, scores, suppressed = self._read(outputs)
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
                # Logits are those of a DETR, whose boxes are fractions.
                if others and not (others[0] < 0).any():
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


def _may_be_boxes(shape, count: int) -> bool:
    """Whether an output of ``count`` has the shape of boxes or of a grid."""
    last = shape[-1] if len(shape) == 3 else 0
    return not isinstance(last, int) or last in (4, 5) or count == 1 < last


def _is_grid(shapes: dict) -> bool:
    """One output (1, N, 5 + C): YOLOX as its authors export it."""
    shape = next(iter(shapes.values()))
    if len(shapes) != 1 or len(shape) != 3:
        return False
    return isinstance(shape[2], int) and shape[2] > 5


def _input_size(shape, said: dict, given, path: Path) -> Tuple[int, int]:
    if all(isinstance(size, int) and size > 0 for size in shape[2:]):
        return shape[3], shape[2]
    if given is not None:
        return int(given[0]), int(given[1])
    if 'input_size' in said:
        return tuple(said['input_size'])
    return (320, 320) if 'nano' in path.name.lower() else (640, 640)


def letterbox(
    image: np.ndarray, size: Tuple[int, int]
) -> Tuple[np.ndarray, np.ndarray]:
    """An image fitted into a frame, as RTMDet and YOLOX are tested.

    It is shrunk or enlarged, and padded on the right and below.

    Args:
        image (np.ndarray): (H, W, 3) uint8.
        size (tuple): (w, h) of the frame in pixels.

    Returns:
        tuple: (h, w, 3) uint8; (4,) float32 factors from the image to the
        frame for x, y, x, y, which differ a little by rounding.
    """
    height, width = image.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    # A strip thinner than half a pixel still is one pixel.
    w = max(int(width * factor + 0.5), 1)
    h = max(int(height * factor + 0.5), 1)
    frame = np.full((size[1], size[0], 3), PAD_VALUE, np.uint8)
    frame[:h, :w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    factors = np.float32([w / width, h / height] * 2)
    return frame, factors


def decode_grid(
    grid: np.ndarray, input_size: Tuple[int, int]
) -> Tuple[np.ndarray, np.ndarray]:
    """YOLOX's output to boxes (N, 4) in pixels of the frame and scores (N,).

    Each cell of each stride gives an offset of the centre in cells, the
    logarithm of the size in cells, and objectness and class scores.
    YOLOX (arXiv 2107.08430).

    Args:
        grid (np.ndarray): (N, 5 + C).
        input_size (tuple): (w, h) of the frame.
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


def keep_people(
    boxes: np.ndarray,
    scores: np.ndarray,
    size: Tuple[int, int],
    score_threshold: float,
    nms_threshold: Optional[float] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """Boxes that are sure enough, within the image and not empty.

    Args:
        boxes (np.ndarray): (N, 4).
        scores (np.ndarray): (N,).
        size (tuple): (w, h) of the image in pixels.
        score_threshold (float): the lowest score that counts.
        nms_threshold (float, optional): see :func:`non_maximum_suppression`;
            None leaves overlapping boxes.

    Returns:
        tuple: boxes (M, 4) and scores (M,) float32, the best score first.
    """
    boxes = np.asarray(boxes, dtype=np.float32)
    scores = np.asarray(scores, dtype=np.float32)
    sure = scores >= score_threshold
    boxes, scores = boxes[sure], scores[sure]
    if nms_threshold is None:
        order = np.argsort(-scores, kind='stable')
    else:
        order = non_maximum_suppression(boxes, scores, nms_threshold)
    boxes, scores = boxes[order], scores[order]
    boxes = boxes.clip(0, np.float32([*size, *size]))
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[inside], scores[inside]


def non_maximum_suppression(
    boxes: np.ndarray, scores: np.ndarray, iou_threshold: float
) -> np.ndarray:
    """Indices of the boxes to keep, the best score first.

    A box goes if a better one that is kept overlaps it by more than
    ``iou_threshold``.
    """
    rest = np.argsort(-scores, kind='stable')
    keep = []
    while rest.size:
        best, rest = rest[0], rest[1:]
        keep.append(best)
        overlap = box_iou(boxes[best : best + 1], boxes[rest])[0]
        rest = rest[overlap <= iou_threshold]
    return np.array(keep, dtype=np.int64)
