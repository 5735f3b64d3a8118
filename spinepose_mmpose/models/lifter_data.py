"""What a lifter sees in training: people from other cameras, with the errors
of a 2D model, made for a whole batch at once."""

from typing import Optional, Sequence

from spinepose_mmpose.camera import ROOT
from spinepose_mmpose.metainfo import (
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SPINE_CHAIN,
)

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

FLIP = list(FLIP_INDICES)
SPINE = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
_LIMB = ('elbow', 'wrist', 'knee', 'ankle', 'big_toe', 'small_toe', 'heel')
IS_LIMB = torch.tensor([n.split('_', 1)[-1] in _LIMB for n in KEYPOINT_NAMES])
PAIRS = [(i, j) for i, j in enumerate(FLIP_INDICES) if i < j]
NEAREST = 0.3  # metres before the camera


def uniform(size, low, high) -> torch.Tensor:
    return low + (high - low) * torch.rand(size)


def turns(axis: int, degrees: torch.Tensor) -> torch.Tensor:
    """(B, 3, 3) rotations around a coordinate axis."""
    angle = torch.deg2rad(degrees)
    out = torch.zeros(len(angle), 3, 3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[:, axis, axis] = 1
    out[:, i, i] = out[:, j, j] = angle.cos()
    out[:, j, i] = angle.sin()
    out[:, i, j] = -angle.sin()
    return out


def random_cameras(
    world: torch.Tensor,
    elevation: Sequence[float] = (8, 15),
    roll: float = 4.0,
    width: Sequence[float] = (10, 60),
    offset: float = 9.0,
) -> torch.Tensor:
    """(B, T, K, 3) metres of people in the axes of cameras at random, half of
    them mirrored.

    Args:
        world (torch.Tensor): (B, T, K, 3) metres, z up.
        elevation (Sequence): mean and standard deviation of the degrees by
            which a camera looks down, cut at -15 and 65.
        roll (float): standard deviation in degrees.
        width (Sequence): least and largest degrees between the ends of the
            person.
        offset (float): standard deviation in degrees of the person's place
            around the optical axis, across and down.
    """
    count, frames = world.shape[:2]
    middle = frames // 2
    world = world - world[:, middle, ROOT][:, None, None]
    mirrored = world[:, :, FLIP] * torch.tensor([-1.0, 1, 1])
    half = torch.rand(count, 1, 1, 1) < 0.5
    world = torch.where(half, mirrored, world)
    down = elevation[0] + elevation[1] * torch.randn(count)
    to_camera = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    view = (
        turns(2, roll * torch.randn(count))
        @ to_camera
        @ turns(0, down.clamp(-15, 65))
        @ turns(2, uniform(count, 0, 360))
    )
    local = world @ view.transpose(1, 2)[:, None]
    reach = local[:, middle, :, :2].norm(dim=-1).amax(1)
    depth = reach / torch.tan(torch.deg2rad(uniform(count, *width)) / 2)
    depth = torch.maximum(depth, NEAREST - local[..., 2].amin((1, 2)))
    place = torch.deg2rad(offset * torch.randn(count, 2)).tan()
    place = torch.cat([place, torch.ones(count, 1)], 1) * depth[:, None]
    return local + place[:, None, None]


def _mixed(shape: tuple, steady: float) -> torch.Tensor:
    """Standard normal (B, T, ...), of whose variance a share is the same in
    all frames."""
    lasting = torch.randn(shape[0], 1, *shape[2:])
    share = steady if shape[1] > 1 else 1.0
    return share**0.5 * lasting + (1 - share) ** 0.5 * torch.randn(shape)


def noisy_rays(
    rays: torch.Tensor,
    sigma: Sequence[float] = (0.023, 0.032),
    missing: Sequence[float] = (0.25, 0.6),
    spread: float = 0.5,
    certainty: float = 1.5,
    shared: float = 0.73,
    tilted: float = 0.18,
    steady: float = 0.5,
    outlier: float = 0.03,
    swap: float = 0.04,
    cut: float = 0.15,
    clean: float = 0.2,
) -> torch.Tensor:
    """Rays with the errors of a 2D model; 0 where a point is missing.

    The defaults are those of spinepose-t-demo on rendered images, where half
    of the points of the limbs have a score below 0.5.

    Args:
        rays (torch.Tensor): (B, T, K, 2) x / z and y / z.
        sigma (Sequence): standard deviations of points of the trunk and head
            and of the limbs, in shares of the person's size, the root of the
            area of the box around the points.
        missing (Sequence): probabilities that such points are missing.
        spread (float): standard deviation of the logarithm of the size of the
            errors from sample to sample.
        certainty (float): standard deviation of the logit of ``missing`` from
            sample to sample.
        shared (float): share of the variance of a spine point's error that
            the whole spine has in common.
        tilted (float): share that runs evenly along the spine.
        steady (float): share of the variance that is the same in all frames.
        outlier (float): probability that a point is off by four times as much.
        swap (float): probability that left and right are exchanged, of the
            person and of each pair of points.
        cut (float): probability that the border of the image cuts a person.
        clean (float): probability that a sample keeps its points as they are.
    """
    count, frames, joints, _ = rays.shape
    box = rays.amax(2) - rays.amin(2)  # B, T, 2
    size = box.prod(-1).sqrt().mean(1)[:, None, None, None]
    size = size * (spread * torch.randn(count, 1, 1, 1)).exp()
    errors = _mixed((count, frames, joints, 2), steady)
    even = torch.linspace(-1, 1, len(SPINE))[:, None]
    even = even / even.square().mean().sqrt()
    errors[:, :, SPINE] = (
        shared**0.5 * _mixed((count, frames, 1, 2), steady)
        + tilted**0.5 * _mixed((count, frames, 1, 2), steady) * even
        + (1 - shared - tilted) ** 0.5 * errors[:, :, SPINE]
    )
    wild = torch.rand(count, frames, joints, 1) < outlier
    scale = torch.where(IS_LIMB, sigma[1], sigma[0])[:, None]
    noisy = rays + errors * scale * torch.where(wild, 4.0, 1.0) * size
    order = torch.arange(joints).repeat(count, 1)
    for i, j in PAIRS:
        pair = torch.rand(count) < swap
        order[pair, i], order[pair, j] = j, i
    whole = torch.rand(count, 1) < swap
    order = torch.where(whole, order[:, FLIP], order)
    order = order[:, None, :, None].expand_as(noisy)
    noisy = noisy.gather(2, order)
    odds = torch.where(IS_LIMB, missing[1], missing[0]).logit()
    odds = odds + certainty * torch.randn(count, 1, 1)
    gone = torch.rand(count, frames, joints) < odds.sigmoid()
    way = torch.nn.functional.one_hot(torch.randint(4, (count,)), 4).float()
    along = noisy @ (way[:, None, :2] - way[:, None, 2:]).unsqueeze(-1)
    rank = along.flatten(1).argsort(1).argsort(1).view(gone.shape)
    share = uniform((count, 1, 1), 0.55, 1) * frames * joints
    gone |= (rank > share) & (torch.rand(count, 1, 1) < cut)
    noisy = noisy * ~gone[..., None]
    return torch.where(torch.rand(count, 1, 1, 1) < clean, rays, noisy)


@MODELS.register_module()
class LifterDataPreprocessor(BaseDataPreprocessor):
    """In training each sample becomes several, each from another camera and
    with other errors.

    Samples need ``keypoints_3d`` (T, K, 3), metres in the camera's axes, and
    ``camera_param`` with ``R`` in their meta data.

    Args:
        repeats (int): Samples made of one; 0 leaves them as they are.
        spine_weight (float): Weight of the spine's points in the loss.
        camera (dict, optional): Arguments of :func:`random_cameras`.
        noise (dict, optional): Arguments of :func:`noisy_rays`.
        others: Of the parent.
    """

    def __init__(
        self,
        repeats: int = 8,
        spine_weight: float = 2.0,
        camera: Optional[dict] = None,
        noise: Optional[dict] = None,
        **others,
    ):
        super().__init__(**others)
        self.repeats = repeats
        self.weight = torch.ones(len(KEYPOINT_NAMES))
        self.weight[SPINE] = spine_weight
        self.camera, self.noise = camera or {}, noise or {}

    def forward(self, data: dict, training: bool = False) -> dict:
        """See the parent; inputs become (B, 2 K, T)."""
        if training and self.repeats:
            data = self._seen_anew(data['data_samples'])
        data = super().forward(data, training)
        if isinstance(data['inputs'], (list, tuple)):
            data['inputs'] = torch.stack(data['inputs'])
        return data

    def _seen_anew(self, samples: Sequence[PoseDataSample]) -> dict:
        world = torch.stack(
            [
                torch.as_tensor(sample.keypoints_3d @ sample.camera_param['R'])
                for sample in samples
            ]
        ).repeat_interleave(self.repeats, 0)
        local = random_cameras(world, **self.camera)
        rays = noisy_rays(local[..., :2] / local[..., 2:], **self.noise)
        target = local[:, local.shape[1] // 2]
        target = target - target[:, [ROOT]]
        # All of them as the instances of one sample: objects cost time.
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(
            lifting_target_label=target,
            lifting_target_weight=self.weight.expand(len(target), -1),
        )
        return dict(
            inputs=rays.permute(0, 2, 3, 1).flatten(1, 2),
            data_samples=[sample],
        )
