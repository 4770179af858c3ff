"""Measures how soon a key sounds: where JACK runs,

    python -m capriccio_audio.benchmark.keys --notes 500

plays keys at a MIDI port, which an answer cue replies to at `audio`, and records the sound as
another program would. It needs the package JACK-Client.
"""

import os
import threading
import time
from random import Random
from typing import Any

import click
import numpy as np
from capriccio import Note, Sketch, controls, midi_library

from ..output import Audio
from .onsets import CLAVES, DRUMS, recorded, times_in

# Between two keys, at least and at most, and how long the first one waits for the show.
LEAST_SECONDS, MOST_SECONDS, START_SECONDS = 0.1, 0.2, 3.0


def latencies(pressed: Any, heard: Any) -> Any:
    """Return by how many milliseconds each stroke followed its key, at most 0.1 s before."""
    pressed, heard = np.sort(pressed), np.sort(heard)
    late = 1000 * (heard - pressed[np.maximum(np.searchsorted(pressed, heard) - 1, 0)])
    return late[(late > 0) & (late < 1000 * LEAST_SECONDS)]


@click.command()
@click.option("--notes", default=500, show_default=True)
@click.option("--thru", is_flag=True, help="Pass the keys on as they are, without a cue.")
def main(notes: int, thru: bool) -> None:
    """Print how soon keys sound."""
    midi = midi_library()
    keys = midi.MidiOut(midi.RtMidiAPI.UNIX_JACK, "clavier")
    keys.open_virtual_port("keys")
    hands, out = controls("clavier"), Audio()
    sketch = Sketch(bpm=60, fps=30, size=(64, 64))
    if thru:
        sketch.thru(hands, channel=DRUMS)
    else:

        @sketch.answer(hands)
        def answer(now: Any, played: list[Note]) -> list[Note]:
            stage = sketch.current_stage
            if stage:  # when the message had come through the port
                arrived.append(stage.clock.monotonic(now.seconds))  # type: ignore[attr-defined]
            return [Note(CLAVES, 0.0, 0.05, 1.0, DRUMS)]

    pressed: list[float] = []
    arrived: list[float] = []

    def play() -> None:
        random = Random(1)
        time.sleep(START_SECONDS)
        for _ in range(notes):
            pressed.append(time.monotonic())
            keys.send_message((0x90, CLAVES, 127))
            keys.send_message((0x80, CLAVES, 0))
            time.sleep(random.uniform(LEAST_SECONDS, MOST_SECONDS))
        time.sleep(0.5)
        out.closed = True

    @sketch.draw
    def draw(now: Any) -> Any:
        return np.zeros((64, 64, 3), np.uint8)

    player = threading.Thread(target=play, daemon=True)
    with recorded("capriccio") as found:
        player.start()
        sketch.perform([out], live=True)
    for name, begin in (("key", pressed), ("arrival at the port", arrived)):
        if begin:
            late = latencies(np.array(begin), times_in(found[0]))
            shares = (f"p{share} {np.percentile(late, share):.2f} ms" for share in (50, 90, 99))
            click.echo(f"from {name}: {len(late)} of {notes}: {', '.join(shares)}")
    click.echo(f"{found[0].xruns} xruns, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
