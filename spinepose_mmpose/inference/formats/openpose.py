"""OpenPose JSON, one file per frame.

``{"version": 1.0, "people": [{"person_id": [1], "pose_keypoints_2d": [x, y,
score, ...]}]}``, pixels of the frame. Readers of OpenPose's files take the
last list; the rest is for the curious: ``person_id`` holds the identity ([-1]
without one), ``keypoint_names`` the names in the order of the numbers. With
lifting people have ``pose_keypoints_3d`` too, x, y, z in metres and score; it
is empty for somebody without a place in 3D.
"""

import json
import os
import re
from typing import Sequence

import numpy as np

from ...utils import write_text
from ..results import FrameResult
from . import Format, quadruplets, triplets

# Layout -> file of a frame: that of the ``spinepose`` client, and the one that
# Pose2Sim's documents show (the last number is the frame).
LAYOUTS = {
    'client': 'frame_{index:05d}.json',
    'pose2sim': '{stem}_{index:06d}.json',
}


class OpenPose(Format):
    """A file for a photograph, a folder of files for a clip."""

    name, extension, in_one_file = 'openpose', '.json', False

    def target(self, folder, name, is_clip, alone):
        """See :class:`.Format`."""
        if not is_clip:
            return super().target(folder, name, is_clip, alone)
        if self.settings.json_layout == 'client':
            return folder if alone else os.path.join(folder, name)
        if alone and 'json' in os.path.basename(os.path.normpath(folder)):
            return folder
        return os.path.join(folder, f'{name}_json')

    def existing(self, path, name):
        """See :class:`.Format`."""
        if not os.path.isdir(path):
            return super().existing(path, name)
        parts = re.escape(self._file_of('\0', 99999)).split('99999')
        pattern = r'\d{5,}'.join(parts).replace('\0', re.escape(name))
        names = (n for n in os.listdir(path) if re.fullmatch(pattern, n))
        return [os.path.join(path, name) for name in sorted(names)]

    def sample(self, path, name, is_clip):
        """See :class:`.Format`."""
        return os.path.join(path, self._file_of(name, 0)) if is_clip else path

    def write(self, path, header, frames):
        """See :class:`.Format`."""
        written = []
        for result in frames():
            file = path
            if result.time is not None:  # of a clip
                name = self._file_of(header.source, result.frame_index)
                file = os.path.join(path, name)
            write_text(file, openpose_text(result, header.keypoints))
            written.append(file)
        return written

    def _file_of(self, stem: str, index: int) -> str:
        layout = LAYOUTS[self.settings.json_layout]
        return layout.format(stem=stem, index=index)


def openpose_text(result: FrameResult, names: Sequence[str]) -> str:
    """Content of the file of a frame.

    Args:
        names (Sequence): of the keypoints, for a frame without people too.
    """
    people = [
        {
            'person_id': [-1 if p.track_id is None else p.track_id],
            'pose_keypoints_2d': np.ravel(triplets(p)).tolist(),
        }
        for p in result.people
    ]
    for values, person in zip(people, result.people):
        if person.keypoints_3d is not None:
            values['pose_keypoints_3d'] = np.ravel(quadruplets(person)).tolist()
    return json.dumps(
        {'version': 1.0, 'people': people, 'keypoint_names': list(names)}
    )
