"""Music as a file: a standard MIDI file."""

from ...atomic_file import replacing
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import midi_texts
from ...tempo import TempoMap
from ..file_targets import make_folder, target_path, writing
from . import messages

TICKS_PER_BEAT = 480
# The slowest tempo that a file can tell, in microseconds a beat.
SLOWEST = (1 << 24) - 1
# At one tick a note ends before a control moves, and a control moves before a note begins.
END, MOVE, BEGIN = range(3)


class MidiFile(Output):
    """Write the music into a MIDI file, with its tempo and meter, a track for every channel.

    Texts in the first track say how it was made.
    """

    name = "midifile"
    _performance: Performance | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.path = target_path(target, str(self), "midifile:FILE.mid")

    def start(self, performance):
        self._performance = performance
        self._events: list[tuple[int, int, bytes]] = []
        self._last: dict[tuple[int, int], int] = {}
        self._sounding: dict[tuple[int, int], int] = {}
        # An empty file at once, so that a place where none can be written is known in time.
        self._write(performance)

    def note_on(self, note, now):
        key = note.channel, note.pitch
        tick = max(_tick(now), self._last.get(key, 0))
        self._events.append((tick, BEGIN, messages.note_on(note)))
        self._last[key] = tick
        self._sounding[key] = self._sounding.get(key, 0) + 1

    def note_off(self, note, now):
        key = note.channel, note.pitch
        if not self._sounding.get(key):
            return
        self._sounding[key] -= 1
        # A tick after its beginning at least, or a very short note would end before it begins.
        tick = max(_tick(now), self._last[key] + 1)
        self._events.append((tick, END, messages.note_off(note)))
        self._last[key] = tick

    def control(self, change, now):
        self._events.append((_tick(now), MOVE, messages.control(change)))

    def close(self):
        if self._performance is None:
            return
        end = max((tick for tick, _, _ in self._events), default=0)
        for (channel, pitch), times in self._sounding.items():
            for _ in range(times):
                self._events.append((end + 1, END, bytes([0x80 | channel - 1, pitch, 0])))
        self._write(self._performance)
        self._performance = None

    def _write(self, performance: Performance) -> None:
        import mido

        clock = performance.clock
        conductor = mido.MidiTrack(
            [
                mido.MetaMessage("track_name", name=performance.title),
                mido.MetaMessage("time_signature", numerator=clock.meter, denominator=4),
            ]
        )
        conductor.extend(
            mido.MetaMessage("text", text=text) for text in midi_texts(performance.provenance())
        )
        conductor.extend(_tempos(mido, clock.tempo))
        file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT, charset="utf-8")
        file.tracks.append(conductor)
        tracks: dict[int, mido.MidiTrack] = {}
        before: dict[int, int] = {}
        for tick, _, data in sorted(self._events, key=lambda event: event[:2]):
            message = mido.Message.from_bytes(data)
            channel = message.channel
            message.time = tick - before.get(channel, 0)
            before[channel] = tick
            if channel not in tracks:
                name = mido.MetaMessage("track_name", name=f"channel {channel + 1}")
                tracks[channel] = mido.MidiTrack([name])
            tracks[channel].append(message)
        file.tracks.extend(tracks[channel] for channel in sorted(tracks))
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
            with replacing(self.path) as part:
                file.save(part)


def _tempos(mido, tempo: TempoMap):
    """Yield the tempo and each of its changes; where the beats stand still, a file goes on."""
    before, last = 0, None
    for stretch in tempo.stretches():
        microseconds = min(mido.bpm2tempo(stretch.bpm), SLOWEST)
        if microseconds != last:
            tick = max(before, round(stretch.beats * TICKS_PER_BEAT))
            yield mido.MetaMessage("set_tempo", tempo=microseconds, time=tick - before)
            before, last = tick, microseconds


def _tick(now) -> int:
    return round(now.beats * TICKS_PER_BEAT)
