"""From 2D to 3D in MMPose: dataset and codec."""

import os.path as osp
from typing import Optional, Sequence

from spinepose_mmpose.camera import ROOT, SEEN, intrinsics_of_view, to_rays
from spinepose_mmpose.metainfo import METAINFO, NUM_KEYPOINTS

import numpy as np
from mmpose.codecs import VideoPoseLifting
from mmpose.datasets.datasets import Human36mDataset
from mmpose.registry import DATASETS, KEYPOINT_CODECS

KEYS = ('imgname', 'center', 'scale', 'part', 'S', 'K', 'R')


def _read(path: str) -> dict:
    """The arrays of a file that have one row per person and frame."""
    with np.load(path, allow_pickle=False) as file:
        for key, width in (('part', 3), ('S', 4)):
            shape = file[key].shape if key in file else 'missing'
            if shape[1:] != (NUM_KEYPOINTS, width):
                raise ValueError(
                    f"'{key}' of {path} is {shape}, expected (N, "
                    f'{NUM_KEYPOINTS}, {width})'
                )
        return {key: file[key] for key in KEYS if key in file}


@DATASETS.register_module()
class SpineTrack3DDataset(Human36mDataset):
    """37 keypoints in 3D: the npz files of SIMSPINE and of
    ``tools/dataset_tools/make_synthetic.py``.

    The difference to Human3.6M: the keypoints, and the camera of each row
    (``K`` and ``R`` of the file, otherwise ``camera_param_file`` as MMPose's
    Human3.6M has it), which samples carry as ``camera_param`` with ``f`` and
    ``c`` (2, 1) in pixels and ``R`` (3, 3) from world (z up) to camera.

    Args:
        more_ann_files (Sequence[str]): Further files, as ``ann_file``.
        others: Of Human36mDataset.
    """

    METAINFO: dict = METAINFO

    def __init__(
        self, *args, more_ann_files: Sequence[str] = (), **kwargs
    ) -> None:
        root = kwargs.get('data_root') or ''
        self.more_ann_files = [osp.join(root, name) for name in more_ann_files]
        super().__init__(*args, **kwargs)

    def _load_ann_file(self, ann_file: str) -> None:
        parts = [_read(path) for path in (ann_file, *self.more_ann_files)]
        shared = set(parts[0]).intersection(*parts)
        self.ann_data = {
            key: np.concatenate([part[key] for part in parts]) for key in shared
        }

    def _load_annotations(self) -> tuple:
        people, images = super()._load_annotations()
        names, matrices = self.ann_data['imgname'], self.ann_data.get('K')
        if matrices is None and not self.camera_param_file:
            raise ValueError(
                f'{self.ann_file} has no intrinsics K: camera_param_file '
                'should name the cameras, but is not set'
            )
        for person, rows in zip(people, self.sequence_indices):
            if matrices is None:
                person['camera_param'] = self.get_camera_param(names[rows[0]])
                continue
            matrix = matrices[rows[0]]
            person['camera_param'] = dict(
                f=np.float32([[matrix[0, 0]], [matrix[1, 1]]]),
                c=matrix[:2, 2:].astype(np.float32),
                R=self.ann_data['R'][rows[0]],
            )
        return people, images


@KEYPOINT_CODECS.register_module()
class RayPoseLifting(VideoPoseLifting):
    """Pixels to rays, (x - cx) / fx and (y - cy) / fy, 0 where a point is
    missing: the input of the published lifter. Targets are metres from the
    sacrum in the camera's axes.

    Args:
        num_keypoints (int): K.
        root_index (int): Of the sacrum.
        others: Of MMPose's codec.
    """

    def __init__(self, num_keypoints=NUM_KEYPOINTS, root_index=ROOT, **others):
        super().__init__(num_keypoints, root_index=root_index, **others)

    def encode(
        self,
        keypoints: np.ndarray,
        keypoints_visible: Optional[np.ndarray] = None,
        *,
        camera_param: dict,
        **targets,
    ) -> dict:
        """As MMPose's, with rays as labels.

        Args:
            keypoints (np.ndarray): (T, K, 2) pixels.
            keypoints_visible (np.ndarray, optional): (T, K); below 0.5 a
                point is missing.
            camera_param (dict): ``f`` and ``c``; without them ``w`` and ``h``
                of the image, for the field of view that the spinepose client
                assumes.
        """
        if 'f' in camera_param:
            (fx, fy), (cx, cy) = (np.ravel(camera_param[k]) for k in 'fc')
            matrix = [[fx, 0, cx], [0, fy, cy]]
        else:
            matrix = intrinsics_of_view((camera_param['w'], camera_param['h']))
        seen = None
        if keypoints_visible is not None:
            seen = keypoints_visible >= SEEN
        rays = to_rays(keypoints, matrix, seen).astype(np.float32)
        targets['camera_param'] = dict(w=1, h=1)
        encoded = super().encode(rays, keypoints_visible, **targets)
        # MMPose's labels are shares of the image's width.
        labels = rays.transpose(1, 2, 0).reshape(-1, len(rays))  # 2 K, T
        return {**encoded, 'keypoint_labels': labels}
