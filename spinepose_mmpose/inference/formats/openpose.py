"""OpenPose JSON, one file a frame.

``{"version": 1.0, "people": [{"person_id": [1], "pose_keypoints_2d": [x, y,
score, ...]}]}``, pixels of the frame. Readers of OpenPose's files take the
last list; the rest is for the curious: ``person_id`` holds the identity ([-1]
without one), ``keypoint_names`` the names in the order of the numbers.
"""

import glob
import json
import os
import re
from typing import Iterator, Tuple

import numpy as np

from ...utils import write_text
from ..results import FrameResult, Person
from .rounding import person_of, triplets

# Layout -> file name of a frame: that of the ``spinepose`` client, and the
# one that Pose2Sim's documents show (the last number is the frame).
LAYOUTS = {
    'client': 'frame_{index:05d}.json',
    'pose2sim': '{stem}_{index:06d}.json',
}


def frame_file(layout: str, stem: str, index: int) -> str:
    """Name of the file of a frame.

    Args:
        layout: ``client`` or ``pose2sim``.
        stem: name of the video.
        index: of the frame, from 0.
    """
    return LAYOUTS[layout].format(stem=stem, index=index)


def frame_files(folder: str, layout: str, stem: str) -> list:
    """Files of frames that lie in a folder."""
    pattern = LAYOUTS[layout].format(stem='\0', index=0)
    pattern = re.sub(r'0{5,}', r'\\d{5,}', re.escape(pattern))
    pattern = pattern.replace(re.escape('\0'), re.escape(stem))
    return [
        path
        for path in glob.glob(os.path.join(glob.escape(folder), '*.json'))
        if re.fullmatch(pattern, os.path.basename(path))
    ]


def openpose_text(result: FrameResult, names: Tuple[str, ...]) -> str:
    """Content of the file of a frame.

    Args:
        names: keypoint names, for a frame without people as well.
    """
    people = [
        {
            'person_id': [-1 if p.track_id is None else p.track_id],
            'pose_keypoints_2d': np.ravel(triplets(p)).tolist(),
        }
        for p in result.people
    ]
    return json.dumps(
        {'version': 1.0, 'people': people, 'keypoint_names': list(names)}
    )


def write_openpose(
    path: str, result: FrameResult, names: Tuple[str, ...]
) -> None:
    """Write the file of a frame; it appears complete."""
    write_text(path, openpose_text(result, names))


def read_openpose(path: str, names: Tuple[str, ...] = ()) -> Iterator[Person]:
    """People of a file; boxes are those around the keypoints.

    Args:
        names: keypoint names where the file has none.

    Raises:
        ValueError: the file has another layout.
    """
    with open(path, encoding='utf-8') as file:
        content = json.load(file)
    try:
        names = tuple(content.get('keypoint_names', names))
        for person in content['people']:
            points = np.reshape(person['pose_keypoints_2d'], (-1, 3))
            box = [*points[:, :2].min(axis=0), *points[:, :2].max(axis=0)]
            track_id = person.get('person_id', [-1])[0]
            yield person_of(
                points, box, 1.0, None if track_id < 0 else track_id, names
            )
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f'{path} is no OpenPose JSON') from error
