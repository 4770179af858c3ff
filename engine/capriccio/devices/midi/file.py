"""Writes music as a standard MIDI file."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ...atomic_file import replacing
from ...clock import Moment
from ...media import Note
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import midi_texts
from ...tempo import TempoMap
from ..file_targets import make_folder, target_path, writing
from . import messages

ENDINGS = (".mid", ".midi")
TICKS_PER_BEAT = 480
# The slowest tempo that fits into a file, in microseconds a beat.
MAX_MICROSECONDS = (1 << 24) - 1
# The order at one tick: a note ends before a control changes, which comes before a note starts.
OFF, CONTROL, ON = range(3)


class MidiFile(Output):
    """Write the music into a MIDI file, with its tempo and meter, a track for every channel.

    Texts in the first track hold its provenance.
    """

    name = "midifile"
    _performance: Performance | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.path = target_path(target, str(self), "midifile:FILE.mid", ENDINGS)

    def start(self, performance: Performance) -> None:
        self._performance = performance
        chosen = messages.programs(performance.instruments)
        self._events: list[tuple[int, int, bytes]] = [(0, CONTROL, message) for message in chosen]
        self._last: dict[tuple[int, int], int] = {}
        self._sounding: Counter[tuple[int, int]] = Counter()
        # An empty file at once, so that a path that cannot be written is reported before the show.
        self._write(performance)

    def note_on(self, note: Note, now: Moment) -> None:
        key = note.channel, note.pitch
        tick = max(_tick(now), self._last.get(key, 0))
        self._events.append((tick, ON, messages.note_on(note)))
        self._last[key] = tick
        self._sounding[key] += 1

    def note_off(self, note: Note, now: Moment) -> None:
        key = note.channel, note.pitch
        if not self._sounding[key]:
            return
        self._sounding[key] -= 1
        # A tick after its start at least, or a very short note would end before it starts.
        tick = max(_tick(now), self._last[key] + 1)
        self._events.append((tick, OFF, messages.note_off(note)))
        self._last[key] = tick

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        self._events.append((_tick(now), CONTROL, messages.control(change)))

    def close(self) -> None:
        if self._performance is None:
            return
        end = max((tick for tick, _, _ in self._events), default=0)
        for channel, pitch in self._sounding.elements():
            self._events.append((end + 1, OFF, bytes([0x80 | channel - 1, pitch, 0])))
        self._write(self._performance)
        self._performance = None

    def _write(self, performance: Performance) -> None:
        import mido

        clock = performance.clock
        texts = midi_texts(performance.provenance())
        conductor = [
            mido.MetaMessage("track_name", name=performance.title),
            mido.MetaMessage("time_signature", numerator=clock.meter, denominator=4),
            *(mido.MetaMessage("text", text=text) for text in texts),
            *_tempos(clock.tempo),
        ]
        file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
        file.tracks.append(mido.MidiTrack(conductor))
        channels: dict[int, list[tuple[int, bytes]]] = {}
        for tick, _, data in sorted(self._events, key=lambda event: event[:2]):
            channels.setdefault(data[0] & 0x0F, [(0, b"")]).append((tick, data))
        for channel, events in sorted(channels.items()):
            track = mido.MidiTrack([mido.MetaMessage("track_name", name=f"channel {channel + 1}")])
            for (before, _), (tick, data) in pairwise(events):
                track.append(mido.Message.from_bytes(data, time=tick - before))
            file.tracks.append(track)
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
            with replacing(self.path) as part:
                file.save(part)


def _tempos(tempo: TempoMap) -> Iterator[Any]:
    """Yield a message for each tempo; where the beats stand still, a file goes on."""
    import mido

    before, last = 0, None
    for stretch in tempo.segments():
        microseconds = min(mido.bpm2tempo(stretch.bpm), MAX_MICROSECONDS)
        if microseconds != last:
            tick = max(before, round(stretch.beats * TICKS_PER_BEAT))
            yield mido.MetaMessage("set_tempo", tempo=microseconds, time=tick - before)
            before, last = tick, microseconds


def _tick(now: Moment) -> int:
    return round(now.beats * TICKS_PER_BEAT)
