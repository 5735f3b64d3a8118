from typing import Optional

import cv2
import numpy as np
from mmpose.datasets.transforms import TopdownAffine as MMPoseTopdownAffine
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_udp_warp_matrix, get_warp_matrix

from .undecoded_image import UNDECODED


# In place of MMPose's, which it is for decoded images: MMDeploy writes its SDK
# files by this name.
@TRANSFORMS.register_module(name='TopdownAffine', force=True)
class TopdownAffine(MMPoseTopdownAffine):
    """MMPose's, which also takes images that ``LoadPoseImage(lazy=True)`` has
    left undecoded.

    They are decoded at 1/2, 1/4 or 1/8 of their size where the crop is
    smaller still, which smooths the crop where MMPose's aliases. Keypoints
    are exactly MMPose's.
    """

    def transform(self, results: dict) -> Optional[dict]:
        undecoded = results.pop(UNDECODED, None)
        if undecoded is None:
            if isinstance(results['img'], np.ndarray):
                results['img'] = _laid_out(results['img'])
            return super().transform(results)
        (stand_in,) = results['img']
        # Without an image: box and keypoints alone.
        results['img'] = []
        results = super().transform(results)
        warp = get_udp_warp_matrix if self.use_udp else get_warp_matrix
        size = tuple(int(side) for side in self.input_size)
        matrix = warp(
            results['input_center'],
            results['input_scale'],
            results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.0,
            output_size=size,
        )
        try:
            results['img'] = undecoded.crop(matrix, size, stand_in)
        except ValueError as error:
            return undecoded.refuse(results, error)
        return results


def _laid_out(img: np.ndarray) -> np.ndarray:
    """The same pixels without a mirrored view.

    ``RandomFlip`` makes one; NumPy takes ten times as long as OpenCV to copy
    it, which the warp would have to.
    """
    mirrored = img.ndim > 1 and img.strides[0] > 0 > img.strides[1]
    return cv2.flip(img[:, ::-1], 1) if mirrored else img
