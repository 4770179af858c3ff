"""Calls in worker processes: in order, each once, made again where a worker dies."""

import os
from pathlib import Path

import capriccio_vae
import pytest
from capriccio import ShowError
from capriccio_cluster import workers as module
from capriccio_cluster.workers import Workers
from helpers.cluster_calls import die_once, double, fail, threads_of


@pytest.fixture(scope="module")
def workers():
    pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS", raising=False)
        with Workers("local", 2) as opened:
            yield opened


def test_a_worker_draws_with_one_thread(workers):
    model = str(next(Path(capriccio_vae.__file__).parent.glob("*.onnx")))
    assert list(workers.map(threads_of, [model])) == [1]


def test_results_come_in_order_each_once(workers):
    assert list(workers.map(double, range(20))) == list(range(0, 40, 2))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_what_a_killed_worker_was_doing_is_done_by_another(workers, tmp_path):
    mark = str(tmp_path / "mark")
    tasks = [(number, mark) for number in range(8)]
    assert list(workers.map(die_once, tasks)) == list(range(8))
    assert Path(mark).exists()


def test_an_error_in_a_worker_is_raised_here(workers):
    with pytest.raises(ValueError, match="no 4"):
        list(workers.map(fail, [4]))


def test_impossible_workers_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="workers must be at least 1, got 0"):
        Workers("local", 0)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ShowError, match="a cluster needs Dask; install with"):
        Workers("local", 1)


def test_an_address_where_nobody_answers_is_told(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(ShowError, match="no cluster answers at 'tcp"),
        Workers("tcp://127.0.0.1:9", 1),
    ):
        pass


def test_a_cluster_without_workers_is_told(monkeypatch):
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(module, "ALONE_SECONDS", 0.3)
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as cluster,
        Workers(cluster.scheduler_address, 1) as opened,
        pytest.raises(ShowError, match="has no worker left"),
    ):
        list(opened.map(double, [1]))


def test_a_worker_without_capriccio_is_told(monkeypatch):
    pytest.importorskip("distributed")
    from distributed import Client

    monkeypatch.setattr(Client, "run", lambda self, *asked: {"tcp://10.0.0.3:99": None})
    with pytest.raises(ShowError, match="has no Capriccio; install it there"), Workers("local", 1):
        pass
