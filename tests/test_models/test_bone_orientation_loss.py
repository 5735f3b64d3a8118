import math

from spinepose_mmpose.metainfo import (
    BONES,
    FLIP_INDICES,
    KEYPOINT_IDS,
    NUM_KEYPOINTS,
)
from spinepose_mmpose.models.losses import (
    BoneOrientationLoss,
    bone_orientation_loss,
)

import pytest
import torch

ONE_BONE = torch.tensor([[0, 1]])


def people(n=3, seed=0, dtype=torch.double):
    """Random prediction, target and visibility of SpineTrack people."""
    generator = torch.Generator().manual_seed(seed)
    pred, target = torch.rand(
        2, n, NUM_KEYPOINTS, 2, generator=generator, dtype=dtype
    )
    weight = (torch.rand(n, NUM_KEYPOINTS, generator=generator) > 0.3).float()
    return pred, target, weight


def one_bone(dx, dy, dtype=torch.float32):
    return torch.tensor([[[0.2, 0.3], [0.2 + dx, 0.3 + dy]]], dtype=dtype)


def naive_loss(pred, target, weight, min_length=1e-3):
    means = []
    for p, t, w in zip(pred.tolist(), target.tolist(), weight.tolist()):
        angles = []
        for names in BONES:
            i, j = (KEYPOINT_IDS[name] for name in names)
            if not (w[i] > 0 and w[j] > 0):
                continue
            if math.hypot(t[j][0] - t[i][0], t[j][1] - t[i][1]) <= min_length:
                continue
            phi_p = math.atan2(p[j][1] - p[i][1], p[j][0] - p[i][0])
            phi_t = math.atan2(t[j][1] - t[i][1], t[j][0] - t[i][0])
            dphi = phi_p - phi_t
            angles.append(abs(math.atan2(math.sin(dphi), math.cos(dphi))))
        if angles:
            means.append(sum(angles) / len(angles) / math.pi)
    return sum(means) / len(means) if means else 0.0


@pytest.mark.parametrize(
    'bone, expected',
    [
        ((0.3, 0.0), 0.0),
        ((0.0, 0.3), 0.5),
        ((0.1, -0.1), 0.25),
        ((-0.2, 0.0), 1.0),
        ((0.3 * math.cos(3.0), 0.3 * math.sin(3.0)), 3.0 / math.pi),
    ],
)
def test_one_bone_by_hand(bone, expected):
    """The true bone is horizontal."""
    loss = bone_orientation_loss(
        one_bone(*bone), one_bone(0.1, 0.0), torch.ones(1, 2).bool(), ONE_BONE
    )
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_angles_across_the_cut_at_pi():
    """179 and -179 degrees are 2 degrees apart, not 358."""
    angle = math.radians(179)
    loss = bone_orientation_loss(
        one_bone(math.cos(angle), math.sin(angle), torch.double),
        one_bone(math.cos(angle), -math.sin(angle), torch.double),
        torch.ones(1, 2).bool(),
        ONE_BONE,
    )
    assert loss.item() == pytest.approx(2 / 180)


def test_equals_naive_loop():
    pred, target, weight = people(n=6)
    weight[2] = 0
    loss = BoneOrientationLoss()(pred, target, weight)
    assert loss.item() == pytest.approx(naive_loss(pred, target, weight))
    scaled = BoneOrientationLoss(loss_weight=3.0)(pred, target, weight)
    assert scaled.item() == pytest.approx(3 * loss.item())


def test_zero_for_a_perfect_prediction():
    _, target, weight = people()
    assert BoneOrientationLoss()(target, target, weight) == 0


def test_translation_scale_and_flip_change_nothing():
    pred, target, weight = people()
    criterion = BoneOrientationLoss(min_length=0)
    loss = criterion(pred, target, weight)
    moved = criterion(pred + 0.25, target - torch.tensor([0.5, 1.0]), weight)
    torch.testing.assert_close(moved, loss)
    torch.testing.assert_close(criterion(3 * pred, 0.5 * target, weight), loss)

    mirror = torch.tensor([-1.0, 1.0])
    index = list(FLIP_INDICES)
    flipped = criterion(
        pred[:, index] * mirror, target[:, index] * mirror, weight[:, index]
    )
    torch.testing.assert_close(flipped, loss)


def test_batch_size_changes_nothing():
    pred, target, weight = people()
    criterion = BoneOrientationLoss()
    loss = criterion(pred, target, weight)
    repeated = criterion(
        *(x.repeat_interleave(4, 0) for x in (pred, target, weight))
    )
    torch.testing.assert_close(repeated, loss)
    # nor does a person without labels
    padded = criterion(
        *(
            torch.cat([x, torch.zeros_like(x[:1])])
            for x in (pred, target, weight)
        )
    )
    torch.testing.assert_close(padded, loss)


def test_unlabelled_ends_take_no_part():
    pred, target, weight = people(n=1)
    weight[:] = 1
    left_knee = KEYPOINT_IDS['left_knee']
    weight[0, left_knee] = 0
    pred.requires_grad_()
    loss = BoneOrientationLoss()(pred, target, weight)
    loss.backward()
    assert (pred.grad[0, left_knee] == 0).all()
    assert (pred.grad[0, KEYPOINT_IDS['right_knee']] != 0).all()

    rest = [bone for bone in BONES if 'left_knee' not in bone]
    assert len(rest) == len(BONES) - 2
    torch.testing.assert_close(
        loss, BoneOrientationLoss(bones=rest)(pred, target, weight)
    )

    # whatever an unlabelled point holds
    with torch.no_grad():
        pred[0, left_knee] = target[0, left_knee] = math.nan
    pred.grad = None
    again = BoneOrientationLoss()(pred, target, weight)
    again.backward()
    torch.testing.assert_close(again, loss)
    assert pred.grad.isfinite().all()


def test_nothing_labelled_gives_zero_and_zero_gradient():
    pred, target, weight = people()
    pred.requires_grad_()
    loss = BoneOrientationLoss()(pred, target, torch.zeros_like(weight))
    loss.backward()
    assert loss == 0
    assert (pred.grad == 0).all()


def test_zero_length_bones():
    # keypoints 0-1 are the true bone, 1-2 a second one
    bones = torch.tensor([[0, 1], [1, 2]])
    visible = torch.ones(1, 3).bool()
    straight = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    bent = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]])
    collapsed = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]])

    # true length zero: excluded from the sum and from |B|
    loss = bone_orientation_loss(bent, collapsed, visible, bones)
    assert loss.item() == pytest.approx(0.0)
    loss = bone_orientation_loss(straight, collapsed, visible, bones)
    assert loss.item() == pytest.approx(0.5)
    # predicted length zero: still one of |B|, without an angle
    pred = collapsed.clone().requires_grad_()
    loss = bone_orientation_loss(pred, straight, visible, bones)
    assert loss.item() == pytest.approx(0.25)
    loss.backward()
    assert pred.grad.isfinite().all()
    assert (pred.grad[0, 0] == 0).all()
    assert (pred.grad[0, 2] != 0).any()


def test_gradient_of_short_bones_is_bounded():
    for length in (0.0, 1e-12, 1e-6, 1.1e-3):
        pred = one_bone(0.0, length).requires_grad_()
        bone_orientation_loss(
            pred, one_bone(0.1, 0.0), torch.ones(1, 2).bool(), ONE_BONE
        ).backward()
        assert pred.grad.abs().max() <= 1e3 / math.pi


def test_gradcheck():
    pred, target, weight = people(n=2)
    weight[0, ::3] = 0
    assert torch.autograd.gradcheck(
        lambda x: BoneOrientationLoss()(x, target, weight),
        (pred.requires_grad_(),),
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_inputs_and_autocast(dtype):
    pred, target, weight = people(dtype=torch.float32)
    # pixels whose squares overflow float16
    pred, target = (pred * 700).to(dtype), (target * 700).to(dtype)
    pred.requires_grad_()
    expected = BoneOrientationLoss()(pred.float(), target.float(), weight)
    with torch.autocast('cpu', torch.bfloat16):
        loss = BoneOrientationLoss()(pred, target, weight.to(dtype))
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    assert pred.grad.isfinite().all() and pred.grad.abs().sum() > 0


def test_unknown_bone_is_named():
    with pytest.raises(ValueError, match='tail.*nose'):
        BoneOrientationLoss(bones=[('hip', 'tail')])


def test_state_dict_is_empty():
    assert not BoneOrientationLoss().state_dict()
