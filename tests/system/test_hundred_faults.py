"""One real show for each thing that can happen to it, of the hundred in `faults.py`."""

import subprocess
import sys

import pytest
from helpers import faults
from helpers.devices import TESTS, midi_library, needs


def test_whatever_happens_to_a_show_no_note_hangs_and_no_take_is_lost():
    needs("Xvfb", "jackd", "cc")
    midi_library()
    runs = len(faults.FAULTS)
    # In a process of its own: two JACK servers, one after the other, and a process knows one.
    child = subprocess.run(
        [sys.executable, "-u", "-m", "helpers.faults", "--runs", str(runs), "--within", "30",
         "--at-most", "880"],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout + child.stderr
    *_, last = child.stdout.splitlines()
    assert last.split()[:7] == ["all", str(runs), "0", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    "trouble",
    [{"hung": 1}, {"take_lost": True}, {"black": True}, {"not_ended": True}, {"broken": "a wire"}],
    ids=lambda trouble: next(iter(trouble)),
)
def test_whatever_goes_wrong_in_one_of_them_counts(trouble):
    counts = [faults.Count("SIGTERM"), faults.Count("SIGTERM", **trouble)]
    assert [count.well for count in counts] == [True, False]
    *_, last = faults.table(counts).splitlines()
    assert sorted(last.split()[1:7]) == ["0", "0", "0", "0", "1", "2"]
