"""Turns the pitch of one voice into notes: what is sung or whistled, for cues that answer."""

from typing import NamedTuple

from .instrument_samples import RATE
from .sound_analysis import HOP, WINDOW, Heard

# How many readings in a row must agree before a note begins, and how far they may be apart, in
# semitones; and after how many without its pitch a note ends.
AGREEING, TOLERANCE, MISSING = 4, 0.6, 4
HOP_SECONDS = HOP / RATE
# What is heard is the middle of a window, and a note has begun some readings ago.
LATE_SECONDS = (WINDOW / 2) / RATE


class SungNote(NamedTuple):
    """One note: times are seconds of the sound, `known` is when it was recognised."""

    pitch: int
    velocity: float
    begin: float
    end: float
    known: float


class NoteTracker:
    """Finds notes in readings that come in order, one for every hop of sound."""

    def __init__(self) -> None:
        self.notes: list[SungNote] = []  # that have begun, in order; the last one may last
        self._recent: list[float] = []  # pitches, as long as they agree
        self._missing = 0
        self._sounding = False
        self._seconds = 0.0

    def add(self, heard: Heard, struck: bool) -> None:
        """Add the readings of one more hop; `struck` says whether it has an onset."""
        self._seconds += HOP_SECONDS
        pitch = heard.pitch * 127
        if self._sounding:
            note = self.notes[-1]
            off = not pitch or abs(pitch - note.pitch) > TOLERANCE
            self._missing = self._missing + 1 if off else 0
            end = self._seconds - LATE_SECONDS - self._missing * HOP_SECONDS
            self.notes[-1] = note._replace(end=max(note.begin + HOP_SECONDS, end))
            if self._missing >= MISSING or (struck and self._seconds - note.known > 0.08):
                self._sounding = False
        if not pitch or (self._recent and abs(pitch - self._recent[0]) > TOLERANCE):
            self._recent = []
        if pitch:
            self._recent.append(pitch)
        if len(self._recent) < AGREEING:
            return
        middle = sorted(self._recent[-AGREEING:])[AGREEING // 2]
        if self._sounding and round(middle) == self.notes[-1].pitch:
            return
        if abs(middle - round(middle)) > 0.45 and self._sounding:
            return  # a slide between two notes
        begin = self._seconds - LATE_SECONDS - len(self._recent) * HOP_SECONDS
        if self.notes:
            before = self.notes[-1]
            begin = max(begin, before.begin + HOP_SECONDS)
            self.notes[-1] = before._replace(end=min(before.end, begin))
        velocity = min(max(heard.level, 0.1), 1.0)
        begin = max(0.0, begin)
        self.notes.append(
            SungNote(round(middle), velocity, begin, begin + HOP_SECONDS, self._seconds)
        )
        self._sounding, self._missing = True, 0
        self._recent = self._recent[-1:]
