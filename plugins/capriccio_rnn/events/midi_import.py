"""Import MIDI files, and folders of them with styles and splits, for training."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from capriccio import Note

from .encoding import DRUM_CHANNEL, Sound

MAX_PARTS = 4  # melodic parts on channels of their own; further ones share the last
LOWEST_DRUM, HIGHEST_DRUM = 35, 81  # in General MIDI
# Edges of hi-hat, tom and cymbals in Roland's kits, and their General MIDI drums.
ROLAND_DRUMS = {22: 42, 26: 46, 58: 43, 55: 49, 52: 57, 59: 51}
VALIDATION_STRIDE = 10  # every tenth file is kept for validation
MIN_NOTES = 16  # of a folder to train on


class MidiPiece(NamedTuple):
    """Notes, tempo and meters of a MIDI file.

    Attributes:
        meters: pairs of a beat, and the beats to a bar from there on.
    """

    notes: list[Note]
    bpm: float
    meters: tuple[tuple[float, float], ...]


class LabeledPiece(NamedTuple):
    """A piece of a folder with its labels.

    Attributes:
        file: path relative to the folder.
        tags: its style, if known, and "fill" for a drum fill.
        split: "train", "valid" or "test".
    """

    file: str
    piece: MidiPiece
    tags: tuple[str, ...]
    split: str


def read_midi(path: Path | str, name: str = "") -> MidiPiece:
    """Read a MIDI file. Drums keep channel 10; other parts are numbered as they come, 1 to 4.

    Raises:
        ValueError: the file cannot be read or has no notes; it is called `name`, if given.
    """
    import mido

    path = Path(path)
    name = name or path.name
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception as error:  # mido raises any type for a damaged file
        why = next(iter(str(error).strip().splitlines()), "unexpected end of file")
        raise ValueError(f"{name!r} is not a readable MIDI file: {why}") from error
    if file.ticks_per_beat <= 0 or file.type == 2:
        raise ValueError(
            f"{name!r} must be a MIDI file of type 0 or 1 with time in beats, got type {file.type} "
            f"with time division {file.ticks_per_beat}"
        )
    notes: list[Note] = []
    tempo = None
    meters: dict[float, float] = {}
    parts: dict[tuple[int, int], int] = {}
    for number, track in enumerate(file.tracks):
        ticks = 0
        open_notes = defaultdict(list)
        for message in track:
            ticks += message.time
            beats = ticks / file.ticks_per_beat
            if message.type == "set_tempo" and tempo is None and message.tempo > 0:
                tempo = mido.tempo2bpm(message.tempo)
            elif message.type == "time_signature":
                meters[beats] = 4 * message.numerator / message.denominator
            elif message.type == "note_on" and message.velocity:
                open_notes[message.channel, message.note].append((beats, message.velocity))
            elif message.type in ("note_on", "note_off") and (
                waiting := open_notes[message.channel, message.note]
            ):
                start, velocity = waiting.pop(0)
                notes.append(_note(parts, number, message, start, beats, velocity))
        end = ticks / file.ticks_per_beat
        for (
            channel,
            pitch,
        ), unended in open_notes.items():  # no note_off: until the end of the track
            for start, velocity in unended:
                message = mido.Message("note_on", channel=channel, note=pitch)
                notes.append(_note(parts, number, message, start, end, velocity))
    if not notes:
        raise ValueError(f"{name!r} has no notes")
    meters = {beat: bar for beat, bar in meters.items() if 0 < bar < 100} or {0.0: 4.0}
    return MidiPiece(
        sorted(notes, key=lambda note: (note.start, note.channel, note.pitch)),
        min(max(tempo or 120.0, 20.0), 400.0),
        tuple(sorted(meters.items())),
    )


def _note(
    parts: dict[tuple[int, int], int],
    track: int,
    message: Any,
    start: float,
    end: float,
    velocity: int,
) -> Note:
    channel = message.channel + 1
    if channel != DRUM_CHANNEL:
        channel = parts.setdefault((track, channel), min(len(parts) + 1, MAX_PARTS))
    return Note(message.note, start, max(end - start, 1 / 16), velocity / 127, channel)


def read_folder(folder: Path | str, report: Callable[[str], object] = print) -> list[LabeledPiece]:
    """Read all MIDI files below a folder; `report` receives a line for each that is skipped.

    A file `info.csv` with a column `midi_filename` may label them, in the columns `style`,
    `split` (train, validation, test) and `beat_type` ("fill" or else), as in the Groove MIDI
    Dataset. Without one, subfolders are styles, and every tenth file is kept for validation.

    Raises:
        ValueError: there is too little music, or none of it for training.
    """
    folder = Path(folder)
    labels = read_labels(folder)
    roland = any("drummer" in row for row in labels.values())
    pieces, skipped = [], 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".mid", ".midi") or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        try:
            piece = read_midi(path, name)
        except ValueError as error:
            report(f"skipped: {error}")
            skipped += 1
            continue
        row = labels.get(name, {})
        style = row.get("style", "").partition("/")[0].strip().lower()
        if not labels and "/" in name:
            style = name.partition("/")[0].strip().lower()
        tags = [style] * bool(style) + ["fill"] * (row.get("beat_type") == "fill")
        split = row.get("split") or "train"  # a file that is not in the table
        split = {"validation": "valid"}.get(split, split)
        piece = piece._replace(notes=general_midi(piece.notes, roland))
        pieces.append(LabeledPiece(name, piece, tuple(tags), split))
    if not labels and len({one.tags for one in pieces}) == 1:  # a single folder
        pieces = [one._replace(tags=()) for one in pieces]
    total = sum(len(one.piece.notes) for one in pieces)
    if total < MIN_NOTES:
        raise ValueError(
            f"{str(folder)!r} must hold MIDI files with at least {MIN_NOTES} notes, got "
            f"{len(pieces) + skipped} files, {skipped} of them unreadable, and {total} notes"
        )
    if not any(row.get("split") for row in labels.values()):
        order = sorted(pieces, key=lambda one: hashlib.sha256(one.file.encode()).digest())
        kept = {one.file for one in order[::VALIDATION_STRIDE]} if len(pieces) > 1 else set()
        pieces = [one._replace(split="valid" if one.file in kept else "train") for one in pieces]
    elif not any(one.split == "train" for one in pieces):
        raise ValueError(
            f"column 'split' of info.csv in {str(folder)!r} must be 'train' for at least one piece"
        )
    return pieces


def read_labels(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of `info.csv` by MIDI file name; none if there is no such table."""
    path = folder / "info.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return {row["midi_filename"]: row for row in csv.DictReader(file) if "midi_filename" in row}


def general_midi(notes: list[Note], roland: bool = False) -> list[Note]:
    """Return notes with General MIDI drums; those of a Roland kit are mapped, others left out."""
    kept = []
    for note in notes:
        if note.channel == DRUM_CHANNEL:
            pitch = ROLAND_DRUMS.get(note.pitch, note.pitch) if roland else note.pitch
            if not LOWEST_DRUM <= pitch <= HIGHEST_DRUM:
                continue
            note = note._replace(pitch=pitch)
        kept.append(note)
    return kept


def sound_vocabulary(pieces: list[LabeledPiece]) -> list[Sound]:
    """Return all sounds of the pieces: the drums that occur, other parts without gaps."""
    found: dict[int, set[int]] = defaultdict(set)
    for labeled in pieces:
        for note in labeled.piece.notes:
            found[note.channel].add(note.pitch)
    sounds = []
    for channel, pitches in sorted(found.items()):
        every = pitches if channel == DRUM_CHANNEL else range(min(pitches), max(pitches) + 1)
        sounds += [(channel, pitch) for pitch in sorted(every)]
    return sounds
