from typing import Dict, List, Optional, Sequence

from ...metainfo import KEYPOINT_NAMES

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
    index = {name: i for i, name in enumerate(keypoint_names)}
    unknown = [name for name in names if name not in index]
    if unknown:
        raise ValueError(
            f'Unknown keypoints {unknown}; the keypoints are '
            f'{list(keypoint_names)}.'
        )
    return [index[name] for name in names]


def metainfo_names(
    metainfo: dict, alias: Optional[Dict[str, str]] = None
) -> List[str]:
    """Keypoint names of a parsed metainfo, in order, as SpineTrack's.

    Args:
        metainfo: With ``keypoint_id2name``, as MMPose parses it.
        alias: Names there to names here, in addition to
            :data:`KEYPOINT_ALIAS`.
    """
    alias = {**KEYPOINT_ALIAS, **(alias or {})}
    names = metainfo['keypoint_id2name']
    return [alias.get(names[i], names[i]) for i in sorted(names)]


def checkpoint_names(
    meta: dict, num_keypoints: int, alias: Optional[Dict[str, str]] = None
) -> List[str]:
    """Names of the keypoints that a checkpoint's model predicts.

    Args:
        meta: The checkpoint's ``meta``. Where it does not tell, the number of
            outputs does: SpineTrack, or :data:`DATASET_OF_COUNT`.
        num_keypoints: Outputs of the model.
        alias: As for :func:`metainfo_names`.

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
                'keypoints): give the names.'
            )
        from mmpose.datasets.datasets.utils import parse_pose_metainfo

        name = DATASET_OF_COUNT[num_keypoints]
        metainfo = parse_pose_metainfo(
            dict(from_file=f'configs/_base_/datasets/{name}.py')
        )
    names = metainfo_names(metainfo, alias)
    if len(names) != num_keypoints:
        raise ValueError(
            f'The checkpoint has {num_keypoints} keypoints, but its metainfo '
            f'{metainfo.get("dataset_name")!r} names {len(names)}: give the '
            'names.'
        )
    return names
