"""What a person writes: a file becomes a sketch, and a mistake in it is told with its line."""

import io
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from capriccio import Generator, Note, Output, ShowError, Sketch
from capriccio.testing import Memory
from helpers.shows import GREY, beat, grey
from helpers.sketches import WHOLE
from PIL import Image

# -- cues -------------------------------------------------------------------------------------


def test_a_sketch_performs_its_cues_offline_and_live():
    for live in (False, True):
        sketch, memory = Sketch(bpm=240, fps=20), Memory()
        sketch.draw(grey)
        sketch.play(bars=1)(beat)
        stats = sketch.perform([memory], seconds=1, live=live)
        assert (stats.notes, stats.troubles, memory.sounding) == (4, {}, [])
        assert stats.frames + stats.late == 20


def test_a_cue_stays_the_function_it_was():
    sketch = Sketch()
    assert sketch.draw(grey) is grey
    assert sketch.play(bars=2)(beat) is beat


def test_a_second_draw_cue_is_refused():
    sketch = Sketch()
    sketch.draw(grey)
    message = r"^'beat' would be a second draw cue beside 'grey'; a sketch has one$"
    with pytest.raises(ShowError, match=message):
        sketch.draw(beat)


def test_a_play_cue_without_bars_is_refused():
    with pytest.raises(
        TypeError, match=r"^@sketch\.play needs to know how often; write @sketch\.p"
    ):
        Sketch().play(beat)


@pytest.mark.parametrize("bars", [0, -1, float("nan"), float("inf"), "2", None])
def test_bars_must_be_positive(bars):
    with pytest.raises(ValueError, match=r"^bars must be positive, got "):
        Sketch().play(bars=bars)


def test_a_sketch_without_a_cue_is_refused():
    message = r"^'sketch' has no cue; decorate a function with @sketch\.draw$"
    with pytest.raises(ShowError, match=message):
        Sketch().perform([], seconds=1)


@pytest.mark.parametrize("size", [(8, 64), (64,), (64, 20_000), (64.0, 64), 512, "512x512", None])
def test_a_size_must_be_two_whole_numbers(size):
    sketch = Sketch(size=size)
    sketch.draw(grey)
    with pytest.raises(
        ShowError, match=r"^size must be \(width, height\) from 16 to 16384 pixels each, got "
    ):
        sketch.perform([], seconds=1)


@pytest.mark.parametrize("fps", [0, -1, 1001, float("nan"), "30", None])
def test_a_frame_rate_must_be_more_than_0_and_at_most_1000(fps):
    sketch = Sketch(fps=fps)
    sketch.draw(grey)
    with pytest.raises(ShowError, match=r"^fps must be more than 0 and at most 1000, got "):
        sketch.perform([], seconds=1)


# -- what a cue may ask -----------------------------------------------------------------------


def test_before_the_show_the_picture_is_black_and_the_music_silent():
    sketch = Sketch(size=(32, 16))
    assert sketch.image.shape == (16, 32, 3) and not sketch.image.any()
    assert sketch.loudness == 0


def test_a_cue_sees_the_picture_last_drawn_and_hears_the_music():
    sketch, seen = Sketch(bpm=60, fps=2, size=(32, 16)), []

    @sketch.play(bars=0.25)
    def play(now):
        seen.append((int(sketch.image[0, 0, 0]), sketch.loudness))
        return [Note(60, 0, 0.75, 0.6)]

    @sketch.draw
    def draw(now):
        seen.append(sketch.loudness)
        return np.full((16, 32, 3), 10 + round(now.seconds), np.uint8)

    sketch.perform([Memory()], seconds=2)
    half = 0.6 * 0.5**0.5
    plays = [each for each in seen if isinstance(each, tuple)]
    draws = [each for each in seen if not isinstance(each, tuple)]
    assert plays == [(0, 0.0), (10, 0.0)]
    assert draws == pytest.approx([0.6, half, 0.6, half])


def test_a_sketch_can_be_performed_several_times():
    sketch, scores = Sketch(bpm=240), []
    sketch.play(bars=1)(beat)
    for _ in range(2):
        memory = Memory()
        sketch.perform([memory], seconds=2)
        scores.append(memory.score())
    assert scores[0] == scores[1] and len(scores[0].splitlines()) == 16


def test_two_sketches_can_be_performed_side_by_side():
    memories = [Memory(), Memory()]

    def perform(memory, pitch):
        sketch = Sketch(bpm=240)
        sketch.play(bars=1)(lambda now: [Note(pitch)])
        sketch.draw(lambda now: GREY)
        sketch.perform([memory], seconds=1, live=True)

    threads = [
        threading.Thread(target=perform, args=(memory, 60 + number))
        for number, memory in enumerate(memories)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [[note.pitch for note in memory.notes] for memory in memories] == [[60], [61]]


# -- as a command, and by itself --------------------------------------------------------------

WAYS = {
    "capriccio run": [sys.executable, "-m", "capriccio", "run"],
    "python": [sys.executable],
}
OFFLINE = ("--offline", "--seconds", "0.5", "--to", "frames:stills", "--to", "midifile:song.mid")


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def run(request, tmp_path):
    """Perform a file in a process, as `capriccio run` or by itself."""

    def run(path, *flags, folder=tmp_path):
        return subprocess.run(
            [*request.param, str(path), *flags],
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_a_sketch_is_performed_either_way(write, run, tmp_path):
    write(WHOLE, "mein Stück – 2.py")
    child = run("mein Stück – 2.py", *OFFLINE)
    assert child.returncode == 0, child.stderr
    assert "mein Stück – 2: 5 frames and 1 notes to frames:stills, midifile:song.mid" in (
        child.stderr.replace("\n", " ")
    )
    assert len(list((tmp_path / "stills").iterdir())) == 5


MISTAKES = {
    "when it is read": ("import numpy", "1 / 0; import numpy", 1, "ZeroDivisionError: division"),
    "in a cue": ("0.5)", "0.5) / None", 12, "TypeError: unsupported operand"),
    "in a picture": (
        "(24, 32, 3), 0.5",
        "(24, 32), 0.5",
        None,
        "draw cue 'grey' returned an array of shape (24, 32)",
    ),
    "in a note": ("Note(60)", "Note(300)", None, "play cue 'bell' returned a note of pitch 300"),
    "in the grammar": ("return [", "return ][", 8, "SyntaxError"),
    "in a name": ("Note, Sketch", "Note, Sketsh", 2, "cannot import name 'Sketsh'"),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_reported_with_its_line_and_exit_code_1(write, run, mistake):
    old, new, line, words = mistake
    text = textwrap.dedent(WHOLE)
    assert old in text
    child = run(write(text.replace(old, new)), *OFFLINE)
    assert child.returncode == 1
    assert words in child.stderr, child.stderr
    if line:
        assert f"piece.py, line {line}" in child.stderr.replace('"', ""), child.stderr


def test_a_mistake_in_a_module_beside_it_is_reported_with_its_line(write, run):
    write("def tone():\n    return 1 / 0\n", "tones_beside.py")
    text = textwrap.dedent(WHOLE).replace("Note(60)", "Note(tone())")
    child = run(write("from tones_beside import tone\n" + text), *OFFLINE)
    assert child.returncode == 1
    assert "piece.py, line 10" in child.stderr and "tones_beside.py" in child.stderr


def test_an_unknown_flag_has_exit_code_2(write, run):
    child = run(write(WHOLE), "--bars", "2")
    assert child.returncode == 2
    assert "No such option" in child.stderr


def test_paths_in_a_sketch_are_relative_to_the_working_folder(write, run, tmp_path):
    write("60", "deep/pitch.txt")
    text = textwrap.dedent(WHOLE).replace("60", "int(open('pitch.txt').read())")
    path = write(text, "elsewhere/piece.py")
    assert run(path, *OFFLINE, folder=tmp_path / "deep").returncode == 0
    assert "No such file or directory: 'pitch.txt'" in run(path, *OFFLINE).stderr


# -- the same seed, the same show -------------------------------------------------------------

SEEDED = """
    import numpy as np
    from capriccio import Generator, Note, Sketch, generator

    fog, walk = generator("fog"), generator("walk")
    sketch = Sketch(bpm=97, meter=7, fps=29.97, size=(32, 24))
    sketch.draw(lambda now: fog(now, light=0.2 + sketch.loudness))
    sketch.play(bars=0.5)(lambda now: walk(now, haste=float(sketch.image.mean() / 255)))
    sketch.play(bars=1)(walk)
"""
SEEDED_PLUGIN = """
    import numpy as np
    from capriccio import Generator, Note, hookimpl

    class Fog(Generator):
        def __init__(self, *, seed=0):
            self.chance = np.random.default_rng(seed)
        def generate(self, now, *, light=0.5):
            return self.chance.random((24, 32, 3)) * light

    class Walk(Generator):
        def __init__(self, *, seed=0):
            self.chance = np.random.default_rng(seed)
        def generate(self, now, *, haste=0.5):
            lengths = self.chance.random(1 + round(4 * haste))
            return [Note(int(self.chance.integers(40, 80)), at, at + 0.1) for at in lengths]

    @hookimpl
    def generators(): return [Fog, Walk]
"""


def bytes_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_the_same_seed_gives_the_same_bytes(write, tmp_path):
    write(SEEDED_PLUGIN, "lib/plugin_seeded.py")
    write(
        "Metadata-Version: 2.1\nName: seeded\nVersion: 1.0\n", "lib/seeded-1.0.dist-info/METADATA"
    )
    write("[capriccio]\nseeded = plugin_seeded\n", "lib/seeded-1.0.dist-info/entry_points.txt")
    write(SEEDED)

    def show(name, seed):
        flags = (
            f"--seconds 3.3 --seed {seed} --to frames:{name}/stills --to midifile:{name}/song.mid"
        )
        subprocess.run(
            [*WAYS["capriccio run"], "piece.py", "--offline", *flags.split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "lib"), "PYTHONHASHSEED": "random"},
            check=True,
            timeout=120,
            capture_output=True,
        )
        return bytes_of(tmp_path / name)

    first, again, other = show("first", "7"), show("again", "7"), show("other", "8")
    assert len(first) == 100  # 99 frames and a song
    assert first == again
    assert first.keys() == other.keys()
    assert all(first[name] != other[name] for name in first)


# -- in scripts, notebooks and functions ------------------------------------------------------


class Noise(Generator):
    """Paint noise of its own."""

    def __init__(self, *, seed=0):
        self.random = np.random.default_rng(seed)

    def generate(self, now):
        return self.random.random((4, 4, 3))


@pytest.fixture
def noise(monkeypatch):
    """Register the part `noise`, and build it as a sketch does."""
    from capriccio import generator, registry

    found = type("Found", (), {"find": lambda self, role, name: Noise})()
    monkeypatch.setattr(registry, "installed", lambda: found)
    return lambda **options: generator("noise", **options)


def pictures(sketch, **options) -> list[bytes]:
    memory = Memory()
    sketch.perform([memory], seconds=0.5, **options)
    return [image.tobytes() for image in memory.images]


def test_building_a_sketch_does_nothing_else(write, tmp_path):
    path = write("from capriccio import Sketch\nsketch = Sketch()\nprint('still here')\n")
    words = [sys.executable, str(path), "--n", "5"]
    child = subprocess.run(words, capture_output=True, text=True, timeout=180)
    assert (child.returncode, child.stdout) == (0, "still here\n"), child.stderr


def test_a_sketch_in_a_function_knows_its_parts(noise):
    def main():
        fog = noise(seed=1)
        sketch = Sketch(fps=10, size=(16, 16))
        sketch.draw(lambda now: fog(now))
        return sketch

    assert list(main().parts) == ["fog"]
    assert len(pictures(main())) == 5


def test_each_seed_is_another_show_and_the_same_seed_the_same(noise):
    fog = noise(seed=1)
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def draw(now):
        return fog(now)

    shows = [pictures(sketch, seed=seed) for seed in (1, 2, 3, 2)]
    assert shows[1] == shows[3]
    assert len({show[0] for show in shows}) == 3


def test_a_seed_of_a_show_is_that_of_the_command_line(noise):
    from capriccio.registry import use_seed

    def build():
        fog, mist = noise(), noise(seed=5)
        sketch = Sketch(fps=10, size=(16, 16))
        sketch.draw(lambda now: fog(now) * 0.5 + mist(now) * 0.0)
        return sketch

    try:
        use_seed(7)
        asked = pictures(build())
    finally:
        use_seed(None)
    assert pictures(build(), seed=7) == asked


def test_a_cue_defined_again_replaces_the_old_one():
    sketch, memory = Sketch(fps=10, bpm=240, size=(16, 16)), Memory()
    for pitch in (60, 72):  # a cell of a notebook that is run twice
        cell = f"""
@sketch.play(bars=1)
def bell(now):
    return [Note({pitch})]

@sketch.draw
def flowers(now):
    return np.full((16, 16, 3), {pitch} / 255)
"""
        exec(cell, {"sketch": sketch, "Note": Note, "np": np})
    sketch.perform([memory], seconds=0.5)
    assert [note.pitch for note in memory.notes] == [72]
    assert {int(image[0, 0, 0]) for image in memory.images} == {72}


def test_cues_made_in_a_loop_are_all_kept():
    sketch, memory = Sketch(bpm=240), Memory()
    for pitch in (60, 64, 67):

        @sketch.play(bars=1)
        def voice(now, pitch=pitch):
            return [Note(pitch)]

    sketch.perform([memory], seconds=0.5)
    assert [note.pitch for note in memory.notes] == [60, 64, 67]


def test_a_sketch_is_rendered_to_files_by_their_endings(tmp_path):
    sketch = Sketch(bpm=240, fps=10, size=(16, 16))
    sketch.draw(grey)
    sketch.play(bars=1)(beat)
    stats = sketch.render(tmp_path / "stills", tmp_path / "song.mid", seconds=0.5)
    assert stats.frames == len(list((tmp_path / "stills").glob("*.png"))) == 5
    assert (tmp_path / "song.mid").is_file()
    with pytest.raises(ShowError, match=r"^'song\.xyz' cannot be rendered; give \.mp4, "):
        sketch.render("song.xyz", seconds=1)
    with pytest.raises(ShowError, match=r"^nothing to render to; give a file, such as 'mine\.mp4'"):
        sketch.render(seconds=1)


def test_animations_and_pictures_are_rendered_by_their_endings(tmp_path):
    sketch = Sketch(bpm=240, fps=10, size=(16, 16))
    sketch.draw(lambda now: np.full((16, 16, 3), now.seconds))
    sketch.render(tmp_path / "a.gif", tmp_path / "a.webp", tmp_path / "a.png", seconds=0.5)
    for name in ("a.gif", "a.webp"):
        assert Image.open(tmp_path / name).n_frames == 5
    assert np.asarray(Image.open(tmp_path / "a.png"))[0, 0, 0] == 102  # at 0.4 seconds
    sketch.render(tmp_path / "first.png")
    assert np.asarray(Image.open(tmp_path / "first.png")).max() == 0
    with pytest.raises(ShowError, match=r"^render needs to know how long .*a\.gif is; write sec"):
        sketch.render(tmp_path / "a.gif")


def test_a_notebook_shows_a_sketch(tmp_path):
    sketch = Sketch(bpm=240, fps=10, size=(32, 16))
    assert sketch._repr_mimebundle_() == {"text/plain": "sketch: a sketch without a picture"}
    sketch.draw(lambda now: np.full((16, 32, 3), 0.2 + now.seconds))
    still = Image.open(io.BytesIO(sketch._repr_mimebundle_()["image/png"]))
    assert (still.size, still.getpixel((0, 0))) == ((32, 16), (51, 51, 51))
    film = sketch.play(seconds=0.5)._repr_mimebundle_()["text/html"]
    assert film.startswith('<video controls loop autoplay width="32" height="16" src="data:video')
    later = Image.open(io.BytesIO(sketch._repr_mimebundle_()["image/png"]))
    assert later.getpixel((0, 0)) == (153, 153, 153)


# -- pictures ---------------------------------------------------------------------------------


def test_the_image_of_a_sketch_has_its_size_whatever_a_part_returns():
    sketch, sizes = Sketch(fps=10, size=(32, 16)), []

    @sketch.draw
    def small(now):
        sizes.append(sketch.image.shape)
        return np.zeros((4, 4, 3), np.uint8)

    sketch.perform([], seconds=0.3)
    assert sizes == [(16, 32, 3)] * 3
    assert sketch.current_stage.picture()[1].shape == (16, 32, 3)


def test_a_draw_cue_may_return_a_pil_image_rgba_or_strokes():
    from capriccio import Stroke
    from PIL import Image

    red = np.array([255, 0, 0], np.uint8)
    half = np.array([255, 0, 0, 128], np.uint8)
    line = [Stroke([(0.0, 0.5), (1.0, 0.5)], 1.0, (1.0, 0.0, 0.0))]
    for made, shade in [
        (Image.new("RGB", (16, 16), (255, 0, 0)), 255),
        (Image.new("RGBA", (16, 16), (255, 0, 0, 128)), 128),
        (np.full((16, 16, 4), half), 128),
        (np.full((16, 16, 3), red), 255),
        (line, 255),
    ]:
        sketch, memory = Sketch(fps=10, size=(16, 16)), Memory()
        sketch.draw(lambda now, made=made: made)
        sketch.perform([memory], seconds=0.1)
        assert memory.images[0].shape == (16, 16, 3)
        assert list(memory.images[0][8, 8]) == [shade, 0, 0]


class Listener(Memory):
    """An output of notes alone."""

    show = Output.show


def test_music_is_rendered_without_drawing_pictures_that_nothing_shows():
    drawn = []

    def show(*outputs, image=False):
        sketch = Sketch(bpm=240, fps=10, size=(16, 16))
        sketch.draw(lambda now: drawn.append(now) or np.zeros((16, 16, 3), np.uint8))
        sketch.play(bars=1)(lambda now: [Note(60)] if not image or sketch.image.any() else [])
        drawn.clear()
        sketch.perform(outputs, seconds=0.5)
        return len(drawn)

    assert show(Listener()) == 0
    assert show(Listener(), image=True) == 5  # the music asks for the picture
    assert show(Listener(), Memory()) == 5
