"""The directory of plugins: built from wheels, taken from a file or an address."""

import json
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from capriccio_packages import directory
from capriccio_packages.directory import (
    Directory,
    denied_lines,
    directory_path,
    entry_of,
    fetch_directory,
    read_directory,
    write_directory,
)
from capriccio_packages.environment import PackageError
from capriccio_packages.lock import Locked, lock_path, write_lock
from capriccio_packages.wheel_file import read_wheel
from helpers.command import capriccio, error
from helpers.devices import ROOT
from helpers.wheels import make_wheel

WORDS = ("Keywords: capriccio-plugin,light", "License-Expression: MIT", "Classifier: Topic :: Art")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def test_a_directory_is_built_from_the_metadata_of_wheels(tmp_path):
    wheel = make_wheel(tmp_path, headers=WORDS)
    made, denied = tmp_path / "made.json", tmp_path / "worms.txt"
    denied.write_text("worm  # eats")
    said = capriccio("directory", "build", wheel, "--to", made, "--denied", denied).stdout
    assert said.startswith("1 plugins in ")
    assert json.loads(made.read_text()) == {
        "format": 1,
        "plugins": [
            {
                "distribution": "capriccio-glow",
                "version": "1.0",
                "plugins": ["glow"],
                "says": "Paints one colour",
                "author": "Ada",
                "licence": "MIT",
                "keywords": ["capriccio-plugin", "light", "Topic :: Art"],
                "source": "capriccio-glow",
            }
        ],
        "denied": ["worm  # eats"],
    }
    said = capriccio("directory", "update", made).stdout
    assert said.startswith("1 plugins, 1 denied packages, in ")
    assert ("worm  # eats", str(directory_path())) in denied_lines()
    assert "capriccio install capriccio-glow" in capriccio("plugins", "--search", "light").stdout


def test_packages_that_are_no_plugins_or_hide_are_refused(tmp_path):
    with pytest.raises(PackageError, match=r"capriccio-glow 1.0 brings no plugin"):
        entry_of(read_wheel(make_wheel(tmp_path, plugin="")), "glow")
    wheel = make_wheel(tmp_path)
    assert "does not ask to be found: expected 'capriccio-plugin' among its keywords, got none" in (
        error("directory", "build", wheel, "--to", tmp_path / "a.json")
    )


def test_a_directory_is_taken_from_an_address(tmp_path):
    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/a.json" else 404)
            self.end_headers()
            self.wfile.write(b'{"format": 1, "plugins": []}')

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        assert read_directory(fetch_directory(f"{address}/a.json"), "a") == {
            "plugins": [],
            "denied": [],
        }
        with pytest.raises(PackageError, match=r"cannot read 'http.*b.json': Not Found"):
            fetch_directory(f"{address}/b.json")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    file = tmp_path / "a file.json"
    write_directory(file, [], [])
    assert read_directory(fetch_directory(file.as_uri()), "a")["plugins"] == []
    with pytest.raises(PackageError, match=r"expected https or a file, got 'http://example.org/a'"):
        fetch_directory("http://example.org/a")
    with pytest.raises(PackageError, match=r"cannot read 'none.json': No such file"):
        fetch_directory("none.json")


BAD = {
    "no JSON": (b"[", "Expecting value"),
    "no object": (b"[]", "indices must be"),
    "another format": (b'{"format": 2}', "its format is 2, expected 1"),
    "no plugins": (b'{"format": 1}', "no 'plugins'"),
    "no source": (b'{"format": 1, "plugins": [{"distribution": "a"}]}', "or no source"),
    "a number": (b'{"format": 1, "plugins": [{"says": 1}]}', "expected text, got 1"),
    "too large": (b" " * (directory.MAX_BYTES + 1), "it has more than 8000000 bytes"),
    "deep": (b"[" * 100_000, "recursion"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD.values(), ids=BAD)
def test_what_is_no_directory_is_told(data, sentence):
    with pytest.raises(PackageError, match=rf"'a.json' is no directory of plugins: .*{sentence}"):
        read_directory(data, "a.json")


def test_a_directory_that_cannot_be_read_is_told_by_the_search():
    path = directory_path()
    path.parent.mkdir(parents=True)
    path.write_text("[")
    said = error("plugins", "--search", "lamp")
    assert "directory.json' is no directory of plugins" in said and "\n" not in said


def test_ours_and_the_users_are_searched_and_the_users_is_right():
    found = {one["distribution"]: one["says"] for one in Directory().entries()}
    assert "capriccio-plasma" in found
    own = {"distribution": "Capriccio_Plasma", "source": "a", "says": "Mine"}
    data = json.dumps({"format": 1, "plugins": [own]}).encode()
    write_directory(directory_path(), read_directory(data, "a")["plugins"], [])
    assert {one["distribution"]: one["says"] for one in Directory().entries()} == found | {
        "capriccio-plasma": "Mine"
    }


def test_the_lock_is_told_so_that_nothing_is_lost():
    write_lock(lock_path(), {"glow": Locked("glow", "1.5", "glow")})
    (lost,) = [
        it for it in json.loads(capriccio("plugins", "--json").stdout) if it["state"] == "lost"
    ]
    assert (lost["distribution"], lost["version"]) == ("glow", "1.5")


def test_the_directory_that_comes_along_has_the_metadata_of_our_packages():
    found = {}
    for file in (
        *ROOT.glob("docs/*/pyproject.toml"),
        *ROOT.glob("tests/strangers/*/pyproject.toml"),
    ):
        project = tomllib.loads(file.read_text())["project"]
        words = project["keywords"] + project.get("classifiers", [])
        found[project["name"]] = (project["version"], project["description"], words,
                                  str(file.parent.relative_to(ROOT)))  # fmt: skip
    assert found == {
        one["distribution"]: (one["version"], one["says"], one["keywords"], one["source"])
        for one in json.loads(directory.SHIPPED.read_text())["plugins"]
    }


def test_no_escape_codes_reach_the_terminal():
    plugin = {"distribution": "a", "source": "a", "says": "red \x1b[31m"}
    content = {"format": 1, "plugins": [plugin]}
    (read,) = read_directory(json.dumps(content).encode(), "a")["plugins"]
    assert read["says"] == "red [31m"
