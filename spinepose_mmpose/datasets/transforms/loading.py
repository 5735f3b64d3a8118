import logging
from typing import Optional

import mmcv
from mmengine.fileio import get
from mmengine.logging import print_log
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ..cache import ImageCache
from .jpeg_header import is_truncated_jpeg, read_header
from .undecoded_image import STAND_IN, UNDECODED, UndecodedImage

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
        lazy (bool): Read a JPEG's header alone and leave it to
            :class:`TopdownAffine` to decode as little as the person's box
            needs. The transforms between may flip the image, but not read
            its pixels. Other files, and JPEGs turned by EXIF, are decoded
            here as ever. Defaults to False.
        cache (dict, optional): Of decoded images, with ``lazy`` only: the
            arguments of :class:`ImageCache`. Defaults to None.
        *args, **kwargs: As :class:`mmpose.datasets.transforms.LoadImage`.

    Raises:
        ValueError: when ``on_bad_image`` is another word, when ``lazy`` meets
            a setting of :class:`LoadImage` for decoding, or ``cache`` comes
            without it.
    """

    def __init__(
        self,
        *args,
        on_bad_image: str = 'error',
        lazy: bool = False,
        cache: Optional[dict] = None,
        **kwargs,
    ) -> None:
        if on_bad_image not in CHOICES:
            raise ValueError(
                f'on_bad_image is {on_bad_image!r}, expected one of {CHOICES}'
            )
        super().__init__(*args, **kwargs)
        decoding = (self.color_type, self.imdecode_backend, self.to_float32)
        if lazy and decoding != ('color', 'cv2', False):
            raise ValueError(
                "lazy=True decodes to 8-bit colours only: color_type='color', "
                "imdecode_backend='cv2', to_float32=False, not "
                f'{self.color_type!r}, {self.imdecode_backend!r}, '
                f'{self.to_float32}'
            )
        if cache and not lazy:
            raise ValueError('cache needs lazy=True')
        self.on_bad_image = on_bad_image
        self.lazy = lazy
        self.cache = ImageCache(**cache) if cache else None

    def transform(self, results: dict) -> Optional[dict]:
        if 'img' in results:
            return super().transform(results)
        path = results['img_path']
        try:
            content = self._read(path)
            header = read_header(content) if self.lazy else None
            if header is None:
                img = self._decode(content)
        except (OSError, ValueError) as error:
            return self._refuse(results, error)
        if header is None:
            shape = img.shape[:2]
        else:
            img, shape = [STAND_IN], (header.height, header.width)
            results[UNDECODED] = UndecodedImage(
                content, header, self._refuse, self.cache, path
            )
        results.update(img=img, img_shape=shape, ori_shape=shape)
        return results

    def _read(self, path: str) -> bytes:
        content = get(path, backend_args=self.backend_args)
        if not content:
            raise ValueError('the file is empty')
        if is_truncated_jpeg(content):
            raise ValueError('the JPEG ends before its end marker')
        return content

    def _decode(self, content: bytes):
        """(H, W, 3) uint8, BGR."""
        img = mmcv.imfrombytes(
            content, flag=self.color_type, backend=self.imdecode_backend
        )
        if img is None:
            raise ValueError('it is no image that OpenCV can read')
        return img.astype('float32') if self.to_float32 else img

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
