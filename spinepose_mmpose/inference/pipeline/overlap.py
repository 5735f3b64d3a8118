"""Stages that work at the same time.

A stage is a generator. Wrapped in :func:`ahead` it runs in a thread of its
own and hands its items over through a short queue, so that a chain of them
overlaps and memory stays flat. OpenCV, PyAV and ONNX Runtime let other threads
run while they work.
"""

import queue
import threading
from typing import Iterable, Iterator, TypeVar

Item = TypeVar('Item')
_END = object()


class _Failure:
    def __init__(self, error: BaseException):
        self.error = error


def ahead(
    items: Iterable[Item], size: int = 2, newest: bool = False
) -> Iterator[Item]:
    """The items, made in another thread before they are asked for.

    An error there is raised here. When this generator is closed, the thread
    closes ``items`` and ends.

    Args:
        size: how many items may wait.
        newest: drop the oldest waiting one instead of making ``items`` wait,
            as a camera needs it.
    """
    waiting: queue.Queue = queue.Queue(maxsize=size)
    stop = threading.Event()

    def put(item) -> None:
        if newest and not isinstance(item, _Failure) and item is not _END:
            while waiting.full():
                try:
                    waiting.get_nowait()
                except queue.Empty:
                    break
        waiting.put(item)

    def work() -> None:
        try:
            for item in items:
                if stop.is_set():
                    return
                put(item)
            put(_END)
        except BaseException as error:  # whatever it is, the caller gets it
            put(_Failure(error))
        finally:
            close = getattr(items, 'close', None)
            if close is not None:
                close()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            item = waiting.get()
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        # The thread may be waiting for room in the queue.
        while worker.is_alive():
            try:
                while True:
                    waiting.get_nowait()
            except queue.Empty:
                worker.join(0.02)


def batches(items: Iterable[Item], size: int) -> Iterator[list]:
    """Lists of ``size`` items; the last one may be shorter."""
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
