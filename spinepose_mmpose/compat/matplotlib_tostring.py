"""mmpose's 3D visualizer calls tostring_rgb, which Matplotlib 3.10 removed."""

from importlib import import_module

VERSIONS = 'mmpose 1.3.2'
REMOVE_WHEN = 'mmpose reads buffer_rgba'
AFTER = 'matplotlib.backends.backend_agg'


def probe() -> str | None:
    if hasattr(import_module(AFTER).FigureCanvasAgg, 'tostring_rgb'):
        return None
    return 'FigureCanvasAgg has no tostring_rgb'


def apply() -> None:
    def tostring_rgb(self) -> bytes:
        import numpy as np

        return np.asarray(self.buffer_rgba())[..., :3].tobytes()

    import_module(AFTER).FigureCanvasAgg.tostring_rgb = tostring_rgb
