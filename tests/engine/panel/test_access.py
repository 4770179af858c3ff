"""Access: the place of the panel, its token, and requests that are refused."""

import http.client
import json
import re
import socket
import ssl
import subprocess

import pytest
from capriccio import ShowError
from capriccio.panel import access
from capriccio.panel.panel import Panel
from helpers.devices import wait_for
from helpers.panels import JSON, Show, certificate, websocket_request
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
    ],
)
def test_a_page_of_another_site_cannot_open_the_websocket(show, headers):
    if "Host" in headers:  # which the client would send twice
        assert b" 403 " in raw_websocket(show.port, "/live", headers["Host"])
        return
    with pytest.raises(InvalidStatus, match="HTTP 403"), show.live(additional_headers=headers):
        pass


def raw_websocket(port: int, path: str, host: str) -> bytes:
    """Return how the reply to the opening of a WebSocket begins."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(websocket_request(path, host))
        return line.recv(60)


def test_the_websocket_needs_the_token_as_well(show):
    assert b" 101 " in raw_websocket(show.port, "/live", "localhost")
    with Show("127.0.0.1:8787") as closed:
        access = closed.panel.access
        for path in ("/live", f"/{access.token[:-1]}/live", f"/live?{access.token}", "//live"):
            assert b" 403 " in raw_websocket(closed.port, path, "localhost"), path
        for token in (access.token, access.guest_token):
            assert b" 101 " in raw_websocket(closed.port, f"/{token}/live", "localhost")


def test_guests_see_everything_and_set_nothing(capsys):
    with Show("127.0.0.1:8787") as show:
        own, guest = show.panel.access.token, show.panel.access.guest_token
        assert own != guest and len(guest) > 20
        assert f"; for guests, who may only watch: http://127.0.0.1:{show.port}/{guest}/" in (
            capsys.readouterr().err
        )
        for path in ("", "state", "table", "picture", "page.js"):
            assert show.request(f"/{guest}/{path}")[0] == 200
        change = '{"address": "/show/panic", "value": null}'
        status, body = show.request(f"/{guest}/turn", "POST", change, JSON)
        assert (status, b"who has this address may only watch" in body) == (403, True)
        for token, view_only in ((guest, True), (own, False)):
            with show.live(f"/{token}/live") as page:
                assert json.loads(page.recv(20))["view_only"] is view_only
        assert show.request(f"/{own}/turn", "POST", change, JSON)[0] == 200
        wait_for(lambda: show.pressed == ["panic"])


# -- encryption -------------------------------------------------------------------------------


def test_with_a_certificate_the_connection_is_encrypted(tmp_path):
    file = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(file))
    with Show("127.0.0.1:8787", certificate=str(file)) as show:
        token = show.panel.access.token
        assert show.panel.access.address == f"https://127.0.0.1:{show.port}/{token}/"
        line = http.client.HTTPSConnection("localhost", show.port, timeout=20, context=trusting)
        for origin, status in (("https", 200), ("http", 403)):
            headers = {"Origin": f"{origin}://localhost:{show.port}"}
            line.request("GET", f"/{token}/state", headers=headers)
            reply = line.getresponse()
            assert (reply.status, bool(reply.read())) == (status, True)
        address = f"wss://localhost:{show.port}/{token}/live"
        with connect(address, ssl=trusting, open_timeout=20) as page:
            assert json.loads(page.recv(20))["title"]
        with pytest.raises((http.client.HTTPException, ConnectionError)):  # not encrypted
            show.request(f"/{token}/state")
        line.request("GET", f"/{token}/state")
        assert line.getresponse().status == 200
        line.close()


def test_a_file_that_is_no_certificate_is_an_error(tmp_path):
    file = tmp_path / "key.pem"
    with pytest.raises(ShowError, match=r"cannot read the certificate '.*key\.pem': No such file"):
        Panel("8787", str(file))
    whole = certificate(tmp_path).read_text()
    locked = tmp_path / "locked.pem"
    words = f"openssl ec -aes128 -passout pass:secret -in {file} -out {locked}"
    subprocess.run(words.split(), check=True, capture_output=True)
    public = whole[: whole.index("-----BEGIN PRIVATE KEY")]
    for content in ("", "nonsense", public, public + locked.read_text()):
        file.write_text(content)
        wanted = "expected a PEM file with a certificate and its private key, without a password"
        with pytest.raises(ShowError, match=wanted):
            Panel("8787", str(file))


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
