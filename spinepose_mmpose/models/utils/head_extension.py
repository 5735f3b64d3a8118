from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Tuple

import torch
from torch import Tensor

# The only layer of RTMCCHead and SimCCHead that depends on the number of
# keypoints.
FINAL_LAYER = 'head.final_layer'


@dataclass
class HeadExtension:
    """What :func:`extend_head` did with each keypoint.

    Attributes:
        copied: keypoints whose row is the source's of that name.
        drawn: keypoints whose row is new.
        skipped: keypoints of the source that the target lacks.
        distribution: tensor -> (mean, standard deviation) of the new rows.
    """

    copied: List[str] = field(default_factory=list)
    drawn: List[str] = field(default_factory=list)
    skipped: List[str] = field(default_factory=list)
    distribution: Dict[str, Tuple[float, float]] = field(default_factory=dict)

    def __str__(self) -> str:
        normal = ', '.join(
            f'{name} N({mean:.3g}, {std:.3g}^2)'
            for name, (mean, std) in self.distribution.items()
        )
        return '\n'.join(
            f'  {len(names)} {what}: {", ".join(names) or "none"}'
            for what, names in (
                ('copied', self.copied),
                (f'extended ({normal})' if normal else 'extended', self.drawn),
                ('skipped, which the student lacks', self.skipped),
            )
        )


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
) -> Tuple[Dict[str, Tensor], HeadExtension]:
    """Weights of a SimCC model for other keypoints.

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

    Returns:
        The weights, and what became of each keypoint.

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
    report = HeadExtension(
        copied=[name for name in target_names if name in index],
        drawn=[name for name in target_names if name not in index],
        skipped=[name for name in source_names if name not in target_names],
    )
    if not report.copied:
        raise ValueError(
            "None of the checkpoint's keypoints is one of the student's: "
            f'{list(source_names)} and {list(target_names)}.'
        )
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
        if report.drawn:
            report.distribution[name.rpartition('.')[2]] = (
                mean.item(),
                std.item(),
            )
    return extended, report
