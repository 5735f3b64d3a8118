"""A user's script that imports mmpose first, where mmcv is complete.

What this stack lacks is stubbed, in this process alone. Prints as JSON what
mmpose knows of SpinePose after ``import spinepose_mmpose``.
"""

import json
import os
import sys
import tempfile
from importlib.machinery import ModuleSpec
from types import ModuleType


class Stub(ModuleType):
    """A module that has every name."""

    def __init__(self, name):
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)
        self.__path__ = []

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args: None


def known():
    from mmengine.infer.infer import BaseInferencer
    from mmpose.datasets import CocoDataset, CombinedDataset
    from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

    metainfo = dict(from_file='configs/_base_/datasets/spinetrack.py')
    return dict(
        registered=[
            registry.get(name) is not None
            for registry, name in (
                (DATASETS, 'SpineTrackDataset'),
                (TRANSFORMS, 'LoadPoseImage'),
                (METRICS, 'SpineTrackMetric'),
                (MODELS, 'SpinePoseDistiller'),
            )
        ],
        dataset=CocoDataset(metainfo=metainfo, lazy_init=True).metainfo[
            'num_keypoints'
        ],
        combined=CombinedDataset(metainfo=metainfo, datasets=[]).metainfo[
            'num_keypoints'
        ],
        models=BaseInferencer.list_models('mmpose', 'spinepose-m$'),
    )


def main():
    stdout, sys.stdout = sys.stdout, sys.stderr
    from pycocotools import coco, cocoeval, mask

    for name in (
        'mmcv._ext',
        'torchvision',
        'torchvision.transforms',
        'xtcocotools',
    ):
        sys.modules[name] = Stub(name)
    sys.modules.update(
        {
            'xtcocotools.coco': coco,
            'xtcocotools.cocoeval': cocoeval,
            'xtcocotools.mask': mask,
        }
    )
    import mmpose.apis  # noqa: F401
    from mmpose.registry import DATASETS, METRICS, MODELS, TRANSFORMS

    for registry, name in (
        (DATASETS, 'CocoDataset'),
        (METRICS, 'CocoMetric'),
        (MODELS, 'RTMCCHead'),
        (TRANSFORMS, 'LoadImage'),
    ):
        assert registry.get(name)  # they will not look for classes again

    import spinepose_mmpose  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        result = known()
        os.chdir('/')
    print(json.dumps(result), file=stdout)


if __name__ == '__main__':
    main()
