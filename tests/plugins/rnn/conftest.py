"""Torch in one thread for all tests of the part `rnn`."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from helpers.torch_threads import one_thread


@pytest.fixture(autouse=True, scope="session")
def torch_in_one_thread() -> Iterator[None]:
    if find_spec("torch") is None:
        yield
        return
    with one_thread():
        yield
