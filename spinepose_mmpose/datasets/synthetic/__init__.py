"""A seeded generator of drawn people in SpineTrack format.

Needs numpy and cv2 only. ``generate_sample`` makes one image with its
annotations, ``write_dataset`` a folder; the modules beneath go from a build
(``body``) and a pose (``poses``) over joints in metres (``skeleton``) and a
skin (``skin``) to pixels (``camera``, ``render``) and flags (``visibility``).
"""

from .body import Body, average_body, sample_body
from .camera import Camera, look_at
from .poses import sample_pose
from .scene import SPLITS, build_scene, generate_sample, make_person
from .skeleton import Figure, Pose, mirror_pose, pose_body
from .writer import GENERATOR_VERSION, split_counts, write_dataset

__all__ = [
    'Body',
    'Camera',
    'Figure',
    'GENERATOR_VERSION',
    'Pose',
    'SPLITS',
    'average_body',
    'build_scene',
    'generate_sample',
    'look_at',
    'make_person',
    'mirror_pose',
    'pose_body',
    'sample_body',
    'sample_pose',
    'split_counts',
    'write_dataset',
]
