"""The stage: exact offline, alive live, and every note ended; time is wound by the tests."""

import signal
import threading
from functools import partial
from random import Random

import numpy as np
import pytest
from capriccio import Generator, Moment, Note, ShowError, Sketch
from capriccio.stage.stage import SEND_SECONDS
from capriccio.stage.stats import frame_count
from capriccio.testing import Memory
from helpers.shows import GREY, Timed, beat, grey, live_stage, offline_stage, released, turns
from hypothesis import given, settings
from hypothesis import strategies as st


def moments_of(cue_moments):
    """Give a cue that remembers its moments, and plays and draws nothing."""

    def cue(now):
        cue_moments.append(now)

    return cue


# -- offline: time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [(2, 30, 60), (0.05, 30, 2), (0.01, 30, 1), (1, 29.97, 30), (10, 29.97, 300), (16, 0.1, 2)],
)
def test_every_frame_that_begins_before_the_end_is_drawn(seconds, fps, frames):
    memory = Memory()
    done = []
    stats = offline_stage([memory], draw=grey, fps=fps).perform(seconds, done.append)
    assert stats.frames == len(memory.images) == frames == frame_count(seconds, fps)
    assert done == list(range(1, frames + 1))


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


@pytest.mark.parametrize("meter", [3, 4, 5, 7])
@pytest.mark.parametrize("bars", [2, 1, 0.5, 1.5, 1 / 3])
def test_a_play_cue_is_called_for_every_turn_and_told_its_span(meter, bars):
    seen = []
    offline_stage([], plays=[(moments_of(seen), bars)], meter=meter, bpm=60).perform(20)
    assert [now.beats for now in seen] == [
        number * bars * meter for number in range(100) if number * bars * meter < 20 - 1e-6
    ]
    assert {now.span for now in seen} == {bars * meter}
    assert {now.meter for now in seen} == {meter}


def test_cues_take_turns_in_the_order_of_time_and_then_of_writing():
    called = []
    plays = [
        (lambda now: called.append(("slow", now.beats)), 1.5),
        (lambda now: called.append(("fast", now.beats)), 1),
    ]
    offline_stage([], plays=plays, meter=4, bpm=60).perform(13)
    slow, fast = [("slow", 0), ("slow", 6), ("slow", 12)], [("fast", beats) for beats in (0, 4, 8)]
    assert called == [slow[0], fast[0], fast[1], slow[1], fast[2], slow[2], ("fast", 12)]


def listening_music(fps):
    """Give the score of music that depends on chance and on how loud it is just then."""
    chance, memory = Random(7), Memory()

    def listen(now):
        count = 1 + round(4 * stage.loudness())
        return [
            Note(chance.randrange(40, 80), number / count, 2.5, chance.random())
            for number in range(count)
        ]

    stage = offline_stage([memory], plays=[(listen, 0.5)], fps=fps)
    stage.perform(9.9)
    return memory.score()


def test_the_music_is_the_same_at_every_frame_rate():
    first, *others = [listening_music(fps) for fps in (0.1, 7, 29.97, 60)]
    assert len(first.splitlines()) > 30
    assert others == [first] * 3


def test_nothing_begins_at_the_very_end():
    memory, seen = Memory(), []

    def cue(now):
        seen.append(now.beats)
        return beat(now)

    offline_stage([memory], plays=[(cue, 1)], fps=10).perform(2.0)
    assert seen == [0]  # beat 4 is the end
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [Note(60), Note(62, 3.0)], 1)]).perform(1.5)
    assert turns(memory) == [(0, True, 60), (1, False, 60)]


def test_notes_that_last_beyond_the_end_are_ended_at_it():
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [Note(60, 1.0, 999.0)], 1)]).perform(1.25)
    assert turns(memory) == [(1, True, 60), (2.5, False, 60)]


def test_an_offline_show_needs_an_end():
    with pytest.raises(ValueError, match=r"^an offline show needs an end; give seconds=$"):
        offline_stage([], draw=grey).perform()


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_a_length_that_is_none_is_told(stage, seconds):
    with pytest.raises(ValueError, match=r"^seconds must be positive, got "):
        stage([], draw=grey).perform(seconds)


# -- notes ------------------------------------------------------------------------------------


def test_a_note_struck_again_is_ended_first_and_ends_when_the_later_one_does():
    note = Note(60, 0.0, 3.0)  # the very same thing for every turn
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: [note], 0.5)], bpm=60).perform(10)
    begun = [(float(beats), True, 60) for beats in range(0, 10, 2)]
    ended = [(float(beats), False, 60) for beats in range(2, 11, 2)]
    assert turns(memory) == sorted(begun + ended)


PHRASES = st.lists(
    st.builds(
        Note,
        st.integers(60, 63),
        st.floats(0, 6),
        st.floats(1e-9, 8),
        st.floats(0, 1),
        st.integers(1, 2),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(PHRASES, st.floats(0.1, 6))
def test_whatever_is_played_every_note_is_ended_once_and_before_it_is_struck_again(phrase, seconds):
    memory = Memory()
    offline_stage([memory], plays=[(lambda now: phrase, 1)], fps=5).perform(seconds)
    sounding, before = set(), 0.0
    for call in memory.calls:
        if not call.method.startswith("note"):
            continue
        key = call.thing.channel, call.thing.pitch
        assert (key in sounding) == (call.method == "note_off")
        sounding ^= {key}
        assert call.now.beats >= before - 1e-9
        before = call.now.beats
    assert not sounding
    assert memory.calls[-1].method == "close"


def test_the_loudness_is_that_of_the_strongest_note_halved_with_every_beat():
    heard = []

    def draw(now):
        heard.append(stage.loudness())
        return GREY

    phrase = [Note(60, 1.0, 2.0, 0.8), Note(64, 2.0, 2.0, 0.6)]
    stage = offline_stage([], draw=draw, plays=[(lambda now: phrase, 10)], bpm=60, fps=2)
    stage.perform(5)
    expected = [0, 0, 0.8, 0.8 * 0.5**0.5, 0.6, 0.6 * 0.5**0.5, 0.3, 0.3 * 0.5**0.5, 0, 0]
    assert heard == pytest.approx(expected)


def test_a_cue_with_more_notes_than_can_wait_is_told(monkeypatch):
    monkeypatch.setattr("capriccio.stage.scheduling.MAX_NOTES", 50)
    later = [Note(60, 1e6) for _ in range(20)]
    message = r"^play cue 'flood' has more than 50 notes waiting; write fewer$"

    def flood(now):
        return later

    with pytest.raises(ShowError, match=message):
        offline_stage([], plays=[(flood, 1)]).perform(60)
    stage = live_stage([], plays=[(flood, 1)], fps=2)
    assert stage.perform(20).troubles
    assert len(stage.loudness_queue) == 0


def test_a_networks_own_numbers_do_not_blur_a_long_show():
    start = np.float32(0.1)
    memory = Memory()
    cue = (lambda now: [Note(np.int64(60), start, np.float32(0.2))] if now.beats else [], 100_000)
    offline_stage([memory], plays=[cue], bpm=9999, fps=0.1).perform(2401)
    assert [call.now.beats for call in memory.calls if call.method == "note_on"] == [
        400_000 + float(start)
    ]


# -- offline: the same again, and black -------------------------------------------------------


def test_a_show_without_pictures_is_black():
    memory = Memory()
    stage = offline_stage([memory], plays=[(beat, 1)])
    assert not stage.image.any()
    stage.perform(1)
    assert len(memory.images) == 10
    assert all(image.shape == (6, 8, 3) and not image.any() for image in memory.images)


def test_a_cue_may_be_any_thing_that_can_be_called():
    class Dots(Generator):
        def generate(self, now):
            return GREY

    memory = Memory()
    offline_stage([memory], draw=Dots()).perform(0.2)
    assert len(memory.images) == 2
    with pytest.raises(TypeError, match=r"^draw cue 'partial' returned None, expected an image"):
        offline_stage([memory], draw=partial(moments_of([]))).perform(1)


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_signals_are_given_back(stage):
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        before = [signal.getsignal(number) for number in signals]
        seen = []

        def draw(now):
            seen.append([signal.getsignal(number) for number in signals])
            return GREY

        stage([], draw=draw).perform(0.2)
        assert [signal.getsignal(number) for number in signals] == before
        assert seen[0][0] != before[0] and seen[0][1] != before[1]
        assert seen[0][2] == signal.SIG_IGN  # a show begun with nohup outlives its terminal
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGHUP, ignored)


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_a_show_can_be_performed_in_any_thread(stage):
    memory = Memory()
    made = stage([memory], draw=grey, plays=[(beat, 1)])
    thread = threading.Thread(target=made.perform, args=(2,))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert len(memory.notes) == 4 and memory.sounding == []


# -- live -------------------------------------------------------------------------------------


def test_a_live_show_ends_after_its_seconds_and_leaves_no_thread():
    before = set(threading.enumerate())
    memory = Memory()
    stage = live_stage([memory], draw=grey, plays=[(beat, 1)])
    done = []
    stats = stage.perform(2.05, done.append)
    assert (stats.frames, stats.late, stats.notes, stats.troubles) == (21, 0, 5, {})
    assert done == list(range(1, 22))
    assert memory.sounding == []
    assert set(threading.enumerate()) == before


def test_live_and_offline_play_the_same():
    scores = []
    for stage_of in (offline_stage, live_stage):
        memory = Memory()
        plays = [(beat, 1), (lambda now: [Note(40, 0.25, 7.0)], 1.5)]
        stage_of([memory], draw=grey, plays=plays, meter=3).perform(6.1)
        scores.append(turns(memory))
    assert len(scores[0]) > 20
    assert scores[0] == scores[1]


def test_whatever_can_be_called_draws():
    class Brush(list):
        """A thing that can be called, and that no dictionary takes as a key."""

        def __call__(self, now):
            self.append(now)
            return GREY

    brush, memory = Brush(), Memory()
    offline_stage([memory], draw=brush).perform(0.5)
    assert len(brush) == len(memory.images) > 1


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


def test_a_timed_output_is_handed_events_ahead_of_time_and_in_order():
    timed = Timed()
    plays = [(beat, 1), (lambda now: [Note(40, step / 4, 0.2) for step in range(16)], 1)]
    timed.stage = stage = live_stage([timed], draw=grey, plays=plays, fps=30)
    stage.perform(6)
    assert len(timed.ahead) == 60
    assert max(timed.ahead) <= SEND_SECONDS + 1e-6
    assert min(timed.ahead[6:]) > 0.1  # what sounds at the first beat can only come with it
    beats = [now for now, _, _ in turns(timed)]
    assert beats == sorted(beats)


def test_a_timed_output_is_handed_nothing_that_would_begin_after_the_end():
    timed = Timed()
    timed.stage = stage = live_stage([timed], plays=[(beat, 1)])
    stage.perform(1.9)
    assert [now for now, begins, _ in turns(timed) if begins] == [0, 1, 2, 3]
    assert timed.sounding == []


def test_a_note_that_was_handed_ahead_of_an_end_is_ended_after_it_begins():
    timed = Timed()

    def draw(now):
        if now.seconds >= 0.85:
            timed.closed = True
        return GREY

    timed.stage = stage = live_stage([timed], draw=draw, plays=[(beat, 1)], fps=20)
    stage.perform()
    assert turns(timed)[-2:] == [(2, True, 62), (2, False, 62)]  # beat 2 is at 1 second
    assert stage.clock.seconds() < 1


def test_notes_are_handed_when_they_are_due_however_slow_the_pictures_are():
    class Watch(Memory):
        def note_on(self, note, now):
            super().note_on(note, now)
            heard.append((now.seconds, stage.clock.seconds()))

    heard = []
    stage = live_stage([Watch()], draw=grey, plays=[(beat, 1)], fps=0.5, bpm=100)
    stage.perform(6)
    assert len(heard) == 10
    for due, handed in heard:
        assert handed == pytest.approx(due, abs=1e-6)


def test_late_frames_are_dropped_and_counted_and_never_queued():
    seen = []

    def draw(now):
        seen.append(round(now.seconds * 10))
        if seen[-1] == 3:
            stage.clock.wait(0.75)  # it takes 0.45 seconds
        return GREY

    stage = live_stage([], draw=draw, fps=10)
    stats = stage.perform(1)
    assert seen == [0, 1, 2, 3, 7, 8, 9]
    assert (stats.frames, stats.late) == (7, 3)


def test_a_phrase_that_comes_late_loses_only_the_notes_whose_moment_has_passed(capsys):
    let, memory = threading.Event(), Memory()

    def play(now):
        if now.beats == 4:
            stage.clock.hang(let)
        return beat(now)

    def draw(now):
        if now.seconds >= 2.7:  # beat 5.4
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(play, 1)], fps=10)
        stats = stage.perform(6)
    begun = [now for now, begins, _ in turns(memory) if begins]
    assert begun == [0, 1, 2, 3, *range(6, 12)]
    words = "play cue 'play' came too late for 2 of its notes"
    assert stats.troubles == {words: 1}
    assert capsys.readouterr().err == f"capriccio: {words}\n"


def test_turns_that_were_missed_are_not_made_up_for():
    let, seen, memory = threading.Event(), [], Memory()

    def play(now):
        seen.append(now.beats)
        if now.beats == 4:
            stage.clock.hang(let)
        return beat(now)

    def draw(now):
        if now.seconds >= 8.5:  # beat 17, in the bar that begins at 16
            stage.clock.let_go(let)
        return GREY

    with released(let):
        stage = live_stage([memory], draw=draw, plays=[(play, 1)], fps=4)
        stats = stage.perform(11.9)
    assert seen == [0, 4, 16, 20, 24]
    assert stats.troubles["play cue 'play' missed 2 of its turns"] == 1
    assert [now for now, begins, _ in turns(memory) if begins] == [0, 1, 2, 3, *range(18, 24)]


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


class Crowd:
    """Count who is inside at once."""

    inside = most = calls = 0

    def enter(self):
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        threading.Event().wait(0.002)
        self.inside -= 1


def test_a_part_that_draws_and_plays_is_in_one_thread_at_a_time():
    crowd = Crowd()

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


def test_an_output_is_in_one_thread_at_a_time():
    """In real time, since the wound clock has its threads take turns."""
    crowd = Crowd()

    class Timid(Timed):
        def show(self, image, now):
            crowd.enter()

        def note_on(self, note, now):
            crowd.enter()

    sketch = Sketch(fps=200)
    sketch.draw(grey)
    sketch.play(bars=1)(lambda now: [Note(pitch, pitch / 32, 1) for pitch in range(128)])
    sketch.perform([Timid()], seconds=1, live=True)
    assert crowd.most == 1 and crowd.calls > 64
