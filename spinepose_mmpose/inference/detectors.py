"""Detectors of people: published ones by name, ONNX files, and MMDetection."""

import logging
import os
import zipfile
from pathlib import Path
from typing import Dict, Optional, Protocol, Tuple

import cv2
import numpy as np

from ..downloads import DownloadError, cache_dir, fetch, file_name
from ..utils import content_root, replaced
from .backends.onnxruntime import OnnxSession
from .model_files import EXPORTED, said_beside
from .network import MEAN, STD
from .preprocess import Normalizer

logger = logging.getLogger(__name__)

# A detector file to use where none is named.
DETECTOR_VARIABLE = 'SPINEPOSE_DETECTOR'
# Without one the first of these that can be had; the last comes with the code.
DEMO = 'person-demo'
PREFERRED = ('rfdetr', 'rtmdet', DEMO)
SDK = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/'
RFDETR = 'https://huggingface.co/saifkhichi96/opendetect/resolve/main/rfdetr/'
# An .onnx file, or an archive that holds an end2end.onnx.
PUBLISHED = {
    'rfdetr-n': f'{RFDETR}rfdetr_n_v142_384x384.onnx',
    'rfdetr-s': f'{RFDETR}rfdetr_s_v142_512x512.onnx',
    'rfdetr-m': f'{RFDETR}rfdetr_m_v142_576x576.onnx',
    'rfdetr-l': f'{RFDETR}rfdetr_l_v142_704x704.onnx',
    'rtmdet-nano': f'{SDK}rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e'
    '.zip',
    'rtmdet-m': f'{SDK}rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.zip',
    'yolox-tiny': f'{SDK}yolox_tiny_8xb8-300e_humanart-6f3252f9.zip',
    'yolox-m': f'{SDK}yolox_m_8xb8-300e_humanart-c2c7a14a.zip',
    'yolox-x': f'{SDK}yolox_x_8xb8-300e_humanart-a39d44ed.zip',
}
# Which one of a family goes with a pose network of each size.
POSE_SIZES = 'tsmlx'
FAMILIES = dict(
    rfdetr='n n s m l', rtmdet='nano nano m m m', yolox='tiny tiny m m x'
)

STRIDE = 32  # of the networks, the coarsest
LARGEST_SIDE = 4096
PAD_VALUE = 114
PERSON = 0
DETR_PERSON = 1  # class 0 is the background
# Mean and std of the channels in the network's order, whether it takes red
# first, and whether the image is padded, not stretched.
PREPARATIONS = {
    'rfdetr': (MEAN, STD, True, False),
    'rtmdet': (MEAN[::-1], STD[::-1], False, True),
    'yolox': ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), False, True),
}


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
    size: str = 'm',
    spinning: bool = True,
    progress: bool = True,
) -> Detector:
    """A detector that is ready to run.

    Args:
        detector (str | Path | Detector): ``auto``, a published one's name or
            family, an ONNX file or the folder of an mmdeploy export, a
            checkpoint (with ``config``), or something that is a
            :class:`Detector` already. ``auto`` is the file that the
            environment variable ``SPINEPOSE_DETECTOR`` names, else
            ``rfdetr``, or ``rtmdet`` where that cannot be downloaded, or
            ``person-demo``, which comes with the code (demo/README.md).
        device, threads: see :func:`.create_backend`.
        config (str | Path, optional): the MMDetection config of a checkpoint.
        input_size (tuple, optional): (w, h) for an ONNX file that takes any
            size, multiples of 32; by default what mmdeploy's pipeline.json
            beside it says, else 320x320 for a nano network, else 640x640.
        score_threshold (float): the lowest score that counts.
        nms_threshold (float): overlap of two people at most, for files that
            do not suppress overlapping boxes by themselves.
        size (str): of the pose network, ``t``, ``s``, ``m``, ``l`` or ``x``:
            which one of a family goes with it.
        spinning (bool): of ONNX Runtime, see :class:`.OnnxSession`.
        progress (bool): show the progress of a download.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a detector.
        DownloadError: the published weights cannot be had.
    """
    if callable(detector):
        return detector
    name = os.fspath(detector)
    if name == 'auto':
        name = os.environ.get(DETECTOR_VARIABLE, '').strip() or name
    if config is not None:
        from .mmdet_detector import MMDetDetector

        return MMDetDetector(config, name, device, threads, score_threshold)
    return OnnxDetector(
        find_detector(name, size, progress),
        device,
        threads,
        input_size,
        score_threshold,
        nms_threshold,
        spinning,
    )


def find_detector(name: str, size: str = 'm', progress: bool = True) -> Path:
    """The ONNX file, or the folder, that a name or a path means."""
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix.lower() == '.onnx':
        return path
    if name == 'auto':
        return _preferred(size, progress)
    name = name.lower()
    if name == DEMO:
        return content_root() / 'demo' / 'person-detector-demo.onnx'
    if name in FAMILIES:
        name += '-' + FAMILIES[name].split()[POSE_SIZES.index(size)]
    if name in PUBLISHED:
        return _published_file(name, progress)
    if path.suffix.lower() in ('.pth', '.pt'):
        raise ValueError(
            f'the detector {path} is a checkpoint: its MMDetection config is '
            'needed as well'
        )
    raise ValueError(
        f'no detector {name!r}: choose auto, '
        f'{", ".join([*FAMILIES, *PUBLISHED, DEMO])}, or the path of an .onnx '
        'file'
    )


def _preferred(size: str, progress: bool) -> Path:
    """The first of ``PREFERRED`` that is here or can be downloaded."""
    reason = None
    for name in PREFERRED:
        try:
            path = find_detector(name, size, progress)
        except DownloadError as error:
            reason = reason or error
            continue
        if reason is not None:
            logger.warning(
                f'{path.name} finds people in place of {PREFERRED[0]}: {reason}'
            )
        return path


def _published_file(name: str, progress: bool) -> Path:
    """The ONNX file of a published detector, downloaded if need be."""
    url = PUBLISHED[name]
    path = (cache_dir() / file_name(url)).with_suffix('.onnx')
    if path.is_file():
        return path
    try:
        download = fetch([url], progress=progress)
    except DownloadError as error:
        raise DownloadError(
            f'the person detector {name} is not here: {error}; or name a '
            'detector file of your own, or give the boxes, or do without a '
            'detector (one person fills the image)',
            local=error.local,
        ) from error
    if download.suffix == '.onnx':
        return download
    try:
        with zipfile.ZipFile(download) as files:
            (name,) = (n for n in files.namelist() if n.endswith(EXPORTED))
            content = files.read(name)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(
            f'{download} is not a complete archive with one {EXPORTED} '
            f'({error}): delete it to have it downloaded again'
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(str(path)) as temporary:
        Path(temporary).write_bytes(content)
    return path


class OnnxDetector:
    """Finds people with RF-DETR, RTMDet or YOLOX, exported in any usual way.

    - boxes with scores (1, N, 5) and labels (1, N): mmdeploy's export, as
      RTMPose's and rtmlib's files are;
    - boxes with scores alone: all are people;
    - boxes (1, N, 4) and scores (1, N, C) before suppression;
    - RF-DETR, by its file's name: boxes (1, N, 4) and logits (1, N, C).

    ``path`` is an ONNX file or the folder of an mmdeploy export; the other
    arguments and the errors are those of :func:`create_detector`.
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
        self.path = path = path / EXPORTED if path.is_dir() else path
        if not path.is_file():
            raise FileNotFoundError(f'no such detector file: {path}')
        self.session = OnnxSession(path, device, threads, spinning=spinning)
        self.device = self.session.device
        self.thresholds = score_threshold, nms_threshold
        said = said_beside(path)
        self.input_size = self._input_size(said, input_size)
        self.family = self._family()
        mean, std, to_rgb, self._keeps_ratio = PREPARATIONS[self.family]
        if said and self.family == 'rtmdet':
            mean, std, *_ = PREPARATIONS['yolox']  # no Normalize: plain pixels
        said = dict(dict(mean=mean, std=std, bgr_to_rgb=to_rgb), **said)
        self._normalize = Normalizer(
            said['mean'], said['std'], said['bgr_to_rgb']
        )

    def _input_size(self, said: dict, given) -> Tuple[int, int]:
        shape = self.session.input_shape
        if len(shape) != 4:
            raise ValueError(
                f'{self.path} takes {list(shape)}, but a detector takes '
                'images (batch, 3, height, width)'
            )
        fixed = tuple(shape[:1:-1])
        is_fixed = all(isinstance(n, int) and n > 0 for n in fixed)
        default = (320,) * 2 if 'nano' in self.path.name.lower() else (640,) * 2
        size = tuple(given or said.get('input_size') or default)
        if given is not None and is_fixed and fixed != size:
            logger.warning(
                f'{self.path} takes {fixed[0]}x{fixed[1]} pixels only, not '
                f'{size[0]}x{size[1]}'
            )
        w, h = size = fixed if is_fixed else size
        step = 1 if is_fixed else STRIDE
        if any(n % step or not step <= n <= LARGEST_SIDE for n in size):
            raise ValueError(
                f'{self.path} cannot take {w}x{h} pixels: multiples of {step} '
                f'up to {LARGEST_SIDE} expected'
            )
        return size

    def _family(self) -> str:
        """A key of ``PREPARATIONS``, by the file's name."""
        outputs = self.session.outputs
        if not any(
            len(s) == 3 and (s[2] in (4, 5) or not isinstance(s[2], int))
            for s in outputs.values()
        ):
            raise self._unknown(outputs)
        is_export = self.path.name == EXPORTED
        name = self.path.parent.name if is_export else self.path.stem
        name = name.lower().replace('-', '').replace('_', '')
        return next((key for key in PREPARATIONS if key in name), 'rtmdet')

    def __call__(self, image: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        size = image.shape[1::-1]
        if self._keeps_ratio:
            frame, factors = letterbox(image, self.input_size)
        else:
            frame = cv2.resize(image, self.input_size)
            factors = np.float32(self.input_size * 2) / np.float32(size * 2)
        outputs = self.session.run(self._normalize(frame[None]))
        boxes, scores, is_suppressed = self._read(outputs)
        limits = self.thresholds[: 1 if is_suppressed else 2]
        return keep_people(boxes / factors, scores, size, *limits)

    def _read(self, outputs: Dict[str, np.ndarray]) -> tuple:
        """(boxes in pixels of the frame, scores, whether suppressed)."""
        arrays = [array[0] for array in outputs.values()]
        tables = sorted(
            (a for a in arrays if a.ndim == 2),
            key=lambda a: (a.shape[1] not in (4, 5), a.shape[1]),
        )
        widths = [table.shape[1] for table in tables]
        if 5 in widths:
            dets = tables[widths.index(5)]
            for labels in arrays:
                if labels.ndim == 1:
                    dets = dets[labels == PERSON]
            return dets[:, :4], dets[:, 4], True
        if len(tables) == 2 and widths[0] == 4:
            boxes, scores = tables
            if self.family == 'rfdetr':
                # Centre and size as fractions, and logits of the classes.
                centers, halves = boxes[:, :2], boxes[:, 2:] / 2
                corners = np.hstack([centers - halves, centers + halves])
                sigmoid = 0.5 + 0.5 * np.tanh(0.5 * scores[:, DETR_PERSON])
                return corners * np.float32(self.input_size * 2), sigmoid, True
            # Logits are those of a DETR under another name.
            if not (scores < 0).any():
                return boxes, scores[:, PERSON], False
        raise self._unknown({n: a.shape for n, a in outputs.items()})

    def _unknown(self, shapes: dict) -> ValueError:
        given = ', '.join(f'{n} {tuple(s)}' for n, s in shapes.items())
        return ValueError(
            f'{self.path} gives {given}, which is neither RTMDet nor YOLOX: '
            'boxes with scores (1, N, 5), or boxes (1, N, 4) with scores '
            '(1, N, C) expected; or RF-DETR, if "rfdetr" is part of the name'
        )


def letterbox(
    image: np.ndarray, size: Tuple[int, int]
) -> Tuple[np.ndarray, np.ndarray]:
    """An image (H, W, 3) uint8 fitted into a frame of ``size`` (w, h), as
    RTMDet and YOLOX are tested: scaled, and padded on the right and below. And
    (4,) float32 factors to it for x, y, x, y, which differ by rounding."""
    height, width = image.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    # A strip thinner than half a pixel still is one pixel.
    w = max(int(width * factor + 0.5), 1)
    h = max(int(height * factor + 0.5), 1)
    frame = np.full((size[1], size[0], 3), PAD_VALUE, np.uint8)
    frame[:h, :w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    factors = np.float32([w / width, h / height] * 2)
    return frame, factors


def keep_people(
    boxes: np.ndarray,
    scores: np.ndarray,
    size: Tuple[int, int],
    score_threshold: float,
    nms_threshold: Optional[float] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """Those of (N, 4) boxes with (N,) scores that are sure enough, within the
    image of (w, h) and not empty, float32, the best score first. With an
    ``nms_threshold`` a box goes if a better one that stays overlaps it by
    more."""
    boxes, scores = np.float32(boxes), np.float32(scores)
    sure = scores >= score_threshold
    # What lies beyond the image tells no two people apart.
    boxes, scores = boxes[sure].clip(0, np.float32([*size] * 2)), scores[sure]
    if nms_threshold is None:
        order = np.argsort(-scores, kind='stable')
    else:
        sides = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        order = cv2.dnn.NMSBoxes(sides, scores, 0.0, nms_threshold)
        order = np.array(order, dtype=np.int64)
    boxes, scores = boxes[order], scores[order]
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return boxes[inside], scores[inside]
