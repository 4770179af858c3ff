"""The duet: it answers what is played, from a file or a real keyboard, or accompanies it."""

import os
import subprocess
import sys
import time

import mido
import pytest
from capriccio.devices.midi import ports
from capriccio.loader import load_sketch
from capriccio.midi_ports import open_client
from capriccio.registry import use_seed
from capriccio.testing import Memory
from helpers.devices import ROOT, end, wait_for

DUET = ROOT / "sketches" / "duet.py"
MODELS = [
    ROOT / "plugins" / "capriccio_rnn" / "chorales.onnx",
    ROOT / "plugins" / "capriccio_vae" / "watercolors.onnx",
]
pytestmark = pytest.mark.skipif(
    not all(model.is_file() for model in MODELS), reason="the models of the duet are not here"
)
BEAT = 60 / 96


@pytest.fixture(scope="module")
def piece():
    """The whole piece with its recorded tune: the notes, by channel, of 27 bars."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DUET", raising=False)
        use_seed(None)
        sketch = load_sketch(DUET)
    sketch.fps = 1.0
    memory = Memory()
    sketch.perform([memory], seconds=27 * 4 * BEAT)
    return memory


def played(memory, begin, end, channel=None):
    """Return (beats, pitch) of the notes begun from a beat on to another one."""
    return [
        (call.now.beats, call.thing.pitch)
        for call in memory.calls
        if call.method == "note_on"
        and begin <= call.now.beats < end
        and channel in (None, call.thing.channel)
    ]


def recorded(begin, end):
    """Return (beats, pitch) of what the recorded tune plays."""
    ticks, found = 0, []
    for message in mido.MidiFile(DUET.with_suffix(".mid")).tracks[0]:
        ticks += message.time
        if message.type == "note_on" and message.velocity and begin <= ticks / 480 < end:
            found.append((ticks / 480, message.note))
    return found


def test_it_listens_for_two_bars_and_then_sings_what_was_played_in_four_voices(piece):
    assert played(piece, 0, 8) == []
    call = recorded(0, 8)
    soprano = played(piece, 8, 16, channel=1)
    assert [pitch for _, pitch in soprano] == [pitch for _, pitch in call]
    for channel in (2, 3, 4):
        assert len(played(piece, 8, 16, channel)) >= 4


def test_the_tune_is_drawn_to_the_beat_only_half_way(piece):
    for (heard, _), (sung, _) in zip(recorded(0, 8), played(piece, 8, 16, 1), strict=True):
        grid = round(heard * 4) / 4
        assert sung - 8 == pytest.approx((heard + grid) / 2, abs=1e-6)


def test_it_goes_on_by_itself_for_two_bars_and_then_listens_again(piece):
    assert all(played(piece, 16, 24, channel) for channel in (1, 2, 3, 4))
    assert played(piece, 24, 32) == []
    assert len(played(piece, 32, 40, 1)) == len(recorded(24, 32))


def test_while_the_pedal_is_down_three_voices_sing_a_chord_under_every_key_at_once(piece):
    keys = [beats for beats, _ in recorded(49, 79)]
    assert len(keys) > 20
    assert not played(piece, 49, 79, channel=1)
    for channel in (2, 3, 4):
        sung = [beats for beats, _ in played(piece, 49, 79, channel)]
        assert sung == pytest.approx(keys, abs=1e-6)


def test_every_note_is_ended_and_the_piece_is_the_same_every_time(piece):
    assert piece.sounding == []
    use_seed(None)
    sketch, memory = load_sketch(DUET), Memory()
    sketch.fps = 2.0
    sketch.perform([memory], seconds=20 * BEAT)
    assert played(memory, 0, 19) == played(piece, 0, 19)


def test_it_is_rendered_to_files_by_the_command(tmp_path):
    command = "--offline --seconds 8 --fps 2 --to midifile:x.mid --to frames:d"
    child = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", str(DUET), *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert len(list((tmp_path / "d").glob("*.png"))) == 16
    notes = [message for message in mido.MidiFile(tmp_path / "x.mid") if message.type == "note_on"]
    assert len(notes) > 10


def test_a_real_keyboard_is_answered_on_a_real_port(synth, tmp_path):
    with ports.stderr_silenced():
        keyboard = open_client("output", ports.find_api(), "clavier")
        keyboard.open_virtual_port("keys")
    child = subprocess.Popen(
        [sys.executable, "-m", "capriccio", "run", str(DUET), "--to", "midi:celesta", "--fps", "4"],
        cwd=tmp_path,
        env={**os.environ, "DUET": "clavier"},
        stderr=subprocess.DEVNULL,
    )
    try:
        # A scale, over and over, until the voices sing: two bars are listened to, then answered.
        def scale():
            for pitch in (62, 64, 65, 67):
                keyboard.send_message([0x90, pitch, 100])
                time.sleep(0.1)
                keyboard.send_message([0x80, pitch, 0])
            sopranos = [pitch for status, pitch, *_ in synth.messages if status == 0x90]
            return len(sopranos) >= 6

        wait_for(scale, seconds=60)
    finally:
        end(child)
        keyboard.close_port()
        keyboard.delete()
    wait_for(lambda: (0xB0, 123, 0) in synth.messages)
    assert not synth.sounding
    sopranos = {pitch for status, pitch, *_ in synth.messages if status == 0x90}
    assert sopranos <= {62, 64, 65, 67}
