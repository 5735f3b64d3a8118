"""C3D, the binary file of motion capture, one file per person.

Points as in TRC: X to the right and Y upwards from the lower left corner of
the image in pixels (``UNITS`` is ``px``), or with lifting metres, upwards the
axis that the settings name; what is missing has the residual -1.
"""

import numpy as np

from ...metainfo import KEYPOINT_IDS
from ...utils import replaced
from .per_person import DEFAULT_RATE, PerPerson, tracks_of


class C3d(PerPerson):
    """A file for every identity, ``NAME_person1.c3d``."""

    name, extension = 'c3d', '.c3d'
    packages, extra = ('ezc3d',), 'c3d'

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        rate = (header.rate or DEFAULT_RATE) / self.settings.stride
        written = []
        for track in tracks_of(frames):
            file = self.file_of(path, track.track_id)
            with replaced(file) as temporary:
                _write(
                    temporary,
                    track,
                    header,
                    float(rate),
                    self.settings.up_axis,
                )
            written.append(file)
        return written


def _write(path, track, header, rate, up_axis) -> None:
    import ezc3d

    points = track.points
    is_3d = points.shape[2] == 3
    if not is_3d:
        up = header.size[1] - points[..., 1:]
        points = np.concatenate([points[..., :1], up, 0 * up], -1)
    elif header.axes == 'camera':
        points = points * [1, -1, -1]
    if is_3d and up_axis == 'z':
        points = points[..., [0, 2, 1]] * [1, -1, 1]
    seen = np.isfinite(points).all(-1) & (track.scores > 0)
    points = np.where(seen[..., None], points, np.nan)
    index = [KEYPOINT_IDS[name] for name in header.keypoints]
    points, seen = points[:, index], seen[:, index]
    file = ezc3d.c3d()
    parameters = file['parameters']['POINT']
    parameters['LABELS']['value'] = list(header.keypoints)
    parameters['UNITS']['value'] = ['m' if is_3d else 'px']
    parameters['RATE']['value'] = [track.rate(rate)]
    homogeneous = np.ones((4, len(index), len(points)))
    homogeneous[:3] = points.transpose(2, 1, 0)
    file['data']['points'] = homogeneous
    file['data']['meta_points']['residuals'] = np.where(seen.T, 0.0, -1.0)[None]
    file.write(path)
