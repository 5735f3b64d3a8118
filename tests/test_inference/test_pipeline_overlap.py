import threading
import time

from spinepose_mmpose.inference.pipeline.overlap import ahead, batches

import pytest


def test_the_same_items_in_order():
    assert list(ahead(iter(range(100)), 3)) == list(range(100))


def test_stages_work_at_the_same_time():
    """Each stage waits for the other: alone, neither would go on."""
    barrier = threading.Barrier(2, timeout=5)

    def made():
        for i in range(3):
            barrier.wait()
            yield i

    items = ahead(made(), 1)
    for _ in range(3):
        # The first item is being made in the other thread meanwhile.
        threading.Thread(target=barrier.wait, daemon=True).start()
        next(items)
    items.close()


def test_not_more_than_its_size_waits():
    made = []

    def source():
        for i in range(50):
            made.append(i)
            yield i

    items = ahead(source(), 2)
    next(items)
    time.sleep(0.2)
    # One was taken, two wait, one is held by the thread.
    assert len(made) <= 4
    items.close()


def test_an_error_reaches_the_caller():
    def source():
        yield 1
        raise OSError('the disk is full')

    items = ahead(ahead(source(), 1), 1)
    assert next(items) == 1
    with pytest.raises(OSError, match='the disk is full'):
        next(items)


def test_closing_ends_the_threads_of_a_chain():
    closed = []

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(threading.current_thread())

    before = threading.active_count()
    items = ahead((item for item in ahead(source(), 1)), 1)
    next(items)
    items.close()
    assert len(closed) == 1
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_the_newest_item_of_a_camera():
    go = threading.Event()

    def source():
        for i in range(100):
            yield i
        go.set()
        yield 100

    items = ahead(source(), 2, newest=True)
    next(items)
    assert go.wait(5)  # the camera did not have to wait
    assert list(items)[-1] == 100


def test_batches():
    assert list(batches(iter('abcde'), 2)) == [['a', 'b'], ['c', 'd'], ['e']]
