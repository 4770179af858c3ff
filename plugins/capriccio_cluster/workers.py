"""Workers of a Dask cluster: of one that is started here, or of one that runs at an address."""

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from capriccio import ShowError, install_command

# Calls under way beyond one for each worker, so that none waits for the next.
AHEAD = 1
CONNECT_SECONDS = 20.0
# How often it is looked whether there still are workers, and how long there may be none.
LOOK_SECONDS, ALONE_SECONDS = 5.0, 120.0
# How often a call is made again whose worker has died, before it is taken for the cause.
ALLOWED_DEATHS = 5
# A worker draws with one thread: there are as many workers as cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


class Workers:
    """Calls functions in worker processes; a context manager.

    A call whose worker dies is made again by another. Functions, arguments and results are
    pickled between machines, so an address must be that of a cluster that is trusted.

    Args:
        address: "local" starts a cluster on this machine; else that of a Dask scheduler, such as
            "tcp://10.0.0.2:8786".
        count: how many workers are used at once.

    Raises:
        ValueError: `count` is less than 1.
        ShowError: Dask is not installed, or nothing answers at the address.
    """

    def __init__(self, address: str, count: int):
        if count < 1:
            raise ValueError(f"workers must be at least 1, got {count}")
        if find_spec("distributed") is None:
            raise ShowError(f"a cluster needs Dask; install with {install_command('cluster')}")
        self.address, self.count = address, count
        self.client: Any = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        import dask
        from distributed import Client, LocalCluster

        settings = {
            "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,
            "distributed.nanny.pre-spawn-environ": ONE_THREAD,
            "distributed.comm.timeouts.connect": CONNECT_SECONDS,
            # What nobody looks at: samples of the stack 100 times a second, and 50 ticks.
            "distributed.worker.profile.enabled": False,
            "distributed.admin.tick.interval": "1s",
            "distributed.admin.system-monitor.interval": "5s",
        }
        for name in (
            "distributed",
            "distributed.scheduler",
            "distributed.nanny",
            "distributed.client",
        ):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a worker is replaced: no news
        with ExitStack() as opened, _environment_stays():
            opened.enter_context(dask.config.set(settings))
            place: Any = self.address
            if place == "local":
                opened.enter_context(_main_stays_here())
                place = opened.enter_context(
                    LocalCluster(
                        n_workers=self.count,
                        threads_per_worker=1,
                        memory_limit=None,
                        dashboard_address="127.0.0.1:0",
                    )
                )
            try:
                self.client = opened.enter_context(
                    Client(
                        place, timeout=CONNECT_SECONDS, set_as_default=False, direct_to_workers=True
                    )
                )
            except (OSError, ValueError) as error:
                raise ShowError(f"no cluster answers at {self.address!r}: {error}") from None
            # Without our modules a worker could not even say what it was sent.
            found = self.client.run(find_spec, "capriccio_cluster")
            if lacking := [worker for worker, spec in found.items() if spec is None]:
                raise ShowError(f"the worker at {lacking[0]} has no Capriccio; install it there")
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client = None
        self._opened.close()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of a module that all workers have, and return a future."""
        return self.client.submit(function, *arguments, pure=False)

    def result(self, future: Any) -> Any:
        """Return what a call returned, however long that takes.

        Raises:
            ShowError: there is no worker any more; an error of the call goes through.
        """
        alone = 0
        while True:
            try:
                return future.result(timeout=LOOK_SECONDS)
            except TimeoutError:
                alone = 0 if self.client.scheduler_info()["workers"] else alone + 1
                if alone * LOOK_SECONDS >= ALONE_SECONDS:
                    raise ShowError(f"the cluster {self.address!r} has no worker left") from None

    def map(self, function: Callable[[Any], Any], things: Iterable[Any]) -> Iterator[Any]:
        """Yield what a function returns of each thing, in their order, each once."""
        waiting: deque[Any] = deque()
        try:
            for thing in things:
                waiting.append(self.submit(function, thing))
                if len(waiting) >= self.count + AHEAD:
                    yield self.result(waiting.popleft())
            while waiting:
                yield self.result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def _environment_stays() -> Iterator[None]:
    """Take back what Dask sets in the environment of this process for those that it starts."""
    kept = {name: os.environ.get(name) for name in ONE_THREAD}
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _main_stays_here() -> Iterator[None]:
    """Keep new worker processes from running the script of this one a second time.

    Python imports it in each that it spawns, for what is pickled by name; Dask pickles what is
    defined there by value.
    """
    main: Any = sys.modules["__main__"]
    kept = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)
