"""What can be found in a dataset, and one fault at one place."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from .annotations import DataSet

ERROR, WARNING = 'error', 'warning'
_DROP, _DROP_IMAGE = 'the person is left out', 'image and people are left out'
_UNLABEL = 'the point loses its label'
# Kind -> its meaning, and what a cleaned copy does about it.
_ERRORS = {
    # The file.
    'keypoint-order': (
        'the file names its keypoints in another order than SpineTrack',
        'the points are put in order, where their names are the same',
    ),
    'duplicate-id': ('several annotations have one id', 'new ids are given'),
    'duplicate-image-id': ('several images have one id', _DROP_IMAGE),
    'no-image-entry': ("the annotation's image is not in the file", _DROP),
    # A person that cannot be used: what SpineTrackDataset refuses.
    'incomplete': ('box, keypoints or image size are absent', _DROP),
    'malformed': ('box or keypoints are no numbers', _DROP),
    'keypoint-count': ('not 37 keypoints', _DROP),
    'not-finite': (
        'NaN or infinity in keypoints or box',
        f'{_UNLABEL}; with a bad box the person is left out',
    ),
    'visibility': ('visibility other than 0, 1, 2', _UNLABEL),
    'empty-box': ('box without width or height', _DROP),
    'box-outside': ('box outside the image', _DROP),
    'area': ('area is absent, zero or negative', 'the area of the box is set'),
    # Images.
    'image-entry': ('an image entry lacks file_name, width or height', ''),
    'image-missing': ('the image file is absent', _DROP_IMAGE),
    'image-truncated': ('the image file is cut off', _DROP_IMAGE),
    'image-unreadable': ('the image file cannot be decoded', _DROP_IMAGE),
    'image-size': ('the image has another size than its entry', ''),
    'train-val-image': (
        'the same image is in training and validation',
        'it leaves the training file',
    ),
}
_WARNINGS = {
    'keypoint-names': ('keypoints without names: their order is unknown', ''),
    # A person that looks wrong.
    'num-keypoints': (
        'num_keypoints is not the number of labelled points',
        'it is counted anew',
    ),
    'box-beyond-image': ('box reaches beyond the image', 'the box is clipped'),
    'point-at-origin': ('labelled point at 0, 0', _UNLABEL),
    'point-outside-image': ('labelled point outside the image', _UNLABEL),
    'point-outside-box': ('labelled point far outside the box', ''),
    'sides-exchanged': ('bones cross the body: sides exchanged?', ''),
    'sides-opposed': ('left and right of two pairs oppose one another', ''),
    'spine-order': ('two neighbours of the spine look exchanged', ''),
    'spine-spacing': ('a point of the spine is far from its neighbours', ''),
    'person-twice': ('a person is labelled twice', 'exact copies are left out'),
    # Images.
    'image-twice': ('two image files have the same bytes', ''),
}


# How the names of kinds begin that are about an image, not about a person.
_OF_IMAGES = ('image-', 'duplicate-image-', 'train-val-')


class Kind(NamedTuple):
    severity: str
    meaning: str
    remedy: str  # what a cleaned copy does about it, '' for nothing


KINDS: Dict[str, Kind] = {
    kind: Kind(severity, *texts)
    for severity, kinds in ((ERROR, _ERRORS), (WARNING, _WARNINGS))
    for kind, texts in kinds.items()
}


class Finding(NamedTuple):
    """One fault at one place."""

    content: DataSet
    row: Optional[int]  # of the annotation or image; None: the whole file
    kind: str
    detail: str
    score: float = 0.0  # larger is worse, among findings of one kind
    points: Tuple[int, ...] = ()  # keypoints that it is about

    @property
    def severity(self) -> str:
        return KINDS[self.kind].severity

    @property
    def about_image(self) -> bool:
        return self.kind.startswith(_OF_IMAGES)

    @property
    def image(self) -> Optional[dict]:
        """The image's entry."""
        if self.about_image:
            return self.content.images[self.row]
        return self.content.image_of(self.row)

    @property
    def place(self) -> dict:
        """Split, row, ids and file, as far as they are known."""
        place = dict(split=self.content.name)
        if self.row is None:
            return place
        image, person = self.image or {}, {}
        number = image.get('id')
        if not self.about_image:
            person = self.content.annotations[self.row]
            number = person.get('image_id')
        place.update(row=self.row, annotation=person.get('id'), image=number)
        place['file'] = str(image.get('file_name', ''))
        return {k: v for k, v in place.items() if v not in (None, '')}


def worst_by_kind(findings: Iterable[Finding]) -> Dict[str, List[Finding]]:
    """In the order of ``KINDS``, errors first; the worst of a kind first."""
    found = {kind: [] for kind in KINDS}
    for each in sorted(findings, key=lambda f: -f.score):
        found[each.kind].append(each)
    return {kind: of_kind for kind, of_kind in found.items() if of_kind}
