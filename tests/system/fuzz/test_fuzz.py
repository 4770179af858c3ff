"""No bytes of a stranger make a parser raise, hang, or read what a second parser does not.

In the ordinary suite each parser gets a few hundred inputs. CAPRICCIO_FUZZ_SECONDS=60 gives each a
minute, as before a release; CAPRICCIO_FUZZ_HOUR=1 and `-m fuzz` an hour to all of them together.
Inputs that fail are written to `corpus/TARGET/`, where they are kept and tried first.
"""

import hashlib
import os
import time

import pytest
from helpers.fuzzing import CORPUS, TARGETS, mutations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# What a machine with other work may take for an input that takes milliseconds.
MAX_SECONDS = 1.0
SECONDS = float(os.environ.get("CAPRICCIO_FUZZ_SECONDS", "0"))
ROUNDS = 300  # in the ordinary suite; HTTP opens a connection for each
every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def check(target, data):
    """Check one input, whose processor time is limited as well; keep what fails."""
    begun = time.process_time()
    try:
        target.check(data)
        took = time.process_time() - begun
        assert took < MAX_SECONDS, f"{took:.1f} s for {len(data)} bytes"
    except BaseException:
        folder = CORPUS / target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        raise


def run_for(target, seconds, rounds):
    """Check mutations for `seconds`, or `rounds` of them; return the number of those checked.

    An hour of them are others each time; a shorter run always begins with the same.
    """
    begun, count = time.monotonic(), 0
    for data in mutations(target, seed=0 if rounds else int(time.time())):
        check(target, data)
        count += 1
        if count >= rounds if not seconds else time.monotonic() - begun > seconds:
            return count
    return count


@every_target
def test_valid_input_is_accepted(target):
    assert all(target.check(data) for data in target.seeds())


@every_target
def test_what_was_found_once_is_no_longer_a_fault(target):
    for data in target.corpus():
        check(target, data)


@every_target
def test_damaged_input_is_read_or_refused(target, capsys):
    count = run_for(target, SECONDS, ROUNDS // 6 if target.name == "http" else ROUNDS)
    with capsys.disabled():
        print(f" {target.name}: {count} inputs" if SECONDS else "", end="")


@every_target
def test_any_bytes_are_read_or_refused(target):
    seeds = target.seeds()

    @settings(
        max_examples=20 if target.name == "http" else 60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.binary(max_size=400), st.sampled_from(seeds), st.integers(0, 64))
    def attempt(noise, seed, kept):
        check(target, noise)
        check(target, seed[:kept] + noise)

    attempt()


@pytest.mark.fuzz
@pytest.mark.slow
@every_target
def test_an_hour_of_damaged_input_is_read_or_refused(target, capsys):
    if not os.environ.get("CAPRICCIO_FUZZ_HOUR"):
        pytest.skip("set CAPRICCIO_FUZZ_HOUR=1 for an hour of fuzzing")
    count = run_for(target, 3600 / len(TARGETS), 0)
    with capsys.disabled():
        print(f" {target.name}: {count} inputs", end="")
