"""Checkpoints by keypoint name, and heads extended to other keypoints."""

import os
from typing import Dict, List, Sequence, Tuple

import torch
from torch import Tensor

from ..metainfo import KEYPOINT_NAMES
from ..zoo import resolve_weights

# How many names a message quotes.
QUOTED = 3


def checkpoint_weights(checkpoint: dict) -> Dict[str, Tensor]:
    """The weights in a checkpoint of any age, by their names in the model."""
    return {
        name[7:] if name.startswith('module.') else name: value
        for name, value in checkpoint.get('state_dict', checkpoint).items()
        # Old versions saved the mean and std of the images.
        if 'data_preprocessor.' not in name
    }


def read_checkpoint(checkpoint) -> Tuple[dict, dict]:
    """The weights in a checkpoint, and its ``meta``.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it is not a checkpoint of weights alone.
    """
    name = os.fspath(checkpoint)
    path = resolve_weights(name) if '://' in name else name
    try:
        loaded = torch.load(path, map_location='cpu', weights_only=True)
        return checkpoint_weights(loaded), loaded.get('meta') or {}
    except OSError:
        raise
    except Exception as error:  # of the unpickler, which raises all kinds
        raise ValueError(
            f'{name} cannot be loaded as a checkpoint: it is damaged, or '
            f'contains more than weights ({type(error).__name__})'
        ) from error


def find_mismatch(weights: Dict[str, Tensor], own: Dict[str, Tensor]) -> str:
    """How ``weights`` differ from a model's ``own``; empty if they fit.

    A missing ``num_batches_tracked`` is no difference: evaluation does not
    read that counter, and old files lack it.
    """
    missing = [
        name
        for name in own
        if name not in weights and 'num_batches_tracked' not in name
    ]
    unexpected = [name for name in weights if name not in own]
    shapes = [
        f'{name} {tuple(weights[name].shape)} for {tuple(value.shape)}'
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    return '; '.join(
        f'{len(names)} {what} ({", ".join(names[:QUOTED])}'
        f'{", ..." if len(names) > QUOTED else ""})'
        for what, names in (
            ('missing', missing),
            ('unexpected', unexpected),
            ('of another shape', shapes),
        )
        if names
    )


# Names of SpineTrack keypoints in other datasets of MMPose. Points that only
# look alike (pelvis, thorax, upper_neck) are left out on purpose.
KEYPOINT_ALIAS = dict(head_top='head', top_head='head')

# What a model with so many outputs predicts, unless something says otherwise:
# the metainfo files of MMPose.
DATASET_OF_COUNT = {17: 'coco', 26: 'halpe26', 133: 'coco_wholebody'}


def keypoint_index(
    names: Sequence[str], keypoint_names: Sequence[str]
) -> List[int]:
    """Positions of ``names`` in ``keypoint_names``.

    Raises:
        ValueError: for names that ``keypoint_names`` does not hold.
    """
    keypoint_names = list(keypoint_names)
    unknown = [name for name in names if name not in keypoint_names]
    if unknown:
        raise ValueError(
            f'Unknown keypoints {unknown}; the keypoints are {keypoint_names}.'
        )
    return [keypoint_names.index(name) for name in names]


def metainfo_names(metainfo: dict) -> List[str]:
    """Keypoint names of a metainfo that MMPose has parsed, in order, as
    SpineTrack's."""
    names = metainfo['keypoint_id2name']
    return [KEYPOINT_ALIAS.get(names[i], names[i]) for i in sorted(names)]


def checkpoint_names(meta: dict, num_keypoints: int) -> List[str]:
    """Names of the keypoints that a checkpoint's model predicts.

    Its ``meta`` says them or, where it does not, the number of outputs:
    SpineTrack's, or one of :data:`DATASET_OF_COUNT`.

    Raises:
        ValueError: when the names are unknown or of another number.
    """
    metainfo = (meta or {}).get('dataset_meta') or {}
    if 'keypoint_id2name' not in metainfo:
        if num_keypoints == len(KEYPOINT_NAMES):
            return list(KEYPOINT_NAMES)
        if num_keypoints not in DATASET_OF_COUNT:
            counts = sorted([len(KEYPOINT_NAMES), *DATASET_OF_COUNT])
            raise ValueError(
                f'The checkpoint has {num_keypoints} keypoints but no names '
                f'for them, and is none of the known ones ({counts} '
                'keypoints): tools/model_converters/extend_head.py takes the '
                'names by --source.'
            )
        from mmpose.datasets.datasets.utils import parse_pose_metainfo

        name = DATASET_OF_COUNT[num_keypoints]
        metainfo = parse_pose_metainfo(
            dict(from_file=f'configs/_base_/datasets/{name}.py')
        )
    names = metainfo_names(metainfo)
    if len(names) != num_keypoints:
        raise ValueError(
            f'The checkpoint has {num_keypoints} keypoints, but its metainfo '
            f'{metainfo.get("dataset_name")!r} names {len(names)}.'
        )
    return names


# The only layer of RTMCCHead and SimCCHead that depends on the number of
# keypoints.
FINAL_LAYER = 'head.final_layer'


def count_keypoints(weights: Dict[str, Tensor]) -> int:
    """Outputs of a SimCC model.

    Raises:
        ValueError: when the weights have no such head.
    """
    try:
        return len(weights[f'{FINAL_LAYER}.weight'])
    except KeyError:
        raise ValueError(
            f'The checkpoint has no {FINAL_LAYER}.weight: it is not one of a '
            'model with a SimCC head, such as RTMPose.'
        ) from None


def extend_head(
    weights: Dict[str, Tensor],
    source_names: Sequence[str],
    target_names: Sequence[str],
    seed: int = 0,
    redraw: Sequence[str] = (),
) -> Tuple[Dict[str, Tensor], str]:
    """Weights of a SimCC model for other keypoints, and a text about them.

    Each keypoint of the final layer is a row of its tensors, (K, ...). Rows
    are mapped by keypoint name; new ones are drawn from the normal
    distribution with the mean and standard deviation of all existing rows of
    that tensor (SpinePose, arXiv 2504.08110: not zeros). Everything else is
    passed on.

    Args:
        weights: Of the source model; not changed.
        source_names: Its K keypoints, in order.
        target_names: Those of the target, in order.
        seed: Of the draw. The same on every machine and process.
        redraw: Keypoints to draw although the source has them.

    Raises:
        ValueError: when the names are not those of the rows, when no name is
            common, or when the weights have no such layer.
    """
    rows = count_keypoints(weights)
    if rows != len(source_names):
        raise ValueError(
            f'The checkpoint has {rows} keypoints, but {len(source_names)} '
            'names are given for them.'
        )
    for names in (source_names, target_names):
        double = sorted({n for n in names if list(names).count(n) > 1})
        if double:
            raise ValueError(f'Keypoint names occur twice: {double}.')
    unknown = [name for name in redraw if name not in target_names]
    if unknown:
        raise ValueError(
            f'Unknown keypoints {unknown} to redraw; the keypoints are '
            f'{list(target_names)}.'
        )
    index = {
        name: i for i, name in enumerate(source_names) if name not in redraw
    }
    copied = [name for name in target_names if name in index]
    drawn = [name for name in target_names if name not in index]
    skipped = [name for name in source_names if name not in target_names]
    if not copied:
        raise ValueError(
            "None of the checkpoint's keypoints is one of the student's: "
            f'{list(source_names)} and {list(target_names)}.'
        )
    normal = []
    extended = dict(weights)
    generator = torch.Generator().manual_seed(seed)
    for name in (f'{FINAL_LAYER}.weight', f'{FINAL_LAYER}.bias'):
        if name not in weights:
            continue
        old = weights[name].cpu()
        std, mean = torch.std_mean(old.float())
        new = old.new_empty(len(target_names), *old.shape[1:])
        for i, keypoint in enumerate(target_names):
            if keypoint in index:
                new[i] = old[index[keypoint]]
            else:
                noise = torch.randn(old.shape[1:], generator=generator)
                new[i] = mean + std * noise
        extended[name] = new.to(weights[name].device)
        part = name.rpartition('.')[2]
        normal.append(f'{part} N({mean.item():.3g}, {std.item():.3g}^2)')
    return extended, '\n'.join(
        f'  {len(names)} {what}: {", ".join(names) or "none"}'
        for what, names in (
            ('copied', copied),
            (f'extended ({", ".join(normal)})', drawn),
            ('skipped, which the student lacks', skipped),
        )
    )
