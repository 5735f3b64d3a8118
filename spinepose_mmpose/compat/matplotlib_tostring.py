"""mmpose's 3D visualizer calls tostring_rgb, which Matplotlib 3.10 removed."""

import sys
from typing import Optional

MODULE = 'matplotlib.backends.backend_agg'


def probe() -> Optional[str]:
    if hasattr(sys.modules[MODULE].FigureCanvasAgg, 'tostring_rgb'):
        return None
    return 'FigureCanvasAgg has no tostring_rgb'


def apply() -> None:
    def tostring_rgb(self) -> bytes:
        import numpy as np

        return np.asarray(self.buffer_rgba())[..., :3].tobytes()

    sys.modules[MODULE].FigureCanvasAgg.tostring_rgb = tostring_rgb


SHIM = dict(
    versions='mmpose 1.3.2',
    remove_when='mmpose reads buffer_rgba',
    after=MODULE,
)
