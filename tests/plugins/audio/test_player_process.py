"""The process that plays: its clock, and what it answers to a device."""

import json
import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
from capriccio_audio import instrument_samples, player_process
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.limiter import CEILING
from capriccio_audio.player_process import Player, Watch
from capriccio_audio.protocol import END, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS, pack
from capriccio_audio.synthesizer import BLOCK, Synthesizer


def player_with(*events):
    """Return a player that has received events."""
    synthesizer = Synthesizer({1: "organ", 10: "kit"})
    synthesizer.room = 0.0
    player = Player(synthesizer)
    read, write = os.pipe()
    with os.fdopen(write, "wb") as pipe:
        writer = threading.Thread(target=pipe.write, args=(b"".join(events),))
        writer.start()  # a pipe has room for 4,096 events
        threading.Thread(target=lambda: (writer.join(), pipe.close())).start()
        player.receive(read)
    os.close(read)
    return player


def test_notes_start_at_the_frame_at_which_they_are_due(monkeypatch):
    """Whatever the size of the requests, a stroke lies where its time says."""
    for frames in (64, 256, 441, 1024):
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)  # noqa: B023
        player = player_with(pack(100.2, NOTE_ON, 10, 75, 1.0))
        sound = []
        while now < 100.5:
            sound.append(player.play(frames))
            now += frames / RATE
        loud = np.flatnonzero(np.abs(np.concatenate(sound)).max(axis=1) > 0.05)
        onset = loud[0] / RATE - 0.2
        assert 0.0005 < onset < 0.003  # the limiter's 0.7 ms, and the rise of the stroke


def test_what_comes_late_is_played_at_once():
    player = player_with(pack(1.0, NOTE_ON, 1, 60, 0.9))
    assert np.abs(np.concatenate([player.play(BLOCK) for _ in range(40)])).max() > 0.01


def test_a_panic_forgets_what_is_to_come_and_silences(monkeypatch):
    player = player_with(pack(0.0, NOTE_ON, 1, 60, 0.9), pack(0.0, NOTE_ON, 1, 64, 0.9))
    for _ in range(20):
        player.play(BLOCK)
    read, write = os.pipe()
    os.write(write, pack(time.monotonic() + 0.01, NOTE_ON, 1, 67, 0.9) + pack(0.0, PANIC))
    os.close(write)
    player.receive(read)
    os.close(read)
    player.play(BLOCK)
    assert np.abs(player.play(BLOCK)[Synthesizer.LATENCY :]).max() == 0.0
    assert np.abs(np.concatenate([player.play(BLOCK) for _ in range(10)])).max() == 0.0


def test_settings_and_ends_of_notes_arrive():
    player = player_with(
        pack(0.0, NOTE_ON, 1, 60, 0.9), pack(0.0, SETTING, 0, SETTINGS.index("mute"), 1.0)
    )
    player.play(BLOCK)
    assert player.synthesizer.muted
    player = player_with(pack(0.0, NOTE_ON, 1, 60, 0.9), pack(0.0, NOTE_OFF, 1, 60))
    for _ in range(200):
        player.play(BLOCK)
    assert player.synthesizer.sounding == 0


def test_the_end_of_the_pipe_ends_the_player():
    assert player_with().ended.is_set()
    assert player_with(pack(0.0, END)).ended.is_set()


def test_ten_thousand_notes_at_once_are_limited_and_the_rest_plays_on():
    events = [pack(0.0, NOTE_ON, 1 + at % 16, at % 128, 1.0) for at in range(10_000)]
    player = player_with(*events, pack(0.0, NOTE_ON, 10, 75, 1.0))
    sound = np.concatenate([player.play(BLOCK) for _ in range(60)])
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= CEILING * 1.0001
    assert np.abs(sound[: 10 * BLOCK]).max() > 0.1
    player.synthesizer.note_on(player.synthesizer.frame, 10, 75, 1.0)
    assert np.abs(player.play(BLOCK)).max() > 0.01


def reports(capfd):
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_where_the_show_stands_still_its_notes_are_ended_and_that_is_told_once(capfd):
    player = player_with(pack(0.0, NOTE_ON, 1, 60, 0.9))
    watch = Watch(player, "", os.getpid())
    watch._device, player.asked = object(), time.monotonic() + 100
    for _ in range(20):
        player.play(BLOCK)
    player.asked, now = time.monotonic() + 100, player.heard
    watch.check(now + 1.0)
    assert not any("unheard" in report for report in reports(capfd))
    watch.check(now + 2.0)
    watch.check(now + 2.2)
    assert sum("unheard" in report for report in reports(capfd)) == 1
    player.play(BLOCK)
    player.play(BLOCK)
    assert player.synthesizer.sounding == 0
    player.heard = now + 3.0
    watch.check(now + 3.1)
    assert not watch._unheard


def test_a_device_that_does_not_come_back_is_told_once(capfd, monkeypatch):
    player = player_with()
    watch, tried = Watch(player, "Scarlett", os.getpid()), []

    def open_playback(*arguments):
        tried.append(arguments[0])
        raise LookupError("no sound card was found")

    monkeypatch.setattr(player_process, "open_playback", open_playback)
    for seconds in (2.0, 4.0, 6.0):
        watch.check(player.asked + seconds)
    assert tried == ["Scarlett"] * 3
    told = [report for report in reports(capfd) if "lost" in report]
    assert told == [{"lost": "'Scarlett' asks for no sound"}]


def test_jack_is_not_asked_for_a_list_by_the_next_process(capfd, monkeypatch):
    asked = []

    def open_playback(name, requests, rate, jack=""):
        asked.append(jack)
        return object(), jack or "Scarlett", 1

    monkeypatch.setattr(player_process, "open_playback", open_playback)
    watch = Watch(player_with(), "", os.getpid(), "Default Playback Device")
    watch.open()
    assert [one for one in reports(capfd) if "device" in one] == [
        {"device": "Default Playback Device", "jack": True}
    ]
    watch.open()  # later it may be gone
    assert asked == ["Default Playback Device", ""]


def test_all_that_may_sound_is_loaded_before_the_device_asks_for_it(capfd, monkeypatch, tmp_path):
    loaded = []

    def open_device(self):
        loaded.extend(self._player.synthesizer._offsets)
        raise LookupError("no sound card was found")

    nothing = SimpleNamespace(collect=int, freeze=int, disable=int)
    monkeypatch.setattr(player_process, "gc", nothing)
    monkeypatch.setattr(Watch, "open", open_device)
    for module, name in ((os, "set_blocking"), (signal, "signal"), (sys, "setswitchinterval")):
        monkeypatch.setattr(module, name, lambda *arguments: None)
    monkeypatch.setattr(instrument_samples, "_folder", None)
    facts = {"device": "", "soundfont": "", "parent": os.getpid(), "folder": str(tmp_path)}
    player_process.main({**facts, "instruments": {"3": "choir"}})
    assert set(loaded) == {"choir", "piano", "kit"}
    assert reports(capfd)[-1] == {"error": "no sound card was found"}
