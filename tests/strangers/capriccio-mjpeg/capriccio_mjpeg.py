"""The picture as a stream that every browser shows: the output `mjpeg`."""

import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from capriccio import Output, hookimpl

CONTRACT = 1

PORT, QUALITY = 8090, 85
WAIT_SECONDS = 0.5  # of a viewer for a new frame, before it looks whether the show is over
BORDER = b"capriccio-frame"


class Mjpeg(Output):
    """Stream the picture to browsers on this machine: `--to mjpeg:8090`."""

    def __init__(self, target: str = ""):
        super().__init__(target)
        if target and not target.isdigit():
            raise ValueError(f"expected a port, as in mjpeg:{PORT}, got {target!r}")
        self._frame, self._number = None, 0
        self._new = threading.Condition()
        self._server = None

    @property
    def port(self) -> int:
        """Where it is served."""
        return self._server.server_port

    def start(self, performance):
        output = self

        class Viewer(BaseHTTPRequestHandler):
            def do_GET(self):
                output.serve(self)

            def log_message(self, *words):
                pass

        port = int(self.target) if self.target else PORT
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Viewer)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="mjpeg", daemon=True).start()

    def show(self, image, now):
        with self._new:
            self._frame, self._number = image, self._number + 1
            self._new.notify_all()

    def serve(self, viewer):
        """Send frames to one viewer, as many as it takes, until it goes or the show ends."""
        from PIL import Image

        viewer.send_response(200)
        viewer.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BORDER.decode()}")
        viewer.end_headers()
        sent = 0
        while self._server is not None:
            with self._new:
                if self._number == sent:
                    self._new.wait(WAIT_SECONDS)
                frame, number = self._frame, self._number
            if frame is None or number == sent:
                continue
            sent, data = number, io.BytesIO()
            Image.fromarray(frame).save(data, "JPEG", quality=QUALITY)
            head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
            try:
                viewer.wfile.write(head % (BORDER, data.tell()) + data.getvalue() + b"\r\n")
            except OSError:  # it has gone
                break

    def close(self):
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


@hookimpl
def outputs():
    return [Mjpeg]
