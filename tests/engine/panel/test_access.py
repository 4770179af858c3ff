"""Access: the place of the panel, its token, and requests that are refused."""

import http.client
import re
import socket

import pytest
from capriccio import ShowError
from capriccio.panel import access
from capriccio.panel.panel import Panel
from helpers.devices import wait_for
from helpers.panels import JSON, Show


@pytest.fixture
def show():
    with Show() as running:
        yield running


# -- who is let in ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost:8787", "127.0.0.1", "127.9.9.9:1", "[::1]:8787"])
def test_requests_to_this_machines_own_names_pass(show, host):
    assert show.request("/state", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "192.168.1.7", "", "[", "localhost.evil.example"])
def test_requests_to_any_other_name_are_refused(show, host):
    status, body = show.request("/", headers={"Host": host})
    assert status == 403
    assert b"the panel is not served as" in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_page_of_another_site_can_set_nothing(show, headers, status):
    assert show.set("/show/panic", None, **headers)[0] == status
    assert show.set("/show/tap")[0] == 200
    wait_for(lambda: show.pressed)
    assert show.pressed == ["tap"]


def test_another_site_can_neither_frame_the_page_nor_embed_the_picture(show):
    connection = http.client.HTTPConnection("127.0.0.1", show.port)
    connection.request("GET", "/")
    headers = connection.getresponse().headers
    connection.close()
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert show.request("/picture", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_with_a_host_every_request_needs_the_token_of_the_address():
    with Show("127.0.0.1:8787") as show:
        token = show.panel.access.token
        assert len(token) > 20
        assert show.panel.access.address.endswith(f":{show.port}/{token}/")
        for path in ("/", "/state", "/picture", "/page.js", f"/{token[:-1]}/state", f"/?{token}"):
            status, body = show.request(path)
            assert (status, b"see the terminal" in body) == (403, True), path
        assert show.request("/turn", "POST", "{}", JSON)[0] == 403
        for path in ("", "state", "picture", "page.js"):
            assert show.request(f"/{token}/{path}")[0] == 200
        assert show.request(f"/{token}/", headers={"Host": "192.168.1.7:8787"})[0] == 200
        assert show.request(f"/{token}/", headers={"Host": socket.gethostname()})[0] == 200
        assert show.request(f"/{token}/", headers={"Host": "evil.example"})[0] == 403


def test_every_show_has_a_new_token():
    assert Panel("0.0.0.0:1").access.token != Panel("0.0.0.0:1").access.token
    assert Panel("8787").access.token == Panel().access.token == ""


def test_all_interfaces_are_announced_as_an_address_that_others_can_reach():
    opened = access.Access("0.0.0.0:8787")
    with opened.open():
        assert re.match(r"http://\d+\.\d+\.\d+\.\d+:\d+/", opened.address)
        assert ("//0.0.0.0:" in opened.address) == (not has_a_network())


def has_a_network() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((access.DOCUMENTATION_HOSTS[socket.AF_INET], 9))
        except OSError:
            return False
        return True


@pytest.mark.parametrize("target", ["x.py", "0", "65536", "host", "host:", ":x", "999999", "-1"])
def test_an_invalid_place_is_an_error(target):
    with pytest.raises(
        ShowError, match=r"--panel must stand alone or be followed by \[HOST:\]PORT, got"
    ):
        Panel(target)


def test_a_host_that_is_not_this_machine_is_an_error():
    with pytest.raises(ShowError, match=r"cannot serve the panel at 192\.0\.2\.77, port 8787: "):
        access.Access("192.0.2.77:8787").open()
    with pytest.raises(ShowError, match="cannot serve the panel at 'no such host'"):
        access.Access("no such host:8787").open()


def test_a_port_that_is_taken_is_replaced_by_the_next_and_announced(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Show(str(port)) as show:
            assert port < show.port <= port + access.PORTS
            logged = capsys.readouterr().err
            assert f"the panel is at http://127.0.0.1:{show.port}/, since port {port}" in logged


def test_no_free_port_is_an_error(monkeypatch):
    monkeypatch.setattr(access, "PORTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            ShowError, match="is free for the panel; choose another with --panel PORT"
        ):
            access.Access(str(port)).open()
