"""mmpose's visualizer hands OpenCV a radius as an array of one number, which
no longer turns into a number."""

import sys

VERSIONS = 'numpy >= 2.4 with mmpose 1.3.2'
REMOVE_WHEN = 'mmpose passes the radius as a number'
AFTER = 'mmpose.visualization.opencv_backend_visualizer'


def probe() -> str | None:
    import numpy as np

    try:
        int(np.array([1]))
    except TypeError as error:
        return f'TypeError: {error}'
    return None


def apply() -> None:
    import numpy as np

    cls = sys.modules[AFTER].OpencvBackendVisualizer
    draw = cls.draw_circles

    def draw_circles(self, center, radius, *args, **kwargs):
        if self.backend == 'opencv':
            radius = np.ravel(radius)[0]
        return draw(self, center, radius, *args, **kwargs)

    cls.draw_circles = draw_circles
