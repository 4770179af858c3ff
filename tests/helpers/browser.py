"""A real browser, driven through two pipes by the DevTools protocol."""

import base64
import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --disable-dev-shm-usage
    --remote-debugging-pipe
"""
REPLY_SECONDS = 20.0


class Page:
    """One page of a browser."""

    def __init__(self, call, events: list):
        self._call, self._events = call, events
        for domain in ("Page", "Runtime", "Log"):
            call(f"{domain}.enable")

    def open(self, address: str, width: int = 1280, height: int = 800, touch: bool = False) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        self._call("Emulation.setTouchEmulationEnabled", enabled=touch)
        self._call("Page.navigate", url="about:blank")
        self.clear_errors()
        self._call("Page.navigate", url=address)

    def trust_any_certificate(self) -> None:
        self._call("Security.setIgnoreCertificateErrors", ignore=True)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        found = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = REPLY_SECONDS) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(f"!!({script})"):
            assert time.monotonic() < deadline, f"timed out waiting for {script}"
            time.sleep(0.1)

    def middle(self, selector: str, share: float = 0.5) -> tuple[float, float]:
        """Scroll an element into view; return a point at a share of its width."""
        x, y, width, height = self.run(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "element.scrollIntoView({block: 'center'});const box = element.getBoundingClientRect();"
            "return [box.x, box.y, box.width, box.height]; })()"
        )
        return x + share * width, y + height / 2

    def click(self, selector: str, share: float = 0.5, times: int = 1) -> None:
        x, y = self.middle(selector, share)
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self._call(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count
                )

    def touch(self, *points: tuple[float, float]) -> None:
        """Put a finger down, move it along the points, and lift it."""
        for number, (x, y) in enumerate(points):
            kind = "touchMove" if number else "touchStart"
            self._call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, key: str, code: str = "", number: int = 0, text: str = "") -> None:
        key_event = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **key_event)
        self._call("Input.dispatchKeyEvent", type="keyUp", **key_event)

    def type_text(self, text: str) -> None:
        self._call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> Path:
        """Save what the page shows as PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))
        return path

    def clear_errors(self) -> None:
        self._events.clear()

    def errors(self) -> list[str]:
        """Return the errors in the browser's console since the page was opened."""
        found = []
        for event in self._events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        return found


def picture_page(picture: Path) -> str:
    """Return the address of a page that shows a picture and nothing else."""
    page = picture.with_suffix(".html")
    page.write_text(f'<body style="margin: 0"><img src="{picture.name}" style="display: block">')
    return page.as_uri()


@contextmanager
def browser(folder: Path):
    """Run Chromium with a new profile in `folder`; yield an empty page."""
    requests, replies = os.pipe(), os.pipe()
    # Chromium reads from descriptor 3 and writes to 4, so neither end may have these numbers yet.
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (requests[0], replies[1]))
    exec_script = (
        f"import os, sys; os.dup2({read}, 3); os.dup2({write}, 4); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    flags = [*FLAGS.split(), f"--user-data-dir={folder}"]
    child = subprocess.Popen(
        [sys.executable, "-c", exec_script, "chromium", *flags],
        pass_fds=[read, write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (requests[0], replies[1], read, write):
        os.close(end)
    events: list[dict] = []
    session: dict[str, str] = {}
    numbers = iter(range(1, 1_000_000))
    with open(requests[1], "wb", buffering=0) as sender, open(replies[0], "rb") as receiver:

        def receive() -> dict:
            data = bytearray()
            while (byte := receiver.read(1)) != b"\0":
                assert byte, "the browser has ended"
                data += byte
            return json.loads(data)

        def call(method: str, **params) -> dict:
            number = next(numbers)
            request = {"id": number, "method": method, "params": params, **session}
            sender.write(json.dumps(request).encode() + b"\0")
            while (reply := receive()).get("id") != number:
                events.append(reply)
            assert "error" not in reply, f"{method}: {reply['error']}"
            return reply["result"]

        try:
            target = call("Target.createTarget", url="about:blank")["targetId"]
            session["sessionId"] = call("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            yield Page(call, events)
        finally:
            session.clear()
            with suppress(AssertionError, OSError):
                call("Browser.close")
            child.terminate()
            child.wait(20)
