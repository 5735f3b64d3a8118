import datetime
import multiprocessing
import os

from spinepose_mmpose.evaluation.metric import SpineTrackMetric

import pytest
import torch.distributed
from metric_samples import GOLDEN, dataset_meta, golden, golden_samples


def evaluate(samples, size):
    metric = SpineTrackMetric(ann_file=str(GOLDEN / 'gt.json'))
    metric.dataset_meta = dataset_meta()
    metric.process(None, samples)
    return metric.evaluate(size)


def evaluate_share(rank, folder):
    """What one of two processes does at the end of a validation."""
    os.chdir(folder)
    torch.distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store',
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=60),
    )
    samples = golden_samples()[:99]
    padded = samples + samples[:1]  # as a sampler fills the last batch
    try:
        return evaluate(padded[rank::2], len(samples))
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        other = pool.apply_async(evaluate_share, (1, str(tmp_path)))
        found = evaluate_share(0, str(tmp_path))
        assert other.get(60) == found
    alone = evaluate(golden_samples()[:99], 99)
    assert found == pytest.approx(alone, abs=1e-12)
    assert alone['spinetrack/all_AP'] == pytest.approx(
        golden('expected')['default']['spinetrack/all_AP'], abs=0.05
    )
