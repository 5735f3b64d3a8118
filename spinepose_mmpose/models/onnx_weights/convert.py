"""From an ONNX file to a network with its weights, checked against it."""

from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np
import onnx
import torch
from mmengine.config import Config
from torch import Tensor

from ..head_extension import find_mismatch
from .activations import in_float32, run_tensors
from .graph import Graph, load_onnx
from .head_weights import (
    HEAD_LINEARS,
    fit_attention,
    head_weights,
    probed_tensors,
)
from .image_order import BgrInput, bgr_input
from .layers import Convolution, Linear, convolutions, linears
from .network import (
    PoseNetwork,
    build_network,
    convolution_names,
    size_config,
)
from .norms import identity_norm, own_norm, recover_statistics

# Allowed difference of the SimCC logits, of the larger of 1 and their peak.
TOLERANCE = 1e-4
IMAGES = 3
# Of the input size [w, h], batches (B, 3, H, W) of normalised RGB images.
Batches = Callable[[Tuple[int, int]], Iterable[Tensor]]


@dataclass
class Converted:
    """What :func:`convert_onnx` makes of a file.

    Attributes:
        network: With the weights, in evaluation mode.
        size: t, s, m, l or x; empty for a config of the user.
        input_size: [w, h] in pixels.
        num_keypoints: K.
        difference: The largest of the SimCC logits, see :data:`TOLERANCE`.
        folded: Batch norms that the exporter has folded.
        bgr: Whether the file takes BGR images; the network takes RGB ones.
        people: Images that the statistics of the norms were taken from.
    """

    network: PoseNetwork
    size: str
    input_size: Tuple[int, int]
    num_keypoints: int
    difference: float
    folded: int
    bgr: bool
    people: int = 0


def convert_onnx(
    path: str,
    config: Optional[Config] = None,
    batches: Optional[Batches] = None,
    seed: int = 0,
) -> Converted:
    """The RTMPose in an ONNX file, as mmdeploy writes it.

    Args:
        path: The file.
        config: Of the model; None recognises the size by its channels.
        batches: Of images for :func:`.norms.recover_statistics`; None leaves
            the folded norms as :func:`.norms.identity_norm` has them.
        seed: Of the random images that the outputs are compared on.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no RTMPose of that config, or the outputs differ by
            more than :data:`TOLERANCE`.
    """
    model = in_float32(load_onnx(path))
    try:
        found, wanted, images = _rebuild(
            model, config, np.random.default_rng(seed)
        )
    except ValueError as error:
        raise ValueError(f'{path} is no RTMPose: {error}') from error
    if batches is not None:
        found.people = recover_statistics(
            found.network, batches(found.input_size)
        )
    found.difference = _difference(path, found.network, images, wanted)
    return found


def _rebuild(
    model: onnx.ModelProto,
    config: Optional[Config],
    random: np.random.Generator,
) -> Tuple[Converted, List[np.ndarray], Tensor]:
    """The network, and what the file says of images."""
    graph = Graph(model)
    found, chain = convolutions(graph), linears(graph)
    if not found or len(chain) != HEAD_LINEARS:
        raise ValueError(
            f'it has {len(found)} convolutions and {len(chain)} linear '
            f'layers; the SimCC head of an RTMPose has {HEAD_LINEARS} of these'
        )
    keypoints, channels = found[-1].weight.shape[:2]
    input_size, size = _input_size(chain, config), ''
    if config is None:
        size, config = size_config(channels)
    network = build_network(config, keypoints, input_size)
    bgr = bgr_input(graph, config.model.data_preprocessor)

    width, height = input_size
    images = random.standard_normal((IMAGES, 3, height, width), np.float32)
    logits = [layer.output for layer in chain[-2:]]
    tensors = run_tensors(
        model, images, [*probed_tensors(found[-1], chain), *logits]
    )
    weights = {
        **_backbone_weights(network, found, bgr),
        **head_weights(graph, found[-1], chain, tensors),
    }
    if mismatch := find_mismatch(weights, network.state_dict()):
        raise ValueError(f'its weights do not fit the config: {mismatch}')
    network.load_state_dict(weights)
    fit_attention(network.head, chain, tensors)
    images = torch.from_numpy(images)
    if bgr is not None:
        images = bgr.rgb_images(images)
    folded = sum(
        conv.norm is None and norm is not None
        for conv, (_, norm) in zip(found, _names(network))
    )
    converted = Converted(
        network, size, input_size, keypoints, np.nan, folded, bgr is not None
    )
    return converted, [tensors[name] for name in logits], images


def _names(network: PoseNetwork) -> list:
    return list(convolution_names(network.backbone, 'backbone'))


def _input_size(chain: List[Linear], config) -> Tuple[int, int]:
    if config is not None:
        return tuple(config.model.head.input_size)
    x, y = (len(layer.weight) // 2 for layer in chain[-2:])
    if (x // 32) * (y // 32) != chain[0].weight.shape[1]:
        raise ValueError(
            f'its outputs of {2 * x} and {2 * y} bins do not come from '
            f'{chain[0].weight.shape[1]} places of a feature map at two bins '
            'a pixel; give --config'
        )
    return x, y


def _backbone_weights(
    network: PoseNetwork, found: List[Convolution], bgr: Optional[BgrInput]
) -> Dict[str, Tensor]:
    names = _names(network)
    if len(names) != len(found) - 1:
        raise ValueError(
            f'its backbone has {len(found) - 1} convolutions, that of the '
            f'config {len(names)}'
        )
    weights = {}
    for (name, norm), conv in zip(names, found):
        weight, bias = map(torch.from_numpy, (conv.weight, conv.bias))
        if bgr is not None and not weights:
            weight = bgr.rgb_weight(weight)
        weights[f'{name}.weight'] = weight
        if norm is None:
            weights[f'{name}.bias'] = bias
            continue
        eps = network.get_submodule(norm).eps
        if conv.norm is None:
            state = identity_norm(bias, eps)
        else:
            state = own_norm(conv.norm, bias, eps)
        weights.update({f'{norm}.{key}': x for key, x in state.items()})
    return weights


@torch.no_grad()
def _difference(
    path: str, network: PoseNetwork, images: Tensor, wanted: List[np.ndarray]
) -> float:
    """The largest, of the larger of 1 and the peak.

    Raises:
        ValueError: Beyond :data:`TOLERANCE`.
    """
    largest = 0.0
    for axis, own, given in zip('xy', network(images), wanted):
        difference = float(np.abs(own.numpy() - given).max())
        allowed = TOLERANCE * max(1.0, float(np.abs(given).max()))
        if not difference <= allowed:
            raise ValueError(
                f'{path} is no RTMPose of this kind: a network with its '
                f'weights gives outputs along {axis} that differ by '
                f'{difference:.2g}, where {allowed:.2g} is allowed'
            )
        largest = max(largest, difference / allowed * TOLERANCE)
    return largest
