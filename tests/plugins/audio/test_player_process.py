"""The process that plays: its clock, and what it answers to a device."""

import os
import time

import numpy as np
from capriccio_audio.instruments import RATE
from capriccio_audio.player_process import JUMP_REQUESTS, DeviceClock, Player
from capriccio_audio.protocol import END, NOTE_OFF, NOTE_ON, PANIC, SETTING, SETTINGS, pack
from capriccio_audio.synthesizer import BLOCK, Synthesizer

PERIOD = BLOCK / RATE


def player_with(*events):
    """Return a player that has received events."""
    synthesizer = Synthesizer({1: "organ", 10: "kit"})
    synthesizer.room = 0.0
    player = Player(synthesizer)
    read, write = os.pipe()
    for event in events:
        os.write(write, event)
    os.close(write)
    player.receive(read)
    os.close(read)
    return player


def test_a_late_thread_hardly_moves_the_clock():
    random = np.random.default_rng(3)
    clock, errors = DeviceClock(), []
    for number in range(6000):
        true = 5.0 + number * PERIOD * 1.00005  # a device 50 millionths slow
        jitter = random.exponential(0.0004)
        errors.append(clock.update(true + jitter, BLOCK) - true)
    settled = np.array(errors[3000:])
    assert np.ptp(settled) < 0.00025
    assert abs(settled.mean() - 0.0004) < 0.0002


def test_a_skipped_period_is_jumped_after():
    clock = DeviceClock()
    for number in range(1000):
        clock.update(number * PERIOD, BLOCK)
    late = [clock.update((number + 3) * PERIOD, BLOCK) for number in range(1000, 1020)]
    for number in range(JUMP_REQUESTS, 20):
        assert abs(late[number] - (1003 + number) * PERIOD) < 0.0005


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
        assert 0.001 < onset < 0.003  # the limiter's 1.3 ms, and the rise of the stroke


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
