"""An export against PyTorch: outputs, keypoints, AP and speed."""

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from mmdeploy.backend.base import get_backend_manager
from mmengine.dataset import pseudo_collate
from mmpose.registry import KEYPOINT_CODECS
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..evaluation.metric import SpineTrackMetric
from ..inference.network import read_pipeline
from ..inference.preprocess import Normalizer
from ..metainfo import SUBSETS
from ..utils import read_json
from .checks import BACKENDS
from .crops import latencies, metric_results
from .onnx_files import SESSIONS, is_quantized

Outputs = tuple[np.ndarray, ...]
Run = Callable[[np.ndarray], Outputs]


@dataclass(frozen=True)
class Export:
    """What the SDK's files say of an export."""

    backend: str
    files: tuple[str, ...]  # what the backend loads, the model first
    precision: str  # FP32, FP16 or INT8
    normalise: Normalizer  # (B, H, W, 3) uint8, BGR, to (B, 3, H, W)
    decodes: bool  # whether the outputs are keypoints and scores


def read_export(folder: str) -> Export:
    """
    Raises:
        FileNotFoundError: The folder lacks a file of an export.
        ValueError: It is the export of another kind of model.
    """
    contents = {}
    for name in ('deploy', 'pipeline'):
        path = Path(folder, f'{name}.json')
        if not path.is_file():
            raise FileNotFoundError(
                f'{folder} has no {path.name}: it is not an export, or one '
                "without the SDK's files"
            )
        contents[name] = read_json(path)
    model = contents['deploy']['models'][0]
    post = contents['pipeline']['pipeline']['tasks'][-1]
    if post.get('component') != 'SimCCLabelDecode':
        raise ValueError(
            f'{folder} is the export of a model with the decoder '
            f'{post.get("component")!r}, expected SimCCLabelDecode'
        )
    said = read_pipeline(path)
    names = [name for name in (model['net'], model['weights']) if name]
    files = [osp.join(folder, name) for name in names]
    for path in files:
        if not osp.isfile(path):
            raise FileNotFoundError(f'no such file: {path}')
    return Export(
        backend=model['backend'],
        files=tuple(files),
        precision=precision_of(files[0], model['precision']),
        normalise=Normalizer(said['mean'], said['std'], said['bgr_to_rgb']),
        decodes=post['params'].get('export_postprocess', False),
    )


def precision_of(path: str, stated: str) -> str:
    """mmdeploy states FP32 for every ONNX file; its tensors know better."""
    if not path.endswith('.onnx'):
        return stated
    model = onnx.load(path)
    if is_quantized(model):
        return 'INT8'
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    return 'FP16' if onnx.TensorProto.FLOAT16 in kinds else stated


def open_export(export: Export, device: str, threads: int) -> Run:
    """A function from (B, 3, H, W) to (simcc_x, simcc_y) or (keypoints,
    scores); 0 threads are the backend's choice. A ValueError if the backend is
    none of those here, or not installed."""
    if export.backend not in BACKENDS:
        raise ValueError(
            f'the export is for {export.backend!r}, expected one of {BACKENDS}'
        )
    names = 'keypoints scores' if export.decodes else 'simcc_x simcc_y'
    names = names.split()
    if export.backend in SESSIONS:
        session = SESSIONS[export.backend](export.files[0], device, threads)

        def run(inputs: np.ndarray) -> Outputs:
            found = session.run(inputs, names)
            return tuple(found[name].astype(np.float32) for name in names)

        return run
    try:  # by mmdeploy's wrapper
        wrapper = get_backend_manager(export.backend).build_wrapper(
            export.files, device, ['input'], names
        )
    except ImportError as error:
        raise ValueError(
            f'{export.backend} cannot be imported: {error}'
        ) from error

    def run(inputs: np.ndarray) -> Outputs:
        tensors = wrapper(dict(input=torch.from_numpy(inputs).to(device)))
        return tuple(tensors[name].float().cpu().numpy() for name in names)

    return run


# Of the height of a distribution.
TIE = dict(FP32=1e-4, FP16=1e-2, INT8=5e-2)
# Of the largest output: beyond it something else than rounding is at work.
OUTPUT_LIMIT = dict(FP32=1e-3, FP16=5e-2, INT8=1.0)
# Pixels of the network's input, and AP (0 to 1).
PIXEL_LIMIT = dict(FP32=0.05, FP16=0.5, INT8=4.0)
AP_LIMIT = dict(FP32=0.0005, FP16=0.002, INT8=0.01)


class Differences:
    """Of two runs, batch by batch; read :meth:`summary`."""

    def __init__(self, precision: str) -> None:
        self.precision = precision
        # of each batch and output: largest, sum, size, largest expected
        self.outputs = []
        self.moved, self.tied = [], []  # (N, K) of each batch

    def add_outputs(
        self, expected: Sequence[np.ndarray], actual: Sequence[np.ndarray]
    ) -> None:
        for one, other in zip(expected, actual):
            # NaN is no difference to anything, but no agreement either.
            d = np.nan_to_num(np.abs(one - other), nan=np.inf, posinf=np.inf)
            self.outputs.append((d.max(), d.sum(), d.size, np.abs(one).max()))

    def add_keypoints(
        self,
        simcc: Sequence[np.ndarray],
        expected: np.ndarray,
        actual: np.ndarray,
        ratio: float,
    ) -> None:
        """Outputs (N, K, Wx), (N, K, Wy) and keypoints (N, K, 2) of PyTorch,
        keypoints of the backend, in input pixels; bins per pixel."""
        steps = np.abs(expected - actual)
        steps = np.nan_to_num(steps, nan=np.inf, posinf=np.inf)
        tied = [
            is_tie(heights, actual[..., axis] * ratio, TIE[self.precision])
            for axis, heights in enumerate(simcc)
        ]
        self.tied.append(((steps > 0) & np.stack(tied, -1)).any(-1))
        self.moved.append(np.hypot(*np.moveaxis(steps, -1, 0)))

    def summary(self) -> dict[str, float]:
        rows = np.array(self.outputs, dtype=np.float64).reshape(-1, 4)
        highest, sums = rows.max(0, initial=0), rows.sum(0)
        moved, tied = np.concatenate(self.moved), np.concatenate(self.tied)
        distances = moved[~tied]
        return dict(
            output_max=float(highest[0]),
            output_mean=float(sums[1] / max(sums[2], 1)),
            output_max_of_largest=float(highest[0] / max(highest[3], 1e-12)),
            keypoint_max_px=float(distances.max(initial=0)),
            keypoint_mean_px=float(distances.sum() / max(distances.size, 1)),
            keypoints=tied.size,
            ties=int(tied.sum()),
        )


def is_tie(heights: np.ndarray, bins: np.ndarray, limit: float) -> np.ndarray:
    """(N, K) bool: ``bins`` (N, K) are as high as the highest of ``heights``
    (N, K, W), up to ``limit`` of the distribution's height."""
    top, bottom = heights.max(-1), heights.min(-1)
    valid = np.isfinite(bins) & (bins >= 0) & (bins < heights.shape[-1])
    index = np.where(valid, bins, 0).round().astype(int)
    chosen = np.take_along_axis(heights, index[..., None], -1)[..., 0]
    return valid & (top - chosen <= limit * (top - bottom))


def failures(
    summary: dict[str, float],
    ap: dict[str, Sequence[float]],
    precision: str,
    pixel_limit: float,
    ap_limit: float,
) -> list:
    """A sentence for each limit that is exceeded, of a summary of
    :class:`Differences` and of (PyTorch, backend) AP by subset."""
    share, pixels = summary['output_max_of_largest'], summary['keypoint_max_px']
    of_outputs = f'outputs differ by {share:.2g} of the largest'
    of_points = f'a keypoint differs by {pixels:.3g} input pixels'
    rows = [(share, OUTPUT_LIMIT[precision], of_outputs)]
    rows.append((pixels, pixel_limit, of_points))
    for subset, (expected, actual) in ap.items():
        text = f'AP of {subset} is {actual:.4f} instead of {expected:.4f}'
        rows.append((abs(expected - actual), ap_limit, text))
    # Not ">": NaN is beyond every limit.
    return [f'{x}, limit {top:g}' for found, top, x in rows if not found <= top]


def verify(
    model, export: Export, run: Run, dataset, batch_size: int
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Run both on every person: the summary of :class:`Differences`, and by
    subset AP of PyTorch and of the backend."""
    codec = KEYPOINT_CODECS.build(model.cfg.codec)
    differences = Differences(export.precision)
    metrics = [SpineTrackMetric(ann_file=dataset.ann_file) for _ in range(2)]
    for metric in metrics:
        metric.dataset_meta = dataset.metainfo
    loader = DataLoader(dataset, batch_size, collate_fn=pseudo_collate)
    for batch in tqdm(loader, 'comparing', unit='batch'):
        crops = torch.stack(batch['inputs']).permute(0, 2, 3, 1).numpy()
        simcc = torch_outputs(model, crops)
        expected = codec.decode(*simcc)
        outputs = run(export.normalise(crops))
        if export.decodes:
            actual = outputs
            differences.add_outputs([expected[1]], [outputs[1]])
        else:
            differences.add_outputs(simcc, outputs)
            actual = codec.decode(*outputs)
        differences.add_keypoints(
            simcc, expected[0], actual[0], codec.simcc_split_ratio
        )
        for metric, points in zip(metrics, (expected, actual)):
            metric.process({}, metric_results(batch['data_samples'], *points))
    scores = [metric.compute_metrics(metric.results) for metric in metrics]
    ap = {s: [score[f'{s}_AP'] for score in scores] for s in SUBSETS}
    return differences.summary(), ap


def torch_outputs(model, crops: np.ndarray) -> Outputs:
    """SimCC of (B, H, W, 3) uint8 BGR crops by PyTorch."""
    inputs = torch.from_numpy(crops).permute(0, 3, 1, 2)
    with torch.inference_mode():
        batch = model.data_preprocessor(
            dict(inputs=list(inputs), data_samples=[]), False
        )
        outputs = model.head(model.extract_feat(batch['inputs']))
    return tuple(output.float().cpu().numpy() for output in outputs)


def compare_speed(
    model, export: Export, run: Run, sizes: Sequence[int], repeats: int
) -> dict[str, list[dict[str, float]]]:
    """Median and 90th percentile of a call and people a second, of PyTorch
    and of the backend by batch size: network alone, input in memory."""
    w, h = model.cfg.codec['input_size']
    rng = np.random.default_rng(0)
    result = {'pytorch': [], export.backend: []}
    for size in sizes:
        crops = rng.integers(0, 256, (size, h, w, 3), dtype=np.uint8)
        runs = {
            'pytorch': lambda _, crops=crops: torch_outputs(model, crops),
            export.backend: run,
        }
        times = latencies(runs, export.normalise(crops), repeats)
        for name, values in times.items():
            median, slow = map(float, np.percentile(values, [50, 90]))
            row = dict(batch=size, median_ms=median, p90_ms=slow)
            row['people_per_second'] = 1e3 * size / median
            result[name].append(row)
    return result
