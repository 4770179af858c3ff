"""Times how long it takes to write ten minutes of four-voice music to a MIDI file."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from capriccio import Sketch, generator, output

BPM = 120.0


def measure(minutes: float, model: str = "chorales") -> dict[str, Any]:
    """Perform a show of music alone offline, to a MIDI file; the model is opened before."""
    choir = generator("rnn", model=model, seed=0)
    choir.warm_up()
    sketch = Sketch(bpm=BPM, meter=4)
    written = []

    @sketch.play(bars=2)
    def sing(now):
        phrase = choir(now)
        written.extend(phrase)
        return phrase

    with TemporaryDirectory() as folder:
        file = Path(folder, "music.mid")
        begun = perf_counter()
        sketch.perform([output(f"midifile:{file}")], seconds=60 * minutes)
        taken = perf_counter() - begun
        size = file.stat().st_size
    return {
        "minutes": minutes,
        "bpm": BPM,
        "notes": len(written),
        "bytes": size,
        "seconds": round(taken, 2),
    }
