"""Trainings in one thread."""

from collections.abc import Iterator

import pytest
from helpers.torch_threads import one_thread


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> Iterator[None]:
    with one_thread():
        yield
