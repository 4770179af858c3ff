"""Wheels of plugins, written by hand: nothing has to be built or fetched."""

import base64
import hashlib
import zipfile
from pathlib import Path

GLOW = '''"""A plugin for tests."""

import numpy as np
from capriccio import Generator, hookimpl


class Glow(Generator):
    """Paint one colour."""

    name = "glow"

    def generate(self, now, *, heat=0.5):
        """Return an image.

        Args:
            heat: how red it is.
        """
        return np.full((8, 8, 3), [int(255 * heat), 40, 40], np.uint8)


@hookimpl
def generators():
    return [Glow]
'''


def make_wheel(
    folder: Path,
    name: str = "capriccio-glow",
    version: str = "1.0",
    *,
    code: str = GLOW,
    plugin: str = "glow",
    requires: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    files: dict[str, bytes] | None = None,
) -> Path:
    """Write a wheel of one module, with a plugin unless `plugin` is "", and return its path."""
    module = name.replace("-", "_")
    inside = f"{module}-{version}.dist-info"
    content = {f"{module}.py": code.encode(), **(files or {})}
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += ["Summary: Paints one colour", "Author: Ada", *headers]
    lines += [f"Requires-Dist: {one}" for one in requires]
    content[f"{inside}/METADATA"] = "\n".join([*lines, "", ""]).encode()
    content[f"{inside}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if plugin:
        content[f"{inside}/entry_points.txt"] = f"[capriccio]\n{plugin} = {module}\n".encode()
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in content.items()]
    content[f"{inside}/RECORD"] = "\n".join([*record, f"{inside}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)  # with one date: the same bytes again
    return wheel


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
