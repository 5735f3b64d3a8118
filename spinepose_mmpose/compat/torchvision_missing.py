"""mmpose.visualization.simcc_vis imports torchvision for ToPILImage alone; a
torchvision built for another torch dies on import."""

import importlib
import sys
from typing import Optional

from .shim import stand_in

VERSIONS = 'mmpose 1.3.2 with a CUDA torchvision on a CPU torch, or none'
REMOVE_WHEN = 'mmpose imports torchvision lazily'
BEFORE = ('mmdet', 'mmpose')


def probe() -> Optional[str]:
    try:
        importlib.import_module('torchvision.transforms')
    except Exception as error:  # RuntimeError from a wheel for another torch
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


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
    for name in [m for m in sys.modules if m.split('.')[0] == 'torchvision']:
        del sys.modules[name]  # remains of the broken import
    transforms = stand_in('torchvision.transforms', ToPILImage=ToPILImage)
    sys.modules['torchvision.transforms'] = transforms
    sys.modules['torchvision'] = stand_in(
        'torchvision', transforms=transforms, __path__=[], __version__='0.0.0'
    )
