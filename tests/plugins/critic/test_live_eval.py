"""The critic in a live show, and the opinion of a second model."""

import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from capriccio import Generator, Sketch
from capriccio_critic.analyzer import Critic
from capriccio_critic.evaluate import evaluate
from capriccio_critic.live_eval import agreement, late_frames, second_opinion
from click.testing import CliRunner


class Shades(Generator):
    """Return one grey, with a white square as large as `square`."""

    def generate(self, now, *, grey=0.5, square=0.5):
        image = np.full((64, 64, 3), grey * 0.8, np.float32)
        side = round(64 * square)
        image[:side, :side] = 1
        return image


class Brightness:
    """Name one of two movements by how light a picture is, or by the opposite."""

    movements = ("light", "dark")

    def __init__(self, *, wrong=False):
        self.wrong = wrong

    def movement_probabilities(self, image):
        light = float(image.mean() / 255)
        light = 1 - light if self.wrong else light
        return {"light": light, "dark": 1 - light}

    def analyze_with_movements(self, image):
        return None, self.movement_probabilities(image)

    def analyze(self, image):
        shares = self.movement_probabilities(image)
        movement = max(shares, key=lambda name: shares[name])
        return SimpleNamespace(movement=movement, certainty=shares[movement], quality=0.5)

    best_of = Critic.best_of


# -- in a live show ---------------------------------------------------------------------------


class Slow(Critic):
    """A critic that reads its second picture until it is released."""

    def __init__(self):
        super().__init__()
        self.begun, self.released, self.first = threading.Event(), threading.Event(), True

    def analyze(self, thing):
        if not self.first:
            self.begun.set()
            assert self.released.wait(120)
        self.first = False
        return super().analyze(thing)


@pytest.mark.slow
def test_a_busy_critic_delays_no_frame():
    critic, sketch, read, done = Slow(), Sketch(bpm=60, fps=10, size=(64, 64)), [], []

    @sketch.draw
    def draw(now):
        read.append((critic.begun.is_set(), critic(sketch.image)))
        return np.full((64, 64, 3), 90, np.uint8)

    def progress(frames):
        done.append(frames)
        # A frame that waited for the reading would never get here.
        if frames >= 20:
            critic.released.set()

    stats = sketch.perform([], seconds=6, live=True, progress=progress)
    assert stats.frames + stats.late == pytest.approx(60, abs=1)
    assert not [words for words in stats.troubles if "slow" in words]  # others' ports come and go
    assert max(done) >= 20
    waited = [readings for busy, readings in read if busy]
    assert sum(readings is read[0][1] for readings in waited) > 3


def test_late_frames_are_counted_with_the_critic_and_without(critic):
    figures = late_frames(critic, Shades(), seconds=1, rounds=1)
    for name in ("alone", "with the critic"):
        due = figures[f"frames, {name}"] + figures[f"late, {name}"]
        assert due == pytest.approx(30, abs=1)
        assert figures[f"frames, {name}"] > 5
    assert figures["pictures the critic read"] > 1


def test_the_command_measures_late_frames():
    result = CliRunner().invoke(evaluate, ["--live", "0.2"])
    assert result.exit_code == 0, result.exception
    figures = json.loads(result.stdout)
    due = figures["frames, alone"] + figures["late, alone"]
    assert due == pytest.approx(12, abs=2)
    assert figures["seconds"] == 0.4


# -- a second opinion -------------------------------------------------------------------------


def test_selection_raises_what_an_agreeing_model_names():
    figures = second_opinion(Brightness(), Brightness(), Shades(), count=8, trials=10)
    assert figures["trials"] == 20
    single = figures["second names what was asked, single"]
    best = figures["second names what was asked, best of 8"]
    assert single < 0.8 < best
    assert figures["raised by"] == pytest.approx(best - single)
    assert 0 < figures["raised by, standard error"] < 0.3


def test_selection_lowers_what_an_opposite_model_names():
    figures = second_opinion(Brightness(), Brightness(wrong=True), Shades(), count=8, trials=10)
    assert figures["raised by"] < -0.2
    probability = "second's probability of it, "
    assert figures[f"{probability}best of 8"] < figures[f"{probability}single"]


def test_models_without_a_common_movement_are_refused():
    other = Brightness()
    other.movements = ("square",)
    with pytest.raises(
        ValueError, match="the second model must know one of light, dark, got square"
    ):
        second_opinion(Brightness(), other, Shades())


@pytest.mark.slow
def test_the_command_asks_a_second_model():
    model = str(Critic.models["paintings"])
    words = ["--second", model, "--trials", "1"]
    result = CliRunner().invoke(evaluate, words)
    assert result.exit_code == 0, result.exception
    figures = json.loads(result.stdout)
    assert figures["trials"] == figures["movements"] == 18
    # The second model is the same one: it finds the selected pictures more probable.
    probability = "second's probability of it, "
    assert figures[f"{probability}best of 16"] > figures[f"{probability}single"]


def test_certainty_is_compared_with_how_often_a_second_model_agrees():
    same = agreement(Brightness(), Brightness(), Shades(), pictures=10)
    assert same["share of them that the second names the same"] == 1
    assert 0.5 <= same["mean certainty of them"] <= 1
    other = agreement(Brightness(), Brightness(wrong=True), Shades(), pictures=10)
    assert other["share of them that the second names the same"] == 0
