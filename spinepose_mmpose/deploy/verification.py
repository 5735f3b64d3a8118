"""An export beside the PyTorch model, on the people of a data set."""

import os.path as osp
import time
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmpose.apis import init_model
from mmpose.registry import DATASETS, KEYPOINT_CODECS, METRICS
from tqdm import tqdm

from .comparison import Differences
from .pose_detection import deployed_config
from .runners import Export, Outputs

Run = Callable[[np.ndarray], Outputs]
SUBSETS = ('body', 'feet', 'spine', 'all')


def build_torch_model(
    model_cfg: Config, checkpoint: str, device: str
) -> torch.nn.Module:
    """The model as it is tested, without flip test."""
    config = deployed_config(model_cfg)
    config.model.test_cfg = dict(flip_test=False)
    return init_model(config, checkpoint, device=device)


def build_dataset(
    model_cfg: Config,
    root: str,
    ann_file: Optional[str],
    images: Optional[str],
    limit: Optional[int],
):
    """The config's validation set, with files of ``root``.

    Args:
        ann_file: Below root; by default the config's.
        images: Folder below root, likewise.
        limit: As many people at most.

    Raises:
        FileNotFoundError: The annotation file is not there.
    """
    settings = model_cfg.val_dataloader.dataset.copy()
    settings.update(
        data_root=root,
        ann_file=ann_file or settings.ann_file,
        test_mode=True,
    )
    if images is not None:
        settings.data_prefix = dict(img=images)
    if limit:
        settings.indices = limit
    path = osp.join(root, settings.ann_file)
    if not osp.isfile(path):
        raise FileNotFoundError(f'no such annotation file: {path}')
    return DATASETS.build(settings), path


def batches(dataset, size: int) -> Iterator[Tuple[np.ndarray, list]]:
    """(B, H, W, 3) uint8 BGR crops and their data samples."""
    for start in range(0, len(dataset), size):
        batch = pseudo_collate(
            [dataset[i] for i in range(start, min(start + size, len(dataset)))]
        )
        crops = torch.stack(batch['inputs']).permute(0, 2, 3, 1)
        yield crops.numpy(), batch['data_samples']


def verify(
    model, export: Export, run: Run, dataset, ann_file: str, batch_size: int
) -> Tuple[Dict[str, float], Dict[str, List[float]]]:
    """Run both on every person.

    Returns:
        The summary of :class:`.comparison.Differences`, and by subset AP of
        PyTorch and of the backend.
    """
    codec = KEYPOINT_CODECS.build(model.cfg.codec)
    differences = Differences(export.precision)
    metrics = [_metric(dataset, ann_file) for _ in range(2)]
    progress = tqdm(total=len(dataset), unit='people', desc='comparing')
    for crops, samples in batches(dataset, batch_size):
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
        for metric, (points, scores) in zip(metrics, (expected, actual)):
            metric.process({}, _predictions(samples, points, scores))
        progress.update(len(crops))
    progress.close()
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


def _metric(dataset, ann_file: str):
    metric = METRICS.build(dict(type='SpineTrackMetric', ann_file=ann_file))
    metric.dataset_meta = dataset.metainfo
    return metric


def _predictions(samples, points: np.ndarray, scores: np.ndarray) -> list:
    """Input pixels to image pixels, as the metric takes them."""
    results = []
    for sample, keypoints, visible in zip(samples, points, scores):
        meta = sample.metainfo
        scale, center = meta['input_scale'], meta['input_center']
        image_points = keypoints / meta['input_size'] * scale
        image_points += center - 0.5 * scale
        result = sample.to_dict()
        result.update(meta)
        result['pred_instances'] = dict(
            keypoints=image_points[None],
            keypoint_scores=visible[None],
            bbox_scores=sample.gt_instances.bbox_scores,
            bboxes=sample.gt_instances.bboxes,
        )
        results.append(result)
    return results


def measure_speed(
    run: Callable[[], None], repeats: int, batch: int
) -> Dict[str, float]:
    """Median and 90th percentile of a call, and people a second."""
    for _ in range(3):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    median, slow = np.percentile(times, [50, 90])
    return dict(
        batch=batch,
        median_ms=1000 * median,
        p90_ms=1000 * slow,
        people_per_second=batch / median,
    )


def compare_speed(
    model, export: Export, run: Run, sizes: Sequence[int], repeats: int
) -> Dict[str, List[Dict[str, float]]]:
    """Network alone, input ready in memory, by batch size."""
    w, h = model.cfg.codec['input_size']
    rng = np.random.default_rng(0)
    result = {'pytorch': [], export.backend: []}
    for size in sizes:
        crops = rng.integers(0, 256, (size, h, w, 3), dtype=np.uint8)
        inputs = export.normalise(crops)
        result['pytorch'].append(
            measure_speed(
                lambda crops=crops: torch_outputs(model, crops), repeats, size
            )
        )
        result[export.backend].append(
            measure_speed(lambda inputs=inputs: run(inputs), repeats, size)
        )
    return result
