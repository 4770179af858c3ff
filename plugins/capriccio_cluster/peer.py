"""What a conductor and those who follow it share: a socket, and a thread that serves it."""

import socket
import threading
from collections.abc import Callable

from capriccio import Input, ShowError

# How long the thread may take to return at the end, in seconds.
JOIN_SECONDS = 1.0


class Peer(Input):
    """An input that speaks to other machines, by UDP and in a thread of its own."""

    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None

    def open(self, prepare: Callable[[socket.socket], None], timeout: float, trouble: str) -> None:
        """Open the socket, as `prepare` binds or connects it.

        Args:
            prepare: is called with the socket.
            timeout: of each call that receives, in seconds.
            trouble: what an error says before the system's own words.

        Raises:
            ShowError: that cannot be.
        """
        self._ended = threading.Event()
        self._socket = opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            prepare(opened)
        except OSError as error:
            self.close()
            raise ShowError(f"{trouble}: {error}") from None
        opened.settimeout(timeout)

    def serve(self, run: Callable[[], None]) -> None:
        """Call `run` in a thread; it returns when `_ended` is set."""
        self._thread = threading.Thread(target=run, name=self.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        opened, self._socket = self._socket, None
        if opened is None:
            return
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)
        opened.close()
