"""What batches cost the training process, which feeds the GPU."""

import statistics
import time


def measure_handover(dataset, stock, batch_size, rounds):
    """CPU ms of the training process a batch, medians over the rounds.

    Args:
        dataset: Holds ``rounds`` batches and one more.
        stock: MMPose's own way instead of that of our configs.

    Returns:
        To receive a batch from one worker, and to give the labels to the
        device; on a CPU all but the transfer itself.
    """
    from spinepose_mmpose.datasets.batches import pose_collate
    from spinepose_mmpose.models.data_preprocessors import (
        SpinePoseDataPreprocessor,
    )

    from mmengine.dataset import pseudo_collate
    from mmpose.models.data_preprocessors import PoseDataPreprocessor
    from torch.utils.data import DataLoader

    batches = iter(
        DataLoader(
            dataset,
            batch_size,
            num_workers=1,
            collate_fn=pseudo_collate if stock else pose_collate,
        )
    )
    kind = PoseDataPreprocessor if stock else SpinePoseDataPreprocessor
    preprocessor = kind()
    spent = []
    for _ in range(rounds + 1):
        # Until the worker is done: it has to be asked for nothing else.
        while batches._data_queue.empty():
            time.sleep(0.05)
        start = time.process_time()
        batch = next(batches)
        received = time.process_time()
        preprocessor.cast_data(batch['data_samples'])
        spent.append((received - start, time.process_time() - received))
    return [1e3 * statistics.median(t) for t in zip(*spent[1:])]


def handover_table(batch_size, rows):
    lines = [
        f'| the training process, a batch of {batch_size} | CPU ms to receive '
        'it | to move the labels | at most samples/s |',
        '|---|---|---|---|',
    ]
    for way, (receive, move) in rows:
        rate = 1e3 * batch_size / (receive + move)
        lines.append(f'| {way} | {receive:.1f} | {move:.1f} | {rate:.0f} |')
    return '\n'.join(lines)
