"""What can be found: every kind with its weight and what is done about it."""

from typing import Dict, NamedTuple, Optional, Tuple

ERROR, WARNING = 'error', 'warning'


class Kind(NamedTuple):
    """``remedy`` is what a cleaned copy does about it, '' for nothing."""

    severity: str
    meaning: str
    remedy: str = ''


class Finding(NamedTuple):
    """One fault at one place.

    ``row`` counts annotations (of a kind about people) or images from 0 in
    the file; ``points`` are the keypoints that it is about; ``score`` orders
    findings of one kind, larger is worse.
    """

    kind: str
    split: str
    detail: str
    row: Optional[int] = None
    annotation: Optional[object] = None
    image: Optional[object] = None
    file: str = ''
    score: float = 0.0
    points: Tuple[int, ...] = ()

    @property
    def severity(self) -> str:
        return KINDS[self.kind].severity


_DROP = 'the person is left out'
_DROP_IMAGE = 'the image and its people are left out'

KINDS: Dict[str, Kind] = {
    # The file.
    'keypoint-order': Kind(
        ERROR,
        'the file names its keypoints in another order than SpineTrack',
        'the points are put in order, where their names are the same',
    ),
    'keypoint-names': Kind(
        WARNING, 'the file does not name its keypoints: order unchecked'
    ),
    # Ids.
    'duplicate-id': Kind(
        ERROR, 'several annotations have one id', 'new ids are given'
    ),
    'duplicate-image-id': Kind(
        ERROR,
        'several images have one id',
        'they and their people are left out',
    ),
    'no-image-entry': Kind(
        ERROR, "the annotation's image is not in the file", _DROP
    ),
    # A person that cannot be used: what SpineTrackDataset refuses.
    'incomplete': Kind(ERROR, 'box, keypoints or image size are absent', _DROP),
    'malformed': Kind(ERROR, 'box or keypoints are no numbers', _DROP),
    'keypoint-count': Kind(ERROR, 'not 37 keypoints', _DROP),
    'not-finite': Kind(
        ERROR,
        'NaN or infinity in keypoints or box',
        'the point loses its label; with a bad box the person is left out',
    ),
    'visibility': Kind(
        ERROR,
        'visibility other than 0, 1, 2',
        'the point loses its label',
    ),
    'empty-box': Kind(ERROR, 'box without width or height', _DROP),
    'box-outside': Kind(ERROR, 'box outside the image', _DROP),
    'area': Kind(
        ERROR,
        'area is absent, zero or negative',
        "the box's width times height is written",
    ),
    # A person that looks wrong.
    'num-keypoints': Kind(
        WARNING,
        'num_keypoints is not the number of labelled points',
        'it is counted anew',
    ),
    'area-large': Kind(WARNING, 'area is larger than the box'),
    'box-beyond-image': Kind(
        WARNING, 'box reaches beyond the image', 'the box is cut to the image'
    ),
    'point-at-origin': Kind(
        WARNING, 'labelled point at 0, 0', 'the point loses its label'
    ),
    'point-outside-image': Kind(
        WARNING,
        'labelled point outside the image',
        'the point loses its label',
    ),
    'point-outside-box': Kind(WARNING, 'labelled point far outside the box'),
    'sides-exchanged': Kind(
        WARNING, 'left and right look exchanged (bones cross the body)'
    ),
    'sides-opposed': Kind(
        WARNING, 'left and right of two pairs oppose one another'
    ),
    'spine-order': Kind(
        WARNING, 'two neighbours of the spine look exchanged'
    ),
    'spine-spacing': Kind(
        WARNING, 'a point of the spine is far from its neighbours'
    ),
    'person-twice': Kind(
        WARNING,
        'one person is labelled twice in one image',
        'an exact copy is left out',
    ),
    # Images.
    'image-entry': Kind(
        ERROR, 'an image entry lacks file_name, width or height'
    ),
    'image-missing': Kind(ERROR, 'the image file is absent', _DROP_IMAGE),
    'image-truncated': Kind(ERROR, 'the image file is cut off', _DROP_IMAGE),
    'image-unreadable': Kind(
        ERROR, 'the image file cannot be decoded', _DROP_IMAGE
    ),
    'image-size': Kind(ERROR, 'the image has another size than its entry'),
    'train-val-image': Kind(
        ERROR,
        'the same picture is in training and validation',
        'it leaves the training file',
    ),
    'train-val-name': Kind(
        WARNING, 'one file name is in training and validation'
    ),
    'image-twice': Kind(WARNING, 'two image files have the same bytes'),
}  # fmt: skip
