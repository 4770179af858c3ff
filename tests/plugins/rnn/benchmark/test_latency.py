"""Tests of the parts of the latency benchmark that need no JACK."""

import click
import pytest
from capriccio_rnn.benchmark import latency


def test_percentiles_are_in_milliseconds():
    seconds = [number / 1000 for number in range(101)]

    assert latency.percentiles(seconds) == {"p50_ms": 50.0, "p99_ms": 99.0, "max_ms": 100.0}


def test_waiting_ends_with_an_error_that_names_what_did_not_answer():
    with pytest.raises(click.ClickException, match="jackd did not answer within 0 s"):
        latency.wait_for(lambda: False, 0, "jackd")

    assert latency.wait_for(lambda: "up", 1, "jackd") == "up"


def test_the_sketch_that_is_measured_exists():
    assert latency.duet_sketch().is_file()
