"""Writes frames and sound as a film: H.264 and AAC in an MP4 or QuickTime file."""

import shutil
import struct
from fractions import Fraction
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ...atomic_file import replacing
from ...clock import Moment
from ...errors import ShowError
from ...log import info, warn_once
from ...media import Array, Note, fit
from ...parts import Output
from ...performance import Performance
from ...recording.provenance import mp4_boxes
from ..background_worker import BackgroundWorker
from ..file_targets import make_folder, target_path, writing

# The container of each ending, as FFmpeg calls it.
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
# Constant quality (x264's CRF): at 18 a film can hardly be told from its frames.
QUALITY = 18
# x264's presets: offline there is time to compress well; live the cores belong to the models.
PRESETS = {False: "medium", True: "veryfast"}
# x264's bytes depend on its threads: offline there are as many on every machine.
THREADS = {False: "4", True: "auto"}
# Live, how long a film that could not be written rests before another file is begun, in seconds,
# and how much room there must be for it, in bytes.
REST_SECONDS, ROOM = 1.0, 16 * 2**20
# Frames that may wait to be encoded, about a quarter of a second of them.
MAX_WAITING = 8
BT709, LIMITED = 1, 1  # H.273: the colours of HD video; levels 16..235


# Bits a second of the sound, AAC in stereo; and how long after it was due a note may come, live.
SOUND_BITS, SOUND_SECONDS = 256_000, 0.5
# Samples of a packet, and of what the encoder of FFmpeg puts before the sound.
AAC_FRAME = 1024


class Video(Output):
    """Encode every frame into a film: H.264, yuv420p, at the constant frame rate of the show.

    Where the sketch plays, the film has its sound, AAC at 48 kHz; `video:FILE.mp4,silent` leaves
    it out.

    The ending chooses the container: .mp4, .m4v or .mov. An odd width or height loses its last
    column or row, which yuv420p cannot hold. Live, a dropped frame repeats the one before it, so
    that picture and sound stay together. Boxes at the end of the file hold its provenance. Where
    the disk is full for a while, a live film goes on in another file, FILM-2.mp4, when it can.
    """

    name = "video"
    _worker: BackgroundWorker[tuple[int, Array, float]] | None = None
    _sound: Any = None  # renders the sound

    def __init__(self, target: str = ""):
        super().__init__(target)
        file, comma, word = target.rpartition(",")
        self.silent = bool(comma) and word == "silent"
        path = file if self.silent else target
        self.path = target_path(path, str(self), "video:FILE.mp4", FORMATS)

    def start(self, performance: Performance) -> None:
        self._live, self._size = performance.clock.live, performance.size
        self._provenance = performance.provenance
        self._next = self._encoded = self._due = 0
        open_sound = None if self.silent else performance.open_sound
        self._sound = open_sound(performance) if open_sound else None
        self._last: Array | None = None
        # 29.97 is 2997/100: whole numbers near enough for every rate in use.
        self._rate = Fraction(performance.fps).limit_denominator(1001)
        self._format = FORMATS[self.path.suffix.lower()]
        self._title, self._stem = performance.title, self.path.stem
        self._ended: int | None = (
            None  # the frame that could not be written; None while all is well
        )
        self._unheard = 0  # samples that come before the first frame of a file that goes on
        self._gap = self._retry = 0  # the first that is missing, and the next that is tried
        self._begin_file()
        self._worker = BackgroundWorker(self._encode_or_rest, MAX_WAITING)

    def _begin_file(self) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        width, height = self._size
        self._first = self._next  # frames of this file count from here
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
            # A fragmented file, each piece written when it is complete: a show that is killed
            # leaves a film that plays, but for its last second.
            movflags = "frag_keyframe+empty_moov+default_base_moof"
            options = {"movflags": movflags, "flush_packets": "1"}
            self._file = av.open(str(self.path), "w", format=self._format, options=options)
            self._file.metadata["title"] = self._title
            self._stream: Any = self._file.add_stream("libx264", rate=self._rate)
            self._stream.width, self._stream.height = width - width % 2, height - height % 2
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {
                "crf": str(QUALITY),
                "preset": PRESETS[self._live],
                "threads": THREADS[self._live],
                "x264-params": "" if self._live else _reproducible(),
                "g": str(max(1, round(self._rate))),
            }
            # Its tables serve all frames; made anew for each, they take half of the conversion.
            self._colors = VideoReformatter()
            codec = self._stream.codec_context
            codec.colorspace = codec.color_primaries = codec.color_trc = BT709
            codec.color_range = LIMITED
            if self._sound:
                rate, options = self._sound.rate, {"aac_coder": "fast"}
                self._track: Any = self._file.add_stream("aac", rate=rate, layout="stereo")
                self._track.bit_rate, self._track.options = SOUND_BITS, options
                self._samples = 0

    def show(self, image: Array, now: Moment) -> None:
        assert self._worker
        # A copy: the frame is encoded later, and a sketch may paint on in the same array.
        picture = fit(image, self._size).copy()
        index = self._next
        if self._live:
            index = int(now.seconds * self._rate + Fraction(1, 2))
            if index < self._next:
                return
        self._due = index + 1
        # Of what has come so far no note is missing, but live for one that comes late.
        heard = now.seconds - SOUND_SECONDS * self._live
        if self._worker.submit((index, picture, heard), wait=not self._live):
            self._next = index + 1
        else:
            warn_once(f"{self} cannot keep up; frames are repeated")

    def note_on(self, note: Note, now: Moment) -> None:
        if self._sound:
            self._sound.note_on(note, now.seconds)

    def note_off(self, note: Note, now: Moment) -> None:
        if self._sound:
            self._sound.note_off(note, now.seconds)

    def control(self, change: tuple[int, float, int], now: Moment) -> None:
        if self._sound:
            self._sound.control(change, now.seconds)

    def panic(self) -> None:
        if self._sound:
            self._sound.panic()

    def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        complete = False
        try:
            with writing(self.path, str(self)):
                finished = worker.finish()
                # What is closed must not be written to: that would end the process.
                if complete := finished and self._last is not None and self._ended is None:
                    for number in range(self._encoded, self._due):  # the last ones were dropped
                        self._encode_frame(number, self._last)
                    self._encoded = max(self._encoded, self._due)
                    self._file.mux(self._stream.encode())
                    if self._sound:
                        end = float(self._encoded / self._rate)
                        self._encode_sound(self._sound.finish(end))
                        self._file.mux(self._track.encode())
        finally:
            if self._ended is None:
                self._end_file(complete)
            else:
                warn_once(f"{self} ends early, before its frame {self._ended}")

    def _end_file(self, complete: bool) -> None:
        try:
            with writing(self.path, str(self)):
                self._file.close()
                if self._last is None:  # nothing was shown, so there is no file yet
                    return
                if complete:
                    self._move_index_to_front()
                elif self._live:
                    cut_to_fragments(self.path)
                if boxes := mp4_boxes(self._provenance()):
                    with self.path.open("ab") as film:
                        film.write(boxes)
        except ShowError:
            if complete:  # else it follows from an error that was raised before
                raise

    def _encode_or_rest(self, item: tuple[int, Array, float]) -> None:
        """Encode a frame; live, rest after an error, and go on in another file."""
        index, _, heard = item
        if self._ended is not None and not (
            index >= self._retry and self._begin_next(index, heard)
        ):
            return
        try:
            self._encode(item)
        except ShowError as error:
            if not self._live:
                raise
            warn_once(f"{error}; the show goes on, and the film in another file", "a film rests")
            if self._last is not None or self._ended is None:  # else the gap only grows
                self._gap = self._encoded
            self._ended, self._retry = self._encoded, index + round(REST_SECONDS * self._rate)
            self._end_file(False)

    def _begin_next(self, index: int, heard: float) -> bool:
        """Begin another file with this frame; return whether that was possible."""
        self._retry = index + round(REST_SECONDS * self._rate)
        try:
            if shutil.disk_usage(self.path.parent).free < ROOM:
                return False
            numbered = (self.path.with_stem(f"{self._stem}-{number}") for number in count(2))
            if self._last is not None:  # else the file is empty
                self.path = next(path for path in numbered if not path.exists())
            self._begin_file()
        except (OSError, ShowError):
            return False
        self._first = self._encoded = index
        if self._sound:  # what was heard before the first frame of this file is left out
            self._sound.render(heard)
            self._unheard = max(0, round((float(index / self._rate) - heard) * self._sound.rate))
        # More than these: what the encoder still held, and a fragment that was not whole.
        missing = float((index - self._gap) / self._rate)
        what = f"{self} goes on in {self.path.name!r} from {float(index / self._rate):.1f} s"
        info(f"{what}; at least {missing:.1f} s before are missing")
        self._last = self._ended = None
        return True

    def _encode(self, item: tuple[int, Array, float]) -> None:
        index, picture, heard = item
        with writing(self.path, str(self)):
            if self._last is not None:
                for number in range(self._encoded, index):
                    self._encode_frame(number, self._last)
            self._encode_frame(index, picture)
            if self._sound:
                self._encode_sound(self._sound.render(heard))
        self._last, self._encoded = picture, index + 1

    def _encode_sound(self, samples: Array) -> None:
        from av import AudioFrame

        skipped = min(self._unheard, samples.shape[1])
        self._unheard -= skipped
        samples = samples[:, skipped:]
        if not samples.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
        frame.sample_rate, frame.pts = self._sound.rate, self._samples
        self._samples += samples.shape[1]
        self._file.mux(self._track.encode(frame))

    def _encode_frame(self, number: int, picture: Array) -> None:
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        even = np.ascontiguousarray(picture[: self._stream.height, : self._stream.width])
        frame = self._colors.reformat(
            VideoFrame.from_ndarray(even, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = number - self._first, 1 / self._rate
        self._file.mux(self._stream.encode(frame))

    def _move_index_to_front(self) -> None:
        """Join the fragments into one, with the index first, so that a player starts at once."""
        import av

        options = {"movflags": "faststart"}
        with (
            replacing(self.path) as part,
            av.open(str(self.path)) as source,
            av.open(str(part), "w", format=self._format, options=options) as joined,
        ):
            joined.metadata.update(source.metadata)
            streams = {one.index: joined.add_stream_from_template(one) for one in source.streams}
            frames, late, heard = source.streams.video[0], None, -AAC_FRAME
            for packet in source.demux():
                if packet.dts is None or packet.pts is None:
                    continue
                if packet.stream is frames:
                    # A fragmented file cannot express that frames are stored before they are due,
                    # and starts later instead.
                    late = packet.pts if late is None else late
                    packet.pts, packet.dts = packet.pts - late, packet.dts - late
                else:  # nor that the sound of the encoder's first packet is not to be heard
                    packet.pts = packet.dts = heard
                    heard += AAC_FRAME
                packet.stream = streams[packet.stream.index]
                joined.mux(packet)


@cache
def _reproducible() -> str:
    """Return what makes x264 write the same bytes each time, as options of its own.

    With AVX-512 its macroblock tree (core 165) reads what is not initialised. The options are not
    checked against the processor, so they name AVX2 only where there is AVX-512.
    """
    facts = Path("/proc/cpuinfo")
    known = facts.read_text() if facts.is_file() else ""
    return "asm=avx2,bmi2,fma3,lzcnt" if "avx512" in known else ""


def cut_to_fragments(path: Path) -> None:
    """Cut a fragmented film behind its last whole fragment: players stumble over half of one."""
    with path.open("r+b") as film:
        size = film.seek(0, 2)
        place = whole = 0
        while place + 8 <= size:
            film.seek(place)
            length, kind = struct.unpack(">I4s", film.read(8))
            if length < 8 or place + length > size:
                break
            place += length
            whole = place if kind == b"mdat" else whole
        film.truncate(whole or size)
