"""The anatomical regularisation losses of SpinePose."""

import math
from typing import Optional, Sequence, Tuple

import torch
from mmengine.dist import all_reduce
from mmpose.registry import MODELS
from torch import Tensor, nn

from ..metainfo import BONES, KEYPOINT_NAMES, SPINE_CHAIN
from .head_extension import keypoint_index
from .simcc import full_precision


def person_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (B, M) within each person, then over the people that
    have any: a person counts the same whether three or forty are labelled.

    In distributed training the people of all processes count, so that the
    average over the processes, which DistributedDataParallel takes of the
    gradients, is the mean over the whole batch.

    ``mask`` (B, M) says which values count; if none does, the result is zero
    with a zero gradient. The others are finite, too.
    """
    count = mask.sum(dim=1)  # B
    person = (values * mask).sum(dim=1) / count.clamp(min=1)
    people = (count > 0).sum().to(values.dtype)
    all_reduce(people, 'mean')
    return person.sum() / people.where(people > 0, people.new_ones(()))


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
        pred, target: Predicted and true keypoints, (B, K, 2), [x, y], both
            axes in one unit (x over width and y over height would bend the
            angles).
        visible: (B, K) bool, the labelled keypoints.
        bones: (M, 2) long, the keypoint indices of both ends of each bone.
        min_length: In the unit of the keypoints. The default suits fractions
            of the longer input side, and is there a quarter of a pixel at
            256x192, half a SimCC bin.

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
        bones: Bones by the names of their ends. By default every skeleton
            link of SpineTrack whose ends are among the keypoints.
        keypoint_names: Names of the K keypoints, in order.
        min_length: Of the function.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: when a bone ends in an unknown keypoint, or by default
            none of SpineTrack's is among the keypoints.
    """

    def __init__(
        self,
        bones: Optional[Sequence[Tuple[str, str]]] = None,
        keypoint_names: Sequence[str] = KEYPOINT_NAMES,
        min_length: float = 1e-3,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if bones is None:
            bones = [b for b in BONES if set(b) <= set(keypoint_names)]
            if not bones:
                raise ValueError(
                    "None of SpineTrack's bones is among the keypoints "
                    f'{list(keypoint_names)}: set model.loss_structure.bones, '
                    'or model.gamma1=0.'
                )
        index = [keypoint_index(bone, keypoint_names) for bone in bones]
        self.register_buffer(
            'bones', torch.tensor(index).reshape(-1, 2), persistent=False
        )
        self.min_length = min_length
        self.loss_weight = loss_weight

    def forward(
        self, pred: Tensor, target: Tensor, target_weight: Tensor
    ) -> Tensor:
        """Of (B, K, 2) keypoints; one counts where its weight is above 0."""
        return self.loss_weight * bone_orientation_loss(
            pred, target, target_weight > 0, self.bones, self.min_length
        )


def smooth_chain(chain: Tensor, linked: Tensor, a: float, t: float) -> Tensor:
    r"""Pull points that leap from the one before back towards it.

    .. math::
        \tilde s_i = \tilde s_{i-1} + w_i (s_i - \tilde s_{i-1}), \quad
        w_i = 1 - \tfrac{1}{2} \sigma(a (\lVert s_i - \tilde s_{i-1} \rVert
        - T))

    A step well below T passes as it is (w = 1), one well above is halved
    (w = 1/2).

    Args:
        chain: Points in order, (B, N, 2), [x, y]; the result has that shape.
        linked: (B, N - 1) bool, the links between neighbours that count.
            Behind one that does not, the smoothing starts afresh.
        a, t: Steepness of the change from passing to halving, and the step T
            in its middle, in the chain's unit.
    """
    smoothed = [chain[:, 0]]
    for i, point in enumerate(chain.unbind(dim=1)[1:]):
        step = point - smoothed[-1]  # B, 2
        # The gradient of vector_norm at zero is zero, that of sqrt is not.
        length = torch.linalg.vector_norm(step, dim=-1, keepdim=True)
        weight = 1 - 0.5 * torch.sigmoid(a * (length - t))
        smoothed.append(
            torch.where(linked[:, i, None], smoothed[-1] + weight * step, point)
        )
    return torch.stack(smoothed, dim=1)


def spine_smoothness_loss(
    pred: Tensor,
    target: Tensor,
    visible: Tensor,
    a: float = 10.0,
    t: float = 2.0,
    min_link: float = 1e-2,
) -> Tensor:
    """Mean squared error between a predicted chain and its smoothed version.

    L_spine of SpinePose (`arXiv 2504.08110
    <https://arxiv.org/abs/2504.08110>`_), see :func:`smooth_chain`. The unit
    of length is, for each person, the mean length of the true chain's
    labelled links, so that neither the input size nor the person's size in
    the crop changes the loss, a or T. The true chain gives only this unit.

    A link takes part where both ends are labelled. The squared error is
    averaged over both axes and the points at the ends of such links (plain
    MSE for a chain labelled throughout), then over the people with any.

    Args:
        pred, target: Predicted and true chains, (B, N, 2), [x, y]; both axes
            in one unit.
        visible: (B, N) bool, the labelled points.
        a, t: Per mean link, and in mean links.
        min_link: Lower bound of the mean link against spines seen end on, in
            the unit of the chains. The default suits fractions of the longer
            input side, and is there 2.6 pixels at 256x192.

    Returns:
        A scalar, in squared mean links.
    """
    with full_precision(pred, target) as (pred, target):
        pred = pred.where(visible[..., None], pred.new_zeros(()))
        target = target.where(visible[..., None], target.new_zeros(()))
        linked = visible[:, 1:] & visible[:, :-1]  # B, N - 1
        links = (target[:, 1:] - target[:, :-1]).norm(dim=-1) * linked
        unit = links.sum(dim=1) / linked.sum(dim=1).clamp(min=1)
        unit = unit.clamp(min=min_link).detach()[:, None, None]  # B, 1, 1
        chain = pred / unit
        error = chain - smooth_chain(chain, linked, a, t)  # B, N, 2
        none = linked.new_zeros(len(linked), 1)
        counted = torch.cat([none, linked], 1) | torch.cat([linked, none], 1)
        return person_mean(error.square().mean(dim=-1), counted)


@MODELS.register_module()
class SpineSmoothnessLoss(nn.Module):
    """Spine loss of SpinePose, see :func:`spine_smoothness_loss`.

    The paper does not publish a and T. The defaults keep the loss from pulling
    a well predicted spine together: with Gray's mean lengths of the spine's
    regions (cervical 12.5 cm, thoracic 28 cm, lumbar 18 cm) the longest link
    of the SpineTrack chain, T8 to T3, is 1.5 times the mean one. T = 2 mean
    links lies as far above it as the half-width of the change, and a = 10
    makes that change from 99 % passing at 1.5 to 99 % of the halving at 2.5.

    Args:
        chain: Keypoint names in order. By default the spine from C1 to the
            sacrum, as far as it is among the keypoints.
        keypoint_names: Names of the K keypoints, in order.
        a, t, min_link: Of the function.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: when the chain names an unknown keypoint, or by default
            fewer than three points of the spine are among the keypoints.
    """

    def __init__(
        self,
        chain: Optional[Sequence[str]] = None,
        keypoint_names: Sequence[str] = KEYPOINT_NAMES,
        a: float = 10.0,
        t: float = 2.0,
        min_link: float = 1e-2,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if chain is None:
            chain = [name for name in SPINE_CHAIN if name in keypoint_names]
            if len(chain) < 3:
                raise ValueError(
                    'Of the spine only '
                    f'{chain or "nothing"} is among the keypoints '
                    f'{list(keypoint_names)}: set model.loss_spine.chain, or '
                    'model.gamma2=0.'
                )
        self.register_buffer(
            'chain',
            torch.tensor(keypoint_index(chain, keypoint_names)),
            persistent=False,
        )
        self.settings = a, t, min_link
        self.loss_weight = loss_weight

    def forward(
        self, pred: Tensor, target: Tensor, target_weight: Tensor
    ) -> Tensor:
        """Of (B, K, 2) keypoints; one counts where its weight is above 0."""
        pred, target, weight = (
            v[:, self.chain] for v in (pred, target, target_weight)
        )
        return self.loss_weight * spine_smoothness_loss(
            pred, target, weight > 0, *self.settings
        )
