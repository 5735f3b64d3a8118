"""xtcocotools wheels are built for numpy 1 (ValueError: numpy.dtype size
changed)."""

from .import_hooks import is_installed
from .shim import import_failure, replace_package, stand_in

VERSIONS = 'xtcocotools 1.14.3 with numpy 2'
REMOVE_WHEN = 'xtcocotools publishes wheels for numpy 2'
BEFORE = ('xtcocotools', 'mmpose')


def probe() -> str | None:
    modules = 'xtcocotools.coco', 'xtcocotools.mask'
    return next(filter(None, map(import_failure, modules)), None)


def apply() -> None:
    if not is_installed('pycocotools'):
        raise ImportError(
            'neither a working xtcocotools nor pycocotools is installed: '
            'pip install pycocotools'
        )
    from pycocotools import mask
    from pycocotools.coco import COCO

    replace_package(
        'xtcocotools',
        coco=stand_in('xtcocotools.coco', COCO=COCO),
        cocoeval=stand_in('xtcocotools.cocoeval', COCOeval=_evaluator()),
        mask=mask,
    )


# MMPose's and COCO's rule for a person without a segmentation.
BOX_TO_AREA = 0.53
TYPES = 'segm', 'bbox', 'keypoints'


def _evaluator() -> type:
    import numpy as np
    from pycocotools import cocoeval

    class COCOeval(cocoeval.COCOeval):
        """pycocotools' evaluation with the arguments of xtcocotools."""

        def __init__(self, gt, dt, iouType='segm', sigmas=None, use_area=True):
            if iouType not in TYPES:
                raise NotImplementedError(
                    f'iouType {iouType!r} needs the real xtcocotools (and '
                    f'numpy < 2); expected one of {TYPES}'
                )
            super().__init__(gt, dt, iouType)
            self.use_area = use_area
            if sigmas is not None and iouType == 'keypoints':
                self.params.kpt_oks_sigmas = np.asarray(sigmas, dtype=float)

        def _prepare(self):
            super()._prepare()
            if self.params.iouType != 'keypoints':
                return
            for person in (p for people in self._gts.values() for p in people):
                # Labels are counted, whatever num_keypoints says.
                labelled = any(person['keypoints'][2::3])
                person['ignore'] = bool(person.get('iscrowd')) or not labelled
            for key, people in self._dts.items():
                people = [p for p in people if any(p['keypoints'][2::3])]
                self._dts[key] = people

        def computeOks(self, imgId, catId):
            if self.use_area:
                return super().computeOks(imgId, catId)
            # The scale of the OKS alone: area ranges keep the true area.
            people = self._gts[imgId, catId]
            self._gts[imgId, catId] = [
                dict(p, area=p['bbox'][2] * p['bbox'][3] * BOX_TO_AREA)
                for p in people
            ]
            found = super().computeOks(imgId, catId)
            self._gts[imgId, catId] = people
            return found

    return COCOeval
