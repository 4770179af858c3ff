"""Provenance records in files, read by our commands and by other tools; and broken files."""

import json
import os
import re
import struct
import subprocess
import sys
import zlib
from importlib.metadata import version
from xml.etree import ElementTree

import av
import mido
import numpy as np
import pytest
from capriccio import ShowError
from capriccio.cli.main import main
from capriccio.models.model import use_device
from capriccio.recording.provenance import (
    MODEL_SOURCE,
    RECORD_BOX,
    as_png,
    from_json,
    mp4_boxes,
    read_provenance,
)
from capriccio.recording.take import read_take
from capriccio.registry import use_seed
from click.testing import CliRunner
from helpers.devices import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

FIRST = ROOT / "sketches" / "first.py"
GREY = np.full((16, 16, 3), 90, np.uint8)
OUTPUTS = ("--to", "frames:stills", "--to", "video:film.mp4", "--to", "midifile:music.mid")
FILES = ("stills/frame_00001.png", "film.mp4", "music.mid")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CAPRICCIO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    use_device("auto")
    use_seed(None)


def capriccio(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def render(place):
    """Render half a second of the first sketch in a process and a folder of its own."""
    place.mkdir()
    flags = ("--seconds", "0.5", "--size", "64x64", "--fps", "8", "--seed", "7", *OUTPUTS)
    child = subprocess.run(
        [sys.executable, "-m", "capriccio", "run", FIRST, "--offline", *flags],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    return place


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    return render(tmp_path_factory.mktemp("rendered") / "a")


# -- records ----------------------------------------------------------------------------------


def test_the_same_show_gives_the_same_bytes_in_any_folder_at_any_time(folder, rendered):
    other = render(folder / "b")
    for name in FILES:
        assert (rendered / name).read_bytes() == (other / name).read_bytes(), name


def test_every_file_has_a_record_and_says_that_a_model_was_used(rendered):
    for name, kind in zip(FILES, ("PNG", "MP4", "MIDI"), strict=True):
        found = read_provenance(rendered / name)
        record = json.loads(found.text)
        assert (found.kind, found.source) == (kind, MODEL_SOURCE)
        assert record["sketch"] == "first.py" and record["seed"] == 7
        models = {"brush.onnx", "chorales.onnx", "groove.onnx", "pomona.onnx"}
        assert set(record["models"]) == models
        assert all(re.fullmatch("[0-9a-f]{64}", it["sha256"]) for it in record["models"].values())
        ours = f"capriccio {version('capriccio')}"
        assert record["plugins"] == dict.fromkeys(("gan", "rnn", "strokes"), ours)
        assert record.get("moment") == (0.125 if kind == "PNG" else None)
        assert str(rendered.parent) not in found.text  # paths are private


def test_files_made_without_a_model_have_no_source_type(folder):
    (folder / "piece.py").write_text(
        "import numpy as np\nfrom capriccio import Note, Sketch\n"
        "sketch = Sketch(size=(64, 64))\n"
        "sketch.draw(lambda now: np.zeros((64, 64, 3), np.uint8))\n"
        "sketch.play(bars=1)(lambda now: [Note(60)])\n"
    )
    result = capriccio("run", "piece.py", "--offline", "--seconds", "0.3", *OUTPUTS)
    assert result.exit_code == 0, result.stderr
    for name in FILES:
        assert read_provenance(folder / name).source == ""
        assert read_provenance(folder / name).text
        assert b"trainedAlgorithmicMedia" not in (folder / name).read_bytes()


def test_other_tools_open_the_files_and_find_the_standard_field(rendered):
    picture = Image.open(rendered / FILES[0])
    picture.load()
    packet = picture.info["XML:com.adobe.xmp"]
    assert f'Iptc4xmpExt:DigitalSourceType="{MODEL_SOURCE}"' in packet
    described = ElementTree.fromstring(packet.encode()).find(".//{*}Description").attrib
    field = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    assert described[field] == MODEL_SOURCE
    assert json.loads(picture.text["capriccio"])["sketch"] == "first.py"
    with av.open(str(rendered / "film.mp4")) as film:
        assert len(list(film.decode(video=0))) == 4
    assert packet.encode() in (rendered / "film.mp4").read_bytes()
    track = mido.MidiFile(rendered / "music.mid", charset="utf-8").tracks[0]
    texts = [message.text for message in track if message.type == "text"]
    assert texts[1] == f"Iptc4xmpExt:DigitalSourceType {MODEL_SOURCE}"


def test_inspect_prints_the_record_as_text_and_as_json(rendered):
    said = capriccio("inspect", rendered / "film.mp4").output
    assert re.search(r"^sketch +first.py$", said, re.MULTILINE)
    assert re.search(r"^ +chorales.onnx [0-9a-f]{64}  cpu$", said, re.MULTILINE)
    assert re.search(rf"^source +{MODEL_SOURCE}$", said, re.MULTILINE)
    command = re.search("^again +(.*)$", said, re.MULTILINE)[1]
    assert command == (
        "capriccio run first.py --offline --seconds 0.5 --seed 7 --bpm 90 --fps 8 --size 64x64"
    )
    told = json.loads(capriccio("inspect", rendered / "music.mid", "--json").output)
    assert (told["kind"], told["seed"], told["source"]) == ("MIDI", 7, MODEL_SOURCE)


def test_replaying_an_offline_file_names_its_command(rendered):
    result = capriccio("replay", rendered / "film.mp4")
    assert result.exit_code == 1
    assert "was made offline; make it again with: capriccio run first.py" in result.stderr


def test_replaying_a_live_file_refers_to_its_take(folder):
    result = capriccio("run", FIRST, "--seconds", "0.4", "--size", "64x64", *OUTPUTS)
    assert result.exit_code == 0, result.stderr
    for name in FILES:
        assert read_provenance(folder / name).source == MODEL_SOURCE
        result = capriccio("replay", folder / name)
        assert "was made live; replay the take of that show, in takes/" in result.stderr
        assert "again" not in capriccio("inspect", folder / name).output
    (take,) = (folder / "takes").glob("*.jsonl")
    said = capriccio("inspect", take).output
    assert re.search("^the show +0.4 s, 0 parameter changes, 1 phrase$", said, re.MULTILINE)
    assert f"again       capriccio replay {take}" in said


# -- files from elsewhere ---------------------------------------------------------------------


def test_files_without_a_record_are_refused(folder):
    Image.fromarray(GREY).save(folder / "a.png")
    result = capriccio("inspect", "a.png")
    assert "'a.png' has no provenance record; it was not made by Capriccio" in result.stderr
    assert "has no provenance record" in capriccio("replay", "a.png").stderr
    (folder / "a.txt").write_text("words")
    assert "'a.txt' is not a PNG, MP4, MIDI or take file" in capriccio("inspect", "a.txt").stderr
    assert "'gone.png' cannot be read: No such file" in capriccio("inspect", "gone.png").stderr


def test_foreign_text_is_printed_escaped_and_cut(folder):
    record = {"sketch": "\x1b]0;owned\x07\u202egnp.exe", "a" * 500: "b" * 10_000, "seed": [1] * 999}
    record["models"] = {f"\x1b[2J{number}": {"sha256": "c" * 999} for number in range(999)}
    (folder / "a.png").write_bytes(as_png(GREY, record))
    said = capriccio("inspect", "a.png").output
    assert r"\x1b]0;owned\x07\u202egnp.exe" in said
    assert all(line.isprintable() and len(line) < 600 for line in said.splitlines())
    assert len(said) < 20_000
    assert "make it again with: capriccio run SKETCH" in capriccio("replay", "a.png").stderr


def chunk(data):
    return struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", 0)


def packed(keyword, text):
    return chunk(keyword.encode() + b"\0\1\0\0\0" + zlib.compress(text, 9))


def test_a_compression_bomb_is_not_unpacked(folder):
    bomb = packed("capriccio", bytes(3 * 2**20))
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)
    message = r"its record is truncated, or unpacks to more than \d+ bytes"
    with pytest.raises(ShowError, match=message):
        read_provenance(folder / "a.png")
    bomb = packed("XML:com.adobe.xmp", bytes(2**17))
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bomb)
    with pytest.raises(ShowError, match=message):
        read_provenance(folder / "a.png")


def test_a_record_of_absurdly_many_lines_is_refused(folder):
    text = (HEADER + "\n" + '[0,"/",0]\n' * 90_000).encode()
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + packed("capriccio", text))
    with pytest.raises(ShowError, match=r"its record has 90001 lines in \d+ bytes"):
        read_provenance(folder / "a.png")
    with pytest.raises(ShowError, match="is no take: a line has more than 1048576 characters"):
        broken('[0, "/a", "' + "a" * 2**20 + '"]')


def test_the_first_record_of_several_counts_and_the_others_are_not_read(folder):
    film = b"\0\0\0\x10ftypisom\0\0\0\0"
    texts = {
        "a.png": b"\x89PNG\r\n\x1a\n" + packed("capriccio", b"1") + packed("capriccio", b"\xff"),
        "a.mp4": film + mp4_boxes({"a": 1}) + mp4_boxes({"a": 2}),
        "a.mid": b"MThd"
        + (b"\xff\x01\x0dcapriccio {1}" + b"\xff\x01\xff\xff\xff\x7fcapriccio {") * 99,
    }
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    found = [read_provenance(folder / name).text for name in texts]
    assert found == ["1", '{"a":1}', "{1}"]


def test_a_truncated_file_is_refused(folder):
    whole = as_png(GREY, {"sketch": "a.py"})
    (folder / "a.png").write_bytes(whole[: whole.index(b"iTXt") + 8])
    with pytest.raises(ShowError, match="is a broken PNG file: it is truncated"):
        read_provenance(folder / "a.png")
    film = b"\0\0\0\x10ftypisom\0\0\0\0" + mp4_boxes({"sketch": "a.py"})
    (folder / "a.mp4").write_bytes(film[:-3])
    with pytest.raises(ShowError, match="is a broken MP4 file: it is truncated"):
        read_provenance(folder / "a.mp4")
    (folder / "a.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\1uuid" + b"\xff" * 8)
    with pytest.raises(ShowError, match="a box has an impossible length"):
        read_provenance(folder / "a.mp4")


def test_a_record_of_absurd_size_is_refused(folder):
    with open("a.jsonl", "wb") as file:
        file.write(b"{")
        os.truncate(file.fileno(), 257 * 2**20)
    with pytest.raises(ShowError, match="its record is larger than 256 MB"):
        read_provenance(folder / "a.jsonl")


def test_a_malformed_record_is_refused(folder):
    box = struct.pack(">I", 27) + b"uuid" + RECORD_BOX + b'"a"'
    (folder / "a.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + box)
    assert "has a malformed provenance record" in capriccio("inspect", "a.mp4").stderr
    with pytest.raises(ValueError, match="it is nested too deeply"):
        from_json("[" * 100_000)
    with pytest.raises(ValueError, match="it is nested too deeply"):
        from_json("[" * 33 + "]" * 33)
    assert from_json("[" * 32 + "]" * 32)
    assert from_json(json.dumps(["[" * 99, '"[' * 99, "\\"])) == ["[" * 99, '"[' * 99, "\\"]


RECORD = {"sketch": "a.py", "sha256": "0" * 64, "bpm": 120, "meter": 4, "fps": 10, "size": [8, 6]}
# -- broken takes -----------------------------------------------------------------------------

HEADER = json.dumps({"take": 1, **RECORD})


def broken(*lines, header=HEADER):
    return read_take("\n".join([header, *lines, ""]), "a.jsonl")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("garbage", "is broken in line 3: Expecting value"),
        ("[1, 2", "is broken in line 3"),
        ('[NaN, "/a", 1]', "is broken in line 3: NaN is not a number"),
        ('["a", "/a", 1]', "is broken in line 3: 'a' is no number"),
        ('[1e300, "/a", 1]', "is broken in line 3: no show lasts 1e\\+300 seconds"),
        ('[1, "tempo", [0, 0]]', "is broken in line 3"),
        ('[1, "midi", ["a", "b", 0, "ff"]]', "'ff' is no MIDI message of a channel"),
        ('[1, "midi", ["a", "b", 0, "zz"]]', "is broken in line 3"),
        ('[1, "phrase", [0, 0, 4, 0, [[300, 0, 1, 1, 1, 0]]]]', "is broken in line 3: the take"),
        ('[1, "phrase", "a"]', "is broken in line 3"),
        ('[1, "image", ["eye", "../a.mkv", 0]]', "a film lies beside its take, not at '../"),
        ("[" * 100_000, "is broken in line 3"),
        ('[1, "models", 3]', "is broken in line 3"),
    ],
)
def test_a_broken_line_is_named(line, words):
    with pytest.raises(ShowError, match=words):
        broken('[0.5, "/a", 1]', line[:200_000])


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("{}", "its first line is not that of one"),
        ("[]", "its first line is not that of one"),
        (
            HEADER.replace('"take": 1', '"take": 2'),
            "it has the format 2, and this Capriccio reads 1",
        ),
        (HEADER.replace("120", '"fast"'), "it has 'fast' as its bpm"),
        (HEADER.replace("120", "-1"), "bpm must be above 0 and below 10000, got -1"),
        (HEADER.replace("[8, 6]", "[8]"), r"it has \[8\] at 10 frames a second"),
        (HEADER.replace("}", ', "moment": -1}'), "it is the picture at -1 seconds"),
    ],
)
def test_a_broken_first_line_is_refused(header, words):
    with pytest.raises(ShowError, match=words):
        broken(header=header)


def test_a_phrase_composed_at_the_last_moment_does_not_extend_the_show():
    take = broken('[9.0,"end",null]', '[9.0003,"phrase",[0,20,4,9.0,[]]]')
    assert take.seconds == 9.0


@pytest.mark.parametrize("command", ["replay", "inspect"])
def test_a_take_with_a_malformed_first_line_is_refused(folder, command):
    (folder / "a.jsonl").write_text("{garbage\n")
    assert "'a.jsonl' is no take: Expecting property name" in capriccio(command, "a.jsonl").stderr
    with pytest.raises(ShowError, match=r"'a.jsonl' is no take: Expecting .* \(line 1\)"):
        read_take("{garbage\n", "a.jsonl")


def test_an_empty_take_is_refused():
    with pytest.raises(ShowError, match="is empty; a take starts with a provenance record"):
        read_take("", "a.jsonl")


def test_a_truncated_last_line_is_left_out_with_a_warning(capsys):
    take = read_take(f'{HEADER}\n[1.0,"/a",0.5]\n[2.0,"/a",0.', "a.jsonl")
    assert [turn.value for turn in take.turns] == [0.5]
    assert "the last line of 'a.jsonl' is cut off; it is left out" in capsys.readouterr().err


def test_unknown_lines_of_a_later_version_are_ignored():
    assert broken('[1.5, "weather", {"rain": true}]').seconds == pytest.approx(1.55)


LINES = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda *line: json.dumps(line),
        st.floats() | st.integers() | st.text(max_size=3),
        st.sampled_from(
            ["/a", "phrase", "midi", "reading", "tempo", "late", "models", "sketch", "end", "x"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=6)
                | st.dictionaries(st.text(max_size=4), inner, max_size=3)
            ),
            max_leaves=12,
        ),
    ),
)


@given(st.lists(LINES, max_size=5), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_take_is_read_or_refused_with_its_name(lines, whole):
    text = "\n".join([HEADER, *(line.replace("\n", " ") for line in lines)])
    try:
        take = read_take(text + ("\n" if whole else ""), "a.jsonl")
    except ShowError as error:
        assert "a.jsonl" in str(error) and len(str(error)) < 400
        return
    for seconds in (0.0, 1.0):
        assert take.clock().beats_at(seconds) >= 0
        take.was_dropped(int(seconds * 10))


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_with_the_name_of_the_file(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "strange"
    for magic in (b"", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x10ftypisom", b"MThd", b'{"take": 1'):
        file.write_bytes(magic + data)
        try:
            read_provenance(file)
        except ShowError as error:
            assert "strange" in str(error)
