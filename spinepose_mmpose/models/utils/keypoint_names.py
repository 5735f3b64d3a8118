from typing import List, Sequence


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
