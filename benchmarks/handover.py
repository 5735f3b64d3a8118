"""What batches cost the training process, which feeds the GPU."""

import statistics
import time


def measure_handover(dataset, collate, preprocessor, batch_size, rounds):
    """CPU ms of the training process a batch, medians over the rounds.

    Args:
        dataset: Holds ``rounds`` batches and one more.
        collate: Makes a batch of samples, in the worker.
        preprocessor: Moves it, by its ``cast_data``.

    Returns:
        To receive a batch from one worker, and to give the labels to the
        device; on a CPU all but the transfer itself.
    """
    from torch.utils.data import DataLoader

    allow_open_files(batch_size)
    batches = iter(
        DataLoader(
            dataset,
            batch_size,
            num_workers=1,
            collate_fn=collate,
        )
    )
    spent = []
    for _ in range(rounds + 1):
        start = time.process_time()
        batch = next(batches)
        received = time.process_time()
        preprocessor.cast_data(batch['data_samples'])
        spent.append((received - start, time.process_time() - received))
    return [1e3 * statistics.median(t) for t in zip(*spent[1:])]


def allow_open_files(batch_size):
    """As many as this user may: MMPose's way needs four for each person of
    two batches, and without them the loader stands still."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 100 + 2 * 4 * batch_size
    if most != resource.RLIM_INFINITY and most < needed:
        raise ValueError(
            f'--batch-size {batch_size} needs {needed} open files, but this '
            f'user may have {most}: give a smaller one'
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
