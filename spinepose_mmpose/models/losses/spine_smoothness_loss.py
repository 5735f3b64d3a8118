from typing import Sequence

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from ...metainfo import KEYPOINT_NAMES, SPINE_CHAIN
from ..utils import full_precision, keypoint_index
from .utils import person_mean


def smooth_chain(chain: Tensor, linked: Tensor, a: float, t: float) -> Tensor:
    r"""Pull points that leap from the one before back towards it.

    .. math::
        \tilde s_i = \tilde s_{i-1} + w_i (s_i - \tilde s_{i-1}), \quad
        w_i = 1 - \tfrac{1}{2} \sigma(a (\lVert s_i - \tilde s_{i-1} \rVert
        - T))

    A step well below T passes as it is (w = 1), one well above is halved
    (w = 1/2).

    Args:
        chain: Points in order, (B, N, 2), [x, y].
        linked: (B, N - 1) bool, the links between neighbours that count.
            Behind one that does not, the smoothing starts afresh.
        a: Steepness of the change from passing to halving, the inverse of
            the chain's unit.
        t: The step T in the middle of that change, in the chain's unit.

    Returns:
        The smoothed points, (B, N, 2).
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
        pred: Predicted chains, (B, N, 2), [x, y]; both axes in one unit.
        target: True chains, (B, N, 2), in the same unit.
        visible: (B, N) bool, the labelled points.
        a: Per mean link.
        t: In mean links.
        min_link: Lower bound of the mean link, in the unit of the chains,
            against spines seen end on.

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
        chain: Keypoint names in order. The spine from C1 to the sacrum by
            default.
        keypoint_names: Names of the K keypoints, in order.
        a: Steepness, per mean link.
        t: T, in mean links.
        min_link: Lower bound of the mean link, in the unit of the keypoints.
            The default suits fractions of the longer input side, and is there
            2.6 pixels at 256x192.
        loss_weight: Factor of the loss.

    Raises:
        ValueError: when the chain names an unknown keypoint.
    """

    def __init__(
        self,
        chain: Sequence[str] = SPINE_CHAIN,
        keypoint_names: Sequence[str] = KEYPOINT_NAMES,
        a: float = 10.0,
        t: float = 2.0,
        min_link: float = 1e-2,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer(
            'chain',
            torch.tensor(keypoint_index(chain, keypoint_names)),
            persistent=False,
        )
        self.a = a
        self.t = t
        self.min_link = min_link
        self.loss_weight = loss_weight

    def forward(
        self, pred: Tensor, target: Tensor, target_weight: Tensor
    ) -> Tensor:
        """Scalar loss of (B, K, 2) keypoints.

        ``target_weight``, (B, K), only masks: a keypoint counts where it is
        above zero.
        """
        return self.loss_weight * spine_smoothness_loss(
            pred[:, self.chain],
            target[:, self.chain],
            target_weight[:, self.chain] > 0,
            self.a,
            self.t,
            self.min_link,
        )
