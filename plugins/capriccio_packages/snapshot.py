"""The files of an environment before a change, so that the change can be undone byte for byte."""

import shutil
import sysconfig
import tempfile
from importlib.metadata import Distribution
from pathlib import Path
from types import TracebackType


class Snapshot:
    """Remembers which files there are, and keeps copies of those that a change replaces.

    As a context it undoes what happened in the block where the block raises.
    """

    def __init__(self, replaced: list[Distribution]):
        self._folders = sorted(
            {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "scripts")}
        )
        self._before = set(self._paths())
        self._copies = Path(tempfile.mkdtemp(prefix="capriccio-"))
        self._kept: dict[Path, Path] = {}  # where copies came from
        files = [Path(str(one.locate_file(file))) for one in replaced for file in one.files or []]
        for number, path in enumerate(dict.fromkeys(path.resolve() for path in files)):
            if path.is_file():
                self._kept[path] = Path(shutil.copy2(path, self._copies / str(number)))

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.restore()
        shutil.rmtree(self._copies, ignore_errors=True)

    def restore(self) -> None:
        """Remove what is new, and put back what was replaced or removed."""
        for path in sorted(self._paths(), reverse=True):  # what lies in a folder before the folder
            if path not in self._before:
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()
        for path, copy in self._kept.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(copy, path)

    def _paths(self) -> list[Path]:
        # Byte code that any import leaves is no part of what is installed.
        return [path for folder in self._folders for path in folder.rglob("*")]
