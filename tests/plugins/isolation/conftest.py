"""A plugin that gets into trouble, installed as pip would."""

import json
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from capriccio import registry
from helpers.trouble import TROUBLE, install_trouble


@pytest.fixture(scope="module")
def apart(tmp_path_factory) -> Iterator[Path]:
    """Install the plugin into an environment of its own, as `capriccio install --isolated` does."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "capriccio" / "isolated" / "trouble"
    venv.create(folder / "environment", symlinks=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    site = folder / "environment" / "lib" / f"python{version}" / "site-packages"
    (site / "capriccio_trouble.py").write_text(TROUBLE)
    plugins = {"trouble-apart": "capriccio_trouble"}
    facts = {"plugins": plugins, "python": version, "rights": {"megabytes": 3000}}
    (folder / "environment.json").write_text(json.dumps(facts))
    record = folder / "trouble-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
    value = "capriccio_isolation.stand_ins:trouble_apart"
    (record / "entry_points.txt").write_text(f"[capriccio]\ntrouble-apart = {value}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(data))
        patch.setenv("XDG_CONFIG_HOME", str(data / "config"))
        patch.setenv("CAPRICCIO_PLUGINS", "trouble-apart,isolation")
        registry.installed.cache_clear()
        yield folder
    registry.installed.cache_clear()


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Iterator[None]:
    """Install the plugin, and nothing but what isolates it."""
    folder = tmp_path_factory.mktemp("trouble")
    install_trouble(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "home"))
        patch.setenv("CAPRICCIO_PLUGINS", "trouble,isolation")
        registry.installed.cache_clear()
        yield
    registry.installed.cache_clear()
    sys.modules.pop("capriccio_trouble", None)
