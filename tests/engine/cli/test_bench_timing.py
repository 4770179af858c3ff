"""`capriccio bench --stage` measures what this machine can, and reports what it cannot."""

import json
import subprocess
import sys
import threading
import time

import pytest
from capriccio.cli import bench_timing
from capriccio.cli.main import main
from capriccio.stage.stats import Stats
from click.testing import CliRunner
from helpers.devices import midi_library

NOTES = 16  # two seconds at 8 a second


@pytest.fixture
def no_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


def assert_measured(report):
    ours = [run for run in report["runs"] if run["who"] == "capriccio"]
    assert [run["rate"] for run in ours] == list(bench_timing.RATES)
    for run in ours:
        assert run["notes"] == NOTES
        assert 0 <= run["p50_ms"] <= run["p99_ms"] <= run["max_ms"]
        assert run["frames"] > 0
        assert isinstance(run["drift_ms"], float)
    assert (report["pictures"] is None) == report["screen"].startswith("no display")
    assert isinstance(report["kept"], bool)
    assert json.loads(json.dumps(report)) == report


@pytest.mark.system
@pytest.mark.slow
def test_notes_are_timed_at_a_real_port_and_isobar_beside_them(jack, no_display):
    pytest.importorskip("isobar", reason="isobar is not installed; pip install isobar")
    # In a process of its own: isobar's timeline leaves threads behind.
    command = [sys.executable, "-m", "capriccio", "bench", "--stage", "--json"]
    shown = subprocess.run(
        [*command, "--notes", str(NOTES)], capture_output=True, text=True, timeout=300
    )
    assert shown.returncode == 0, shown.stderr
    report = json.loads(shown.stdout)
    assert_measured(report)
    assert report["port"].startswith("the port 'capriccio' of ")
    assert report["screen"].startswith("no display")
    assert "16 notes at 8 a second, for 2 s" in shown.stderr
    others = [run for run in report["runs"] if run["who"] == "isobar"]
    for run in others:
        assert NOTES - 2 <= run["notes"] <= NOTES
    # It is aligned with what is due; at high rates one pause of a machine is longer than the music.
    (slow,) = [run for run in others if run["rate"] == min(run["rate"] for run in others)]
    assert slow["p50_ms"] < 1000 / slow["rate"] * NOTES
    for run in report["runs"]:
        assert (run["better"] is None) == (run["who"] == "isobar")


@pytest.mark.slow
def test_without_a_midi_system_the_player_is_timed_and_the_report_says_so(no_display, monkeypatch):
    midi_library()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    monkeypatch.setattr(bench_timing, "find_spec", lambda name: None)
    if "no MIDI" not in bench_timing.Midi.missing():
        pytest.skip("this machine has a MIDI system of its own")
    report = bench_timing.measure(NOTES)
    assert_measured(report)
    assert report["port"].startswith("no port: no MIDI system answers")
    assert {run["who"] for run in report["runs"]} == {"capriccio"}
    assert {run["better"] for run in report["runs"]} == {None}


@pytest.mark.system
@pytest.mark.slow
def test_late_pictures_are_counted_in_a_real_window(display, monkeypatch):
    monkeypatch.setattr(bench_timing, "find_spec", lambda name: None)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody")
    report = bench_timing.measure(NOTES)
    pictures = report["pictures"]
    assert report["screen"] == "a window of 512x512"
    shown, late = pictures["frames"], pictures["frames_late"]
    assert shown + late >= NOTES / bench_timing.RATES[0] * bench_timing.FPS
    assert pictures["late_share"] == round(late / (shown + late), 4)
    assert json.loads(json.dumps(report)) == report


@pytest.mark.system
@pytest.mark.parametrize(("late", "kept"), [(1, True), (2, False)])
def test_late_pictures_break_the_promise(display, monkeypatch, late, kept):
    stats = Stats(frames=100 - late, notes=NOTES, late=late)
    monkeypatch.setattr(bench_timing, "perform_blocked", lambda *show: (stats, 1.0))
    monkeypatch.setattr(bench_timing, "isobar_loads", lambda progress: False)
    monkeypatch.setattr(bench_timing, "run_stage", lambda *show: {"who": "capriccio", **a_run()})
    assert bench_timing.measure(NOTES)["kept"] is kept


def a_run(**facts):
    good = {"p99_ms": 0.4, "max_ms": 4.0, "drift_ms": -0.5, "better": 12.0}
    return {**good, **facts}


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({}, True),
        ({"better": None}, True),
        ({"p99_ms": 0.6}, False),
        ({"max_ms": 5.1}, False),
        ({"drift_ms": -1.0}, False),
        ({"better": 9.9}, False),
    ],
)
def test_each_promise_counts(facts, kept):
    assert bench_timing.keeps_time(a_run(**facts)) is kept


def test_the_interpreter_is_blocked_for_the_target_time():
    block, ticks, ended = bench_timing.Blocker(), [], threading.Event()

    def tick():
        while not ended.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        alone = 0
        for _ in range(10):
            time.sleep(0.01)
            begun = time.perf_counter()
            block()
            lasted = time.perf_counter() - begun
            middle = begun + lasted / 4, begun + 3 * lasted / 4
            alone += not [at for at in ticks if middle[0] < at < middle[1]]
    finally:
        ended.set()
        thread.join()
    assert alone >= 8


@pytest.mark.parametrize(("taken", "does"), [(2.0, "less"), (1.0, "as much"), (0.5, "more")])
def test_a_blocker_that_took_too_long_or_too_short_is_corrected(monkeypatch, taken, does):
    block = bench_timing.Blocker()
    before, times = block.count, iter([0.0, taken * bench_timing.BLOCK_SECONDS])
    monkeypatch.setattr(bench_timing.time, "thread_time", lambda: next(times))
    block()
    assert block.seconds == taken * bench_timing.BLOCK_SECONDS
    after = "less" if block.count < before else "more" if block.count > before else "as much"
    assert after == does


def test_the_command_prints_a_table_or_json(monkeypatch):
    run = {
        "who": "capriccio",
        "rate": 8,
        "notes": 9,
        "p50_ms": 0.01,
        "frames": 90,
        "frames_late": 10,
        "load": 1.5,
        **a_run(),
    }
    report = {
        "machine": {"cpu": "abacus", "cores": 2, "system": "wood"},
        "versions": {"python": "3.11"},
        "port": "the port 'capriccio' of Jack",
        "screen": "a window",
        "model": "pomona",
        "hold_ms": 12.0,
        "runs": [run],
        "pictures": {"frames": 590, "seconds": 10.0, "late_share": 0.0167, "load": 1.5},
        "kept": True,
    }
    monkeypatch.setattr(bench_timing, "measure", lambda notes, progress: {**report, "asked": notes})
    shown = CliRunner().invoke(main, ["bench", "--stage", "--notes", "77"])
    assert shown.exit_code == 0, shown.output
    for words in (
        "abacus",
        "of Jack",
        "pomona",
        "10.0 %",
        "isobar is not installed",
        "1.67 %",
        "kept",
    ):
        assert words in shown.output
    assert "12 times as punctual as isobar" in shown.output
    as_json = CliRunner().invoke(main, ["bench", "--stage", "--notes", "77", "--json"])
    assert json.loads(as_json.stdout)["asked"] == 77


@pytest.mark.system
def test_a_player_that_reports_no_timing_is_an_error(jack, no_display, monkeypatch):
    close = bench_timing.Midi.close

    def forget(self):
        close(self)
        self.timing = None

    monkeypatch.setattr(bench_timing.Midi, "close", forget)
    with pytest.raises(bench_timing.ShowError, match="output 'midi' reported no timing"):
        bench_timing.run_stage(100, 10, bench_timing.Blocker(), False)
