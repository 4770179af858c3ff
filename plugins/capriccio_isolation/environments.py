"""Plugins with environments of their own, as `capriccio install --isolated` leaves them.

Each has a folder: `environment/` with its packages, `files/` where it may write, and
`environment.json`. What its parts are is asked of a worker once, and kept in `parts.json`.
"""

import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from capriccio import PartError, isolated_folder

from .child_process import START_SECONDS, WorkerError
from .worker_process import WorkerProcess

FORMAT = 2  # of what is kept of the parts


@dataclass(frozen=True)
class Environment:
    """The environment of one plugin.

    Args:
        folder: where it is.
        entry: what the plugin's entry point names.
        made_for: the version of Python, such as "3.12".
        rights: `network`, `write`: what the plugin may do beyond what every worker may; and
            `seconds`, `megabytes`.
    """

    folder: Path
    entry: str
    made_for: str
    rights: dict[str, Any] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "environment" / "bin" / "python"

    def limits(self) -> dict[str, Any]:
        """Return what a worker of this environment is started with."""
        return {"python": str(self.python), "folder": self.folder / "files", **self.rights}

    def parts(self) -> list[dict[str, Any]]:
        """Return what a worker says of the parts of this plugin.

        Raises:
            PartError: there is no answer.
        """
        if self.made_for != (ours := f"{sys.version_info[0]}.{sys.version_info[1]}"):
            raise PartError(
                f"its environment is made for Python {self.made_for}, and this is {ours}; "
                "capriccio restore makes it anew"
            )
        kept = self.folder / "parts.json"
        key = [FORMAT, (self.folder / "environment.json").stat().st_mtime]
        try:
            content: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
            if content["key"] == key:
                return list(content["parts"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # never asked
        if not self.python.exists():
            raise PartError(f"there is no {str(self.python)!r}; capriccio restore makes it anew")
        parts: list[dict[str, Any]] = self.ask("", "", "describe")
        part = kept.with_name(f"parts-{os.getpid()}.json")
        part.write_text(json.dumps({"key": key, "parts": parts}), encoding="utf-8")
        part.replace(kept)
        return parts

    def ask(self, role: str, part: str, method: str) -> Any:
        """Return the answer to a call that needs no show: `describe`, `missing` or `found`.

        Raises:
            PartError: there is no answer.
        """
        worker = WorkerProcess(
            f"plugin {self.folder.name!r}",
            {"role": role, "part": part, "entry": self.entry, "where": ""},
            {},
            **{**self.limits(), "seconds": START_SECONDS},
        )
        try:
            return worker.ask({"call": method})
        except (WorkerError, RuntimeError) as error:
            raise PartError(f"it does not load: {error}") from None
        finally:
            worker.end()


def environment_of(plugin: str) -> Environment:
    """Return the environment of the plugin called so, with `_` for what is no letter in its name.

    Raises:
        PartError: there is none, or what it says of itself cannot be read.
    """
    for file in sorted(isolated_folder().glob("[!.]*/environment.json")):
        try:
            facts: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            for name, entry in facts["plugins"].items():
                if re.sub(r"\W", "_", name) == plugin:
                    rights = dict(facts.get("rights", {}))
                    return Environment(file.parent, str(entry), str(facts["python"]), rights)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PartError(f"{str(file)!r} cannot be read: {error!r}") from None
    raise PartError(f"no plugin {plugin!r} has an environment of its own")
