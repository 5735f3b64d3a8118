"""What a client has to know of an ONNX file, in the file.

ONNX keeps pairs of text; every value here is JSON. docs/deployment.md lists
the keys, of which spinepose_mmpose.inference reads the first seven.
"""

import json
import os.path as osp
from typing import Any, Dict, Optional, Sequence

KEYS = (
    'keypoint_names',
    'flip_indices',
    'input_size',
    'mean',
    'std',
    'bgr_to_rgb',
    'simcc_split_ratio',
    'model',
    'checkpoint',
    'licence',
    'exported_by',
)


def model_facts(
    model_cfg,
    keypoint_names: Optional[Sequence[str]] = None,
    flip_indices: Optional[Sequence[int]] = None,
    checkpoint: Optional[str] = None,
    licence: Optional[str] = None,
) -> Dict[str, Any]:
    """Value by key for the config (mmengine's) of a SimCC model.

    ``mean`` and ``std`` are those of the channels in the order in which the
    network takes them, ``input_size`` is (w, h).
    """
    from ..version import __version__

    codec = model_cfg.codec
    preprocessor = model_cfg.model.data_preprocessor
    name = osp.splitext(osp.basename(model_cfg.filename or ''))[0]
    return dict(
        keypoint_names=keypoint_names and list(keypoint_names),
        flip_indices=flip_indices and list(map(int, flip_indices)),
        input_size=list(codec['input_size']),
        mean=list(preprocessor.mean),
        std=list(preprocessor.std),
        bgr_to_rgb=bool(preprocessor.get('bgr_to_rgb', False)),
        simcc_split_ratio=codec['simcc_split_ratio'],
        model=name or None,
        checkpoint=checkpoint and osp.basename(checkpoint),
        licence=licence,
        exported_by=f'spinepose-mmpose {__version__}',
    )


def write_facts(model, facts: Dict[str, Any]) -> None:
    """Put facts into an ONNX ModelProto; None is left out."""
    kept = [pair for pair in model.metadata_props if pair.key not in KEYS]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    for key, value in facts.items():
        if value is not None:
            model.metadata_props.add(key=key, value=json.dumps(value))


def read_facts(model) -> Dict[str, Any]:
    """What :func:`write_facts` wrote into a ModelProto."""
    return {
        pair.key: json.loads(pair.value)
        for pair in model.metadata_props
        if pair.key in KEYS
    }
