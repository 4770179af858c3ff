"""The directory of plugins: a JSON file that `capriccio plugins --search` reads.

One comes with Capriccio, and one may lie in the user's configuration folder, which adds to it:

    {"format": 1,
     "plugins": [{"distribution": "capriccio-coral", "version": "1.0", "plugins": ["coral"],
                  "says": "Reaction and diffusion", "author": "Ada", "licence": "MIT",
                  "keywords": ["capriccio-plugin", "Topic :: Artistic Software"],
                  "source": "capriccio-coral"}],
     "denied": ["worm", "capriccio-glow<1.2  # steals brushes"]}

`source` is what `capriccio install` is given. `denied` are lines as in `denied.txt`.
"""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import url2pathname, urlopen

import click
from packaging.utils import canonicalize_name

from .environment import PackageError
from .wheel_file import WheelFile

SHIPPED = Path(__file__).with_name("directory.json")
FORMAT = 1
KEYWORD = "capriccio-plugin"  # or a classifier with it: the package is to be found
TEXTS = ("distribution", "version", "says", "author", "licence", "source")
LISTS = ("plugins", "keywords")
MAX_BYTES = 8_000_000
SECONDS = 30.0  # that a server may take


def directory_path() -> Path:
    """Return where the user's directory is."""
    return Path(click.get_app_dir("capriccio")) / "directory.json"


def fetch_directory(source: str) -> bytes:
    """Return the content of a file, or of an address.

    Raises:
        PackageError: it cannot be had, or is no such place.
    """
    parts = urlparse(source)
    try:
        if parts.scheme in ("https", "http"):
            if parts.scheme == "http" and not _is_here(parts.hostname or ""):
                raise PackageError(f"expected https or a file, got {source!r}: anyone could change")
            with urlopen(source, timeout=SECONDS) as answer:
                return bytes(answer.read(MAX_BYTES + 1))
        path = Path(url2pathname(parts.path) if parts.scheme == "file" else source)
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        raise PackageError(f"cannot read {source!r}: {reason}") from None


def read_directory(data: bytes, source: str) -> dict[str, Any]:
    """Return what a directory holds: `plugins`, `denied`.

    Args:
        data: the content of the file.
        source: where it comes from, for messages.

    Raises:
        PackageError: it is no directory.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, expected {FORMAT}")
        plugins = [
            {key: _text(one.get(key, "")) for key in TEXTS}
            | {"distribution": canonicalize_name(_text(one.get("distribution", "")))}
            | {key: [_text(it) for it in one.get(key, [])] for key in LISTS}
            for one in content["plugins"]
        ]
        if not all(one["distribution"] and one["source"] for one in plugins):
            raise ValueError("a plugin has no distribution or no source")
        return {"plugins": plugins, "denied": [_text(line) for line in content.get("denied", [])]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise PackageError(f"{source!r} is no directory of plugins: {reason}") from None


def write_directory(path: Path, plugins: list[dict[str, Any]], denied: list[str]) -> None:
    """Write a directory."""
    content = {"format": FORMAT, "plugins": plugins, "denied": denied}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def entry_of(wheel: WheelFile, source: str) -> dict[str, Any]:
    """Return what a directory says of a plugin, from the metadata of its wheel.

    Raises:
        PackageError: it brings no plugin, or does not ask to be found.
    """
    if not wheel.plugins:
        raise PackageError(f"{wheel.name} {wheel.version} brings no plugin")
    if not any(KEYWORD in word.lower() for word in wheel.keywords):
        raise PackageError(
            f"{wheel.name} {wheel.version} does not ask to be found: expected {KEYWORD!r} among "
            f"its keywords, got {', '.join(wheel.keywords) or 'none'}"
        )
    return {
        "distribution": wheel.name,
        "version": wheel.version,
        "plugins": wheel.plugins,
        "says": wheel.summary,
        "author": wheel.author,
        "licence": wheel.licence,
        "keywords": wheel.keywords,
        "source": source,
    }


class Directory(click.Group):
    """The command `directory`, by which `capriccio plugins --search` knows what is in them."""

    def entries(self) -> list[dict[str, Any]]:
        """Return what both directories say of plugins; the user's is right where both name one.

        Raises:
            PackageError: one of them cannot be read.
        """
        found = {one["distribution"]: one for _, content in _both() for one in content["plugins"]}
        return [found[name] for name in sorted(found)]

    def locked(self) -> list[dict[str, Any]]:
        """Return what the lock names, as entries of a directory.

        Raises:
            PackageError: the lock cannot be read.
        """
        from .lock import lock_path, read_lock

        return [
            {"distribution": name, "version": one.version, "plugins": [name], "says": "",
             "keywords": [], "source": ""}
            for name, one in read_lock(lock_path()).items()
        ]  # fmt: skip


def denied_lines() -> list[tuple[str, str]]:
    """Return the lines of what is denied by both directories, each with the file it is from."""
    return [(line, file) for file, content in _both() for line in content["denied"]]


def _both() -> list[tuple[str, dict[str, Any]]]:
    """Return both directories, as far as they are there, each with its file."""
    paths = [str(path) for path in (SHIPPED, directory_path()) if path.exists()]
    return [(path, read_directory(fetch_directory(path), path)) for path in paths]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return "".join(letter for letter in value if letter.isprintable())


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
