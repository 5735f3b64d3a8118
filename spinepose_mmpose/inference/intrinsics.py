"""Cameras whose intrinsics a file tells."""

import json
import os
from typing import NamedTuple, Optional, Tuple

import cv2
import numpy as np

from ..camera import intrinsics_of_view, to_rays

DIAGONAL_35MM = np.hypot(36, 24)
# What OpenCV calls them.
OPENCV = dict(
    matrix='camera_matrix',
    distortions='distortion_coefficients',
    width='image_width',
    height='image_height',
)


class LiftingCamera(NamedTuple):
    """Of a file of intrinsics."""

    matrix: np.ndarray  # 3, 3
    size: Optional[Tuple[int, int]] = None  # w, h of its images in pixels
    distortion: np.ndarray = np.zeros(0)  # coefficients in OpenCV's order
    name: str = 'the intrinsics'  # of the file

    def for_size(self, size) -> 'LiftingCamera':
        """This camera; ValueError if its images have another size."""
        if self.size is not None and tuple(self.size) != tuple(size):
            raise ValueError(
                f'{self.name} belongs to images of {self.size[0]} x '
                f'{self.size[1]} pixels, but these are {size[0]} x {size[1]}'
            )
        return self

    def rays(self, keypoints: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """(..., K, 2) undistorted rays, 0 where a point is missing."""
        if not np.any(self.distortion):
            return to_rays(keypoints, self.matrix, seen)
        flat = np.float64(keypoints).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(flat, self.matrix, self.distortion)
        return np.where(seen[..., None], rays.reshape(keypoints.shape), 0.0)


def read_intrinsics(path) -> LiftingCamera:
    """Intrinsics from a file: JSON or TOML with ``matrix`` (or ``K``), and
    where known ``size`` and ``distortions``, at the top or in its only section
    (Pose2Sim's calibration of one camera); or OpenCV's YAML or XML with
    ``camera_matrix``. ValueError if it holds none."""
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'no such file of intrinsics: {path}')
    try:
        found = _content(path)
        sections = [
            part
            for part in found.values()
            if isinstance(part, dict) and ('matrix' in part or 'K' in part)
        ]
        if len(sections) > 1:
            raise ValueError(f'it has {len(sections)} cameras, one expected')
        found = sections[0] if sections else found
        key = next(k for k in ('matrix', 'K', 'camera_matrix') if k in found)
        matrix = np.array(found[key], float).reshape(3, 3)
        if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and matrix[2, 2] == 1):
            raise ValueError('its matrix is not that of a camera')
        size = found.get('size')
        return LiftingCamera(
            matrix,
            tuple(round(float(side)) for side in size) if size else None,
            np.ravel(np.array(found.get('distortions', []), float)),
            path,
        )
    except (StopIteration, ValueError, TypeError, KeyError) as error:
        reason = f': {error}' if str(error) else ''
        raise ValueError(
            f'{path} contains no intrinsics{reason}; expected JSON or TOML '
            'with "matrix" (3 x 3) and "size" [w, h], or a file of OpenCV'
        ) from None


def _content(path: str) -> dict:
    ending = os.path.splitext(path)[1].lower()
    if ending in ('.yml', '.yaml', '.xml'):
        try:
            file = cv2.FileStorage(path, cv2.FILE_STORAGE_READ)
        except cv2.error as error:
            raise ValueError('OpenCV cannot read it') from error
        nodes = {key: file.getNode(name) for key, name in OPENCV.items()}
        found = {
            key: node.mat() if node.isMap() else node.real()
            for key, node in nodes.items()
            if not node.empty()
        }
        if 'width' in found and 'height' in found:
            found['size'] = [found['width'], found['height']]
        return found
    if ending == '.toml':
        try:
            import tomllib
        except ImportError as error:  # Python 3.10
            raise ValueError('TOML needs Python 3.11') from error
        with open(path, 'rb') as file:
            return tomllib.load(file)
    with open(path, encoding='utf-8') as file:
        found = json.load(file)
    if not isinstance(found, dict):
        raise ValueError('no object at the top')
    return found


def exif_camera(path, size) -> Optional[LiftingCamera]:
    """The camera that took a photograph, of its focal length as EXIF has it
    for 35 mm film; None where the file does not say."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            exif = image.getexif().get_ifd(0x8769)
        focal = float(exif.get(0xA405) or 0)
    except (OSError, ValueError, SyntaxError, TypeError):
        return None
    if focal <= 0:
        return None
    degrees = 2 * np.degrees(np.arctan(DIAGONAL_35MM / 2 / focal))
    return LiftingCamera(intrinsics_of_view(size, degrees), tuple(size))
