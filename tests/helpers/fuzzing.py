"""What is fuzzed: the parsers that read a stranger's bytes, each with seeds and a second opinion.

A target is called with bytes. It returns whether they were accepted; it raises where the parser
raised anything but its own error, or accepted what a second parser of the format does not, or read
it otherwise.
"""

import http.client
import io
import json
import random
import socket
import tomllib
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

CORPUS = Path(__file__).parents[1] / "system" / "fuzz" / "corpus"
RECORD = {"sketch": "a.py", "sha256": "0" * 64, "bpm": 120, "meter": 4, "fps": 10, "size": [8, 6]}


@dataclass(frozen=True)
class Target:
    """A parser.

    Args:
        check: called with bytes; see above.
        seeds: returns valid input, from which others are made.
        words: pieces that its format knows.
    """

    name: str
    check: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...]

    def corpus(self) -> list[bytes]:
        """Return what was found once, and must never be again."""
        return [file.read_bytes() for file in sorted((CORPUS / self.name).glob("*"))]


@cache
def scratch() -> Path:
    return Path(mkdtemp(prefix="capriccio-fuzz-"))


def file_of(data: bytes, ending: str) -> Path:
    path = scratch() / f"input{ending}"
    path.write_bytes(data)
    return path


# -- OSC --------------------------------------------------------------------------------------


@cache
def osc():
    from capriccio.parameters import Parameter, Parameters
    from capriccio.remote.osc import OscDispatcher

    parameters, heard = Parameters(), []
    parameters.add(Parameter("/a/b", "number", "", heard.append, immediate=True))
    parameters.add(Parameter("/a/words", "words", "", heard.append, immediate=True))
    return OscDispatcher(parameters), heard


def check_osc(data: bytes) -> bool:
    """Dispatch a packet; a single message with one float must be heard as python-osc reads it."""
    from pythonosc.osc_message import OscMessage, ParseError

    dispatcher, heard = osc()
    heard.clear()
    dispatcher.dispatch(data[:8192])
    if data.startswith(b"/a/b\0\0\0\0,f\0\0") and len(data) == 16:
        try:
            (number,) = OscMessage(data).params
        except ParseError:
            return bool(heard)
        if number == number:
            assert heard == [number], (heard, number)
    return bool(heard)


def osc_seeds() -> list[bytes]:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    messages = []
    for address, value in (("/a/b", 0.5), ("/a/b", True), ("/a/words", "pears")):
        builder = OscMessageBuilder(address)
        builder.add_arg(value)
        messages.append(builder.build())
    bundle = OscBundleBuilder(IMMEDIATELY)
    for message in messages:
        bundle.add_content(message)
    outer = OscBundleBuilder(IMMEDIATELY)
    outer.add_content(bundle.build())
    return [*(message.dgram for message in messages), bundle.build().dgram, outer.build().dgram]


# -- HTTP -------------------------------------------------------------------------------------


@cache
def panel():
    from capriccio import Performance
    from capriccio.clock import LiveClock
    from capriccio.panel.panel import Panel
    from capriccio.parameters import Parameter

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Panel(str(port))
    facts = Performance(LiveClock(120, 4), (16, 16), 10.0)
    facts.parameters.add(Parameter("/a/b", "number", "", lambda value: None))
    made.start(facts)
    return made, made.access.port


def check_http(data: bytes) -> bool:
    """Send bytes to the panel; what it answers must be HTTP to Python's own client."""
    _, port = panel()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except (ConnectionResetError, BrokenPipeError):
            return False
    if not answer:
        return False

    class Answered:
        def makefile(self, *_: object) -> io.BytesIO:
            return io.BytesIO(answer)

    response = http.client.HTTPResponse(Answered())
    response.begin()
    assert 200 <= response.status < 600 and response.status != 500, answer[:200]
    return response.status < 400


def http_seeds() -> list[bytes]:
    host = f"Host: 127.0.0.1:{panel()[1]}\r\n"
    body = b'{"address": "/a/b", "value": 0.5}'
    post = f"POST /turn HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: "
    return [
        f"GET / HTTP/1.1\r\n{host}\r\n".encode(),
        f"GET /state HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode(),
        f"{post}{len(body)}\r\n\r\n".encode() + body,
    ]


# -- MIDI -------------------------------------------------------------------------------------


def check_midi(data: bytes) -> bool:
    """Parse a stream; mido must read the same messages from what was parsed."""
    import mido
    from capriccio.devices.midi.parser import MessageParser

    found = MessageParser().feed(data)
    parsed = mido.Parser()
    parsed.feed(b"".join(found))
    assert [bytes(message.bytes()) for message in parsed] == found
    return bool(found)


def midi_seeds() -> list[bytes]:
    return [
        b"\x90\x3c\x40\x3e\x40\xf8\x80\x3c\0",
        b"\xb0\x07\x40\xc1\x05\xf0\x01\x02\xf7\xe2\0\x40",
    ]


def check_midifile(data: bytes) -> bool:
    """Read the provenance of a MIDI file; of one without damage mido must read the same text."""
    import mido

    data = b"MThd" + data[4:]
    found = read_provenance_of(data, ".mid")
    if found is None or not found.text:
        return False
    try:
        whole = mido.MidiFile(file=io.BytesIO(data), charset="utf-8", clip=True)
    except Exception:
        return True  # mido refuses what we need not understand
    texts = [message.text for track in whole.tracks for message in track if message.type == "text"]
    mine = [text for text in texts if text.startswith("capriccio {")]
    assert not mine or mine[0] == f"capriccio {found.text}" or len(mine) > 1
    return True


def midifile_seeds() -> list[bytes]:
    import mido
    from capriccio.recording.provenance import midi_texts

    file, written = mido.MidiFile(charset="utf-8"), io.BytesIO()
    texts = [
        mido.MetaMessage("text", text=text) for text in midi_texts({**RECORD, "models": {"a": 1}})
    ]
    file.tracks.append(mido.MidiTrack([*texts, mido.Message("note_on", note=60, time=9)]))
    file.save(file=written)
    return [written.getvalue()]


# -- takes, pictures and their records --------------------------------------------------------


def read_provenance_of(data: bytes, ending: str):
    from capriccio import ShowError
    from capriccio.recording.provenance import read_provenance

    try:
        return read_provenance(file_of(data, ending))
    except ShowError as error:
        assert len(str(error)) < 1000
        return None


def check_take(data: bytes) -> bool:
    """Read a take; the first line of what is accepted must be an object to Python's JSON."""
    from capriccio import ShowError
    from capriccio.recording.take import read_take

    text = data.decode("utf-8", "replace")
    try:
        take = read_take(text, "a.jsonl")
    except ShowError:
        return False
    assert json.loads(text.partition("\n")[0]) == take.record
    for seconds in (0.0, 1.0):
        assert take.clock().beats_at(seconds) >= 0
        take.was_dropped(int(seconds * 10))
    return True


def take_seeds() -> list[bytes]:
    lines = [
        {"take": 1, **RECORD},
        [0.5, "/a/b", 0.25],
        [1.0, "phrase", [0, 0, 4, 0.1, [[60, 0, 1, 0.8, 1, 0]]]],
        [1.2, "answer", [0, 2.0, 1.1, [[60, 0, 1, 0.8, 1]], [[62, 0, 1, 0.8, 1, 2]]]],
        [1.5, "midi", ["hands", "nano", 1.4, "b00140"]],
        [1.6, "tempo", [1.6, 1.6, 3.2, 90, 0, True]],
        [1.7, "reading", ["critic", 0.5, None]],
        [1.8, "late", 2],
        [1.9, "gap", [1.85, 3]],
        [2.0, "sketch", ["0" * 64, 8]],
        [3.0, "end", None],
    ]
    return ["".join(json.dumps(line) + "\n" for line in lines).encode()]


def check_image(data: bytes) -> bool:
    """Read a picture; Pillow must find the same size in what is accepted."""
    from capriccio import read_image
    from PIL import Image

    path = file_of(data, ".png")
    try:
        image = read_image(path)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return False
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
        assert sorted(picture.size) == sorted(image.shape[:2]) or max(picture.size) > 1024
    return True


def image_seeds() -> list[bytes]:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 4), np.uint8)
    seeds = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        for mode in ("RGBA", "P", "L"):
            picture = Image.fromarray(noise).convert("RGB" if kind == "JPEG" else mode)
            file = io.BytesIO()
            picture.save(file, kind)
            seeds.append(file.getvalue())
    return seeds


def check_record(data: bytes) -> bool:
    """Read the record of a PNG or film; Pillow must find the same text in a PNG that it opens."""
    from PIL import Image

    found = read_provenance_of(data, ".png")
    if found is None or not found.text:
        return False
    if found.kind == "PNG":
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
                picture.load()
                text = str(picture.text["capriccio"])
                several = data.count(b"capriccio\0") > 1
        except Exception:
            return True  # Pillow checks what a reader of records need not
        assert several or text == found.text
    return True


def record_seeds() -> list[bytes]:
    from capriccio.recording.provenance import as_png, mp4_boxes

    record = {**RECORD, "models": {"a": {"sha256": "0"}}}
    film = b"\0\0\0\x10ftypisom\0\0\0\0" + mp4_boxes(record)
    return [as_png(np.zeros((4, 4, 3), np.uint8), record), film, *midifile_seeds(), *take_seeds()]


# -- presets, maps, models --------------------------------------------------------------------


def check_toml(data: bytes) -> bool:
    """Read presets and a map; what is accepted must be TOML to Python's parser."""
    from capriccio import ShowError
    from capriccio.remote.midi_map import read_map
    from capriccio.remote.presets import read_presets

    path, accepted = file_of(data, ".toml"), 0
    for read in (read_presets, read_map):
        try:
            read(path)
        except ShowError as error:
            assert str(path) in str(error)
        else:
            accepted += 1
            tomllib.loads(path.read_text(encoding="utf-8"))  # with every kind of line end
    return bool(accepted)


def toml_seeds() -> list[bytes]:
    return [
        b'[dusk.held]\n"/field/light" = 0.5\n"/a" = "a \\"lake\\""\n[dusk.free]\n"/b" = 1\n',
        b'device = "nano"\n[[control]]\nturns = "/a/b"\nmove = "cc 7"\nchannel = 3\n',
    ]


def check_onnx(data: bytes) -> bool:
    """Read what a model declares; the parser of the onnx package must read the same names."""
    import onnx
    from capriccio import ModelError
    from capriccio.models.onnx_reader import read_card, read_spec

    path = file_of(data or b"\0", ".onnx")
    for read in (read_card, read_spec):
        try:
            spec = read(path)
        except ModelError as error:
            assert "input.onnx" in str(error)
            spec = None
    if spec is None:
        return False
    try:
        graph = onnx.load_from_string(data).graph
    except Exception:
        return True  # protobuf also checks fields that we do not read
    constants = {tensor.name for tensor in graph.initializer}
    assert set(spec.inputs) == {one.name for one in graph.input} - constants
    assert set(spec.outputs) == {one.name for one in graph.output}
    return True


def onnx_seeds() -> list[bytes]:
    from helpers.onnx_models import tiny

    return [
        tiny().SerializeToString(),
        tiny(outputs=("y", "z"), card={"a": "1"}).SerializeToString(),
    ]


TARGETS = {
    target.name: target
    for target in (
        Target("osc", check_osc, osc_seeds, (b"#bundle\0", b"/a/b\0\0\0\0", b",f\0\0", b",b\0\0")),
        Target(
            "http", check_http, http_seeds, (b"\r\n", b"Content-Length: ", b"chunked", b"HTTP/")
        ),
        Target("midi", check_midi, midi_seeds, (b"\xf0", b"\xf7", b"\xf8", b"\x90")),
        Target("midifile", check_midifile, midifile_seeds, (b"\xff\x01", b"capriccio {", b"\xff")),
        Target("take", check_take, take_seeds, (b"[", b"]", b"1e999", b"null", b'"phrase"', b"\n")),
        Target(
            "image", check_image, image_seeds, (b"IHDR", b"IDAT", b"\xff\xd8", b"II*\0", b"RIFF")
        ),
        Target("record", check_record, record_seeds, (b"iTXt", b"capriccio\0\1\0\0\0", b"uuid")),
        Target("toml", check_toml, toml_seeds, (b"[[", b'"', b"\\u", b"0x", b"1e", b"'''", b"= {")),
        Target(
            "onnx", check_onnx, onnx_seeds, (b"\x08\x0a", b"\x3a", b"\x12", b"\xff\xff\xff\x07")
        ),
    )
}


# -- making others of what there is -----------------------------------------------------------


def mutations(target: Target, seed: int) -> Iterator[bytes]:
    """Yield inputs for ever: seeds and corpus, cut, joined, repeated and damaged by chance."""
    chance = random.Random(seed)
    pool = [*target.seeds(), *(one for one in target.corpus() if len(one) < 100_000)]
    words = [*target.words, b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"9" * 40]
    while True:
        data = bytearray(chance.choice(pool))
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(7):
                case 0 if at < len(data):
                    data[at] ^= 1 << chance.randrange(8)
                case 1 if at < len(data):
                    data[at] = chance.randrange(256)
                case 2:
                    data[at:at] = chance.choice(words)
                case 3:
                    del data[at : at + chance.choice((1, 4, 50))]
                case 4:
                    piece = data[at : at + chance.choice((1, 8, 64))]
                    data[at:at] = piece * chance.choice((1, 2, 50))
                case 5:
                    other = chance.choice(pool)
                    data[at:] = other[chance.randrange(len(other) + 1) :]
                case 6:
                    data[at : at + 4] = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(
                        4, "big"
                    )
        yield with_checksums(bytes(data[:200_000])) if chance.random() < 0.5 else bytes(data)


def with_checksums(data: bytes) -> bytes:
    """Return a PNG with the checksums of its chunks mended, else decoders end at the first."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        mended[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(mended)
