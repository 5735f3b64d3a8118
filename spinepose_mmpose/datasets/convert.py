"""COCO, Halpe and Leeds Sports Pose in SpineTrack's layout."""

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image
from scipy.interpolate import CubicHermiteSpline
from scipy.io import loadmat

from ..evaluation.coco import oks_matrix
from ..metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    MARKERS,
    NUM_KEYPOINTS,
    SIGMAS,
    SKELETON,
    SPINE_CHAIN,
    SUBSETS,
)
from .annotations import numbers

SIDES = ('left', 'right')
ANCHORS = ('hip', 'shoulder', 'ear')


def pseudo_spine(keypoints: np.ndarray) -> Optional[np.ndarray]:
    """The spine as a smooth curve through hips, shoulders and ears.

    A piecewise cubic (Hermite) runs through the midpoints of both hips, both
    shoulders and the labelled ears, in the manner of the curve fit that
    SpineTrack's labelling started from (SpinePose, arXiv 2504.08110). The
    vertebrae lie on it at the heights that they have in relaxed standing;
    without an ear the neck goes straight on. It knows nothing of lordosis,
    kyphosis or the depth of the body: a start for labelling by hand, no label.

    From (37, 3) to (9, 2) in the order of ``SPINE_CHAIN``; None unless both
    hips and both shoulders are labelled.
    """
    anchors = {}
    for name in ANCHORS:
        pair = keypoints[[KEYPOINT_IDS[f'{s}_{name}'] for s in SIDES]]
        labelled = pair[:, 2] > 0
        if labelled.all() or (name == 'ear' and labelled.any()):
            anchors[name] = pair[labelled, :2].mean(axis=0)
    if 'hip' not in anchors or 'shoulder' not in anchors:
        return None
    heights = _heights()
    trunk = anchors['shoulder'] - anchors['hip']  # slope: height is 0 to 1
    neck, bend = trunk, trunk
    if 'ear' in anchors:
        neck = (anchors['ear'] - anchors['shoulder']) / (heights['ear'] - 1)
        bend = (trunk + neck) / 2
    top = anchors['shoulder'] + (heights['ear'] - 1) * neck
    curve = CubicHermiteSpline(
        (0, 1, heights['ear']),
        np.stack([anchors['hip'], anchors['shoulder'], top]),
        np.stack([trunk, bend, neck]),
    )
    return curve([heights[name] for name in SPINE_CHAIN])


def _heights() -> Dict[str, float]:
    """Heights in standing, from ``MARKERS``: the hips' midpoint is 0, the
    shoulders' is 1."""
    low, high = (MARKERS[f'left_{name}'][1] for name in ('hip', 'shoulder'))
    heights = {name: MARKERS[name][1] for name in SPINE_CHAIN}
    # The table has no ear; its opening is level with the lower half of the
    # nose.
    heights['ear'] = MARKERS['nose'][1] + 0.02
    return {name: (h - low) / (high - low) for name, h in heights.items()}


# Keypoints of a source -> how many of them SpineTrack has, in its order.
SOURCES = {17: 17, 26: 26, 136: 26}
# Other points on the body in Halpe: neck is the shoulders' midpoint there,
# hip that of the hips.
ELSEWHERE = ('neck', 'hip')
# What belongs to keypoints that SpineTrack lacks.
DROPPED = [
    f'{part}_{what}'
    for part in ('face', 'lefthand', 'righthand', 'foot')
    for what in ('box', 'kpts', 'valid')
]
PSEUDO = 'pseudo_keypoints'


def to_spinetrack(
    dataset: dict, pseudo: bool = False, drop: Sequence[str] = ELSEWHERE
) -> Tuple[dict, Dict[str, int]]:
    """A copy of a COCO-format dataset of 17 (COCO), 26 or 136 (Halpe) keypoints
    with 37 keypoints per person, and counts: ``people``, ``labelled``,
    ``pseudo``.

    Body, and of Halpe head and feet, keep their labels but those to ``drop``;
    everything else is unlabelled (0, 0, 0). With ``pseudo`` the spine is
    guessed where it is possible: such points have visibility 1 and their names
    stand in the annotation's ``pseudo_keypoints``. Other fields are passed on.
    """
    dropped = [KEYPOINT_IDS[name] for name in drop]
    annotations = []
    counts = dict(people=0, labelled=0, pseudo=0)
    for annotation in dataset['annotations']:
        keypoints = _convert(annotation)
        keypoints[dropped] = 0
        converted = {
            k: v for k, v in annotation.items() if k not in (*DROPPED, PSEUDO)
        }
        guessed = []
        if pseudo and (spine := pseudo_spine(keypoints)) is not None:
            guessed = converted[PSEUDO] = _fill(keypoints, spine)
        converted.update(labels_of(keypoints))
        annotations.append(converted)
        counts['people'] += 1
        counts['labelled'] += converted['num_keypoints'] > 0
        counts['pseudo'] += bool(guessed)
    info = dict(dataset.get('info') or {})
    if pseudo:
        info['pseudo_spine'] = (
            'The keypoints named in pseudo_keypoints are guesses on a curve '
            'through hips, shoulders and ears: correct them by hand.'
        )
    file = dict(dataset, info=info, annotations=annotations)
    return dict(file, categories=[person_category()]), counts


def _convert(annotation: dict) -> np.ndarray:
    """(37, 3), unlabelled points zeroed."""
    place = f'annotation {annotation.get("id")}'
    flat = annotation.get('keypoints', ())
    if len(flat) % 3 or len(flat) // 3 not in SOURCES:
        raise ValueError(
            f'{place} has {len(flat) / 3:g} keypoints, expected one of '
            f'{sorted(SOURCES)} (COCO, Halpe26, Halpe)'
        )
    count = SOURCES[len(flat) // 3]
    points = numbers(flat)
    if points is None or not np.isfinite(points).all():
        raise ValueError(f'a keypoint of {place} is not a finite number')
    keypoints = np.zeros((NUM_KEYPOINTS, 3))
    keypoints[:count] = points.reshape(-1, 3)[:count]
    keypoints[keypoints[:, 2] <= 0] = 0
    return keypoints


def _fill(keypoints: np.ndarray, spine: np.ndarray) -> list:
    """Write the spine where it has no label; the names written."""
    names = []
    for name, point in zip(SPINE_CHAIN, spine):
        row = keypoints[KEYPOINT_IDS[name]]
        if row[2] == 0:
            row[:] = *np.round(point, 2), 1
            names.append(name)
    return names


def labels_of(points: np.ndarray) -> dict:
    """As an annotation has them, from (37, 3): 367, not 367.0."""
    flat = [int(v) if v == int(v) else v for v in points.ravel().tolist()]
    return dict(keypoints=flat, num_keypoints=int((points[:, 2] > 0).sum()))


def person_category() -> dict:
    """COCO's skeleton counts from 1."""
    return dict(
        supercategory='person',
        id=1,
        name='person',
        keypoints=list(KEYPOINT_NAMES),
        skeleton=[
            [KEYPOINT_IDS[end] + 1 for end in link] for link, _ in SKELETON
        ],
    )


def new_person(image_id, box: Sequence[float], share: float) -> dict:
    """An annotation with a box x, y, w, h; the person fills a share of it."""
    x, y, w, h = (round(float(v), 2) for v in box)
    person = dict(image_id=image_id, category_id=1, iscrowd=0)
    return dict(person, bbox=[x, y, w, h], area=round(share * w * h, 2))


def spinetrack_file(images: list, annotations: list, info: dict) -> dict:
    """The content of an annotation file in SpineTrack's layout."""
    file = dict(info=info, images=images, annotations=annotations)
    return dict(file, categories=[person_category()])


def points_with_guesses(annotation: dict) -> np.ndarray:
    """(37, 3) points; those without a label have visibility 0 and the place
    of the guess, or 0, 0."""
    points = np.reshape(annotation['keypoints'], (-1, 3)).astype(float)
    for name, xy in annotation.get('guesses', {}).items():
        if points[KEYPOINT_IDS[name], 2] == 0:
            points[KEYPOINT_IDS[name], :2] = xy
    return points


def select_images(dataset: dict, images: Sequence[dict]) -> dict:
    """The file with these images and their people alone, in this order."""
    ids = {image['id']: i for i, image in enumerate(images)}
    people = [a for a in dataset['annotations'] if a['image_id'] in ids]
    people.sort(key=lambda a: ids[a['image_id']])
    return dict(dataset, images=list(images), annotations=people)


# --- Leeds Sports Pose --------------------------------------------------------
# Original and extended: one person per image, 14 joints: ankles, knees, hips,
# wrists, elbows and shoulders, whose points SpineTrack has, the head's top, and
# a neck that lies elsewhere than C7 and is left out. joints.mat has (3, 14, N)
# in the original set and (14, 3, N) in the extended one. Sources contradict
# each other on the third value of the original set (visible or occluded), so
# that it is not read; in the extended set joints without a place are those at
# or below 0. Some labels of the extended set are mirrored: left and right are
# exchanged. Johnson and Everingham, BMVC 2010 and CVPR 2011; for research use.

# In the file's order; its neck is no point of SpineTrack.
JOINTS = (
    'right_ankle right_knee right_hip left_hip left_knee left_ankle '
    'right_wrist right_elbow right_shoulder left_shoulder left_elbow '
    'left_wrist lsp_neck head'
).split()
# Of the joints' extent on each side; of its longer side at least.
MARGIN, LEAST_MARGIN = 0.12, 0.05
# The person's share of the box.
LSP_AREA = 0.5
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
        raise ValueError(f'{path} is not a MATLAB file: {error}') from error
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
            raise ValueError(
                f'{file} cannot be read as an image: {error}'
            ) from error
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
    limbs = list(SUBSETS['body'][5:])
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
    person = new_person(number, (*low, *high - low), LSP_AREA)
    return dict(person, id=number, **labels_of(keypoints))


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
