import math

from spinepose_mmpose.metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    NUM_KEYPOINTS,
    SPINE_CHAIN,
)
from spinepose_mmpose.models.losses import (
    SpineSmoothnessLoss,
    smooth_chain,
    spine_smoothness_loss,
)

import pytest
import torch
import torch.nn.functional as F

N = len(SPINE_CHAIN)


def chains(n=3, seed=0, dtype=torch.double):
    """Noisy predicted chains, true chains of link 0.05, visibilities."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.full((n, N, 2), 0.3, dtype=dtype)
    target[..., 1] += 0.05 * torch.arange(N)
    noise = torch.randn(n, N, 2, generator=generator, dtype=dtype)
    visible = torch.rand(n, N, generator=generator) > 0.25
    return target + 0.08 * noise, target, visible


def people(**kwargs):
    """The same chains among the 37 keypoints, with weights."""
    pred, target, visible = chains(**kwargs)
    index = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
    shape = len(pred), NUM_KEYPOINTS
    full = [pred.new_full((*shape, 2), 7.0) for _ in range(2)]
    weight = pred.new_ones(shape)
    full[0][:, index], full[1][:, index] = pred, target
    weight[:, index] = 1.5 * visible.to(weight)
    return full[0], full[1], weight


def naive_loss(pred, target, visible, a=10.0, t=2.0, min_link=1e-2):
    means = []
    for p, g, v in zip(pred.tolist(), target.tolist(), visible.tolist()):
        links = [i for i in range(1, N) if v[i] and v[i - 1]]
        if not links:
            continue
        unit = sum(math.dist(g[i], g[i - 1]) for i in links) / len(links)
        unit = max(unit, min_link)
        p = [(x / unit, y / unit) for x, y in p]
        smoothed = [p[0]]
        for i in range(1, N):
            if i not in links:
                smoothed.append(p[i])
                continue
            step = [c - d for c, d in zip(p[i], smoothed[-1])]
            sigmoid = 1 / (1 + math.exp(-a * (math.hypot(*step) - t)))
            w = 1 - 0.5 * sigmoid
            smoothed.append([d + w * c for c, d in zip(step, smoothed[-1])])
        ends = sorted({j for i in links for j in (i - 1, i)})
        means.append(
            sum(math.dist(p[j], smoothed[j]) ** 2 / 2 for j in ends) / len(ends)
        )
    return sum(means) / len(means) if means else 0.0


def test_smooth_chain_by_hand():
    """a so steep that w is 1 below T and 1/2 above."""
    chain = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [6.0, 0.0]]])
    linked = torch.ones(1, 3).bool()
    smoothed = smooth_chain(chain, linked, a=1e3, t=2.0)
    # 1 passes; 5 is 4 away: half of it, 3; 6 is 3 away from there: 4.5
    expected = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [4.5, 0.0]]])
    torch.testing.assert_close(smoothed, expected)
    # at T the weight is 3/4, whatever a
    torch.testing.assert_close(
        smooth_chain(chain[:, :2], linked[:, :1], a=7.0, t=1.0)[0, 1],
        torch.tensor([0.75, 0.0]),
    )
    # without the middle link the smoothing starts afresh behind it
    linked[0, 1] = False
    torch.testing.assert_close(smooth_chain(chain, linked, a=1e3, t=2.0), chain)


def test_loss_by_hand():
    """Links of 2 pixels; steps of 1, 4 and 1 links."""
    target = torch.tensor([[[0.0, 0], [2, 0], [4, 0], [6, 0]]])
    pred = torch.tensor([[[0.0, 0], [2, 0], [10, 0], [12, 0]]])
    visible = torch.ones(1, 4).bool()
    loss = spine_smoothness_loss(pred, target, visible, a=1e3, t=2.0)
    # errors 0, 0, 2, 1.5 links in x and none in y
    assert loss.item() == pytest.approx((2**2 + 1.5**2) / 8)


def test_whole_chain_is_plain_mse():
    pred, target, _ = chains()
    linked = torch.ones(3, N - 1).bool()
    chain = pred / 0.05
    expected = F.mse_loss(chain, smooth_chain(chain, linked, 10.0, 2.0))
    loss = spine_smoothness_loss(pred, target, torch.ones(3, N).bool())
    torch.testing.assert_close(loss, expected)


def test_equals_naive_loop():
    pred, target, visible = chains(n=8)
    visible[1] = False
    visible[2] = torch.arange(N) % 2 == 0  # no two neighbours
    loss = spine_smoothness_loss(pred, target, visible)
    assert loss.item() > 0.01
    assert loss.item() == pytest.approx(naive_loss(pred, target, visible))


def test_module_reads_the_chain_by_name():
    pred, target, weight = people()
    expected = spine_smoothness_loss(*chains(), a=6.0, t=1.0)
    criterion = SpineSmoothnessLoss(a=6.0, t=1.0, loss_weight=2.0)
    torch.testing.assert_close(criterion(pred, target, weight), 2 * expected)
    with pytest.raises(ValueError, match='tail.*nose'):
        SpineSmoothnessLoss(chain=['hip', 'tail'])
    assert not criterion.state_dict()


def test_anatomical_spine_passes():
    """Upright, bent by 90 degrees, and with Gray's uneven links."""
    lengths = torch.tensor([4.5, 6.2, 6.7, 11.7, 10.5, 9.0, 7.2, 6.8])
    angles = torch.stack(
        [torch.full((8,), math.pi / 2), torch.linspace(0, math.pi / 2, 8)]
    )  # 2, N - 1
    steps = lengths[:, None] * torch.stack([angles.cos(), angles.sin()], -1)
    chain = F.pad(steps.cumsum(1), (0, 0, 1, 0)) / 200
    loss = spine_smoothness_loss(chain, chain, torch.ones(2, N).bool())
    assert loss < 1e-4
    # one point a third of the input away does not
    broken = chain.clone()
    broken[:, 4, 0] += 0.33
    loss = spine_smoothness_loss(broken, chain, torch.ones(2, N).bool())
    assert loss > 0.1


def test_translation_scale_and_flip_change_nothing():
    pred, target, weight = people()
    criterion = SpineSmoothnessLoss()
    loss = criterion(pred, target, weight)
    torch.testing.assert_close(criterion(pred + 3, target - 1, weight), loss)
    torch.testing.assert_close(
        criterion(192 * pred, 192 * target, weight), loss
    )
    mirror = torch.tensor([-1.0, 1.0])
    index = list(FLIP_INDICES)
    flipped = criterion(
        pred[:, index] * mirror, target[:, index] * mirror, weight[:, index]
    )
    torch.testing.assert_close(flipped, loss)


def test_batch_size_changes_nothing():
    inputs = people()
    criterion = SpineSmoothnessLoss()
    loss = criterion(*inputs)
    torch.testing.assert_close(
        criterion(*(x.repeat(4, *[1] * (x.ndim - 1)) for x in inputs)), loss
    )
    torch.testing.assert_close(
        criterion(*(torch.cat([x, torch.zeros_like(x[:1])]) for x in inputs)),
        loss,
    )


def test_unlabelled_points_take_no_part():
    pred, target, visible = chains(n=1)
    visible[:] = True
    visible[0, 4] = False
    with torch.no_grad():
        pred[0, 4] = target[0, 4] = math.nan
    pred.requires_grad_()
    loss = spine_smoothness_loss(pred, target, visible)
    loss.backward()
    assert loss.isfinite() and loss > 0
    assert (pred.grad[0, 4] == 0).all() and pred.grad.isfinite().all()


@pytest.mark.parametrize('labelled', [[], [3], [0, 2, 4, 8]])
def test_no_link_gives_zero_and_zero_gradient(labelled):
    pred, target, visible = chains()
    visible[:] = False
    visible[:, labelled] = True
    pred.requires_grad_()
    loss = spine_smoothness_loss(pred, target, visible)
    loss.backward()
    assert loss == 0
    assert (pred.grad == 0).all()


def test_zero_length_links():
    pred = torch.full((1, N, 2), 0.5, dtype=torch.double).requires_grad_()
    visible = torch.ones(1, N).bool()
    # the true spine is seen end on
    loss = spine_smoothness_loss(pred, pred.detach(), visible)
    loss.backward()
    assert loss.isfinite() and pred.grad.isfinite().all()
    # and the unit has a floor
    moved = pred.detach().clone()
    moved[0, -1, 0] += 0.04
    loss = spine_smoothness_loss(moved, pred, visible, a=1e3, min_link=0.01)
    assert loss.item() == pytest.approx(2**2 / (2 * N))


def test_gradcheck():
    pred, target, visible = chains(n=3)
    assert torch.autograd.gradcheck(
        lambda x: spine_smoothness_loss(x, target, visible),
        (pred.requires_grad_(),),
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_inputs_and_autocast(dtype):
    pred, target, weight = people(dtype=torch.float32)
    pred, target = (700 * pred).to(dtype), (700 * target).to(dtype)
    pred.requires_grad_()
    expected = SpineSmoothnessLoss()(pred.float(), target.float(), weight)
    with torch.autocast('cpu', torch.bfloat16):
        loss = SpineSmoothnessLoss()(pred, target, weight.to(dtype))
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert pred.grad.isfinite().all() and pred.grad.abs().sum() > 0
