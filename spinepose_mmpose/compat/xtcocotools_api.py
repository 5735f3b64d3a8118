"""What xtcocotools adds to pycocotools: own sigmas, and area from the box."""

import numpy as np
from pycocotools import coco, cocoeval

# mmpose's and COCO's rule for a person without a segmentation.
BOX_TO_AREA = 0.53


class COCO(coco.COCO):
    """``test_index`` of xtcocotools is not served: mmpose leaves it None."""

    def __init__(self, annotation_file=None, test_index=None):
        if test_index is not None:
            raise NotImplementedError(
                'test_index needs the real xtcocotools (and numpy < 2)'
            )
        super().__init__(annotation_file)


class COCOeval(cocoeval.COCOeval):
    """Keypoint and box evaluation with the arguments of xtcocotools.

    Args:
        sigmas: (K, ) OKS standard deviations; COCO's 17 by default.
        use_area: False takes 0.53 of the box area as a person's scale.
    """

    def __init__(
        self,
        cocoGt=None,
        cocoDt=None,
        iouType='segm',
        sigmas=None,
        use_area=True,
    ):
        if iouType not in ('segm', 'bbox', 'keypoints'):
            raise NotImplementedError(
                f'iouType {iouType!r} needs the real xtcocotools (and '
                "numpy < 2); here are 'segm', 'bbox' and 'keypoints'"
            )
        super().__init__(cocoGt, cocoDt, iouType)
        self.use_area = use_area
        if sigmas is not None and iouType == 'keypoints':
            self.params.kpt_oks_sigmas = np.asarray(sigmas, dtype=float)

    def _prepare(self):
        super()._prepare()
        if self.params.iouType != 'keypoints':
            return
        for people in self._gts.values():
            for person in people:
                # Labels are counted, whatever num_keypoints says.
                person['ignore'] = bool(person.get('iscrowd')) or not any(
                    person['keypoints'][2::3]
                )
        for key, people in self._dts.items():
            self._dts[key] = [p for p in people if any(p['keypoints'][2::3])]

    def computeOks(self, imgId, catId):
        if self.use_area:
            return super().computeOks(imgId, catId)
        # The scale of the OKS alone: area ranges keep the true area.
        people = self._gts[imgId, catId]
        self._gts[imgId, catId] = [_with_box_area(p) for p in people]
        try:
            return super().computeOks(imgId, catId)
        finally:
            self._gts[imgId, catId] = people


def _with_box_area(person: dict) -> dict:
    _, _, w, h = person['bbox']
    return dict(person, area=w * h * BOX_TO_AREA)
