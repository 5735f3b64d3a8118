"""mmpose.visualization.simcc_vis imports torchvision for ToPILImage alone; a
torchvision built for another torch dies on import."""

import sys

from .shim import import_failure, replace_package, stand_in

VERSIONS = 'mmpose 1.3.2 with a CUDA torchvision on a CPU torch, or none'
REMOVE_WHEN = 'mmpose imports torchvision lazily'
BEFORE = ('mmdet', 'mmpose')


def probe() -> str | None:
    return import_failure('torchvision.transforms')


class ToPILImage:
    """(C, H, W) tensor in 0..1, or (H, W, C) array, to a Pillow image."""

    def __call__(self, image):
        import numpy as np
        from PIL import Image

        if hasattr(image, 'detach'):
            image = image.detach().cpu()
            if image.is_floating_point():
                image = image.mul(255).byte()
            image = image.permute(1, 2, 0)
        array = np.asarray(image)
        return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def apply() -> None:
    transforms = stand_in('torchvision.transforms', ToPILImage=ToPILImage)
    replace_package('torchvision', transforms=transforms)
    sys.modules['torchvision'].__version__ = '0.0.0'
