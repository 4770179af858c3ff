"""Sound files."""

import av
import numpy as np
import pytest
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.sound_file import SoundFile, read_sound


@pytest.mark.parametrize(("ending", "close"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.05)])
def test_what_was_written_is_read_again(tmp_path, ending, close):
    time = np.arange(RATE) / RATE
    sound = np.stack([0.5 * np.sin(2 * np.pi * hertz * time) for hertz in (220, 330)])
    file = SoundFile(tmp_path / f"a{ending}", "étude")
    for at in range(0, RATE, 7000):
        file.write(sound[:, at : at + 7000].astype(np.float32))
    file.close()
    found = read_sound(tmp_path / f"a{ending}")
    assert found.shape == (2, RATE)
    assert np.abs(found[:, 2000:-2000] - sound[:, 2000:-2000]).max() < close
    with av.open(str(tmp_path / f"a{ending}")) as opened:
        titles = {**opened.metadata, **opened.streams.audio[0].metadata}
        assert "étude" in {key.lower(): value for key, value in titles.items()}.get("title", "")


def test_an_empty_file_is_closed(tmp_path):
    SoundFile(tmp_path / "a.wav").close()


def test_a_file_without_sound_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        film.mux(stream.encode(frame))
        film.mux(stream.encode())
    with pytest.raises(ValueError, match="holds no sound"):
        read_sound(tmp_path / "a.mp4")


def test_sound_is_resampled(tmp_path):
    file = SoundFile(tmp_path / "a.wav")
    file.write(np.zeros((2, RATE), np.float32))
    file.close()
    assert abs(read_sound(tmp_path / "a.wav", 16_000).shape[1] - 16_000) < 32
