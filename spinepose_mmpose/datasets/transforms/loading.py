import logging
from typing import Optional

import mmcv
from mmengine.fileio import get
from mmengine.logging import print_log
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

JPEG_START, JPEG_END = b'\xff\xd8', b'\xff\xd9'
START_OF_SCAN = b'\xda'
CHOICES = ('error', 'skip')


@TRANSFORMS.register_module()
class LoadPoseImage(LoadImage):
    """Loads an image and notices when it is absent, cut off or unreadable.

    OpenCV returns a cut-off JPEG with grey where the data ended; training on
    it goes unnoticed otherwise.

    Args:
        on_bad_image (str): ``'error'`` raises a ValueError that names file
            and annotation id; ``'skip'`` warns and lets the dataset draw
            another sample (in training only). Defaults to ``'error'``.
        *args, **kwargs: As :class:`mmpose.datasets.transforms.LoadImage`.
    """

    def __init__(self, *args, on_bad_image: str = 'error', **kwargs) -> None:
        if on_bad_image not in CHOICES:
            raise ValueError(
                f'on_bad_image is {on_bad_image!r}, expected one of {CHOICES}'
            )
        super().__init__(*args, **kwargs)
        self.on_bad_image = on_bad_image

    def transform(self, results: dict) -> Optional[dict]:
        if 'img' in results:
            return super().transform(results)
        try:
            img = self._read(results['img_path'])
        except (OSError, ValueError) as error:
            return self._refuse(results, error)
        if self.to_float32:
            img = img.astype('float32')
        results.update(
            img=img, img_shape=img.shape[:2], ori_shape=img.shape[:2]
        )
        return results

    def _read(self, path: str):
        """(H, W, 3) uint8, BGR."""
        content = get(path, backend_args=self.backend_args)
        if not content:
            raise ValueError('the file is empty')
        if is_truncated_jpeg(content):
            raise ValueError('the JPEG ends before its end marker')
        img = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if img is None:
            raise ValueError('it is no image that OpenCV can read')
        return img

    def _refuse(self, results: dict, error: Exception) -> None:
        reason = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else error
        )
        message = f'image {results["img_path"]} cannot be used: {reason}'
        if 'id' in results:
            message += f' (annotation {results["id"]})'
        if self.on_bad_image == 'error':
            raise ValueError(
                f"{message}. Replace it, or set on_bad_image='skip' in "
                'LoadPoseImage to train without it.'
            ) from None
        print_log(
            f'{message}; another sample takes its place',
            logger='current',
            level=logging.WARNING,
        )
        return None


def is_truncated_jpeg(content: bytes) -> bool:
    """Whether a JPEG lacks its end marker.

    Bytes after the marker are allowed: cameras append pictures and maker
    notes. The segments before the picture are left out, since a thumbnail in
    one of them has an end marker of its own.
    """
    if not content.startswith(JPEG_START):
        return False
    at = len(JPEG_START)
    while content[at : at + 1] == b'\xff':
        marker = content[at + 1 : at + 2]
        if marker == START_OF_SCAN:
            break
        is_fill = marker == b'\xff'
        size = int.from_bytes(content[at + 2 : at + 4], 'big')
        at += 1 if is_fill else 2 + size
    return content.find(JPEG_END, at) < 0
