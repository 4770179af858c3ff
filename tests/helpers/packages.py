"""What tests of installations share: an environment's files, and sentences that refuse."""

import hashlib
from pathlib import Path

import pytest

from .devices import Scratch


def site(scratch: Scratch) -> str:
    """Return a hash of every file of the environment but those that hold settings."""
    digest = hashlib.sha256()
    for path in sorted((scratch.bin.parent / "lib").rglob("*")):
        digest.update(str(path).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def refused(scratch: Scratch, command: str, folder: Path) -> str:
    """Return the sentence with which a command is refused, after which all is as it was."""
    before = site(scratch)
    with pytest.raises(AssertionError) as caught:
        scratch.run(f"capriccio {command}", folder)
    assert site(scratch) == before
    (line,) = [one for one in str(caught.value).splitlines() if one.startswith("Error: ")]
    return line.removeprefix("Error: ")
