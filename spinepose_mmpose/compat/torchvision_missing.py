"""A stand-in for a torchvision that is absent or dies on import."""

import importlib
import sys
from typing import Optional

from .import_hooks import before_import
from .shim import Shim, stand_in


def probe() -> Optional[str]:
    try:
        importlib.import_module('torchvision.transforms')
    except Exception as error:  # RuntimeError from a wheel for another torch
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


class ToPILImage:
    """(C, H, W) tensor in 0..1, or (H, W, C) array, to a PIL image."""

    def __call__(self, picture):
        import numpy as np
        from PIL import Image

        if hasattr(picture, 'detach'):
            array = picture.detach().cpu()
            if array.is_floating_point():
                array = array.mul(255).byte()
            picture = array.permute(1, 2, 0).numpy()
        array = np.asarray(picture)
        return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def apply() -> None:
    for name in [
        m
        for m in sys.modules
        if m == 'torchvision' or m.startswith('torchvision.')
    ]:
        del sys.modules[name]  # remains of the broken import
    transforms = stand_in('torchvision.transforms', ToPILImage=ToPILImage)
    package = stand_in(
        'torchvision', transforms=transforms, __path__=[], __version__='0.0.0'
    )
    sys.modules['torchvision'] = package
    sys.modules['torchvision.transforms'] = transforms


def _schedule(run) -> None:
    before_import(('mmdet', 'mmpose'), run)


SHIM = Shim(
    name='torchvision_missing',
    problem='mmpose.visualization.simcc_vis imports torchvision for '
    'ToPILImage alone; a torchvision built for another torch dies on import',
    versions='mmpose 1.3.2 with a CUDA torchvision on a CPU torch, or none',
    remove_when='mmpose imports torchvision lazily',
    needs='mmpose',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
