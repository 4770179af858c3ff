"""Writes and reads sound files: WAV, FLAC, and Opus in Ogg."""

from pathlib import Path
from typing import Any

import numpy as np

from .instrument_samples import RATE

Array = np.ndarray[Any, Any]

# By ending: the format and the codec, as FFmpeg calls them, and how samples are passed to it.
FORMATS = {
    ".wav": ("wav", "pcm_s16le", "s16"),
    ".flac": ("flac", "flac", "s16"),
    ".ogg": ("ogg", "libopus", "flt"),
}
BITS_PER_SECOND = 160_000


class SoundFile:
    """A stereo sound file at 48 kHz that is being written."""

    def __init__(self, path: Path, title: str = "", comment: str = ""):
        import av

        container, codec, self._format = FORMATS[path.suffix.lower()]
        self.frames = 0
        self._file = av.open(str(path), "w", format=container)
        if title:
            self._file.metadata["title"] = title
        if comment:
            self._file.metadata["comment"] = comment
        stream: Any = self._file.add_stream(codec, rate=RATE, layout="stereo")
        if codec == "libopus":
            stream.bit_rate = BITS_PER_SECOND
        self._stream = stream

    def write(self, sound: Array) -> None:
        """Append `sound`, `(2, frames)` floats -1..1."""
        import av

        if not sound.shape[1]:
            return
        packed = np.ascontiguousarray(sound.T).reshape(1, -1)
        if self._format == "s16":
            packed = np.clip(np.rint(packed * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(packed, self._format, "stereo")
        frame.sample_rate, frame.pts = RATE, self.frames
        self.frames += sound.shape[1]
        self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left, and close the file."""
        try:
            if self.frames:
                self._file.mux(self._stream.encode(None))
        finally:
            self._file.close()


def read_sound(path: Path | str, rate: int = RATE) -> Array:
    """Return a sound file of any format, or the sound of a film, as `(channels, frames)` float32.

    Channels beyond two are mixed down to two.
    """
    import av

    with av.open(str(path)) as file:
        if not file.streams.audio:
            raise ValueError(f"{str(path)!r} holds no sound")
        layout = "mono" if file.streams.audio[0].codec_context.channels == 1 else "stereo"
        resampler = av.AudioResampler("fltp", layout, rate)
        pieces = [
            piece.to_ndarray()
            for frame in file.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
        pieces += [piece.to_ndarray() for piece in resampler.resample(None)]
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)
