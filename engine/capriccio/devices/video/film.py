"""Frames as a film: an MP4 that every player plays."""

from fractions import Fraction

import numpy as np

from ...atomic_file import replacing
from ...errors import ShowError
from ...log import warn_once
from ...media import fit
from ...parts import Output
from ...recording.provenance import mp4_boxes
from ..background_worker import BackgroundWorker
from ..file_targets import make_folder, target_path, writing

# Constant quality: at 18 hardly to be told from the frames themselves (x264's own scale).
QUALITY = 18
# Offline there is time to compress well; live the encoder must leave the cores to the models.
PRESETS = {False: "medium", True: "veryfast"}
# Frames that may wait to be encoded, about a quarter of a second of them.
DEPTH = 8
BT709, LIMITED = 1, 1  # the numbers of H.273 for the colours of HD video, and for 16..235


class Video(Output):
    """Encode every frame into an MP4: H.264, yuv420p, at the constant frame rate of the show.

    An odd width or height loses its last column or row, which yuv420p cannot hold. Live, a frame
    that was dropped is the one before it once more, so that picture and sound stay together. Boxes
    at the end of the file say how it was made.
    """

    name = "video"
    _behind: BackgroundWorker | None = None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self.path = target_path(target, str(self), "video:FILE.mp4")

    def start(self, performance):
        import av

        self._live, self._size = performance.clock.live, performance.size
        self._recipe = performance.provenance
        self._next = 0
        self._last: np.ndarray | None = None
        # 29.97 is 2997/100: whole numbers near enough for every rate in use.
        self._rate = Fraction(performance.fps).limit_denominator(1001)
        width, height = performance.size
        with writing(self.path, str(self)):
            make_folder(self.path.parent)
            # While the show lasts the file is a row of short pieces, each written when it is
            # complete: a show that is killed leaves a film that plays, but for its last second.
            self._file = av.open(
                str(self.path),
                "w",
                format="mp4",
                options={
                    "movflags": "frag_keyframe+empty_moov+default_base_moof",
                    "flush_packets": "1",
                },
            )
            self._file.metadata["title"] = performance.title
            self._stream = self._file.add_stream("libx264", rate=self._rate)
            self._stream.width, self._stream.height = width - width % 2, height - height % 2
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {
                "crf": str(QUALITY),
                "preset": PRESETS[self._live],
                "g": str(max(1, round(self._rate))),
            }
            codec = self._stream.codec_context
            codec.colorspace = codec.color_primaries = codec.color_trc = BT709
            codec.color_range = LIMITED
        self._behind = BackgroundWorker(self._encode, DEPTH)

    def show(self, image, now):
        # A copy: the frame is encoded later, and a sketch may paint on in the same array.
        picture = fit(image, self._size).copy()
        index = self._next
        if self._live:
            index = int(now.seconds * self._rate + Fraction(1, 2))
            if index < self._next:
                return
        if self._behind.hand((index, picture), wait=not self._live):
            self._next = index + 1
        else:
            warn_once(f"{self} cannot keep up; frames are repeated")

    def close(self):
        behind, self._behind = self._behind, None
        if behind is None:
            return
        complete = False
        try:
            with writing(self.path, str(self)):
                if complete := behind.finish():
                    self._file.mux(self._stream.encode())
        finally:
            self._end_file(complete)

    def _end_file(self, complete: bool) -> None:
        try:
            with writing(self.path, str(self)):
                self._file.close()
                if complete:
                    self._make_fast()
                if boxes := mp4_boxes(self._recipe()):
                    with self.path.open("ab") as film:
                        film.write(boxes)
        except ShowError:
            if complete:  # else this is only the echo of what was told before
                raise

    def _encode(self, item):
        index, picture = item
        with writing(self.path, str(self)):
            first = index if self._last is None else self._written
            for number in range(first, index):
                self._add(number, self._last)
            self._add(index, picture)
        self._last, self._written = picture, index + 1

    def _add(self, number: int, picture) -> None:
        from av import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace

        height, width = self._stream.height, self._stream.width
        frame = VideoFrame.from_ndarray(
            np.ascontiguousarray(picture[:height, :width]), format="rgb24"
        ).reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = number, 1 / self._rate
        self._file.mux(self._stream.encode(frame))

    def _make_fast(self) -> None:
        """Put the pieces together into one with its index in front, so that it starts at once."""
        import av

        with (
            replacing(self.path) as part,
            av.open(str(self.path)) as pieces,
            av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as whole,
        ):
            whole.metadata.update(pieces.metadata)
            source = pieces.streams.video[0]
            film = whole.add_stream_from_template(source)
            late = None
            for packet in pieces.demux(source):
                if packet.dts is not None and packet.pts is not None:
                    # A file in pieces cannot say that frames are stored before they are due, and
                    # begins later by as many.
                    late = packet.pts if late is None else late
                    packet.pts, packet.dts = packet.pts - late, packet.dts - late
                    packet.stream = film
                    whole.mux(packet)
