"""Shows whose tempo changes: by cues, from outside, by taps, and in takes."""

import math
import time
from itertools import pairwise

import mido
import numpy as np
import pytest
from capriccio import Note, Sketch
from capriccio.clock import OfflineClock
from capriccio.devices.midi.file import MidiFile
from capriccio.events import TempoChanged
from capriccio.recording.take import read_take
from capriccio.stage.tempo_controls import TempoControls
from capriccio.testing import Memory
from helpers.devices import wait_for
from helpers.shows import live_stage


def eighths(now):
    return [Note(60, start=beat / 2, length=0.25) for beat in range(int(now.span * 2))]


def times(memory, method="note_on") -> list[float]:
    return [call.now.seconds for call in memory.calls if call.method == method]


def sketch_that(change, bpm=120.0) -> tuple[Sketch, Memory]:
    sketch = Sketch(bpm=bpm, fps=10, size=(16, 16))

    @sketch.play(bars=1)
    def cue(now):
        change(sketch, now)
        return eighths(now)

    return sketch, Memory()


def test_a_cue_changes_the_tempo_at_its_moment():
    sketch, memory = sketch_that(lambda sketch, now: now.beats == 4 and sketch.tempo(now, 60))
    sketch.perform([memory], seconds=6)
    assert times(memory)[:12] == pytest.approx([*(0.25 * k for k in range(8)), 2.0, 2.5, 3.0, 3.5])


def test_a_ramp_is_the_same_at_every_frame_rate_and_every_time():
    def scores(fps):
        sketch, memory = sketch_that(lambda sketch, now: sketch.tempo(now, 80 + now.beats, 3))
        sketch.fps = fps
        sketch.perform([memory], seconds=8)
        return times(memory), memory.score()

    assert scores(10) == scores(10) == scores(37)


def test_a_midi_file_carries_the_tempo(tmp_path):
    sketch, memory = sketch_that(lambda sketch, now: now.beats == 4 and sketch.tempo(now, 60, 2))
    sketch.perform([memory, MidiFile(str(tmp_path / "a.mid"))], seconds=8)
    starts, at = [], 0.0
    for message in mido.MidiFile(tmp_path / "a.mid"):
        at += message.time
        if message.type == "note_on":
            starts.append(at)
    assert starts == pytest.approx(times(memory), abs=0.002)  # a tick is a millisecond


def test_a_change_does_not_move_events_that_were_sent(monkeypatch):
    memory = Memory()
    memory.timed = True
    sent = {}

    def drawn(now):
        if now.seconds == 2.0:
            sent.update({call.now.beats: call.now.seconds for call in memory.calls[1:]})
            stage.performance.parameters.set("/show/tempo", 60)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.perform(4.0)
    starts = times(memory)
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps[:8] == pytest.approx([0.25] * 8)
    assert gaps[-2:] == pytest.approx([0.5] * 2)
    assert len([gap for gap in gaps if 0.26 < gap < 0.49]) <= 1
    for call in memory.calls:
        if call.method == "note_on" and call.now.beats in sent:
            assert call.now.seconds == sent[call.now.beats]


def test_tempo_tap_and_panic_are_parameters():
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    parameters = stage.performance.parameters.by_address
    assert parameters["/show/tempo"].span == (20.0, 300.0)
    assert parameters["/show/tempo"].value() == 120.0
    assert parameters["/show/tap"].key == "t" and parameters["/show/panic"].key == "p"
    assert parameters["/show/tempo"].convert(1e9) == 300.0
    with pytest.raises(TypeError, match="the tempo must be a number of beats a minute, got 'fast'"):
        stage.performance.parameters.set("/show/tempo", "fast")
    with pytest.raises(ValueError, match="the tempo must be a number of beats a minute, got nan"):
        stage.performance.parameters.set("/show/tempo", math.nan)


def test_taps_change_the_tempo_without_waiting_for_a_frame():
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    for number in range(4):
        stage.clock.wait(0.75 * number)
        stage.performance.parameters.set("/show/tap")
    assert stage.clock.tempo.bpm_at(10.0) == pytest.approx(80)


def test_the_tempo_of_an_external_clock_is_not_changed(capsys):
    stage = live_stage([Memory()], draw=lambda now: np.zeros((8, 8, 3)))
    stage.clock.leader = "the clock of 'TR-8'"
    stage.performance.parameters.set("/show/tempo", 60)
    stage.performance.parameters.apply_pending(0.0)
    assert stage.clock.tempo.bpm_at(10.0) == 120
    assert "the tempo is that of the clock of 'TR-8'" in capsys.readouterr().err


def test_a_stopped_show_ends_its_notes_and_goes_on_where_it_was():
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.clock.change(standing=True)
        if now.seconds == 3.0:
            stage.clock.change(standing=False)
        return np.zeros((8, 8, 3))

    def long(now):
        return [Note(50, length=16)] if now.beats == 0 else eighths(now)

    stage = live_stage([memory], draw=drawn, plays=[(long, 1)])
    stage.perform(5.5)
    assert memory.sounding == []
    offs = times(memory, "note_off")
    assert offs[0] == pytest.approx(1.25, abs=0.001)  # what had been handed over is played
    assert not [at for at in times(memory) if 1.26 < at < 3.24]
    first = next(call.now for call in memory.calls if call.method == "note_on" and call.now.beats)
    assert (first.beats, first.seconds) == pytest.approx((4.0, 3.25 + 0.75), abs=0.001)


def test_skipped_beats_are_not_played():
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.clock.change(beats=8.0)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.perform(4.0)
    beats = [call.now.beats for call in memory.calls if call.method == "note_on"]
    assert beats == sorted(beats)
    assert not [beat for beat in beats if 2.51 < beat < 8]
    assert 8.0 in beats
    assert memory.sounding == []


def test_a_take_has_the_tempo_of_its_show():
    events = []
    memory = Memory()

    def drawn(now):
        if now.seconds == 1.0:
            stage.performance.parameters.set("/show/tempo", 60)
        return np.zeros((8, 8, 3))

    stage = live_stage([memory], draw=drawn, plays=[(eighths, 1)])
    stage.performance.parameters.subscribe(events.append)
    stage.perform(3.0)
    facts = '{"take":1,"sketch":"a.py","sha256":"","bpm":120,"meter":4,"fps":10,"size":[16,16]}'
    lines = [facts] + [
        f'[{event.seconds},"tempo",{str([*event.change]).lower()}]'
        for event in events
        if isinstance(event, TempoChanged)
    ]
    clock = read_take("\n".join(lines) + "\n", "a take").clock()
    for beats in np.linspace(0, 8, 65):
        assert clock.seconds_at(beats) == stage.clock.seconds_at(beats)


def test_panics_are_carried_out_four_times_a_second_at_most_and_the_last_is_not_lost():
    silenced = []
    controls = TempoControls(OfflineClock(), lambda: silenced.append(time.monotonic()))
    begun = time.monotonic()
    for number in range(100):
        controls.press_panic(begun + number / 1000)
    assert len(silenced) == 1  # at once
    wait_for(lambda: len(silenced) == 2, what="the panic of all that were pressed since")
    controls.press_panic(begun + 10)
    assert len(silenced) == 3
