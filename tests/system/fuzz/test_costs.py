"""A file of a megabyte costs no command more than 300 MB, however it is made.

Each bomb is built, given to the command that reads it in a process of its own, and the memory of
that process and its children is measured. `-s` prints that, and the processor time, which is to
stay below 2 s on a quiet machine. In the ordinary suite few of them are tried, else all, with
CAPRICCIO_FUZZ_SECONDS.
"""

import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from helpers.fuzzing import RECORD
from helpers.onnx_models import tiny
from PIL import Image

MEGABYTE = 1_000_000
MAX_MEGABYTES = 300
MAX_CPU_SECONDS = 20  # a machine with other work takes several times as long
PNG = b"\x89PNG\r\n\x1a\n"
LISTS = '[0,"/a",[' + "[]," * 999 + "[]]]\n"
HEADER = json.dumps({"take": 1, **RECORD})

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wait4"),
]


def chunk(data):
    return struct.pack(">I", len(data)) + b"iTXt" + data + struct.pack(">I", 0)


def packed(text):
    return chunk(b"capriccio\0\1\0\0\0" + zlib.compress(text, 9))


def filled(text, line):
    """Return a text with as many lines as fit into a megabyte."""
    return (text + line * ((MEGABYTE - len(text)) // len(line))).encode()


def picture(kind, mode, size, **options):
    def build(path):
        Image.new(mode, size, 1).save(path, kind, **options)
        with path.open("ab") as file:  # the pixels that a file may have grow with its size
            file.write(bytes(max(0, MEGABYTE - path.stat().st_size)))

    return build


def content(make):
    def build(path):
        data = make()
        assert len(data) <= MEGABYTE
        path.write_bytes(data)

    return build


def padded(make):
    """Return a function that writes a PNG of a megabyte, which may hold a larger record."""

    def build(path):
        data = PNG + make()
        path.write_bytes(data + chunk(bytes(MEGABYTE - len(data) - 12)))

    return build


def wide_record():
    return json.dumps({**RECORD, "take": 1, "plugins": {str(n): "1" for n in range(50_000)}})


BOMBS = {
    "packed-lines.png": content(lambda: PNG + packed(filled(HEADER + "\n", '[0,"/",0]\n') * 9)),
    "packed-spaces.png": content(lambda: PNG + packed(b"{" + b" " * 500_000_000)),
    "many-records.png": content(lambda: PNG + packed(b"{" + b" " * 1_000_000) * 900),
    "nested.png": content(lambda: PNG + packed(b"[" * 900_000)),
    "lists.png": content(lambda: PNG + packed(HEADER.encode() + b"\n[0,9," + b"[],"*2_000_000)),
    "fitting-lines.png": padded(lambda: packed((HEADER + "\n" + '[0,"/",0]\n' * 186_000).encode())),
    "fitting-lists.png": padded(lambda: packed((HEADER + "\n" + LISTS * 1_900).encode())),
    "turns.jsonl": content(lambda: filled(HEADER + "\n", '[0,"/",0]\n')),
    "tempos.jsonl": content(lambda: filled(HEADER + "\n", '[0,"tempo",[0,0,0,60,0,true]]\n')),
    "lists.jsonl": content(lambda: filled(HEADER + "\n", LISTS)),
    "plugins.jsonl": content(lambda: wide_record().encode() + b"\n"),
    "digits.jsonl": content(lambda: HEADER.encode() + b'\n[0,"/a",' + b"9" * 990_000 + b"]\n"),
    "texts.mid": content(lambda: b"MThd" + b"\xff\x01\xff\xff\xff\x7f" * 166_000),
    "starts.mid": content(lambda: b"MThd" + b"\xff\x01\xff\xff\xff\x7fcapriccio (" * 58_000),
    "boxes.mp4": content(lambda: b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 124_000),
    "rgba.png": picture("PNG", "RGBA", (6000, 3900)),
    "deep.png": picture("PNG", "I;16", (6000, 3900)),
    "wide.png": picture("PNG", "RGBA", (30_000, 780)),
    "too-large.png": picture("PNG", "1", (60_000, 60_000)),
    "progressive.jpg": picture("JPEG", "RGB", (6000, 3900), progressive=True),
    "lossless.webp": picture("WEBP", "RGBA", (4000, 2990), lossless=True),
    "float.tif": picture("TIFF", "F", (6000, 3900), compression="tiff_adobe_deflate"),
    "flat.gif": picture("GIF", "P", (6000, 3900)),
    "huge.onnx": content(lambda: expanding(2**31)),
    "square.onnx": content(lambda: expanding(2**13, 2**13)),
    "dotted.toml": content(lambda: b"a" + b".a" * 499_000 + b"=1"),
    "tables.toml": content(lambda: b"".join(b"[a%d]\n" % number for number in range(100_000))),
    "newlines.toml": content(lambda: b"\n" * MEGABYTE),
    "fields.onnx": content(lambda: b"\x08\x0a" * 500_000),
}  # fmt: skip


READ = "from capriccio.remote.{0} import {1}; from pathlib import Path; {1}(Path({2!r}))"
TOML_READERS = (("presets", "read_presets"), ("midi_map", "read_map"))


def expanding(*shape):
    from onnx import helper, numpy_helper

    model = tiny()
    model.graph.initializer.append(numpy_helper.from_array(np.array(shape), "shape"))
    model.graph.node.append(helper.make_node("ReduceSum", ["y"], ["one"], keepdims=0))
    model.graph.node.append(helper.make_node("Expand", ["one", "shape"], ["large"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("large", 1, None))
    return model.SerializeToString()


def commands(path):
    """Return the commands, as words for Python, that read a file of this kind."""
    capriccio = ["-m", "capriccio"]
    if path.suffix == ".onnx":
        read = f"from capriccio import Model; Model({str(path)!r}).open()"
        return [["-c", read]]
    if path.suffix == ".toml":
        return [["-c", READ.format(kind, name, str(path))] for kind, name in TOML_READERS]
    if path.suffix in (".jsonl", ".mid", ".mp4") or "rec" in path.stem or path.suffix == ".png":
        both = [[*capriccio, command, str(path)] for command in ("inspect", "replay")]
        if path.suffix != ".png":
            return both
        return [*both, *([*capriccio, name, str(path)] for name in ("critique", "verify"))]
    return [[*capriccio, "critique", str(path)]]


FEW = ["fitting-lists.png", "lossless.webp", "huge.onnx"]
ALL = "CAPRICCIO_FUZZ_SECONDS" in os.environ


@pytest.mark.parametrize("name", BOMBS if ALL else FEW)
def test_no_file_costs_more_than_300_megabytes(tmp_path, name):
    path = tmp_path / name
    BOMBS[name](path)
    for words in commands(path) if ALL else commands(path)[:1]:
        cost = cost_of(words, tmp_path)
        shown = f"{name:20} {words[2] if words[0] == '-m' else 'open':9}"
        print(f"{shown} {cost[0]:5.0f} MB {cost[1]:5.2f} s of the processor, code {cost[2]}")
        assert cost[0] < MAX_MEGABYTES, shown


def cost_of(words, folder):
    """Return the peak megabytes, the processor seconds and the exit code of a command.

    The processor time is that of its children as well, the memory that of the largest of them.
    """
    script = (
        "import os, resource, subprocess, sys\n"
        f"resource.setrlimit(resource.RLIMIT_CPU, ({MAX_CPU_SECONDS},) * 2)\n"
        "code = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_maxrss, used.ru_utime + used.ru_stime, code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, seconds, code = done.stdout.split()
    return int(peak) / (2**10 if sys.platform != "darwin" else 2**20), float(seconds), int(code)
