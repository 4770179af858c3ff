"""A user's own files: where they stand, read with the line of what is wrong, and written whole."""

import json
import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from ..atomic_file import write_bytes
from ..errors import ShowError

# A larger file was not written by us nor by anybody's hand.
LARGEST = 1_000_000  # bytes
HEADER = re.compile(r"\s*\[")


def user_folder(name: str) -> Path:
    """Give the folder of the user's files of one kind; it need not be there yet."""
    return Path(click.get_app_dir("capriccio")) / name


def file_for(name: str, kind: str) -> Path:
    """Give the file for a thing of that name, which may hold what no file's name can."""
    stem = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:80]
    return user_folder(kind) / f"{stem or 'unnamed'}.toml"


class UserFile:
    """One file in TOML: its text, and what the text says.

    Raises ShowError, with the file and the line, where it cannot be read. A file that is not
    there is an empty one. With `text` it is read as if that stood in the file.
    """

    def __init__(self, file: Path, text: str | None = None):
        self.file, self.text = file, text or ""
        try:
            if text is None and file.exists():
                if file.stat().st_size > LARGEST:
                    self.refuse(1, f"more than {LARGEST} bytes")
                self.text = file.read_text(encoding="utf-8")
            self.says: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            words = str(error)
            place = re.search(r"\(at line (\d+), column \d+\)$", words)
            line = int(place[1]) if place else self.text.count("\n") + 1
            self.refuse(line, re.sub(r" \(at [^()]*\)$", "", words[:1].lower() + words[1:]))
        except UnicodeDecodeError:
            self.refuse(file.read_bytes().count(b"\n", 0, LARGEST) + 1, "it is no text in UTF-8")
        except RecursionError:
            self.refuse(1, "lists within lists without end")
        except OSError as error:
            raise ShowError(f"{str(file)!r} cannot be read: {error.strerror or error}") from None

    def refuse(self, line: int, words: str) -> NoReturn:
        """Raise the ShowError that says what is wrong in a line."""
        raise ShowError(f"{str(self.file)!r}, line {line}: {words}") from None

    def blocks(self) -> list[tuple[int, dict[str, Any], list[str]]]:
        """Give the tables as they are written: the first line's number, the name as TOML, lines."""
        found: list[tuple[int, dict[str, Any], list[str]]] = [(1, {}, [])]
        for number, line in enumerate(self.text.split("\n"), 1):
            if HEADER.match(line):
                with suppress(tomllib.TOMLDecodeError, RecursionError):
                    found.append((number, tomllib.loads(line), []))
            found[-1][2].append(line)
        return found

    def line(self, block: int, key: str = "") -> int:
        """Give the line of a key in a table, or of the table where it is not found."""
        first, _, lines = self.blocks()[block]
        as_toml = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        return first + next((at for at, line in enumerate(lines) if as_toml.match(line)), 0)

    def without(self, gone: Callable[[int, dict[str, Any]], bool]) -> str:
        """Give the text without the tables that are `gone`, by number and name; else as it is."""
        kept = [
            line
            for number, (_, name, lines) in enumerate(self.blocks())
            if not number or not gone(number, name)
            for line in lines
        ]
        return "\n".join(kept).rstrip() + "\n\n" if any(kept) else ""


def write_text(file: Path, text: str) -> None:
    """Write a file whole or not at all; raise ShowError where it cannot be written."""
    try:
        write_bytes(file, text.encode())
    except OSError as error:
        raise ShowError(f"{str(file)!r} cannot be written: {error.strerror or error}") from None


def set_aside(file: Path) -> Path:
    """Give a broken file a name of its own, so that nothing in it is lost, and return that."""
    number = 1
    while (other := file.with_name(f"{file.stem}.broken-{number}{file.suffix}")).exists():
        number += 1
    file.rename(other)
    return other


def as_toml(value: str | float) -> str:
    """Spell words or a number in TOML."""
    if isinstance(value, str):
        # JSON's strings are TOML's, but for one character.
        whole = value.encode("utf-8", "replace").decode()
        return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
