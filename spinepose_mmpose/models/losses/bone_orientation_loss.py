import math
from typing import Sequence, Tuple

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...metainfo import BONES, KEYPOINT_NAMES
from ..utils import full_precision, keypoint_index
from .utils import person_mean


def bone_orientation_loss(
    pred: Tensor,
    target: Tensor,
    visible: Tensor,
    bones: Tensor,
    min_length: float = 1e-3,
) -> Tensor:
    r"""Mean angle between predicted and true bones, in half turns.

    .. math::
        L_{structure} = \frac{1}{\pi |B|} \sum_{b \in B} |\Delta\phi_b|,
        \quad \Delta\phi_b = \mathrm{atan2}(\sin(\phi_b - \hat\phi_b),
        \cos(\phi_b - \hat\phi_b))

    where phi is a bone's angle to the horizontal (SpinePose, `arXiv 2504.08110
    <https://arxiv.org/abs/2504.08110>`_). The sine and cosine of the
    difference are the cross and the dot product of the two bones over their
    lengths, so one ``atan2`` of the products gives the same angle.

    B is, for each person, the bones with both ends labelled and a true length
    above ``min_length``; the result is the mean over the people with any such
    bone. A predicted bone below ``min_length`` has no direction: it adds
    nothing to the sum and gets no gradient, which bounds the gradient by
    1 / min_length.

    Args:
        pred: Predicted keypoints, (B, K, 2), [x, y].
        target: True keypoints, (B, K, 2), in the same unit. Both axes must
            share that unit (x over width and y over height would bend the
            angles).
        visible: (B, K) bool, the labelled keypoints.
        bones: (M, 2) long, the keypoint indices of both ends of each bone.
        min_length: In the unit of the keypoints.

    Returns:
        A scalar in [0, 1].
    """
    start, end = bones.unbind(dim=1)
    with full_precision(pred, target) as (pred, target):
        counted = visible[:, start] & visible[:, end]  # B, M
        # An unlabelled point may hold anything, NaN included.
        target = target.where(visible[..., None], target.new_zeros(()))
        p = pred[:, end] - pred[:, start]  # B, M, 2
        t = target[:, end] - target[:, start]
        counted = counted & (t.norm(dim=-1) > min_length)
        directed = counted & (p.detach().norm(dim=-1) > min_length)
        cross = t[..., 0] * p[..., 1] - t[..., 1] * p[..., 0]
        dot = (t * p).sum(dim=-1)
        # atan2(0, 0) has no gradient, so the rest measures atan2(0, 1).
        dphi = torch.atan2(
            cross.where(directed, cross.new_zeros(())),
            dot.where(directed, dot.new_ones(())),
        )
        return person_mean(dphi.abs() / math.pi, counted)


@MODELS.register_module()
class BoneOrientationLoss(nn.Module):
    """Structure loss of SpinePose, see :func:`bone_orientation_loss`.

    Args:
        bones: Bones by the names of their ends. Every skeleton link of
            SpineTrack by default.
        keypoint_names: Names of the K keypoints, in order.
        min_length: Shorter bones have no direction, in the unit of the
            keypoints. The default suits keypoints as fractions of the longer
            input side, and is there a quarter of a pixel at 256x192, half a
            SimCC bin.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: when a bone ends in an unknown keypoint.
    """

    def __init__(
        self,
        bones: Sequence[Tuple[str, str]] = BONES,
        keypoint_names: Sequence[str] = KEYPOINT_NAMES,
        min_length: float = 1e-3,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        index = [keypoint_index(bone, keypoint_names) for bone in bones]
        self.register_buffer(
            'bones', torch.tensor(index).reshape(-1, 2), persistent=False
        )
        self.min_length = min_length
        self.loss_weight = loss_weight

    def forward(
        self, pred: Tensor, target: Tensor, target_weight: Tensor
    ) -> Tensor:
        """Scalar loss of (B, K, 2) keypoints.

        ``target_weight``, (B, K), only masks: a keypoint counts where it is
        above zero.
        """
        return self.loss_weight * bone_orientation_loss(
            pred, target, target_weight > 0, self.bones, self.min_length
        )
