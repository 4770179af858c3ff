"""The stage: exact offline, alive live, and every note ended; time is wound by the tests."""

import gc
import threading

import pytest
from capriccio import Generator, Moment, Note, Output, ShowError
from capriccio.testing import Memory
from helpers.shows import GREY, ThreadCounter, beat, grey, live_stage, offline_stage, turns

# -- offline: time ----------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [24, 29.97, 59.94, 1000])
def test_offline_time_is_exact(fps):
    seen = []

    def draw(now):
        seen.append((now, stage.clock.seconds()))
        return GREY

    stage = offline_stage([], draw=draw, fps=fps, bpm=90)
    stage.perform(0.5)
    for number, (now, seconds) in enumerate(seen):
        assert now.seconds == seconds == number / fps
        assert now.beats == pytest.approx(number / fps * 1.5)
        assert now.span == pytest.approx(1.5 / fps)
    assert stage.clock.seconds() == 0.5


def test_notes_that_last_beyond_the_end_are_ended_at_it():
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [Note(60, 1.0, 999.0)], 1)]).perform(1.25)
    assert turns(memory) == [(1, True, 60), (2.5, False, 60)]


def test_a_live_show_does_not_search_what_was_there_before_for_garbage():
    frozen = []

    def draw(now):
        frozen.append(gc.get_freeze_count())
        return GREY

    live_stage([], draw=draw).perform(0.2)
    assert min(frozen) > 1000
    assert gc.get_freeze_count() == 0


def test_an_offline_show_needs_an_end():
    with pytest.raises(ValueError, match=r"^an offline show needs an end; give seconds=$"):
        offline_stage([], draw=grey).perform()


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_the_length_of_a_show_must_be_positive(stage, seconds):
    with pytest.raises(ValueError, match=r"^seconds must be positive, got "):
        stage([], draw=grey).perform(seconds)


# -- offline: the same again, and black -------------------------------------------------------


def test_a_show_without_pictures_is_black():
    memory = Memory()
    stage = offline_stage([memory], plays=[(beat, 1)])
    assert not stage.image.any()
    stage.perform(1)
    assert len(memory.images) == 10
    assert all(image.shape == (6, 8, 3) and not image.any() for image in memory.images)


# -- live -------------------------------------------------------------------------------------


def test_live_and_offline_play_the_same():
    scores = []
    for stage_of in (offline_stage, live_stage):
        memory = Memory()
        plays = [(beat, 1), (lambda now: [Note(40, 0.25, 7.0)], 1.5)]
        stage_of([memory], draw=grey, plays=plays, meter=3).perform(6.1)
        scores.append(turns(memory))
    assert len(scores[0]) > 20
    assert scores[0] == scores[1]


def test_pictures_are_drawn_on_the_main_thread_and_music_is_composed_ahead_in_another():
    drawn, composed = [], []

    def draw(now):
        drawn.append(threading.current_thread())
        return GREY

    def play(now):
        composed.append((threading.current_thread(), now.seconds - stage.clock.seconds()))

    stage = live_stage([], draw=draw, plays=[(play, 0.25)])
    stage.perform(4)
    assert set(drawn) == {threading.main_thread()}
    first, *others = composed
    assert first == (threading.main_thread(), 0.0)  # before the first beat
    assert len(others) >= 8
    assert threading.main_thread() not in {thread for thread, _ in others}
    assert min(ahead for _, ahead in others) > 0.35


def test_image_and_loudness_can_be_asked_for_from_any_thread():
    seen, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            seen.append((stage.image.shape, stage.loudness()))

    stage = live_stage([Memory()], draw=grey, plays=[(beat, 0.25)], fps=100)
    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    stats = stage.perform(2)
    stop.set()
    for asker in askers:
        asker.join(20)
    assert stats.troubles == {} and stats.notes == 4
    assert {shape for shape, _ in seen} <= {(6, 8, 3), (4, 4, 3)}
    assert all(0 <= loudness <= 0.8 for _, loudness in seen)
    assert max(loudness for _, loudness in seen) > 0.2


def test_a_part_that_draws_and_plays_is_in_one_thread_at_a_time():
    crowd = ThreadCounter()

    class Both(Generator):
        def generate(self, now, *, again=0.0):
            crowd.enter()
            return self(now) if again else []  # it may call itself

    both = Both()
    threads = [
        threading.Thread(target=lambda: [both(Moment(), again=1) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (crowd.calls, crowd.most) == (160, 1)


# -- what gets ready meanwhile ----------------------------------------------------------------


class Slow(Output):
    """Gets ready while the first picture is drawn; `told` hears what is called."""

    def __init__(self, name, told, trouble=""):
        super().__init__(name)
        self.told, self.trouble = told, trouble

    def prepare(self, performance):
        self.told.append(f"{self.target} prepares")
        return True

    def start(self, performance):
        self.told.append(f"{self.target} starts")
        if self.trouble:
            raise ShowError(self.trouble)

    def note_on(self, note, now):
        self.told.append(f"{self.target} plays")

    def close(self):
        self.told.append(f"{self.target} closes")


def test_an_output_gets_ready_while_the_first_picture_is_drawn():
    told = []
    stage = live_stage(
        [Slow("a", told), Slow("b", told)],
        draw=lambda now: told.append("draws") or GREY,
        plays=[(beat, 1)],
    )
    stage.perform(0.01)
    assert told[:5] == ["a prepares", "b prepares", "draws", "a starts", "b starts"]
    assert "b plays" in told[5:]


def test_offline_an_output_starts_at_once_as_does_one_that_shows_pictures():
    told = []
    offline_stage([Slow("a", told)], draw=lambda now: told.append("draws") or GREY).perform(0.05)
    assert told == ["a starts", "draws", "a closes"]

    class Lamp(Slow):
        def show(self, image, now):
            self.told.append("shows")

    told.clear()
    live_stage([Lamp("a", told)], draw=grey).perform(0.01)
    assert told[:2] == ["a starts", "shows"]


def test_the_error_of_the_first_output_is_raised_before_those_of_others_and_of_cues():
    def fail(now):
        raise ValueError("no picture")

    class Broken(Memory):
        def start(self, performance):
            raise ShowError("no screen")

    told = []
    for others, draw, error in (
        ([Broken()], grey, "no port"),
        ([], fail, "no port"),
        ([Slow("b", told, "no sound")], grey, "no port"),
    ):
        with pytest.raises(ShowError, match=f"^{error}$"):
            live_stage([Slow("a", told, "no port"), *others], draw=draw).perform(0.1)
    with pytest.raises(ShowError, match=r"^no screen$"):
        live_stage([Broken(), Slow("a", told, "no port")], draw=grey).perform(0.1)
    with pytest.raises(ValueError, match=r"^no picture$"):
        live_stage([Slow("a", told)], draw=fail).perform(0.1)
    assert told[-1] == "a closes"
