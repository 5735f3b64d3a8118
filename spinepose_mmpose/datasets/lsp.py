"""Leeds Sports Pose in SpineTrack's layout: original and extended.

One person per image, 14 joints: ankles, knees, hips, wrists, elbows and
shoulders, whose points SpineTrack has, the head's top, and a neck that lies
elsewhere than C7 and is left out. ``joints.mat`` has (3, 14, N) in the
original set and (14, 3, N) in the extended one. Sources contradict each other
on the third value of the original set (visible or occluded), so that it is not
read; in the extended set joints without a place are those at or below 0.

Johnson and Everingham, BMVC 2010 and CVPR 2011; for research use. Some labels
of the extended set are mirrored: left and right are exchanged.
"""

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy as np
from PIL import Image
from scipy.io import loadmat

from ..evaluation.coco import oks_matrix
from ..metainfo import FLIP_INDICES, KEYPOINT_IDS, NUM_KEYPOINTS, SIGMAS
from .annotation_tools import points_with_guesses, select_images
from .convert import new_person
from .label_teachers import GROUPS
from .pseudo_label import spinetrack_file

# In the file's order; its neck is no point of SpineTrack.
JOINTS = (
    'right_ankle right_knee right_hip left_hip left_knee left_ankle '
    'right_wrist right_elbow right_shoulder left_shoulder left_elbow '
    'left_wrist lsp_neck head'
).split()
# Of the joints' extent on each side; of its longer side at least.
MARGIN, LEAST_MARGIN = 0.12, 0.05
# The person's share of the box.
AREA_OF_BOX = 0.5
# By how much mean OKS the exchanged labels must agree better with the
# teacher's, and what they must reach.
EXCHANGE_GAIN, EXCHANGE_OKS = 0.2, 0.45


def read_joints(path) -> np.ndarray:
    """(N, 14, 2) pixels, NaN for joints that are not labelled."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'no such file: {path}')
    try:
        joints = loadmat(path).get('joints', np.zeros(0))
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f'{path} is no MATLAB file: {error}') from error
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        joints = joints.transpose(1, 0, 2)
    if joints.ndim != 3 or joints.shape[:2] != (14, 3):
        raise ValueError(
            f'{path} holds joints of shape {joints.shape}, (3, 14, N) or '
            '(14, 3, N) expected'
        )
    xy = joints[:, :2].transpose(2, 0, 1).astype(float)
    xy[~(xy > 0).all(axis=2)] = np.nan
    return xy


def lsp_to_spinetrack(
    joints: np.ndarray,
    images,
    teacher: Optional[dict] = None,
    num_checked: Optional[int] = None,
) -> Tuple[dict, Dict[str, List[str]]]:
    """The annotation file of the people in a folder of images, which are in
    the order of :func:`read_joints`; and file names of people whose left and
    right were ``exchanged``, who have no joint (``unlabelled``, left out) and
    whom the teacher does not know (``unchecked``).

    The teacher is an annotation file of the same images by networks, to find
    mirrored labels. It is compared with the first ``num_checked`` images alone,
    so that labels of a test set do not depend on it.
    """
    suffixes = '.jpg', '.png'
    files = [p for s in suffixes for p in sorted(Path(images).glob(f'*{s}'))]
    if len(files) != len(joints):
        raise ValueError(
            f'{images} holds {len(files)} images (.jpg, .png), but there are '
            f'joints of {len(joints)}'
        )
    known = _points_by_file(teacher) if teacher else {}
    if num_checked is None or not teacher:
        num_checked = len(joints) if teacher else 0
    notes = dict(exchanged=[], unlabelled=[], unchecked=[])
    entries, annotations = [], []
    for i, (file, xy) in enumerate(zip(files, joints), 1):
        try:
            with Image.open(file) as image:
                size = image.size
        except OSError as error:
            raise ValueError(f'{file} is no usable image: {error}') from error
        sides = dict(width=size[0], height=size[1])
        entries.append(dict(id=i, file_name=file.name, **sides))
        if np.isnan(xy).all():
            notes['unlabelled'].append(file.name)
            continue
        person = _person(i, xy, size)
        annotations.append(person)
        if i > num_checked:
            continue
        if file.name not in known:
            notes['unchecked'].append(file.name)
        elif is_mirrored(person, known[file.name]):
            notes['exchanged'].append(file.name)
            points = np.reshape(person['keypoints'], (-1, 3))
            person['keypoints'] = points[list(FLIP_INDICES)].ravel().tolist()
    info = dict(
        description='Leeds Sports Pose, for research use',
        exchanged=notes['exchanged'],
    )
    return spinetrack_file(entries, annotations, info), notes


def split(dataset: dict, count: int) -> Tuple[dict, dict]:
    """The first images of a file, and the others."""
    images = dataset['images']
    return tuple(
        select_images(dataset, part)
        for part in (images[:count], images[count:])
    )


def is_mirrored(person: dict, found: np.ndarray) -> bool:
    """Whether a person's limbs agree much better with left and right
    exchanged: with the points of a teacher, see :func:`mean_oks`."""
    points = np.reshape(person['keypoints'], (-1, 3))
    straight, exchanged = (
        mean_oks(points[order], person['area'], found)
        for order in (range(NUM_KEYPOINTS), list(FLIP_INDICES))
    )
    return exchanged > straight + EXCHANGE_GAIN and exchanged > EXCHANGE_OKS


def mean_oks(points: np.ndarray, area: float, found: np.ndarray) -> float:
    """OKS over the limb joints that are labelled, (37, 3), and found, (37, 2),
    NaN where nothing was; 0 if there are none."""
    labels = np.zeros((NUM_KEYPOINTS, 3))
    limbs = list(GROUPS['limbs'])
    labels[limbs] = np.asarray(points)[limbs]
    labels[np.isnan(found[:, 0])] = 0
    xy = np.nan_to_num(found)[None]
    return oks_matrix(xy, labels[None], [area], SIGMAS).item()


def _person(number: int, xy: np.ndarray, size: Tuple[int, int]) -> dict:
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    extent = high - low
    margin = np.maximum(MARGIN * extent, LEAST_MARGIN * extent.max())
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, size)
    keypoints = np.zeros((NUM_KEYPOINTS, 3))
    for name, point in zip(JOINTS, xy):
        if name in KEYPOINT_IDS and not np.isnan(point).any():
            keypoints[KEYPOINT_IDS[name]] = *point.round(2), 2
    return dict(
        new_person(number, (*low, *high - low), AREA_OF_BOX),
        id=number,
        num_keypoints=int((keypoints[:, 2] > 0).sum()),
        keypoints=keypoints.ravel().tolist(),
    )


def _points_by_file(teacher: dict) -> Dict[str, np.ndarray]:
    """File name -> (37, 2) of the first person there, guesses included."""
    names = {image['id']: image['file_name'] for image in teacher['images']}
    found = {}
    for person in reversed(teacher['annotations']):
        points = points_with_guesses(person)
        points[~points.any(axis=1)] = np.nan
        file = Path(names[person['image_id']]).name
        found[file] = points[:, :2]
    return found
