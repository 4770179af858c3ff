"""The command line in this process and in others, and a small sketch to perform."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from capriccio.cli.main import main
from click.testing import CliRunner, Result

# A sketch that needs no model: it draws how far the bar has come, and plays a note every beat.
PIECE = """\
import numpy as np
from capriccio import Generator, Note, Sketch

class Light(Generator):
    def __init__(self, *, seed=0):
        self.shade = seed % 200
    def generate(self, now, *, level=0.5):
        return np.full((16, 16, 3), self.shade + int(50 * level), np.uint8)

light = Light(seed=3)
sketch = Sketch(bpm=120, fps=10, size=(32, 16))

@sketch.draw
def glow(now):
    return light(now, level=now.phase(bars=1))

@sketch.play(bars=1)
def drum(now):
    return [Note(36, beat, 0.5) for beat in range(4)]
"""


def capriccio(*words: object, width: int = 200) -> Result:
    """Run the command in this process and return its result."""
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(main, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def error(*words: object) -> str:
    """Run a command that must fail and return its message, without `Error: `."""
    result = capriccio(*words)
    assert result.exit_code in (1, 2), result.output
    assert "Traceback" not in result.output
    return re.split("^Error: ", result.stderr, flags=re.MULTILINE)[-1].rstrip()


def python(
    *words: object, code: int = 0, stdin: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run Python in a process of its own, which must end with this exit code."""
    child = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        input=stdin,
        timeout=120,
    )
    assert child.returncode == code, child.stderr
    return child


def digest(*paths: str | Path) -> dict[str, str]:
    """Return the digest of every file in these folders and files, by its name."""
    files = [
        file for path in map(Path, paths) for file in ([path] if path.is_file() else path.iterdir())
    ]
    assert files
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
