"""The user's own TOML files: where they are, read with the line of an error, and written whole."""

import json
import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ..atomic_file import write_bytes
from ..errors import ShowError

T = TypeVar("T")
# Neither we nor a person write more; tomllib takes minutes for a key of many parts.
MAX_BYTES, MAX_TABLES, MAX_DOTS = 1_000_000, 10_000, 50
HEADER = re.compile(r"\s*\[")
STRING, SEPARATOR = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'"), re.compile(r"[\n,={}\[\]]")


def user_folder(kind: str) -> Path:
    """Return the folder of the user's files of one kind; it need not exist."""
    return Path(click.get_app_dir("capriccio")) / kind


def user_file(name: str, kind: str) -> Path:
    """Return the path of the file for `name`; what no file name can hold becomes a dash."""
    stem = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:80]
    return user_folder(kind) / f"{stem or 'unnamed'}.toml"


class UserFile:
    """A TOML file: its `text`, or the one given in its place, and the `content` parsed from it.

    A file that does not exist counts as empty; one that cannot be read or parsed raises ShowError.
    """

    def __init__(self, path: Path, text: str | None = None):
        self.path, self.text = path, text or ""
        try:
            if text is None and path.exists():
                if path.stat().st_size > MAX_BYTES:
                    self.fail(1, f"the file has more than {MAX_BYTES} bytes")
                self.text = path.read_text(encoding="utf-8")
            if sum(map(bool, map(HEADER.match, self.text.split("\n")))) > MAX_TABLES:
                self.fail(1, f"the file has more than {MAX_TABLES} tables")
            keys = SEPARATOR.split(STRING.sub("", self.text))
            if max(key.count(".") for key in keys) > MAX_DOTS:
                self.fail(1, f"a key has more than {MAX_DOTS + 1} parts")
            self.content: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            place = re.search(r"\(at line (\d+), column \d+\)$", message)
            line = int(place[1]) if place else self.text.count("\n") + 1
            self.fail(line, re.sub(r" \(at [^()]*\)$", "", message[:1].lower() + message[1:]))
        except UnicodeDecodeError:
            self.fail(path.read_bytes().count(b"\n", 0, MAX_BYTES) + 1, "not valid UTF-8")
        except RecursionError:
            self.fail(1, "lists are nested too deeply")
        except ValueError as error:  # Python's own limit of digits
            words = str(error).partition(";")[0]
            self.fail(1, f"a number has too many digits: {words[:1].lower()}{words[1:]}")
        except OSError as error:
            raise ShowError(f"cannot read {str(path)!r}: {error.strerror or error}") from None

    def fail(self, line: int, message: str) -> NoReturn:
        """Raise a ShowError that names the file and a line."""
        raise ShowError(f"{str(self.path)!r}, line {line}: {message}") from None

    def tables(self) -> list[tuple[int, dict[str, Any], list[str]]]:
        """Return (first line, parsed header, lines) of what precedes all tables, and of each."""
        found: list[tuple[int, dict[str, Any], list[str]]] = [(1, {}, [])]
        for number, line in enumerate(self.text.split("\n"), 1):
            if HEADER.match(line):
                with suppress(ValueError, RecursionError):
                    found.append((number, tomllib.loads(line), []))
            found[-1][2].append(line)
        return found

    def line_of(self, table: int, key: str = "") -> int:
        """Return the line of a key in a table, or the table's first where it has no such key."""
        first, _, lines = self.tables()[table]
        assignment = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        return first + next((at for at, line in enumerate(lines) if assignment.match(line)), 0)

    def text_without(self, is_removed: Callable[[int, dict[str, Any]], bool]) -> str:
        """Return the text without the tables for which `is_removed(index, header)` is true."""
        kept = [
            line
            for index, (_, header, lines) in enumerate(self.tables())
            if not index or not is_removed(index, header)
            for line in lines
        ]
        return "\n".join(kept).rstrip() + "\n\n" if any(kept) else ""


def checked(
    path: Path, text: str, parse: Callable[[UserFile], T], wanted: T, rewritten: str
) -> str:
    """Return `text` if it parses to `wanted`, else `rewritten`: not every file is in tables."""
    with suppress(ShowError):
        if parse(UserFile(path, text)) == wanted:
            return text
    return rewritten


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner only.

    Raises:
        ShowError: it cannot be written.
    """
    try:
        write_bytes(path, text.encode(), private=True)
    except OSError as error:
        raise ShowError(f"cannot write {str(path)!r}: {error.strerror or error}") from None


def set_aside(path: Path) -> Path:
    """Rename a broken file, so that nothing in it is lost, and return its new path."""
    number = 1
    while (other := path.with_name(f"{path.stem}.broken-{number}{path.suffix}")).exists():
        number += 1
    return path.rename(other)


def to_toml(value: str | float) -> str:
    """Return a string or a number as TOML spells it."""
    if isinstance(value, str):
        # JSON's strings are TOML's, but for one character.
        valid = value.encode("utf-8", "replace").decode()
        return json.dumps(valid, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
