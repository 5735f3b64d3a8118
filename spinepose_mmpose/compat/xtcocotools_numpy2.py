"""xtcocotools' small interface, served by pycocotools."""

import importlib
import sys
from typing import Optional

from .import_hooks import before_import, is_installed
from .shim import Shim, stand_in


def probe() -> Optional[str]:
    try:
        importlib.import_module('xtcocotools.coco')
        importlib.import_module('xtcocotools.mask')
    except Exception as error:  # ValueError: numpy.dtype size changed
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def apply() -> None:
    if not is_installed('pycocotools'):
        raise ImportError(
            'neither a working xtcocotools nor pycocotools is installed: '
            'pip install pycocotools'
        )
    for name in [m for m in sys.modules if m.split('.')[0] == 'xtcocotools']:
        del sys.modules[name]
    from pycocotools import mask

    COCO, COCOeval = interface()
    modules = dict(
        coco=stand_in('xtcocotools.coco', COCO=COCO),
        cocoeval=stand_in('xtcocotools.cocoeval', COCOeval=COCOeval),
        mask=mask,
    )
    sys.modules['xtcocotools'] = stand_in('xtcocotools', __path__=[], **modules)
    for name, module in modules.items():
        sys.modules[f'xtcocotools.{name}'] = module


# MMPose's and COCO's rule for a person without a segmentation.
BOX_TO_AREA = 0.53


def interface():
    """(COCO, COCOeval): what xtcocotools adds to pycocotools, namely own
    sigmas and the area from the box."""
    import numpy as np
    from pycocotools import coco, cocoeval

    class COCO(coco.COCO):
        """Without ``test_index``, which mmpose leaves None."""

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
                self._dts[key] = [
                    p for p in people if any(p['keypoints'][2::3])
                ]

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

    return COCO, COCOeval


def _with_box_area(person: dict) -> dict:
    _, _, w, h = person['bbox']
    return dict(person, area=w * h * BOX_TO_AREA)


def _schedule(run) -> None:
    before_import(('xtcocotools', 'mmpose'), run)


SHIM = Shim(
    name='xtcocotools_numpy2',
    problem='xtcocotools wheels are built for numpy 1 '
    '(ValueError: numpy.dtype size changed)',
    versions='xtcocotools 1.14.3 with numpy 2',
    remove_when='xtcocotools publishes wheels for numpy 2',
    needs='mmpose',
    probe=probe,
    apply=apply,
    schedule=_schedule,
)
