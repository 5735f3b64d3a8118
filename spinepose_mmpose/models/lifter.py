"""MMPose's lifter made independent of where in the image somebody stands."""

import torch
from mmpose.models import TCN
from mmpose.models.heads import TemporalRegressionHead
from mmpose.registry import MODELS


def centre(rays: torch.Tensor) -> tuple:
    """Turn the camera towards a person and bring it to one size.

    Args:
        rays (torch.Tensor): (B, K, 2, T) x / z and y / z of T frames, 0 where
            a point is missing. The middle frame tells where the person is.

    Returns:
        tuple: (B, 3 K + 3, T) features: the turned points over the person's
        size (0 where missing), whether each is seen, and the logarithm of the
        size and the ray of the centre; and the rotations (B, 3, 3).
    """
    size, joints, _, frames = rays.shape
    seen = (rays != 0).any(2).to(rays.dtype)  # B, K, T
    middle = frames // 2
    weight = seen[..., middle, None]  # B, K, 1
    count = weight.sum(1).clamp(min=1)
    ray = (rays[..., middle] * weight).sum(1) / count  # B, 2
    x, y = ray.unbind(1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    # Each orthogonal to the others: right stays level with the camera.
    axes = (
        torch.stack([one, zero, -x], 1),
        torch.stack([-x * y, 1 + x * x, -y], 1),
        torch.stack([x, y, one], 1),
    )
    rotation = torch.stack(
        [axis / axis.square().sum(1, keepdim=True).sqrt() for axis in axes], 1
    )  # B, 3, 3
    full = torch.cat([rays, torch.ones_like(rays[:, :, :1])], 2)
    # As matrix products, which every ONNX runtime has.
    turned = rotation[:, None] @ full  # B, K, 3, T
    turned = turned[:, :, :2] / turned[:, :, 2:].clamp(min=0.05)
    turned = turned * seen[:, :, None]
    spread = turned[..., middle].square().sum(2, keepdim=True)  # B, K, 1
    scale = (spread.sum(1) / count).clamp(min=1e-8).sqrt()  # B, 1
    turned = turned / scale[..., None, None]
    extra = torch.cat([scale.log(), ray], 1)[..., None].expand(-1, -1, frames)
    flat = turned.reshape(size, 2 * joints, frames)
    return torch.cat([flat, seen, extra], 1), rotation


@MODELS.register_module()
class CentredTCN(TCN):
    """MMPose's TCN behind :func:`centre`; its last output is the rotation.

    Args:
        in_channels (int): 2 K, of what comes in.
        others: Of TCN.
    """

    def __init__(self, in_channels: int, **others):
        self.joints = in_channels // 2
        super().__init__(in_channels=3 * self.joints + 3, **others)

    def forward(self, x: torch.Tensor) -> tuple:
        """(B, 2 K, T) to the outputs of TCN's blocks and (B, 3, 3)."""
        frames = x.shape[-1]
        features, rotation = centre(x.view(-1, self.joints, 2, frames))
        return (*super().forward(features), rotation)


@MODELS.register_module()
class CentredRegressionHead(TemporalRegressionHead):
    """Turns the points of MMPose's head back to the camera's axes."""

    def forward(self, feats: tuple) -> torch.Tensor:
        """(B, K, 3) metres from the root."""
        *feats, rotation = feats
        return super().forward(tuple(feats)) @ rotation
