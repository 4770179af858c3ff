"""Reload on save: a sketch, or a model, that is changed while it is played takes over."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from capriccio import Output, ShowError, Sketch
from capriccio.loader import load_sketch
from capriccio.models.model import use_device
from capriccio.registry import installed, use_seed
from capriccio.reload import Reloader, models_of
from capriccio.testing import Memory
from helpers.devices import wait_for
from helpers.shows import Passes, WoundClock

# Its pictures are of one grey, and count the frames that its part has drawn.
PIECE = """\
import numpy as np
from capriccio import Analyzer, Generator, Note, Sketch, controls

SHADE, PITCH, BARS = 100, 60, 1

class Light(Generator):
    def __init__(self, *, step=1):
        self.count, self.step = 0, step
    def generate(self, now, *, level=0.0):
        self.count += self.step
        grey = SHADE + 50 * level
        return np.full((6, 8, 3), [grey, self.count, 0], np.uint8)

light = Light()
sketch = Sketch(bpm=120, fps=10, size=(16, 16))

@sketch.draw
def glow(now):
    return light(now)

@sketch.play(bars=BARS)
def drum(now):
    return [Note(PITCH, beat, 3.5) for beat in range(int(now.span))]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("CAPRICCIO_PLUGINS", raising=False)
    yield tmp_path
    use_device("auto")
    use_seed(None)


class Hand(Output):
    """Do what is to be done once frame `number` of the show is shown."""

    def __init__(self, **deeds):
        super().__init__()
        self.deeds = {int(name.lstrip("at_")): deed for name, deed in deeds.items()}

    def show(self, image, now):
        if deed := self.deeds.pop(round(now.seconds * 10), None):
            deed()


@pytest.fixture
def perform(folder, monkeypatch):
    """Perform a piece live on a wound clock; `hand` is given the page turner and the stage."""
    monkeypatch.setattr("capriccio.sketch.LiveClock", WoundClock)

    def show(text=PIECE, seconds=8.0, hand=lambda turner, stage: {}):
        file = folder / "piece.py"
        file.write_text(text)
        use_seed(None)
        sketch = load_sketch(file)
        memory, hands = Memory(), Hand()
        sketch.current_stage = stage = sketch.stage([memory, hands], live=True)
        stage.clock.stage, stage.clock.passes = stage, Passes()
        stage.show.stopping = stage.clock.passes
        turner = Reloader(file, sketch, load_sketch)
        turner._thread = threading.Thread(target=lambda: None)  # it looks when it is told to
        with turner:
            hands.deeds = hand(turner, stage)
            stage.perform(seconds)
        return memory

    return show


def save(folder, *changes, name="piece.py", look=None):
    """Change words of a file and save it; `look` is a page turner that is to see it."""
    text = (folder / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    if look:
        look.look()
        look.look()  # at rest since the look before


def shades(memory) -> list[int]:
    return [int(image[0, 0, 0]) for image in memory.images]


def counts(memory) -> list[int]:
    return [int(image[0, 0, 1]) for image in memory.images]


def pitches(memory) -> list[tuple[float, int]]:
    calls = [call for call in memory.calls if call.method == "note_on"]
    return [(round(call.now.beats, 6), call.thing.pitch) for call in calls]


# -- the sketch -------------------------------------------------------------------------------


def test_a_saved_sketch_takes_over_at_a_bar_without_a_blank_frame_or_a_note_that_hangs(
    perform, folder, capsys
):
    change = ("100, 60", "200, 72")
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    # Saved at 1.5 s, beat 3; bar 3 begins at beat 8, which is more than a second away.
    assert shades(memory) == [100] * 40 + [200] * 40
    assert pitches(memory) == [(beat, 60 if beat < 8 else 72) for beat in range(16)]
    assert memory.sounding == []
    assert "piece.py was saved, and is played from bar 3 on" in capsys.readouterr().err


def test_a_part_that_is_built_as_before_goes_on_as_it_is(perform, folder):
    change = ("now.span", "now.span - 1")
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    assert counts(memory) == list(range(1, 81))


@pytest.mark.parametrize(
    "change", [("Light()", "Light(step=1)"), ("50 * level", "50 * level + 0")], ids=str
)
def test_a_part_that_is_built_or_written_in_another_way_begins_anew(perform, folder, change):
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    assert counts(memory)[:42] == [*range(1, 41), 2, 3]  # its first picture nobody saw


@pytest.mark.parametrize("change", [("now.span", "now.span - 1"), ("Light()", "Light(step=1)")])
def test_a_knob_that_is_held_stays_held(perform, folder, change):
    memory = perform(
        hand=lambda turner, stage: {
            5: lambda: stage.performance.parameters.set("/light/level", 1.0),
            15: lambda: save(folder, change, look=turner),
            60: lambda: stage.performance.parameters.set("/light/level"),
        }
    )
    assert shades(memory) == [100] * 6 + [150] * 55 + [100] * 19


def test_parameters_follow_the_parts_of_the_new_sketch(perform, folder):
    seen = []
    change = ("light = Light()", "lamp = Light()"), ("light(now)", "lamp(now)")
    perform(
        hand=lambda turner, stage: {
            15: lambda: save(folder, *change, look=turner),
            39: lambda: seen.append("/light/level" in stage.performance.parameters.by_address),
            40: lambda: seen.append("/light/level" in stage.performance.parameters.by_address),
            41: lambda: seen.append("/lamp/level" in stage.performance.parameters.by_address),
        }
    )
    assert seen == [True, False, True]


def test_a_cue_of_many_bars_begins_in_their_middle_and_then_keeps_to_them(perform, folder):
    change = ("BARS = 100, 60, 1", "BARS = 100, 72, 3")
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    # From beat 8 to 12, where the first three bars end, and three bars from there on.
    assert [beat for beat, pitch in pitches(memory) if pitch == 72] == list(range(8, 16))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("def x(:", "invalid syntax (piece.py, line 1)"),
        ("import nothing", "ModuleNotFoundError: No module named 'nothing' (piece.py, line 1)"),
        ("raise SystemExit(3)", "SystemExit: 3 (piece.py, line 1)"),
        ("from capriccio import generator; generator('gon')", "no generator is named 'gon'"),
    ],
)
def test_a_sketch_that_does_not_load_is_reported_and_the_old_one_plays_on(
    perform, folder, capsys, change, words
):
    def wrong(turner):
        save(folder, ("import numpy", f"{change}\nimport numpy"), look=turner)

    memory = perform(hand=lambda turner, stage: {15: lambda: wrong(turner)})
    said = capsys.readouterr().err
    assert f"piece.py was saved, but {words}" in said
    assert "; it plays on as it was" in said
    assert shades(memory) == [100] * 80 and len(memory.notes) == 16


def test_a_sketch_that_cannot_draw_its_first_picture_does_not_take_over(perform, folder, capsys):
    change = ("return light(now)", "return light(now) * undefined")
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    assert "but NameError: name 'undefined' is not defined (piece.py, line 19)" in (
        capsys.readouterr().err
    )
    assert shades(memory) == [100] * 80


def test_a_sketch_without_a_cue_does_not_take_over(perform, folder, capsys):
    change = ("@sketch.draw", ""), ("@sketch.play(bars=BARS)", "")
    perform(hand=lambda turner, stage: {15: lambda: save(folder, *change, look=turner)})
    assert "has no cue" in capsys.readouterr().err


def test_every_mistake_is_reported(perform, folder, capsys):
    def often(turner):
        for number in range(80):
            save(folder, ("import numpy", f"{'(' * (number % 7 + 1)}\nimport numpy"), look=turner)

    perform(hand=lambda turner, stage: {15: lambda: often(turner)})
    assert capsys.readouterr().err.count("it plays on as it was") == 80


def test_a_mistake_can_be_corrected(perform, folder):
    memory = perform(
        hand=lambda turner, stage: {
            5: lambda: save(folder, ("SHADE,", "SHADE,,"), look=turner),
            15: lambda: save(folder, ("SHADE,,", "SHADE,"), ("100, 60", "200, 72"), look=turner),
        }
    )
    assert shades(memory) == [100] * 40 + [200] * 40


def test_two_saves_within_one_bar_leave_the_second(perform, folder):
    memory = perform(
        hand=lambda turner, stage: {
            15: lambda: save(folder, ("100, 60", "200, 72"), look=turner),
            17: lambda: save(folder, ("200, 72", "220, 80"), look=turner),
        }
    )
    assert shades(memory) == [100] * 40 + [220] * 40
    assert {pitch for _, pitch in pitches(memory)} == {60, 80}
    assert memory.sounding == []


def test_a_file_is_left_alone_as_long_as_it_changes(perform, folder, capsys):
    def typing(turner):
        for number in range(5):
            (folder / "piece.py").write_text(PIECE[: 40 * number])
            turner.look()
        assert capsys.readouterr().err == ""
        (folder / "piece.py").write_text(PIECE.replace("100, 60", "200, 72"))
        turner.look()
        turner.look()

    memory = perform(hand=lambda turner, stage: {15: lambda: typing(turner)})
    assert shades(memory)[-1] == 200


def test_controllers_keep_their_values(perform, folder):
    text = PIECE.replace("light(now)", "light(now, level=hands[1])")
    text = text.replace("light = Light()", "light, hands = Light(), controls()")

    def move(turner):
        hands = turner._playing.names["hands"]
        hands._framed.apply("nano", bytes([0xB0, 1, 127]), 0.0)

    memory = perform(
        text,
        hand=lambda turner, stage: {
            5: lambda: move(turner),
            15: lambda: save(folder, ("100, 60", "200, 72"), look=turner),
        },
    )
    assert shades(memory) == [125] * 6 + [150] * 34 + [250] * 40


def test_a_file_beside_the_sketch_that_it_imports_is_watched_as_well(perform, folder, capsys):
    (folder / "colours.py").write_text("SHADE = 100\n")
    text = PIECE.replace("SHADE, PITCH, BARS = 100, 60, 1", "PITCH, BARS = 60, 1")
    text = text.replace("import numpy", "from colours import SHADE\nimport numpy")

    def broken(turner):
        save(folder, ("SHADE", "SHADE,"), ("100", "("), name="colours.py", look=turner)
        assert sys.modules["colours"].SHADE == 100

    memory = perform(
        text,
        hand=lambda turner, stage: {
            5: lambda: broken(turner),
            15: lambda: (
                (folder / "colours.py").write_text("SHADE = 200\n"),
                turner.look(),
                turner.look(),
            ),
        },
    )
    assert "(colours.py, line 1)" in capsys.readouterr().err
    assert shades(memory) == [100] * 40 + [200] * 40
    del sys.modules["colours"]


def test_a_changed_tempo_or_size_counts_from_the_next_show(perform, folder, capsys):
    change = ("fps=10", "fps=20")
    memory = perform(hand=lambda turner, stage: {15: lambda: save(folder, change, look=turner)})
    assert len(memory.images) == 80
    assert "count from the next start on" in capsys.readouterr().err


def test_a_show_that_is_not_live_cannot_be_replaced():
    sketch = Sketch()
    with pytest.raises(ShowError, match="is not performed live; it cannot be replaced"):
        sketch.replace_with(Sketch())


# -- models -----------------------------------------------------------------------------------

PAINTER = """\
import numpy as np
from capriccio import Generator, Model, Note, Sketch

class Painter(Generator):
    def __init__(self, *, model="grey.onnx", seed=0):
        self.tools = {"brush": [Model(self.model_path(model))]}
    def generate(self, now, *, level=0.0):
        made = self.tools["brush"][0](x=np.ones((1, 2), np.float32))
        return made.astype(np.uint8).reshape(1, 1, 3)

class Singer(Painter):
    def generate(self, now):
        return [Note(int(self.tools["brush"][0](x=np.ones((1, 2), np.float32))[0, 0]))]

painter, singer = Painter(), Singer()
sketch = Sketch(bpm=120, fps=10, size=(16, 16))
sketch.draw(painter)
sketch.play(bars=1)(singer)
"""


def grey(value):
    """Build a model that gives one grey, whatever it is asked."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    w = onnx.numpy_helper.from_array(np.full((2, 3), value / 2, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "grey",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])],
        [w],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()


def test_a_model_that_is_replaced_is_faded_to_over_a_beat(perform, folder, capsys):
    (folder / "grey.onnx").write_bytes(grey(40))

    def replace(turner):
        (folder / "grey.onnx").write_bytes(grey(90))
        for _ in range(3):
            turner.look()

    memory = perform(PAINTER, hand=lambda turner, stage: {15: lambda: replace(turner)})
    assert shades(memory) == [40] * 17 + [50, 60, 70, 80] + [90] * 59
    assert [pitch for _, pitch in pitches(memory)] == [40, 40, 90, 90]
    said = capsys.readouterr().err
    assert "grey.onnx was replaced, and takes over in painter" in said
    assert "grey.onnx was replaced, and takes over in singer" in said


def test_a_model_that_does_not_open_is_reported_and_the_old_one_plays_on(perform, folder, capsys):
    (folder / "grey.onnx").write_bytes(grey(40))

    def spoil(turner):
        (folder / "grey.onnx").write_bytes(b"not at all")
        for _ in range(5):
            turner.look()

    def mend(turner):
        (folder / "grey.onnx").write_bytes(grey(90))
        for _ in range(3):
            turner.look()

    memory = perform(
        PAINTER,
        hand=lambda turner, stage: {5: lambda: spoil(turner), 40: lambda: mend(turner)},
    )
    assert set(shades(memory)[:40]) == {40} and shades(memory)[-1] == 90
    said = capsys.readouterr().err
    assert said.count("grey.onnx was replaced, but ") == 2  # once in each part
    assert "'not at all'" not in said and "; the old one plays on" in said


def test_the_models_of_a_part_are_found_wherever_it_keeps_them(folder):
    (folder / "grey.onnx").write_bytes(grey(40))
    (folder / "piece.py").write_text(PAINTER)
    painter = load_sketch(folder / "piece.py").parts["painter"]
    painter.tools["itself"] = painter
    assert [model.path.name for model in models_of(painter)] == ["grey.onnx"]


# -- for real ---------------------------------------------------------------------------------


def test_a_show_in_a_process_of_its_own_follows_its_file(folder):
    (folder / "piece.py").write_text(PIECE)
    words = ["run", "piece.py", "--to", "frames:live", "--to", "midifile:live.mid"]
    child = subprocess.Popen(
        [sys.executable, "-m", "capriccio", *words, "--seconds", "9"],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: len(list(folder.glob("live/*.png"))) > 5, seconds=60, what="the show")
    save(folder, ("100, 60", "200, 72"))
    _, said = child.communicate(timeout=180)
    assert child.returncode == 0, said
    assert "piece.py was saved, and is played from bar" in said
    (take,) = (folder / "takes").glob("*.jsonl")
    written = [json.loads(line) for line in take.read_text().splitlines()]
    (change,) = [line for line in written[1:] if line[1] == "sketch"]
    assert change[2][1] % 4 == 0 and len(change[2][0]) == 64
    replayed = subprocess.run(
        [sys.executable, "-m", "capriccio", "replay", str(take), "--to", "midifile:again.mid"],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert "the sketch was changed once during the show" in replayed.stderr
    assert notes(folder / "again.mid") == notes(folder / "live.mid")
    assert {pitch for _, pitch in notes(folder / "live.mid")} == {60, 72}


def notes(file) -> list[tuple[int, int]]:
    import mido

    found = []
    for track in mido.MidiFile(file).tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type == "note_on":
                found.append((ticks, message.note))
    return found


PLUGIN = """\
import numpy as np
from capriccio import Generator, hookimpl
CONTRACT = 1
class Mist(Generator):
    "Paint mist."
    def generate(self, now, *, level=0.0):
        return np.full((6, 8, 3), [30, 0, 0], np.uint8)
@hookimpl
def generators():
    return [Mist]
"""
MISTY = (
    ("light = Light()", "from capriccio import generator\nlight = generator('mist')"),
    ("Generator, Note", "Note"),
    ("class Light(Generator)", "class Light"),
)


@pytest.fixture
def install(tmp_path_factory, monkeypatch):
    """Install a plugin in place, as `pip install -e` does, when it is called."""
    site, code = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("code")
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(code)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(site / "config"))
    monkeypatch.setenv("CAPRICCIO_PLUGINS", "mist")
    installed.cache_clear()

    def install():
        (code / "misty.py").write_text(PLUGIN)
        record = site / "misty-1.0.dist-info"
        record.mkdir()
        (record / "METADATA").write_text("Metadata-Version: 2.1\nName: misty\nVersion: 1.0\n")
        (record / "entry_points.txt").write_text("[capriccio]\nmist = misty\n")
        return code

    yield install
    installed.cache_clear()
    sys.modules.pop("misty", None)


def test_a_plugin_that_is_installed_meanwhile_plays_from_the_next_bar_on(
    perform, folder, install, capsys
):
    def hand(turner, stage):
        def add():
            install()
            turner.look()
            turner.look()

        return {5: lambda: save(folder, *MISTY, look=turner), 25: add}

    memory = perform(seconds=8.0, hand=hand)
    said = capsys.readouterr().err
    assert "no generator is named 'mist'" in said
    assert "installed meanwhile: mist" in said
    played = shades(memory)
    assert set(played[:26]) == {100} and set(played[-10:]) == {30}


def test_a_plugin_in_development_is_played_as_it_is_saved(perform, folder, install):
    code = install()
    text = PIECE
    for old, new in MISTY:
        text = text.replace(old, new)

    def hand(turner, stage):
        def change(*changes):
            save(code, *changes, name="misty.py", look=turner)

        return {
            5: lambda: change(("[30,", "[90,")),
            25: lambda: change(("def generate", "def generate(")),
            35: lambda: change(("def generate((", "def generate("), ("[90,", "[60,")),
        }

    played = shades(perform(text, seconds=8.0, hand=hand))
    assert played[:20] == [30] * 20
    assert played[20:60] == [90] * 40  # while it could not be read as well
    assert set(played[60:]) == {60}
