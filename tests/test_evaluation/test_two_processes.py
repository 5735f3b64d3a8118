import multiprocessing
import os

import pytest
from metric_samples import GOLDEN, dataset_meta, golden, golden_samples


def evaluate_share(rank, folder, results):
    """What one of two processes does at the end of a validation."""
    from spinepose_mmpose.evaluation.metric import SpineTrackMetric

    import torch.distributed

    os.chdir(folder)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    metric = SpineTrackMetric(ann_file=str(GOLDEN / 'gt.json'))
    metric.dataset_meta = dataset_meta()
    samples = golden_samples()[:99]
    padded = samples + samples[:1]  # as a sampler fills the last batch
    metric.process(None, padded[rank::2])
    results.put((rank, metric.evaluate(len(samples))))
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path):
    context = multiprocessing.get_context('spawn')
    results = context.Queue()
    processes = [
        context.Process(
            target=evaluate_share, args=(rank, str(tmp_path), results)
        )
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
        assert process.exitcode == 0

    from spinepose_mmpose.evaluation.metric import SpineTrackMetric

    metric = SpineTrackMetric(ann_file=str(GOLDEN / 'gt.json'))
    metric.dataset_meta = dataset_meta()
    metric.process(None, golden_samples()[:99])
    alone = metric.evaluate(99)
    assert found[0] == found[1] == pytest.approx(alone, abs=1e-12)
    assert alone['spinetrack/all_AP'] == pytest.approx(
        golden('expected')['default']['spinetrack/all_AP'], abs=0.05
    )
