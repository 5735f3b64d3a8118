"""Keypoints of one definition as those of another.

A mapping is a list of (source, target) ids, what MMPose's KeypointConverter
takes; ``((a, b), target)`` puts the target midway between two sources.
"""

from typing import List, Sequence, Tuple, Union

import numpy as np

Mapping = Sequence[Tuple[Union[int, Sequence[int]], int]]


def map_keypoints(
    keypoints: np.ndarray, num_keypoints: int, mapping: Mapping
) -> np.ndarray:
    """Rearranged keypoints; those without a source are 0 with score 0.

    Args:
        keypoints (np.ndarray): (N, K, 3), [x, y] and visibility or score. A
            point between two has the lower of theirs.
        num_keypoints (int): Keypoints of the target.
        mapping (list): (source, target) ids.

    Returns:
        np.ndarray: (N, num_keypoints, 3).

    Raises:
        ValueError: An id does not exist.
    """
    first, second, target = _ids(mapping, keypoints.shape[1], num_keypoints)
    out = np.zeros((len(keypoints), num_keypoints, 3), dtype=keypoints.dtype)
    a, b = keypoints[:, first], keypoints[:, second]
    # An equal pair is copied: its mean could differ in the last bit.
    same = np.equal(first, second)[None, :, None]
    out[:, target, :2] = np.where(same, a, a / 2 + b / 2)[..., :2]
    out[:, target, 2] = np.minimum(a[..., 2], b[..., 2])
    return out


def name_mapping(
    source_names: Sequence[str], target_names: Sequence[str]
) -> List[Tuple[int, int]]:
    """(source, target) ids of the keypoints that have the same name.

    Raises:
        ValueError: A name occurs twice, or none is in both.
    """
    for what, names in (('source', source_names), ('target', target_names)):
        twice = sorted({n for n in names if list(names).count(n) > 1})
        if twice:
            raise ValueError(
                f'{what} keypoints {twice} occur more than once: '
                'they cannot be mapped by name.'
            )
    ids = {name: i for i, name in enumerate(source_names)}
    mapping = [
        (ids[name], i) for i, name in enumerate(target_names) if name in ids
    ]
    if not mapping:
        raise ValueError(
            f'no keypoint of the source ({", ".join(source_names)}) has the '
            f'name of one of the target ({", ".join(target_names)}): nothing '
            'can be mapped by name.'
        )
    return mapping


def map_sigmas(
    sigmas: Sequence[float], num_keypoints: int, mapping: Mapping
) -> np.ndarray:
    """(num_keypoints, ) OKS sigmas of the target; 1 without a source."""
    sigmas = np.asarray(sigmas, dtype=np.float64)
    first, second, target = _ids(mapping, len(sigmas), num_keypoints)
    out = np.ones(num_keypoints)
    out[target] = np.where(
        np.equal(first, second),
        sigmas[first],
        (sigmas[first] + sigmas[second]) / 2,
    )
    return out


def _ids(mapping: Mapping, num_sources: int, num_targets: int):
    first, second, target = [], [], []
    for source, to in mapping:
        pair = source if isinstance(source, (list, tuple)) else (source, source)
        if len(pair) != 2:
            raise ValueError(
                'A target lies on one source or between two, but '
                f'the mapping of {to} names {len(pair)}.'
            )
        if not (
            all(0 <= s < num_sources for s in pair) and 0 <= to < num_targets
        ):
            raise ValueError(
                f'The mapping ({source}, {to}) does not fit {num_sources} '
                f'source keypoints and {num_targets} target keypoints.'
            )
        first.append(pair[0])
        second.append(pair[1])
        target.append(to)
    return (
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array(target, dtype=np.int64),
    )
