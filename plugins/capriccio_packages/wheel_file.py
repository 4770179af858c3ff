"""What a wheel holds, read before it is installed."""

import hashlib
import tempfile
import zipfile
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import canonicalize_name

from .environment import GROUP, PackageError

NATIVE = (".so", ".pyd", ".dll", ".dylib")
MODELS = (".onnx",)
# Formats whose loading can run code from the file: refused in plugins, and never opened here.
UNSAFE = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy.gz")


@dataclass(frozen=True)
class WheelFile:
    """A wheel, and what an artist should know before it is installed."""

    path: Path
    name: str  # canonical
    version: str
    summary: str
    author: str
    licence: str
    keywords: list[str]  # and classifiers
    entry_points: dict[str, str]  # of plugins: what each names
    bytes: int  # unpacked
    native: list[str] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)  # the sha256 of each, by its path
    unsafe: list[str] = field(default_factory=list)

    @property
    def plugins(self) -> list[str]:
        """The names of the plugins in it."""
        return list(self.entry_points)

    @property
    def hash(self) -> str:
        """The sha256 of the file, as pip writes it."""
        return _hash(self.path.read_bytes())


def read_wheel(path: Path) -> WheelFile:
    """Return what is in a wheel.

    Raises:
        PackageError: it is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            inside = next(name for name in names if name.endswith(".dist-info/METADATA"))
            headers = HeaderParser().parsestr(archive.read(inside).decode("utf-8", "replace"))
            points = inside.replace("METADATA", "entry_points.txt")
            config = ConfigParser(delimiters="=")
            config.optionxform = str  # type: ignore[assignment,method-assign]
            models = {name: _hash(archive.read(name)) for name in names if name.endswith(MODELS)}
            if points in names:
                config.read_string(archive.read(points).decode("utf-8", "replace"))
    except (OSError, zipfile.BadZipFile, StopIteration, ConfigError) as error:
        raise PackageError(f"{path.name!r} is not a wheel: {str(error) or 'no METADATA'}") from None
    words = [word.strip() for word in (headers["Keywords"] or "").split(",") if word.strip()]
    return WheelFile(
        path,
        canonicalize_name(headers["Name"] or path.name.partition("-")[0]),
        headers["Version"] or "0",
        headers["Summary"] or "",
        headers["Author"] or headers["Author-email"] or headers["Maintainer-email"] or "",
        headers["License-Expression"] or headers["License"] or "",
        [*words, *(headers.get_all("Classifier") or [])],
        dict(config[GROUP]) if config.has_section(GROUP) else {},
        sum(entry.file_size for entry in entries),
        [name for name in names if name.endswith(NATIVE)],
        models,
        [name for name in names if name.endswith(UNSAFE)],
    )


def check_models(wheel: WheelFile) -> list[str]:
    """Return a line for each model in a wheel; each is opened in a process with limits.

    Libraries may hold any file, as numpy does for its tests: they are code themselves.

    Raises:
        PackageError: a file of a plugin may run code when it is loaded, or a model cannot be run.
    """
    from capriccio import Model, ModelError

    if wheel.unsafe and wheel.plugins:
        raise PackageError(
            f"{wheel.name} {wheel.version} holds {wheel.unsafe[0]!r}: a file of this format runs "
            "code when it is loaded; expected models as .onnx"
        )
    lines = []
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel.path) as archive:
        for name in wheel.models:
            file = Path(archive.extract(name, folder))
            try:
                card = Model(file).card
            except ModelError as error:
                raise PackageError(f"{wheel.name} {wheel.version}: {error}") from None
            says = [str(card.get(key) or f"{key} not stated") for key in ("data", "licence")]
            lines.append(
                f"model {file.name}, {file.stat().st_size / 1e6:.1f} MB: {', '.join(says)}"
            )
    return lines


def _hash(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
