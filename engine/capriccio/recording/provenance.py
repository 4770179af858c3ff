"""PNG, MP4 and MIDI files that say how they were made: written, and read from anybody's file."""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np

from ..errors import ShowError

# The format of takes.
FORMAT = 1
# The name that a recipe goes by: a PNG's keyword, and what a MIDI text begins with.
KEYWORD = "capriccio"
# What the IPTC calls media that a model made: cv.iptc.org/newscodes/digitalsourcetype.
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
BY_A_MODEL = SOURCES + "trainedAlgorithmicMedia"
XMP_KEYWORD = "XML:com.adobe.xmp"
# Boxes that a film may carry at its end: XMP's own, and ours.
XMP_BOX = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
RECIPE_BOX = bytes.fromhex("5F1C7A0E3B6D4C1E9A57636170726963")
PNG = b"\x89PNG\r\n\x1a\n"
# The fastest that still compresses; on noisy frames level 6 takes twelve times as long for a tenth.
COMPRESSION = 1
# The filter of a PNG row that says "what differs from the row above". Trying all five on every
# row, as encoders do, takes four times as long and gains five percent.
UP = 2
# More than any recipe or take has; a file of a stranger may claim whatever it likes.
MOST_BYTES = 256 * 2**20


# -- writing ----------------------------------------------------------------------------------


def as_png(image: np.ndarray, recipe: Mapping[str, Any] | str = "") -> bytes:
    """Encode an image `(height, width, 3) uint8` as a PNG: the same bytes for the same image.

    `recipe` goes into it, or the whole lines of a take, whose first one is a recipe as well.
    """
    height, width = image.shape[:2]
    flat = image.reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), np.uint8)
    rows[:, 0] = UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])  # bytes wrap around, as PNG has it
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = [(b"IHDR", header), (b"sRGB", b"\0")]
    if recipe:
        words = recipe if isinstance(recipe, str) else as_json(recipe)
        chunks.append((b"iTXt", _itxt(KEYWORD, words, packed=True)))
        if packet := xmp(json.loads(words.partition("\n")[0])):
            chunks.append((b"iTXt", _itxt(XMP_KEYWORD, packet)))
    chunks += [(b"IDAT", zlib.compress(rows.data, COMPRESSION)), (b"IEND", b"")]
    return PNG + b"".join(_chunk(kind, data) for kind, data in chunks)


def mp4_boxes(recipe: Mapping[str, Any]) -> bytes:
    """Give what a film with this recipe has at its end: boxes that players pass over."""
    words = as_json(recipe).encode()
    boxes = [RECIPE_BOX + words] if recipe else []
    if packet := xmp(recipe):
        boxes.append(XMP_BOX + packet.encode())
    return b"".join(struct.pack(">I", 8 + len(data)) + b"uuid" + data for data in boxes)


def midi_texts(recipe: Mapping[str, Any]) -> list[str]:
    """Give the texts of a MIDI file with this recipe."""
    texts = [f"{KEYWORD} {as_json(recipe)}"] if recipe else []
    return (
        [*texts, f"Iptc4xmpExt:DigitalSourceType {BY_A_MODEL}"] if made_by_model(recipe) else texts
    )


def made_by_model(recipe: Mapping[str, Any]) -> bool:
    """Say whether a model had a hand in it."""
    return bool(recipe.get("models"))


def xmp(recipe: Mapping[str, Any]) -> str:
    """Give the XMP packet that says in the standard field that a model made it; "" if none did."""
    if not made_by_model(recipe):
        return ""
    tool = quoteattr(f"Capriccio {recipe.get('capriccio', '')}".strip())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmp:CreatorTool={tool} Iptc4xmpExt:DigitalSourceType="{BY_A_MODEL}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def printable(words: Any, most: int = 400) -> str:
    """Return text from outside as a terminal may print it: escaped, and at most `most` letters."""
    text = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
    shown = text[:most]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return shown if len(text) <= most else f"{shown} …"


def as_json(thing: Any) -> str:
    """Write a thing as one line of JSON, always in the same way."""
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_json(words: str | bytes) -> Any:
    """Read JSON of a stranger; raise ValueError where it is none, nests deeply, or has a NaN."""
    try:
        return json.loads(words, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _no_number(name: str):
    raise ValueError(f"{name} is no number")


def _itxt(keyword: str, text: str, packed: bool = False) -> bytes:
    words = zlib.compress(text.encode(), 9) if packed else text.encode()
    # Keyword; packed or not, by the only method; no language, no translation; the text.
    return keyword.encode() + bytes([0, packed, 0, 0, 0]) + words


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# -- reading ----------------------------------------------------------------------------------


class Carried(NamedTuple):
    """What a file carries: its kind, its recipe as text ("" where it has none), its source type.

    The text is one line of JSON, or the lines of a whole take.
    """

    kind: str
    text: str
    source: str


def carried(path: Path) -> Carried:
    """Read what a PNG, MP4, MIDI or take file says of itself.

    Raises ShowError where it is none of these, is broken, or cannot be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ShowError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    with file:
        head = file.read(12)
        file.seek(0)
        if head.startswith(PNG):
            kind, find = "PNG", _in_png
        elif head[4:8] == b"ftyp":
            kind, find = "MP4", _in_mp4
        elif head.startswith(b"MThd"):
            kind, find = "MIDI", _in_midi
        elif head.lstrip().startswith(b"{"):
            kind, find = "take", _in_take
        else:
            raise ShowError(f"{path.name!r} is no PNG, MP4, MIDI or take file")
        text = source = ""
        try:
            for keyword, data in find(file):
                if keyword == KEYWORD and not text:
                    text = data.decode()
                elif keyword != KEYWORD and BY_A_MODEL.encode() in data:
                    source = BY_A_MODEL
        except (ValueError, struct.error, zlib.error) as error:
            raise ShowError(f"{path.name!r} is a broken {kind} file: {error}") from None
    return Carried(kind, text, source)


def _in_png(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    file.seek(len(PNG))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind != b"iTXt":
            file.seek(length + 4, 1)
            continue
        keyword, _, rest = _taken(file, length).partition(b"\0")
        file.seek(4, 1)
        packed, _, rest = rest[:1], rest[1:2], rest[2:]
        text = rest.split(b"\0", 2)[-1]
        if keyword in (KEYWORD.encode(), XMP_KEYWORD.encode()):
            yield keyword.decode(), _unpacked(text) if packed == b"\1" else text


def _in_mp4(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        rest = length - 8
        if length == 1:
            rest = struct.unpack(">Q", file.read(8))[0] - 16
        if length == 0:  # it goes on to the end
            return
        if rest < 0 or rest > 2**62:
            raise ValueError("a box has an impossible length")
        if kind != b"uuid" or rest < 16:
            file.seek(rest, 1)
            continue
        data = _taken(file, rest)
        if data[:16] in (RECIPE_BOX, XMP_BOX):
            yield KEYWORD if data[:16] == RECIPE_BOX else XMP_KEYWORD, data[16:]


def _in_midi(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Find the texts, wherever in the file they stand."""
    data = _taken(file, -1)
    place = 0
    while (place := data.find(b"\xff\x01", place) + 2) >= 2:
        at, length = place, 0
        for at in range(place, min(place + 4, len(data))):
            length = length << 7 | data[at] & 0x7F
            if data[at] < 0x80:
                break
        text = data[at + 1 : at + 1 + length]
        if text.startswith(f"{KEYWORD} {{".encode()):
            yield KEYWORD, text[len(KEYWORD) + 1 :]
        elif text.startswith(b"Iptc4xmpExt:"):
            yield XMP_KEYWORD, text


def _in_take(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    yield KEYWORD, _taken(file, -1)


def _taken(file: BinaryIO, length: int) -> bytes:
    """Read so many bytes, or all there are; raise ValueError where it is too long or too short."""
    data = file.read(min(length, MOST_BYTES + 1) if length >= 0 else MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES >> 20} MB of words")
    if length > len(data):
        raise ValueError("it ends in the middle")
    return data


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(data, MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("its words are cut off, or too many")
    return text
