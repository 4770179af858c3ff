"""Records what reaches a JACK server, with the time of every period, and finds the onsets in it."""

import ctypes
import select
import sys
import threading
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..player_process import raise_thread_priority

Array = np.ndarray[Any, Any]


class Recording(NamedTuple):
    """What was heard: sound, and for each period its first frame and time in seconds."""

    sound: Array  # (frames,) float32
    starts: Array  # (periods,) frames
    times: Array  # (periods,) seconds on the monotonic clock, smoothed by JACK
    xruns: int


class Recorder:
    """Records the first port of a JACK client while it is open; it needs the package JACK-Client.

    Args:
        server: the name of the server.
        client: a part of the name of the client that is recorded.
    """

    def __init__(self, server: str, client: str):
        import jack

        self._client_name, self._error = client, jack.JackError
        self.xruns = 0
        self._pieces: list[Array] = []
        self._frames: list[tuple[int, float]] = []
        self._client = client_ = jack.Client("recorder", servername=server, no_start_server=True)
        self._library = ctypes.CDLL("libjack.so.0")
        self._pointer = ctypes.c_void_p(int(jack._ffi.cast("uintptr_t", client_._ptr)))
        self._port = client_.inports.register("in")
        client_.set_process_callback(self._process)
        client_.set_xrun_callback(self._note_xrun)
        self.rate = client_.samplerate
        self._connected = threading.Event()
        client_.activate()

    def connect(self) -> bool:
        """Connect to the client, once it is there; return whether it is."""
        ports = self._client.get_ports(self._client_name, is_output=True, is_audio=True)
        if ports and not self._connected.is_set():
            with suppress(self._error):  # it is not active yet
                self._client.connect(ports[0], self._port)
                self._connected.set()
        return self._connected.is_set()

    def stop(self) -> Recording:
        """Stop, and return what was heard."""
        self._client.deactivate()
        self._client.close()
        starts = np.array([frame for frame, _ in self._frames])
        times = np.array([seconds for _, seconds in self._frames])
        sound = np.concatenate([np.zeros(0, np.float32), *self._pieces])
        return Recording(sound, starts, times, self.xruns)

    def _process(self, frames: int) -> None:
        first = self._client.last_frame_time
        # In the library, and not in JACK-Client.
        current, now = ctypes.c_uint32(), ctypes.c_uint64()
        after, period = ctypes.c_uint64(), ctypes.c_float()
        pointers = [ctypes.byref(one) for one in (current, now, after, period)]
        self._library.jack_get_cycle_times(self._pointer, *pointers)
        self._frames.append((first, now.value / 1e6))
        self._pieces.append(np.frombuffer(self._port.get_buffer(), np.float32).copy())

    def _note_xrun(self, delay: float) -> None:
        self.xruns += 1


def onsets(sound: Array, rate: int, threshold: float = 0.3, gap: float = 0.04) -> Array:
    """Return the frame of every stroke: where it first is loud, as a share of the loudest."""
    sound = np.abs(sound)
    loud = np.flatnonzero(sound > threshold * sound.max(initial=0.0))
    if not len(loud):
        return loud
    first = np.concatenate([[True], np.diff(loud) > gap * rate])
    return loud[first]


def times_of(frames: Array, recording: Recording, rate: int) -> Array:
    """Return the monotonic times at which frames of a recording were played."""
    sizes = np.diff(recording.starts, append=recording.starts[-1] + 1)
    size = int(np.median(sizes))
    period = np.minimum(frames // size, len(recording.times) - 1)
    return recording.times[period] + (frames - period * size) / rate


def main(server: str, client: str, file: str) -> None:
    """Record a client into a file of numpy until standard input ends."""
    raise_thread_priority()
    recorder = Recorder(server, client)
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        recorder.connect()
    np.savez(file, **recorder.stop()._asdict())


if __name__ == "__main__":
    main(*sys.argv[1:4])
