"""MMPose configs with checkpoints, run by PyTorch."""

import os
import warnings
from contextlib import nullcontext
from typing import Optional

import numpy as np

from ...utils import need, read_config
from ..network import NetworkSpec
from ..preprocess import PADDING, Simcc

SUFFIXES = ('.pth', '.pt')
PIP = (
    'pip install torch "spinepose-mmpose[train]" and pip install --no-deps '
    'mmengine==0.10.7 mmcv-lite==2.1.0 mmdet==3.3.0 mmpose==1.3.2'
)


def create(files, device, threads, half, spinning) -> 'PyTorchNetwork':
    """See :func:`.create_backend`; PyTorch's threads do not spin."""
    return PyTorchNetwork(files.config, files.path, device, threads, half=half)


class PyTorchNetwork:
    """Any top-down estimator with a SimCC head, see :class:`.Backend`.

    Channel order and normalisation are those of its data preprocessor.

    Args:
        config (str | Path): an MMPose config file, or ``mmpose::...``.
        checkpoint (str | Path): its weights.
        device (str): ``auto``, or what torch calls a device.
        threads (int, optional): of the CPU, for the whole process.
        half (bool): run the backbone in float16, on CUDA only.
    """

    def __init__(
        self,
        config,
        checkpoint,
        device: str = 'auto',
        threads: Optional[int] = None,
        *,
        half: bool = False,
    ) -> None:
        self._torch = torch = import_torch()
        self.device = find_device(torch, device)
        if half and not self.device.startswith('cuda'):
            raise ValueError(
                f'half precision runs on CUDA alone, not on {self.device}'
            )
        if threads:
            torch.set_num_threads(int(threads))
        self._half = half
        self.model = load_model(read_config(config), checkpoint, self.device)
        self.spec = spec_of(self.model, str(config))

    def run(self, crops: np.ndarray) -> Simcc:
        """See :class:`.Backend`."""
        torch = self._torch
        from ...models.simcc import full_precision

        half = nullcontext()
        if self._half:
            half = torch.autocast('cuda', torch.float16)
        images = torch.from_numpy(np.ascontiguousarray(crops))
        data = dict(inputs=images.permute(0, 3, 1, 2), data_samples=[])
        with torch.inference_mode():
            images = self.model.data_preprocessor(data)['inputs'].contiguous()
            with half:
                feats = self.model.extract_feat(images)
            with full_precision(*feats) as feats:
                x, y = self.model.head.forward(feats)
        return Simcc(x.cpu().numpy(), y.cpu().numpy())


def load_model(config, checkpoint, device: str):
    """MMPose's model of a config on a device, with all weights of a checkpoint
    and the keypoints that it names."""
    from mmpose.apis import init_model

    model = init_model(config, None, device='cpu')
    metainfo = load_all_weights(model, checkpoint).get('dataset_meta')
    if metainfo and 'keypoint_id2name' in metainfo:
        model.dataset_meta = metainfo
    return model.to(device)


def import_torch():
    """torch, with MMPose, which this backend needs beside it."""
    for module in ('mmpose.apis', 'torch'):
        torch = need(module, 'the backend pytorch', PIP)
    # mmdet's backbone says it on every run, to nobody's use.
    warnings.filterwarnings(
        'ignore', r'.*torch\.cuda\.amp\.autocast', FutureWarning
    )
    return torch


def find_device(torch, device: str) -> str:
    """``auto`` to a device, any other one checked."""
    if device == 'auto':
        return 'cuda:0' if torch.cuda.is_available() else 'cpu'
    try:
        torch.zeros(1, device=device)
    except Exception as error:  # RuntimeError, AssertionError
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f'device {device!r} was asked for, but torch {torch.__version__} '
            f'has no such device here: {reason}'
        ) from error
    return str(torch.device(device))


def load_all_weights(model, checkpoint) -> dict:
    """Load a checkpoint's weights, all of them, and return its ``meta``;
    errors of :func:`.read_checkpoint`, or ValueError if it is of another
    model."""
    from ...models.head_extension import find_mismatch, read_checkpoint

    weights, meta = read_checkpoint(checkpoint)
    own = {
        key: value
        for key, value in model.state_dict().items()
        if 'data_preprocessor.' not in key
    }
    mismatch = find_mismatch(weights, own)
    if mismatch:
        raise ValueError(
            f'the weights {os.fspath(checkpoint)} are not those of the config: '
            f'{mismatch}'
        )
    model.load_state_dict(weights, strict=False)
    return meta


def spec_of(model, source: str) -> NetworkSpec:
    """The spec of a built model; ValueError if it does not decode SimCC as we
    do, or its crops are made otherwise."""
    from ...models.head_extension import metainfo_names

    head = getattr(model, 'head', None)
    if not hasattr(head, 'simcc_split_ratio'):
        raise ValueError(
            f'{source} has the head {type(head).__name__}, a SimCC head '
            '(RTMCCHead, SimCCHead) expected'
        )
    if getattr(head.decoder, 'use_dark', False):
        raise ValueError(f'{source} decodes with DARK, which is not supported')
    loader = model.cfg.get('test_dataloader') or {}
    for step in loader.get('dataset', {}).get('pipeline', []):
        padding = step.get('padding', PADDING)
        if step['type'] == 'GetBBoxCenterScale' and padding != PADDING:
            raise ValueError(
                f'{source} pads boxes by {padding}, {PADDING} expected'
            )
        if step['type'].endswith('TopdownAffine') and step.get('use_udp'):
            raise ValueError(f'{source} crops with UDP, which is not supported')
    names = tuple(metainfo_names(model.dataset_meta))
    if len(names) != head.out_channels:
        raise ValueError(
            f'{source} predicts {head.out_channels} keypoints, but its '
            f'metainfo names {len(names)}'
        )
    return NetworkSpec(
        input_size=tuple(int(size) for size in head.input_size),
        names=names,
        flip_indices=tuple(model.dataset_meta['flip_indices']),
        split_ratio=float(head.simcc_split_ratio),
    )
