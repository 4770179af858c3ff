"""Work in a thread of its own."""

import threading

import pytest
from capriccio.devices.background_worker import BackgroundWorker


def test_items_are_worked_on_in_order_and_an_error_is_raised_by_a_later_one():
    done = []

    def work(item):
        if item == 3:
            raise ValueError("three is too many")
        done.append(item)

    worker = BackgroundWorker(work, depth=2)
    with pytest.raises(ValueError, match="three is too many"):
        for item in range(1, 100):
            worker.submit(item, wait=True)
    assert not worker.finish()
    assert done == [1, 2]


def test_an_error_with_the_last_item_is_raised_at_the_end():
    worker = BackgroundWorker(lambda item: item / 0, depth=2)
    worker.submit(1, wait=True)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        worker.finish()


def test_a_full_queue_refuses_an_item_that_cannot_wait():
    released, done = threading.Event(), []

    def work(item):
        assert released.wait(120)
        done.append(item)

    worker = BackgroundWorker(work, depth=1)
    accepted = [item for item in range(50) if worker.submit(item, wait=False)]
    released.set()
    assert worker.finish()
    assert done == accepted
    assert 1 <= len(accepted) <= 2
