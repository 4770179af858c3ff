"""`capriccio docs` serves the site on this machine alone, and builds it."""

import threading
from http.client import HTTPConnection
from urllib.request import urlopen

import click
import pytest
from capriccio_docs import cli
from helpers.command import capriccio, error


@pytest.fixture
def served(tmp_path):
    """A server of a small site, and a function that asks it for a path."""
    (tmp_path / "index.html").write_text("<h1>Home</h1>")
    server = cli.serve(tmp_path)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def get(path, host=None):
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    get.port = server.server_port
    yield get
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_is_served(served):
    assert served("/index.html") == (200, "<h1>Home</h1>")


def test_a_page_may_load_nothing_from_elsewhere(served):
    with urlopen(f"http://127.0.0.1:{served.port}/index.html", timeout=30) as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")


def test_nothing_outside_of_the_site_is_served(served):
    assert served("/../cli.py")[0] == 404


def test_another_name_for_this_machine_is_refused(served):
    assert served("/index.html", host=f"evil.example:{served.port}")[0] == 403


def test_a_port_that_is_taken_is_reported(served, tmp_path):
    with pytest.raises(click.ClickException, match=f"port {served.port} is taken"):
        cli.serve(tmp_path, served.port)


def test_a_folder_of_something_else_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "can_build", lambda: True)
    (tmp_path / "diary.txt").write_text("dear diary")
    assert "is a folder of something else" in error("docs", "--build", tmp_path)
    assert (tmp_path / "diary.txt").exists()


def test_what_to_install_is_said_where_the_site_cannot_be_built(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "can_build", lambda: False)
    assert error("docs", "--build", tmp_path / "site") == cli.MISSING


def test_without_pages_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "source_folder", lambda: None)
    monkeypatch.setattr(cli, "SHIPPED", tmp_path / "none")
    assert "no folder docs/" in error("docs", "--build", tmp_path / "site")
    assert error("docs") == "this Capriccio was built without its documentation"


def test_the_site_that_was_shipped_is_opened(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<h1>Home</h1>")
    opened = []
    monkeypatch.setattr(cli, "source_folder", lambda: None)
    monkeypatch.setattr(cli, "SHIPPED", tmp_path)
    monkeypatch.setattr(cli.webbrowser, "open", opened.append)
    monkeypatch.setattr(cli.ThreadingHTTPServer, "serve_forever", lambda self: None)
    result = capriccio("docs")
    assert result.exit_code == 0
    assert opened == [result.output.split()[0]]
    assert opened[0].startswith("http://127.0.0.1:")


def test_a_built_site_replaces_an_older_one(tmp_path, monkeypatch):
    def build(source, out, commands, parts):
        assert "run" in commands.commands and parts == []
        out.mkdir()
        (out / "index.html").write_text("new")

    monkeypatch.setattr(cli, "can_build", lambda: True)
    monkeypatch.setattr(cli, "list_parts", list)
    monkeypatch.setattr(cli, "build_site", build)
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("old")
    (out / "gone.html").write_text("old")
    assert capriccio("docs", "--build", out).exit_code == 0
    assert [file.name for file in out.iterdir()] == ["index.html"]


def test_parts_are_listed_by_the_command():
    names = {part["name"] for part in cli.list_parts()}
    assert {"gan", "screen", "critic"} <= names
