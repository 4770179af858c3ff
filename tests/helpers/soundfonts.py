"""Writes a soundfont: programs, each one sine wave that is looped."""

import struct
from pathlib import Path

import numpy as np

RATE, PERIOD, ROOT = 44_000, 100, 69  # a sine of 440 Hz
# Generators of the format: which sample or instrument, whether it is looped, its root key.
INSTRUMENT, SAMPLE, LOOPED, ROOT_KEY = 41, 53, 54, 58


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def name_of(text: str) -> bytes:
    return text.encode().ljust(20, b"\0")


def write_soundfont(path: Path, programs=((0, 0), (19, 0), (0, 128))) -> Path:
    """Write a soundfont with these programs and banks, each an octave above the one before."""
    wave = np.tile(np.sin(2 * np.pi * np.arange(PERIOD) / PERIOD), 20)
    samples = np.concatenate([(24_000 * wave).astype("<i2"), np.zeros(46, "<i2")]).tobytes()
    info = chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"isng", b"EMU8000\0")
    presets = instruments = b""
    for number, (program, bank) in enumerate(programs):
        presets += name_of("sine") + struct.pack("<HHHIII", program, bank, number, 0, 0, 0)
        instruments += name_of("sine") + struct.pack("<H", number)
    many = len(programs)
    presets += name_of("EOP") + struct.pack("<HHHIII", 0, 0, many, 0, 0, 0)
    instruments += name_of("EOI") + struct.pack("<H", many)
    bags = b"".join(struct.pack("<HH", number, 0) for number in range(many + 1))
    zones = b"".join(struct.pack("<HH", 3 * number, 0) for number in range(many + 1))
    end = struct.pack("<Hh", 0, 0)
    links = b"".join(struct.pack("<HH", INSTRUMENT, number) for number in range(many)) + end
    plays = b"".join(
        struct.pack("<HHHHHH", ROOT_KEY, ROOT - 12 * number, LOOPED, 1, SAMPLE, 0)
        for number in range(many)
    )
    frames = len(wave)
    header = name_of("sine") + struct.pack(
        "<IIIIIBbHH", 0, frames, PERIOD, frames - PERIOD, RATE, ROOT, 0, 0, 1
    )
    header += name_of("EOS") + bytes(26)
    parts = [
        chunk(b"phdr", presets),
        chunk(b"pbag", bags),
        chunk(b"pmod", bytes(10)),
        chunk(b"pgen", links),
        chunk(b"inst", instruments),
        chunk(b"ibag", zones),
        chunk(b"imod", bytes(10)),
        chunk(b"igen", plays + end),
        chunk(b"shdr", header),
    ]
    body = chunk(b"LIST", b"INFO" + info) + chunk(b"LIST", b"sdta" + chunk(b"smpl", samples))
    body += chunk(b"LIST", b"pdta" + b"".join(parts))
    path.write_bytes(chunk(b"RIFF", b"sfbk" + body))
    return path
