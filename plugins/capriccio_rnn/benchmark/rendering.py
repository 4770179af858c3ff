"""Time an offline render of four-voice music to a MIDI file."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from capriccio import Moment, Note, Sketch, generator, output

BPM = 120.0


def measure(minutes: float, model: str = "chorales") -> dict[str, Any]:
    """Render music alone to a MIDI file and return the time it took, without loading the model."""
    part = generator("rnn", model=model, seed=0)
    part.warm_up()
    sketch = Sketch(bpm=BPM, meter=4)
    written: list[Note] = []

    @sketch.play(bars=2)
    def music(now: Moment) -> list[Note]:
        phrase = part(now)
        written.extend(phrase)
        return phrase

    with TemporaryDirectory() as folder:
        file = Path(folder, "music.mid")
        started = perf_counter()
        sketch.perform([output(f"midifile:{file}")], seconds=60 * minutes)
        seconds = perf_counter() - started
        size = file.stat().st_size
    return {
        "minutes": minutes,
        "bpm": BPM,
        "notes": len(written),
        "bytes": size,
        "seconds": round(seconds, 2),
    }
