"""Plays a MIDI file as a part of a sketch, at the tempo of the show."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from capriccio import Generator, Moment, Note

DRUMS, PEDAL = 10, 64
# Two notes this near, in beats, are at one place: a file counts in whole ticks.
ROUNDING_BEATS = 1e-6


@dataclass(slots=True)
class _Struck:
    begin: float
    velocity: float
    released: bool = False  # and held by the pedal


class MidiPlayer(Generator):
    """Play a MIDI file: beat for beat, at the tempo of the show, again from the start at its end.

    What its sustain pedal holds lasts until that is released.

    A call returns the notes that begin within the next `now.span` beats.

    Args:
        file: the path of a `.mid` file; without one it is silent.
        loop: whether it begins anew after `beats`; otherwise it falls silent.
        start: the beat of the file at which it begins.
        beats: how many beats of it are played; all that are left where it is 0, to a whole bar.
        channels: plays channels on others, `{1: 3}`, and leaves out those that are None.
        tracks: the tracks to play, counted from 0; all where it is empty.
    """

    name = "midi_player"
    seekable = "music"

    def __init__(
        self,
        *,
        file: str | Path = "",
        loop: bool = True,
        start: float = 0.0,
        beats: float = 0.0,
        channels: Mapping[int, int | None] | None = None,
        tracks: tuple[int, ...] = (),
    ):
        self._file, self._loop, self._start, self._beats = Path(file), loop, start, beats
        self._channels, self._tracks = dict(channels or {}), tuple(tracks)
        if file and not self._file.is_file():
            raise ValueError(f"{self} finds no file {str(file)!r}")
        if not (start >= 0 and beats >= 0):
            given = f"{start!r} and {beats!r}"
            raise ValueError(f"{self} needs a start and beats of 0 or more, got {given}")

    def generate(
        self, now: Moment, *, velocity: float = 0.5, transpose: float = 0.5, density: float = 1.0
    ) -> list[Note]:
        """Return the notes that begin within the next `now.span` beats.

        Args:
            velocity: how loud, beside the file's own dynamics; 0.5 is as it is written.
            transpose: by how many semitones, from an octave down to an octave up; not the drums.
            density: which share of the notes is played: those that are loudest.
        """
        shift = round(24 * transpose - 12)
        phrase = []
        for at, note in self._within(now.beats, now.beats + now.span, now.meter):
            if note.velocity < self._floor(density):
                continue
            pitch = note.pitch + (0 if note.channel == DRUMS else shift)
            while not 0 <= pitch <= 127:
                pitch += 12 if pitch < 0 else -12
            loud = min(1.0, note.velocity * 2 * velocity)
            phrase.append(note._replace(pitch=pitch, start=at - now.beats, velocity=loud))
        return phrase

    @property
    def instruments(self) -> Mapping[int, str | int]:
        """The programs that the file itself chooses."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[list[Note], dict[int, str | int]]:
        """The notes of the file, in order, their starts in beats; and its programs by channel."""
        import mido

        if not self._file.is_file():
            return [], {}
        try:
            file = mido.MidiFile(str(self._file))
        except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
            raise ValueError(
                f"{self} cannot read {str(self._file)!r} as a MIDI file: {error}"
            ) from error
        if file.ticks_per_beat <= 0:
            raise ValueError(f"{self}: {str(self._file)!r} counts frames of a film, not beats")
        notes: list[Note] = []
        programs: dict[int, str | int] = {}
        begin = 0.0
        for number, track in enumerate(file.tracks):
            last = begin + sum(message.time for message in track) / file.ticks_per_beat
            if not self._tracks or number in self._tracks:
                self._read_track(track, begin, last, file.ticks_per_beat, notes, programs)
            if file.type == 2:  # its tracks are pieces of their own
                begin = last
        return sorted(notes, key=lambda note: (note.start, note.channel, note.pitch)), programs

    def _read_track(
        self,
        track: Any,
        begin: float,
        last: float,
        ticks_per_beat: int,
        notes: list[Note],
        programs: dict[int, str | int],
    ) -> None:
        """Add the notes and programs of a track from `begin` to `last` beats."""
        struck: dict[tuple[int, int], list[_Struck]] = {}  # by channel and pitch
        pedals: dict[int, float] = {}

        def end(key: tuple[int, int], at: float) -> None:
            one = struck[key].pop(0)
            length = max(at - one.begin, 1 / ticks_per_beat)
            notes.append(Note(key[1], one.begin, length, one.velocity, key[0]))

        beats = begin
        for message in track:
            beats += message.time / ticks_per_beat
            if message.is_meta or not hasattr(message, "channel"):
                continue
            channel = self._channels.get(message.channel + 1, message.channel + 1)
            if channel is None:
                continue
            if message.type == "program_change" and channel != DRUMS:
                programs.setdefault(channel, message.program + 1)
            elif message.type == "control_change" and message.control == PEDAL:
                pedals[channel] = message.value >= 64
                if not pedals[channel]:
                    for key, ones in struck.items():
                        while key[0] == channel and ones and ones[0].released:
                            end(key, beats)
            elif message.type in ("note_on", "note_off"):
                key = channel, message.note
                waiting = struck.setdefault(key, [])
                if message.type == "note_on" and message.velocity:
                    while waiting and waiting[0].released:  # struck again under the pedal
                        end(key, beats)
                    waiting.append(_Struck(beats, message.velocity / 127))
                elif held := [one for one in waiting if not one.released]:
                    held[0].released = True
                    if not pedals.get(channel):
                        end(key, beats)
        for key, ones in struck.items():  # that nobody has ended
            while ones:
                end(key, last)

    @cached_property
    def _loudest_first(self) -> list[float]:
        return sorted((note.velocity for note in self._read[0]), reverse=True)

    def _floor(self, density: float) -> float:
        """Return the velocity that a note must have at a density."""
        ordered = self._loudest_first
        count = round(density * len(ordered))
        return ordered[count - 1] if count else 2.0

    def _within(self, first: float, last: float, meter: int) -> list[tuple[float, Note]]:
        """Return the notes from `first` to before `last` beats of the show, each with its beat."""
        notes = self._read[0]
        starts = [note.start for note in notes]
        whole = self._beats
        if not whole:
            left = max((note.start + note.length for note in notes), default=0.0) - self._start
            whole = max(1.0, -(-(left - ROUNDING_BEATS) // meter)) * meter
        found = []
        turn = int(first // whole)
        while turn * whole < last - ROUNDING_BEATS and (self._loop or turn == 0):
            shift = turn * whole - self._start
            low, high = max(first, turn * whole), min(last, (turn + 1) * whole)
            begin, end = (bisect_left(starts, at - shift - ROUNDING_BEATS) for at in (low, high))
            for note in notes[begin:end]:
                length = min(note.length, whole - (note.start - self._start))
                found.append((max(first, note.start + shift), note._replace(length=length)))
            turn += 1
        return found
