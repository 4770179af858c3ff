"""Takes: a live show is written down as it goes, and performed again as it was."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import pytest
from capriccio import Analyzer, Generator, Note, Performance
from capriccio.events import ParameterSet
from capriccio.models.model import use_device
from capriccio.recording.provenance import carried
from capriccio.recording.recorder import MAX_STILLS, Recorder
from capriccio.recording.take import read_take
from capriccio.stage.cues import PlayCue
from capriccio.stage.replay import Replay
from capriccio.testing import Memory
from helpers.controllers import cc, plugged
from helpers.devices import wait_for
from helpers.shows import live_stage
from PIL import Image

RECIPE = {"sketch": "a.py", "sha256": "0" * 64, "bpm": 120, "meter": 4, "fps": 10, "size": [8, 6]}


@pytest.fixture(autouse=True)
def no_models_open():
    """What other tests have opened had no hand in the shows of these."""
    use_device("auto")


@contextmanager
def written_down(stage, path):
    """Write the take of a stage to `path` while the block performs it."""
    recorder = Recorder(path, lambda: RECIPE)
    recorder.begin(stage.performance.parameters, stage.picture)
    try:
        yield recorder
    finally:
        recorder.close(stage.stats.seconds)


def replay(take, *, draw=None, plays=(), fps=10.0, size=(8, 6), place=lambda parameters: None):
    """Perform a take with these cues; give what an output was handed."""
    memory = Memory()
    facts = Performance(take.clock(), size, fps, "a test", take=take)
    place(facts.parameters)
    cues = [PlayCue(function, bars) for function, bars in plays]
    Replay(facts, [memory], draw=draw, plays=cues).perform(take.seconds)
    return memory


def lines(path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def frames(memory) -> dict[float, bytes]:
    """Give the frames by the time they were due."""
    shown = [call for call in memory.calls if call.method == "show"]
    return {round(call.now.seconds, 6): call.thing.tobytes() for call in shown}


class Light(Generator):
    """Paint one grey."""

    def generate(self, now, *, level=0.2):
        return np.full((6, 8, 3), level)


class Band:
    """A piece that is another one each time it is played: it hears chance, time and its hands."""

    def __init__(self, chance=7):
        self.light, self.chance, self.said = Light(), np.random.default_rng(chance), []
        self.stage = None

    def draw(self, now):
        ear = self.stage.loudness() if self.stage else 0.0
        return (self.light(now) * np.float32(0.5) + ear * 100).clip(0, 255).astype(np.uint8)

    def play(self, now):
        self.said.append(now.beats)
        pitches = self.chance.integers(40, 90, 4)
        return [Note(int(pitch), beat, 0.6, 0.5) for beat, pitch in enumerate(pitches)]

    def place(self, parameters):
        from capriccio.sketch import knob_parameter

        parameters.add(knob_parameter("light", self.light, Light.knobs["level"]))


def live_band(path, seconds=4.0, hands=lambda frame, parameters: None):
    """Play a band live on a wound clock, with hands that reach in at every frame; give both."""
    band, memory = Band(), Memory()

    def draw(now):
        hands(round(now.seconds * 10), stage.performance.parameters)
        return band.draw(now)

    stage = live_stage([memory], draw=draw, plays=[(band.play, 1)])
    band.stage = stage
    band.place(stage.performance.parameters)
    with written_down(stage, path):
        stage.perform(seconds)
    return band, memory


def again(path, **flags):
    """Perform the take of a band with another band; give that one and what was heard and seen."""
    take, band = read_take(path.read_text(), path.name), Band(chance=8)

    def draw(now):
        return band.draw(now)

    memory = Memory()
    size, fps = flags.get("size", (8, 6)), flags.get("fps", 10.0)
    facts = Performance(take.clock(), size, fps, "a test", take=take)
    band.place(facts.parameters)
    cues = [PlayCue(band.play, 1)]
    replay = Replay(facts, [memory], draw=draw, plays=cues)
    band.stage = replay.stage
    replay.perform(take.seconds)
    return band, memory


# -- the same show ----------------------------------------------------------------------------


def turning(frame, parameters):
    """A hand that turns a knob a dozen times, and lets go of it."""
    if frame % 3 == 0:
        parameters.set("/light/level", frame / 40)
    if frame == 31:
        parameters.set("/light/level")


def test_a_take_performed_again_has_the_same_notes_and_the_same_frames(tmp_path):
    _, live = live_band(tmp_path / "a.jsonl", hands=turning)
    _, replayed = again(tmp_path / "a.jsonl")
    assert len(set(frames(live).values())) > 10  # it is no still life
    assert frames(replayed) == frames(live)
    assert replayed.score() == live.score()
    assert len(live.notes) == 8 and replayed.notes == live.notes


def test_the_notes_are_those_of_the_show_though_the_cue_would_write_others_now(tmp_path):
    _, live = live_band(tmp_path / "a.jsonl")
    other, replayed = again(tmp_path / "a.jsonl")
    assert other.chance.bit_generator.state != Band().chance.bit_generator.state
    assert replayed.notes == live.notes


def test_a_cue_is_called_again_when_it_was_called_so_that_it_remembers_what_it_did(tmp_path):
    band, _ = live_band(tmp_path / "a.jsonl")
    other, _ = again(tmp_path / "a.jsonl")
    assert other.said == band.said == [0.0, 4.0, 8.0]


def test_at_another_size_and_frame_rate_it_is_the_same_performance(tmp_path):
    _, live = live_band(tmp_path / "a.jsonl", hands=turning)
    _, replayed = again(tmp_path / "a.jsonl", size=(16, 12), fps=20.0)
    assert replayed.score() == live.score()
    seen, larger = frames(live), frames(replayed)
    assert len(larger) == 2 * len(seen)
    assert all(larger[at] == picture for at, picture in seen.items())


def test_frames_that_were_dropped_are_drawn_unless_it_is_to_be_as_it_was_shown(tmp_path):
    class Layers:
        """Paint on in the last picture, so that each frame counts."""

        def __init__(self, stop=None):
            self.shade, self.stop = 0, stop

        def draw(self, now):
            if self.stop and round(now.seconds * 10) == 5:
                self.stop(now.seconds + 0.35)
            self.shade += 1
            return np.full((6, 8, 3), self.shade, np.uint8)

    memory = Memory()
    layers = Layers(lambda seconds: type(stage.clock).__mro__[1].wait(stage.clock, seconds))
    stage = live_stage([memory], draw=layers.draw)
    with written_down(stage, tmp_path / "a.jsonl"):
        stats = stage.perform(2)
    assert stats.late == 2
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert len(frames(replay(take, draw=Layers().draw))) == 20
    take.recipe["moment"] = 1.9
    still = replay(take, draw=Layers().draw)
    assert list(frames(still).values()) == [frames(memory)[1.9]]


def test_a_cue_that_raised_in_the_show_does_not_end_it_when_it_is_performed_again(tmp_path):
    def draw(now):
        if 0.45 < now.seconds < 0.75:
            raise ValueError("a bad moment")
        return np.full((6, 8, 3), round(now.seconds * 100), np.uint8)

    def play(now):
        if now.beats == 4:
            raise ValueError("a bad bar")
        return [Note(60)]

    memory = Memory()
    stage = live_stage([memory], draw=draw, plays=[(play, 1)])
    with written_down(stage, tmp_path / "a.jsonl"):
        stage.perform(5)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    replayed = replay(take, draw=draw, plays=[(play, 1)])
    assert frames(replayed) == frames(memory)
    assert replayed.score() == memory.score()


def test_an_output_that_fails_is_told_when_a_take_is_performed_again(tmp_path):
    live_band(tmp_path / "a.jsonl", seconds=1)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    full = Memory()
    full.show = lambda image, now: (_ for _ in ()).throw(OSError("no space left"))
    facts = Performance(take.clock(), (8, 6), 10.0, "a test", take=take)
    with pytest.raises(OSError, match="no space left"):
        Replay(facts, [full], draw=Band().draw).perform(take.seconds)


def test_what_a_turn_is_for_and_is_no_longer_there_is_left_out(tmp_path, capsys):
    live_band(tmp_path / "a.jsonl", hands=turning)
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    replay(take, draw=lambda now: np.zeros((6, 8, 3), np.uint8))
    said = capsys.readouterr().err
    assert "no control '/light/level'" in said and "it is left out" in said


# -- analyzers --------------------------------------------------------------------------------


class Seen(NamedTuple):
    light: float
    word: str
    picture: np.ndarray


class Eye(Analyzer):
    """Read a number that nobody can foresee, and a picture that no take can hold."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def analyze(self, image):
        return Seen(next(self.numbers), "grey", image + 1)


def test_a_live_analyzer_says_again_what_it_said_at_each_frame(tmp_path):
    def piece(eye):
        def draw(now):
            seen = eye(np.zeros((6, 8, 3), np.uint8))
            assert seen.word == "grey" and seen.picture.max() == 1
            assert eye(np.zeros((6, 8, 3), np.uint8)).light == seen.light  # within one frame
            return np.full((6, 8, 3), seen.light)

        return draw

    memory = Memory()
    chance = np.random.default_rng(3)
    stage = live_stage([memory], draw=piece(Eye(chance.random(1000))))
    with written_down(stage, tmp_path / "a.jsonl"):
        stage.perform(3)
    shown = frames(memory)
    assert len(set(shown.values())) > 3
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    eye = Eye(np.zeros(1000))
    assert frames(replay(take, draw=piece(eye))) == shown
    with pytest.raises(TimeoutError, match="has no reading yet"):
        take.readings("another", 1.0, lambda: None)


# -- the file ---------------------------------------------------------------------------------


def test_a_take_says_how_the_show_was_made_and_holds_a_line_for_each_thing(tmp_path):
    live_band(tmp_path / "a.jsonl", hands=turning)
    header, *rest = lines(tmp_path / "a.jsonl")
    assert header == {"take": 1, **RECIPE}
    assert [1.3, "/light/level", 0.3] in rest
    assert [3.2, "/light/level", None] in rest
    phrases = [line for line in rest if line[1] == "phrase"]
    assert [phrase[2][:3] for phrase in phrases] == [[0, 0, 4], [0, 4, 4], [0, 8, 4]]
    assert rest[-1] == [4.0, "end", None]


def test_a_show_that_fails_before_its_first_beat_leaves_no_take(tmp_path):
    stage = live_stage([], draw=lambda now: 1 / 0)
    with pytest.raises(ZeroDivisionError), written_down(stage, tmp_path / "a.jsonl"):
        stage.perform(1)
    assert list(tmp_path.iterdir()) == []


def test_two_takes_of_one_name_do_not_overwrite_each_other(tmp_path):
    live_band(tmp_path / "a.jsonl", seconds=1)
    before = (tmp_path / "a.jsonl").read_bytes()
    live_band(tmp_path / "a.jsonl", seconds=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.jsonl", "a.jsonl"]
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told_once_and_the_show_goes_on(tmp_path, capsys):
    (tmp_path / "takes").write_text("a file where the folder should be")
    _, memory = live_band(tmp_path / "takes" / "a.jsonl", seconds=1)
    assert len(memory.images) == 10
    said = capsys.readouterr().err
    assert said.count("the take cannot be written to") == 1
    assert "the show goes on" in said


def test_a_disk_that_is_full_is_told_once_and_the_show_goes_on(tmp_path, capsys):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    said = []

    def reported() -> bool:
        said.append(capsys.readouterr().err)
        return "cannot be written" in "".join(said)

    def hands(frame, parameters):
        if frame == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
        parameters.set("/light/level", frame / 40)
        if frame == 20:
            wait_for(reported, what="the recorder to give up")

    try:
        _, memory = live_band(tmp_path / "a.jsonl", hands=hands)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(memory.images) == 40
    reported()
    assert "".join(said).count("the take cannot be written to") == 1
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")  # what there is can be used
    assert take.turns


def test_a_value_that_no_take_can_hold_costs_one_line_alone(tmp_path, capsys):
    def hands(frame, parameters):
        if frame == 3:
            parameters.publish(ParameterSet(0.3, "/light/level", {1, 2}))
        if frame == 5:
            parameters.set("/light/level", 0.5)

    live_band(tmp_path / "a.jsonl", seconds=2, hands=hands)
    assert [0.6, "/light/level", 0.5] in lines(tmp_path / "a.jsonl")
    assert "a take cannot hold" in capsys.readouterr().err


# -- stills -----------------------------------------------------------------------------------


def test_a_still_carries_the_take_up_to_its_picture_and_makes_it_again(tmp_path):
    def hands(frame, parameters):
        turning(frame, parameters)
        if frame == 24:
            parameters.set("/show/still")  # taken in at frame 25, when frame 24 is to be seen

    _, live = live_band(tmp_path / "a.jsonl", hands=hands)
    (still,) = tmp_path.glob("*.png")
    assert still.name == "a-0002.400s.png"
    picture = np.asarray(Image.open(still))
    assert picture.tobytes() == frames(live)[2.4]
    found = carried(still)
    take = read_take(found.text, still.name)
    assert take.moment == 2.4
    assert all(turn.seconds <= 2.4 for turn in take.turns) and len(take.turns) == 8
    still.with_suffix(".jsonl").write_text(found.text)
    _, replayed = again(still.with_suffix(".jsonl"))
    assert list(frames(replayed).values()) == [picture.tobytes()]


def test_without_a_take_no_still_is_kept_and_none_waits(tmp_path, capsys):
    (tmp_path / "takes").write_text("a file where the folder should be")
    stage = live_stage([], draw=Band().draw)
    with written_down(stage, tmp_path / "takes" / "a.jsonl") as recorder:
        stage.perform(1)
    assert "/show/still" not in stage.performance.parameters.by_address
    stage = live_stage([], draw=Band().draw)
    with written_down(stage, tmp_path / "a.jsonl") as recorder:
        stage.performance.parameters.set("/show/still")  # there is no picture yet
        recorder._give_up(OSError(28, "No space left on device"))
        stage.performance.parameters.set("/show/still")
        stage.perform(1)
    assert list(tmp_path.glob("*.png")) == [] and not recorder._waiting
    assert "a still cannot be kept now" in capsys.readouterr().err


def test_half_a_letter_of_a_stranger_costs_one_line_alone(tmp_path, capsys):
    def hands(frame, parameters):
        words = "\ud800" if frame == 3 else "whole"
        parameters.publish(ParameterSet(frame / 10, "/light/words", words))

    live_band(tmp_path / "a.jsonl", seconds=2, hands=hands)
    said = [line[2] for line in lines(tmp_path / "a.jsonl")[1:] if line[1] == "/light/words"]
    assert said == ["whole"] * 19
    assert "a take cannot hold" in capsys.readouterr().err


def test_a_still_is_not_asked_for_again(tmp_path):
    live_band(tmp_path / "a.jsonl", hands=lambda frame, parameters: parameters.set("/show/still"))
    # The show, which took no time, did not wait for them.
    assert MAX_STILLS <= len(list(tmp_path.glob("*.png"))) < 39
    take = read_take((tmp_path / "a.jsonl").read_text(), "a")
    assert {turn.address for turn in take.turns} == {"/show/still"}
    before = sorted(tmp_path.iterdir())
    again(tmp_path / "a.jsonl")
    assert sorted(tmp_path.iterdir()) == before


# -- real processes ---------------------------------------------------------------------------

PIECE = """\
import numpy as np
from capriccio import Generator, Note, Sketch, controls

class Light(Generator):
    def __init__(self, *, seed=0):
        self.shade = seed % 100
    def generate(self, now, *, level=0.5):
        y, x = np.mgrid[0:48, 0:64]
        return (self.shade + 40 * level + x + y).astype(np.uint8)[..., None].repeat(3, axis=2)

light = Light(seed=3)
hands = controls()
sketch = Sketch(bpm=120, fps=20, size=(64, 48))

@sketch.draw
def glow(now):
    return light(now, level=hands[1] * (0.5 + sketch.loudness))

@sketch.play(bars=1)
def drum(now):
    pitch = 36 + int(hands[1] * 40)
    return [Note(pitch, beat, 0.5) for beat in range(4)]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "CAPRICCIO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "piece.py").write_text(PIECE)
    return tmp_path


def begin(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "capriccio", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def capriccio(*words) -> str:
    child = begin(*map(str, words))
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 0, said
    return said


def take_of(folder) -> Path:
    (take,) = (folder / "takes").glob("*.jsonl")
    return take


def pictures(folder) -> dict[float, bytes]:
    """Give the frames in a folder by their moment, as their recipes say."""
    files = sorted(folder.glob("*.png"))
    moments = [json.loads(carried(file).text)["moment"] for file in files]
    pixels = [np.asarray(Image.open(file)).tobytes() for file in files]
    return dict(zip((round(moment, 6) for moment in moments), pixels, strict=True))


def begun(file) -> list:
    """Give every beginning and end of a note in a MIDI file as ticks and bytes."""
    found = []
    for track in mido.MidiFile(file).tracks:
        ticks = 0
        for message in track:
            ticks += message.time
            if message.type.startswith("note"):
                found.append((ticks, *message.bytes()))
    return sorted(found)


def test_live_control_by_a_real_controller_is_performed_again_to_the_pixel(folder, jack):
    outputs = ["--to", "frames:live", "--to", "midifile:live.mid"]
    with plugged("nano") as nano:
        child = begin("run", "piece.py", "--seconds", "6", "--fps", "10", *outputs)
        wait_for(lambda: list(folder.glob("live/*.png")), what="the show")
        for level in range(128):
            nano.send(cc(1, level))
            if child.poll() is None:
                threading.Event().wait(0.03)  # hands take their time
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said
    take = take_of(folder)
    heard = [line for line in lines(take)[1:] if line[1] == "midi"]
    assert len(heard) > 30 and {line[2][1] for line in heard} == {"nano:nano"}
    capriccio("replay", take, "--to", "frames:again", "--to", "midifile:again.mid")
    live, replayed = pictures(folder / "live"), pictures(folder / "again")
    assert len(set(live.values())) > 20
    assert {at: replayed[at] == picture for at, picture in live.items()} == dict.fromkeys(
        live, True
    )
    assert begun("again.mid") == begun("live.mid")
    assert len({note[2] for note in begun("live.mid")}) > 1


def test_a_show_that_is_killed_loses_at_most_the_last_second_of_its_take(folder):
    child = begin("run", "piece.py", "--to", "frames:live", "--to", "midifile:live.mid")
    wait_for(lambda: len(list(folder.glob("live/*.png"))) > 50, seconds=60, what="frames")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    shown = max(pictures(folder / "live"))
    take = read_take(take_of(folder).read_text(), "a")
    assert take.seconds > shown - 1.0
    capriccio("replay", take_of(folder), "--to", "frames:again")
    replayed = pictures(folder / "again")
    live = pictures(folder / "live")
    assert max(replayed) > shown - 1.0
    assert all(replayed[at] == live[at] for at in live if at in replayed)


def test_without_a_take_none_is_written(folder):
    capriccio("run", "piece.py", "--seconds", "0.5", "--no-take", "--to", "frames:live")
    assert not (folder / "takes").exists()


def test_live_shows_draw_a_seed_of_their_own_which_the_take_holds(folder):
    text = PIECE.replace("light = Light(seed=3)", 'light = generator("vae", model="watercolors")')
    text = text.replace("import Generator,", "import generator, Generator,")
    (folder / "piece.py").write_text(text.replace("light(now, level=", "light(now, bloom="))
    for name in ("a", "b"):
        capriccio("run", "piece.py", "--seconds", "0.3", "--to", f"frames:{name}")
    first, second = sorted((folder / "takes").glob("*.jsonl"))
    chances = [json.loads(take.read_text().splitlines()[0])["chance"] for take in (first, second)]
    assert chances[0] != chances[1]
    assert pictures(folder / "a")[0.0] != pictures(folder / "b")[0.0]
    capriccio("replay", second, "--to", "frames:c")
    assert pictures(folder / "c")[0.0] == pictures(folder / "b")[0.0]


def test_what_is_no_longer_as_it_was_is_said(folder):
    capriccio("run", "piece.py", "--seconds", "0.3", "--to", "frames:live")
    take = take_of(folder)
    assert "differs" not in capriccio("replay", take, "--to", "frames:a")
    header, *rest = take.read_text().splitlines()
    recipe = json.loads(header)
    recipe.update(capriccio="0.0.1", machine="an \x1b[31mold\u202e one")
    recipe["versions"]["numpy"] = "1.0"
    recipe["plugins"] = {"gone": "gone 1.0"}
    model = json.dumps([0.0, "models", {"m.onnx": {"sha256": "0", "provider": "cuda"}}])
    take.write_text("\n".join([json.dumps(recipe), model, *rest, ""]))
    (folder / "piece.py").write_text(PIECE + "# another line\n")
    said = capriccio("replay", take, "--to", "frames:b")
    assert "differs: sketch piece.py is not as it was" in said
    assert "differs: capriccio was 0.0.1 and is" in said
    assert r"differs: machine was an \x1b[31mold\u202e one and is" in said
    assert "differs: version numpy was 1.0 and is" in said
    assert "differs: plugin gone was gone 1.0 and is not there" in said


def test_a_sketch_that_has_moved_is_found_where_it_is_said_to_be(folder):
    capriccio("run", "piece.py", "--seconds", "0.3", "--to", "frames:live")
    take = take_of(folder)
    (folder / "piece.py").rename(folder / "other.py")
    child = begin("replay", str(take), "--to", "frames:a")
    said, _ = child.communicate()
    assert child.returncode == 1
    assert "no sketch 'piece.py' where it was; say where with --sketch FILE" in said
    capriccio("replay", take, "--sketch", "other.py", "--to", "frames:a")
