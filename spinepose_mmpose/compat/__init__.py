"""One small file per upstream break, active only where it is seen.

``install()`` schedules every shim around the import that breaks. Nothing is
imported here, so that ``import spinepose_mmpose`` stays light.
``python -m spinepose_mmpose.doctor`` shows which shims are active and why.
"""

import os

from . import (
    albumentations_dropout,
    cpu_distributed,
    cpu_sync_bn,
    import_hooks,
    inferencer_boxes,
    inferencer_names,
    metainfo_path,
    mmcv_22_refused,
    mmcv_ext,
    numpy24_circles,
    onnx_dynamo,
    openvino_convert,
    tensorrt_10,
    tensorrt_11,
    tensorrt_ops,
    torchvision_missing,
    weights_only,
    xtcocotools_numpy2,
)
from .shim import Shim, active, probed, run

# In the order in which a fresh import of mmpose meets them.
SHIMS = tuple(
    module.SHIM
    for module in (
        mmcv_ext,
        mmcv_22_refused,
        weights_only,
        torchvision_missing,
        xtcocotools_numpy2,
        albumentations_dropout,
        numpy24_circles,
        metainfo_path,
        inferencer_boxes,
        inferencer_names,
        onnx_dynamo,
        openvino_convert,
        tensorrt_ops,
        tensorrt_11,
        tensorrt_10,
        cpu_distributed,
        cpu_sync_bn,
    )
)

# Names of shims to leave out, to see whether they are still needed.
SKIP = 'SPINEPOSE_SKIP_SHIMS'

_installed = False

__all__ = ['SHIMS', 'Shim', 'active', 'install', 'probed']


def install() -> None:
    """Schedule every shim; a second call changes nothing."""
    global _installed
    if _installed:
        return
    _installed = True
    import_hooks.install()
    left_out = os.environ.get(SKIP, '').split(',')
    for shim in SHIMS:
        if shim.name not in left_out:
            shim.schedule(lambda shim=shim: run(shim))
