"""Reads MIDI files, whoever wrote them, and finds out what a folder of them holds."""

import csv
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from capriccio import Note

from .encoding import DRUMS

MELODIC = 4  # parts that are told apart; further ones are heard as the last of them
LOWEST_DRUM, HIGHEST_DRUM = 35, 81  # of General MIDI
# What Roland's kits call the edges of hi-hat, tom and cymbals, as General MIDI has them.
ROLAND = {22: 42, 26: 46, 58: 43, 55: 49, 52: 57, 59: 51}
KEEP_OUT = 10  # every so many files go to validation
LEAST = 16  # notes in a folder that anything can be learned from


class Piece(NamedTuple):
    """What a MIDI file holds; `meters` are pairs of a beat and the beats to a bar from there on."""

    notes: list[Note]
    bpm: float
    meters: tuple[tuple[float, float], ...]


class Song(NamedTuple):
    """A piece of a folder, with what is known of it; `split` is train, valid or test."""

    file: str
    piece: Piece
    tags: tuple[str, ...]
    split: str


def read(path: Path | str, name: str = "") -> Piece:
    """Read a MIDI file. Drums keep channel 10; the other parts are numbered as they come, 1 to 4.

    Raises ValueError, naming the file (by `name`, if given), where it cannot be read or has no
    notes.
    """
    import mido

    path = Path(path)
    name = name or path.name
    try:
        file = mido.MidiFile(path, clip=True)
    except Exception as error:  # mido raises whatever comes up in a damaged file
        why = next(iter(str(error).strip().splitlines()), "it breaks off")
        raise ValueError(f"{name!r} is no MIDI file that can be read: {why}") from error
    if file.ticks_per_beat <= 0 or file.type == 2:
        raise ValueError(f"{name!r} counts time in frames or has no common time; give one "
                         "of type 0 or 1 that counts beats")  # fmt: skip
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
        for (channel, pitch), left in open_notes.items():  # never ended: to the end of the track
            for start, velocity in left:
                message = mido.Message("note_on", channel=channel, note=pitch)
                notes.append(_note(parts, number, message, start, end, velocity))
    if not notes:
        raise ValueError(f"{name!r} has no notes")
    meters = {beat: bar for beat, bar in meters.items() if 0 < bar < 100} or {0.0: 4.0}
    return Piece(
        sorted(notes, key=lambda note: (note.start, note.channel, note.pitch)),
        min(max(tempo or 120.0, 20.0), 400.0),
        tuple(sorted(meters.items())),
    )


def _note(parts: dict, track: int, message, start: float, end: float, velocity: int) -> Note:
    channel = message.channel + 1
    if channel != DRUMS:
        channel = parts.setdefault((track, channel), min(len(parts) + 1, MELODIC))
    return Note(message.note, start, max(end - start, 1 / 16), velocity / 127, channel)


def collect(folder: Path | str, tell=print) -> list[Song]:
    """Read all MIDI files in a folder and those in it; name those that are skipped to `tell`.

    A file `info.csv` with a column `midi_filename` may say more, in the columns `style`, `split`
    (train, validation, test) and `beat_type` (a fill or not), as that of the Groove MIDI Dataset
    does. Otherwise the names of the folders inside are the styles, and every tenth file is kept
    for validation. Raises ValueError where there is no music to learn from.
    """
    folder = Path(folder)
    known = information(folder)
    roland = any("drummer" in row for row in known.values())
    songs, skipped = [], 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".mid", ".midi") or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        try:
            piece = read(path, name)
        except ValueError as error:
            tell(f"skipped: {error}")
            skipped += 1
            continue
        row = known.get(name, {})
        style = row.get("style", "").partition("/")[0].strip().lower()
        if not known and "/" in name:
            style = name.partition("/")[0].strip().lower()
        tags = [style] * bool(style) + ["fill"] * (row.get("beat_type") == "fill")
        split = row.get("split") or "train"  # a file that the table does not know
        split = {"validation": "valid"}.get(split, split)
        piece = piece._replace(notes=general_midi(piece.notes, roland))
        songs.append(Song(name, piece, tuple(tags), split))
    if not known and len({song.tags for song in songs}) == 1:  # one folder is no style
        songs = [song._replace(tags=()) for song in songs]
    total = sum(len(song.piece.notes) for song in songs)
    if total < LEAST:
        raise ValueError(
            f"no music to learn from in {str(folder)!r}: {len(songs) + skipped} MIDI files, "
            f"{skipped} of them unusable, {total} notes; give a folder of .mid files"
        )
    if not any(row.get("split") for row in known.values()):
        order = sorted(songs, key=lambda song: hashlib.sha256(song.file.encode()).digest())
        kept = {song.file for song in order[::KEEP_OUT]} if len(songs) > 1 else set()
        songs = [song._replace(split="valid" if song.file in kept else "train") for song in songs]
    elif not any(song.split == "train" for song in songs):
        raise ValueError(
            f"info.csv in {str(folder)!r} keeps no piece for training; its column split is one of "
            "train, validation and test"
        )
    return songs


def information(folder: Path) -> dict[str, dict[str, str]]:
    """Read `info.csv`, if there is one that names MIDI files: a row by file name."""
    path = folder / "info.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return {row["midi_filename"]: row for row in csv.DictReader(file) if "midi_filename" in row}


def general_midi(notes: list[Note], roland: bool = False) -> list[Note]:
    """Name drums as General MIDI does, those of a Roland kit too; leave out what is none of it."""
    heard = []
    for note in notes:
        if note.channel == DRUMS:
            pitch = ROLAND.get(note.pitch, note.pitch) if roland else note.pitch
            if not LOWEST_DRUM <= pitch <= HIGHEST_DRUM:
                continue
            note = note._replace(pitch=pitch)
        heard.append(note)
    return heard


def sounds_of(songs: list[Song]) -> list[tuple[int, int]]:
    """Give all sounds that the songs are made of: drums as they are, other parts without gaps."""
    heard: dict[int, set[int]] = defaultdict(set)
    for song in songs:
        for note in song.piece.notes:
            heard[note.channel].add(note.pitch)
    sounds = []
    for channel, pitches in sorted(heard.items()):
        every = pitches if channel == DRUMS else range(min(pitches), max(pitches) + 1)
        sounds += [(channel, pitch) for pitch in sorted(every)]
    return sounds
