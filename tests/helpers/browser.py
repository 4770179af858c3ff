"""A real browser, driven through two pipes by its DevTools protocol."""

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
ANSWER_SECONDS = 20.0


class Page:
    """One page of a browser."""

    def __init__(self, ask, said: list):
        self._ask, self._said = ask, said
        for domain in ("Page", "Runtime", "Log"):
            ask(f"{domain}.enable")

    def open(self, address: str, width: int = 1280, height: int = 800, touch: bool = False) -> None:
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        self._ask("Emulation.setTouchEmulationEnabled", enabled=touch)
        self._ask("Page.navigate", url="about:blank")
        self.forget()
        self._ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Give what an expression in JavaScript gives; a promise is waited for."""
        found = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, seconds: float = ANSWER_SECONDS) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.run(f"!!({script})"):
            assert time.monotonic() < deadline, f"waited in vain for {script}"
            time.sleep(0.1)

    def middle(self, selector: str, share: float = 0.5) -> tuple[float, float]:
        """Scroll an element into view and give a point of it, so far from its left edge."""
        x, y, width, height = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            "return [box.x, box.y, box.width, box.height]; })()"
        )
        return x + share * width, y + height / 2

    def click(self, selector: str, share: float = 0.5, times: int = 1) -> None:
        x, y = self.middle(selector, share)
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self._ask(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count
                )

    def touch(self, *points: tuple[float, float]) -> None:
        """Put a finger down, lead it along, and lift it."""
        for number, (x, y) in enumerate(points):
            kind = "touchMove" if number else "touchStart"
            self._ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self._ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, key: str, code: str = "", number: int = 0, text: str = "") -> None:
        facts = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        self._ask("Input.dispatchKeyEvent", type="keyDown", text=text, **facts)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    def write(self, words: str) -> None:
        self._ask("Input.insertText", text=words)

    def picture(self, path: Path) -> Path:
        """Save what is seen as PNG."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))
        return path

    def forget(self) -> None:
        """Forget what the browser complained of."""
        self._said.clear()

    def complaints(self) -> list[str]:
        """Give what the browser complained of in its console since the page was opened."""
        found = []
        for event in self._said:
            facts = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(facts["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and facts["entry"]["level"] == "error":
                found.append(f"{facts['entry']['text']} {facts['entry'].get('url', '')}")
        return found


def paper(picture: Path) -> str:
    """Give the address of a page that shows a picture and nothing else."""
    page = picture.with_suffix(".html")
    page.write_text(f'<body style="margin: 0"><img src="{picture.name}" style="display: block">')
    return page.as_uri()


@contextmanager
def browser(folder: Path):
    """Run Chromium with a new profile in `folder`; give an empty page of it."""
    ours, its = os.pipe(), os.pipe()
    # It reads from 3 and writes to 4, so neither end may bear these numbers yet.
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (ours[0], its[1]))
    become = (
        f"import os, sys; os.dup2({read}, 3); os.dup2({write}, 4); "
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    flags = [*FLAGS.split(), f"--user-data-dir={folder}"]
    child = subprocess.Popen(
        [sys.executable, "-c", become, "chromium", *flags],
        pass_fds=[read, write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (ours[0], its[1], read, write):
        os.close(end)
    said: list[dict] = []
    session: dict[str, str] = {}
    numbers = iter(range(1, 1_000_000))
    with open(ours[1], "wb", buffering=0) as mouth, open(its[0], "rb") as ear:

        def listen() -> dict:
            letters = bytearray()
            while (letter := ear.read(1)) != b"\0":
                assert letter, "the browser has ended"
                letters += letter
            return json.loads(letters)

        def ask(method: str, **facts) -> dict:
            number = next(numbers)
            order = {"id": number, "method": method, "params": facts, **session}
            mouth.write(json.dumps(order).encode() + b"\0")
            while (answer := listen()).get("id") != number:
                said.append(answer)
            assert "error" not in answer, f"{method}: {answer['error']}"
            return answer["result"]

        try:
            target = ask("Target.createTarget", url="about:blank")["targetId"]
            session["sessionId"] = ask("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            yield Page(ask, said)
        finally:
            session.clear()
            with suppress(AssertionError, OSError):
                ask("Browser.close")
            child.terminate()
            child.wait(20)
