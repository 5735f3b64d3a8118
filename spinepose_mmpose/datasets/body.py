"""The SpineTrack dataset.

MMPose's inferencers take their detector from the name of this module: the word
after ``datasets.`` has to be ``body``.
"""

import json
import logging
import os
import os.path as osp
from collections import Counter, defaultdict
from typing import Dict, List, Optional, Set, Tuple

from mmengine.logging import print_log
from mmpose.datasets.datasets import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ..metainfo import METAINFO
from .annotations import DataSet, Fault, find_fault

CHOICES = ('error', 'skip')
# File names that a warning quotes for each kind of fault.
QUOTED = 3


@DATASETS.register_module()
class SpineTrackDataset(BaseCocoStyleDataset):
    """SpineTrack: people with 37 keypoints, 9 of them along the spine.

    The order, names and sigmas are in :mod:`spinepose_mmpose.metainfo`. The
    files are ``annotations/person_keypoints_{split}.json`` and
    ``images/{split}/`` with the splits ``train-real-coco``,
    ``train-real-yoga``, ``train-unreal`` and ``val2017``.

    Args:
        on_bad_annotation (str): ``'error'`` stops at the first annotation
            that cannot be used (wrong keypoint count, NaN, visibility not in
            0, 1, 2, box outside the image, no such image, an id that is there
            twice) with a ValueError that names file and annotation id.
            ``'skip'`` leaves such annotations out and warns how many and why.
            Defaults to ``'error'``.
        check_images (bool): Look for every image file before training
            starts. Only for local files. Defaults to True.
        *args, **kwargs: As :class:`BaseCocoStyleDataset`.

    Crowds and people without a labelled keypoint are no faults, but cannot
    be learned from: they are left out and counted in the log.
    """

    METAINFO: dict = METAINFO

    def __init__(
        self,
        *args,
        on_bad_annotation: str = 'error',
        check_images: bool = True,
        **kwargs,
    ) -> None:
        if on_bad_annotation not in CHOICES:
            raise ValueError(
                f'on_bad_annotation is {on_bad_annotation!r}, '
                f'expected one of {CHOICES}'
            )
        self.on_bad_annotation = on_bad_annotation
        self.check_images = check_images
        self._faults: Dict[str, List[str]] = defaultdict(list)
        self._left_out: Counter = Counter()
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> List[dict]:
        files = {'annotation file': self.ann_file, 'bbox_file': self.bbox_file}
        for what, path in files.items():
            if path and '://' not in path and not osp.isfile(path):
                raise FileNotFoundError(
                    f'{what} {path} does not exist: set data_root to the '
                    'folder that holds annotations/ and images/ (docs/data.md '
                    'says how to get or make one)'
                )
        people = super().load_data_list()
        if not people:
            raise ValueError(
                f'{self.ann_file}: no person is left, expected at least one '
                'with a labelled keypoint (the log above says what was left '
                'out)'
            )
        return people

    def _load_annotations(self) -> Tuple[List[dict], List[dict]]:
        self._listings: Dict[str, Set[str]] = {}
        try:
            instances, images = super()._load_annotations()
            # The parent goes from images to people by id: it never sees a
            # person whose image is not listed, and takes the last of two
            # with one id.
            content = DataSet('', None, raw=self.coco.dataset)
            rejected = set()
            for row, fault in content.misplaced.items():
                self._reject(content.annotations[row], fault)
                rejected.add(content.annotations[row]['id'])
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(
                f'{self.ann_file} is not JSON ({error}): expected COCO '
                'annotations; download or write the file again'
            ) from None
        except (KeyError, TypeError, AttributeError, AssertionError) as error:
            raise ValueError(
                f'{self.ann_file} is not in COCO format '
                f'({type(error).__name__}: {error}): expected the lists '
                "'images', 'annotations' and 'categories', whose entries have "
                "an 'id'"
            ) from None
        self._report()
        return [i for i in instances if i['id'] not in rejected], images

    def parse_data_info(self, raw_data_info: dict) -> Optional[dict]:
        """As the parent's, after the annotation has been checked."""
        annotation = raw_data_info['raw_ann_info']
        image = raw_data_info['raw_img_info']
        fault = find_fault(annotation, image, self._metainfo['num_keypoints'])
        if fault is None and self._is_missing(image):
            detail = f'its image {image["img_path"]} does not exist'
            fault = Fault('image-missing', detail)
        if fault is not None:
            return self._reject(annotation, fault)
        labelled = sum(v > 0 for v in annotation['keypoints'][2::3])
        annotation = dict(annotation, num_keypoints=labelled)
        info = super().parse_data_info(
            dict(raw_ann_info=annotation, raw_img_info=image)
        )
        if info['iscrowd']:
            self._left_out['crowd'] += 1
        elif not labelled:
            self._left_out['without a labelled keypoint'] += 1
        elif not self._is_valid_instance(info):
            self._left_out['with all keypoints outside the image'] += 1
        return info

    def _is_missing(self, image: dict) -> bool:
        path = image['img_path']
        if not self.check_images or '://' in path:
            return False
        folder, name = osp.split(path)
        if folder not in self._listings:
            # One listing instead of a stat for each of 50,000 files.
            self._listings[folder] = (
                set(os.listdir(folder)) if osp.isdir(folder) else set()
            )
        return name not in self._listings[folder]

    def _reject(self, annotation: dict, fault: Fault) -> None:
        place = f'{self.ann_file}: annotation {annotation.get("id")}'
        if self.on_bad_annotation == 'error':
            raise ValueError(
                f'{place} is bad: {fault.detail}. Fix the file, or set '
                "on_bad_annotation='skip' to leave such people out."
            )
        case = f'{annotation.get("id")}: {fault.detail}'
        self._faults[fault.kind].append(case)

    def _report(self) -> None:
        if self._left_out:
            counts = ', '.join(
                f'{count} {why}' for why, count in self._left_out.items()
            )
            print_log(f'{self.ann_file}: left out {counts}', logger='current')
        if not self._faults:
            return
        total = sum(map(len, self._faults.values()))
        lines = [f'{self.ann_file}: skipped {total} bad annotations']
        for kind, cases in self._faults.items():
            more = ', ...' if len(cases) > QUOTED else ''
            lines.append(
                f'  {kind} ({len(cases)}): {"; ".join(cases[:QUOTED])}{more}'
            )
        print_log('\n'.join(lines), logger='current', level=logging.WARNING)
