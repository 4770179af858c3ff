"""Provenance records in PNG, MP4 and MIDI files: how they are written, and read from any file."""

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import ShowError

# The version of the format of takes.
FORMAT = 1
# Marks a record: the keyword of a PNG chunk, and the start of a MIDI text.
KEYWORD = "capriccio"
# The IPTC term for media made by a model: cv.iptc.org/newscodes/digitalsourcetype.
MODEL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP_KEYWORD = "XML:com.adobe.xmp"
# The ids of the boxes at the end of an MP4 file: that of XMP, and our own for the record.
XMP_BOX = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
RECORD_BOX = bytes.fromhex("5F1C7A0E3B6D4C1E9A57636170726963")
PNG = b"\x89PNG\r\n\x1a\n"
# The fastest that still compresses; on noisy frames level 6 takes twelve times as long for a tenth.
COMPRESSION = 1
# The PNG filter "difference from the row above". Trying all five on every row, as encoders do,
# takes four times as long and gains five percent.
UP_FILTER = 2
# More than any record or take has; a file from elsewhere may declare any length.
MAX_BYTES = 256 * 2**20
# A stranger's file must not cost more than its size suggests. Packed takes grow by a factor of 3
# to 5 and have a line for every 14 bytes; the first numbers are for files of any size.
FREE_BYTES, BYTES_A_BYTE = 2**20, 5
FREE_LINES, LINES_A_BYTE = 20_000, 1 / 6
MAX_DEPTH = 32  # of lists and objects; ours have four
MAX_XMP_BYTES = 2**16

Record = Mapping[str, Any]


# -- writing ----------------------------------------------------------------------------------


def as_png(image: np.ndarray[Any, Any], record: Record | str = "") -> bytes:
    """Return an image, `(height, width, 3)` uint8, as PNG; the same image gives the same bytes.

    Args:
        image: the image.
        record: how it was made, or the text of a take, whose first line is such a record.
    """
    height, width = image.shape[:2]
    flat = image.reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), np.uint8)
    rows[:, 0] = UP_FILTER
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])  # bytes wrap around, as PNG requires
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = [(b"IHDR", header), (b"sRGB", b"\0")]
    if record:
        text = record if isinstance(record, str) else as_json(record)
        chunks.append((b"iTXt", _itxt(KEYWORD, text, is_packed=True)))
        if packet := xmp(json.loads(text.partition("\n")[0])):
            chunks.append((b"iTXt", _itxt(XMP_KEYWORD, packet)))
    chunks += [(b"IDAT", zlib.compress(rows.data, COMPRESSION)), (b"IEND", b"")]
    return PNG + b"".join(_chunk(kind, data) for kind, data in chunks)


def mp4_boxes(record: Record) -> bytes:
    """Return the boxes with this record for the end of an MP4 file; players ignore them."""
    boxes = [RECORD_BOX + as_json(record).encode()] if record else []
    if packet := xmp(record):
        boxes.append(XMP_BOX + packet.encode())
    return b"".join(struct.pack(">I", 8 + len(data)) + b"uuid" + data for data in boxes)


def midi_texts(record: Record) -> list[str]:
    """Return the texts with this record for a MIDI file."""
    texts = [f"{KEYWORD} {as_json(record)}"] if record else []
    if record.get("models"):
        texts.append(f"Iptc4xmpExt:DigitalSourceType {MODEL_SOURCE}")
    return texts


def xmp(record: Record) -> str:
    """Return an XMP packet whose standard field says that a model was used; "" if none was."""
    if not record.get("models"):
        return ""
    from xml.sax.saxutils import quoteattr  # 40 ms to import

    tool = quoteattr(f"Capriccio {record.get('capriccio', '')}".strip())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmp:CreatorTool={tool} Iptc4xmpExt:DigitalSourceType="{MODEL_SOURCE}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def printable(value: Any, limit: int = 400) -> str:
    """Return a value from a file as text safe for a terminal: escaped, and cut to `limit`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit]
    )
    return shown if len(text) <= limit else f"{shown} …"


def as_json(value: Any) -> str:
    """Return a value as one line of JSON, always in the same way."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """Return the value of untrusted JSON.

    Raises:
        ValueError: it is malformed, nested too deeply, or contains NaN or infinity.
    """
    text = text if isinstance(text, str) else text.decode()
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # Brackets in strings make it look deeper, so those are taken out where it is.
    if (
        text.count("[") + text.count("{") > MAX_DEPTH
        and _is_deep(text)
        and _is_deep(re.sub(r'"(?:[^"\\]|\\.)*"', "", text))
    ):
        raise ValueError("it is nested too deeply")
    return value


def _is_deep(text: str) -> bool:
    brackets = text.encode("utf-8", "replace").translate(None, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):  # the innermost go first
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Built once: `json.loads` with options would build one for every line of a take.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _itxt(keyword: str, text: str, is_packed: bool = False) -> bytes:
    data = zlib.compress(text.encode(), 9) if is_packed else text.encode()
    # Keyword; packed or not, by the only method; no language, no translation; the text.
    return keyword.encode() + bytes([0, is_packed, 0, 0, 0]) + data


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# -- reading ----------------------------------------------------------------------------------


class FileProvenance(NamedTuple):
    """The provenance in a file.

    Args:
        kind: "PNG", "MP4", "MIDI" or "take".
        text: the record, one line of JSON, or a whole take; "" where there is none.
        source: the IPTC source type, "" where there is none.
    """

    kind: str
    text: str
    source: str


def read_provenance(path: Path) -> FileProvenance:
    """Return the provenance in a PNG, MP4, MIDI or take file, of several records the first.

    Raises:
        ShowError: it is of another kind, broken, far larger than its size suggests, or cannot be
            read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ShowError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    with file:
        head = file.read(12)
        size = file.seek(0, 2)
        file.seek(0)
        find: Callable[[BinaryIO, int], Iterator[tuple[str, bytes]]]
        if head.startswith(PNG):
            kind, find = "PNG", _in_png
        elif head[4:8] == b"ftyp":
            kind, find = "MP4", _in_mp4
        elif head.startswith(b"MThd"):
            kind, find = "MIDI", _in_midi
        elif head.lstrip().startswith(b"{"):
            kind, find = "take", _in_take
        else:
            raise ShowError(f"{path.name!r} is not a PNG, MP4, MIDI or take file")
        texts: dict[str, str] = {}
        try:
            for keyword, data in find(file, min(MAX_BYTES, FREE_BYTES + BYTES_A_BYTE * size)):
                texts.setdefault(keyword, data.decode())
                if len(texts) == 2:
                    break
            text = texts.get(KEYWORD, "")
            if (lines := text.count("\n")) > FREE_LINES + LINES_A_BYTE * size:
                raise ValueError(f"its record has {lines} lines in {size} bytes")
        except (ValueError, struct.error, zlib.error) as error:
            raise ShowError(f"{path.name!r} is a broken {kind} file: {error}") from None
    source = MODEL_SOURCE if MODEL_SOURCE in texts.get(XMP_KEYWORD, "") else ""
    return FileProvenance(kind, text, source)


# Each yields the keyword and the bytes of at most one record and one XMP packet: a file may hold
# thousands, and each of them may unpack to megabytes.


def _in_png(file: BinaryIO, limit: int) -> Iterator[tuple[str, bytes]]:
    limits = {KEYWORD: limit, XMP_KEYWORD: MAX_XMP_BYTES}
    file.seek(len(PNG))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind != b"iTXt":
            file.seek(length + 4, 1)
            continue
        word, _, rest = _read(file, length).partition(b"\0")
        file.seek(4, 1)
        is_packed, rest = rest[:1] == b"\1", rest[2:]
        text = rest.split(b"\0", 2)[-1]
        if allowed := limits.pop(word.decode("latin-1"), 0):
            yield word.decode(), _decompress(text, allowed) if is_packed else text


def _in_mp4(file: BinaryIO, limit: int) -> Iterator[tuple[str, bytes]]:
    keywords = {RECORD_BOX: KEYWORD, XMP_BOX: XMP_KEYWORD}
    end = file.seek(0, 2)
    file.seek(0)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        rest = length - 8
        if length == 1:
            rest = struct.unpack(">Q", file.read(8))[0] - 16
        # The last box extends to the end, and no file system has to know a place beyond it.
        if length == 0 or (rest > end - file.tell() and kind != b"uuid"):
            return
        if rest < 0 or rest > 2**62:
            raise ValueError("a box has an impossible length")
        if kind != b"uuid" or rest < 16:
            file.seek(rest, 1)
            continue
        data = _read(file, rest)
        if keyword := keywords.pop(data[:16], ""):
            yield keyword, data[16:]


def _in_midi(file: BinaryIO, limit: int) -> Iterator[tuple[str, bytes]]:
    """Find the texts by how they begin, wherever they are in the file."""
    data = _read(file, -1)
    for keyword, start in ((KEYWORD, f"{KEYWORD} {{".encode()), (XMP_KEYWORD, b"Iptc4xmpExt:")):
        place = -1
        while (place := data.find(start, place + 1)) >= 0:
            if length := _midi_length(data[max(0, place - 6) : place]):
                skipped = len(KEYWORD) + 1 if keyword == KEYWORD else 0
                yield keyword, data[place + skipped : place + length]
                break


def _midi_length(before: bytes) -> int:
    """Return the length of a text, which stands between its marker and it; 0 where it is none."""
    marker = before.rfind(b"\xff\x01")
    number = before[marker + 2 :]
    if marker < 0 or not number or number[-1] > 127 or any(byte < 128 for byte in number[:-1]):
        return 0
    length = 0
    for byte in number:
        length = length << 7 | byte & 0x7F
    return length


def _in_take(file: BinaryIO, limit: int) -> Iterator[tuple[str, bytes]]:
    yield KEYWORD, _read(file, -1)


def _read(file: BinaryIO, length: int) -> bytes:
    """Return the next `length` bytes; -1 for the rest of the file."""
    data = file.read(min(length, MAX_BYTES + 1) if length >= 0 else MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"its record is larger than {MAX_BYTES >> 20} MB")
    if length > len(data):
        raise ValueError("it is truncated")
    return data


def _decompress(data: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(data, limit)
    if not decompressor.eof:
        raise ValueError(f"its record is truncated, or unpacks to more than {limit} bytes")
    return text
