"""Whatever a part raises or makes, live the others and the show go on, and offline it is told."""

import os
import subprocess
import sys
import textwrap
from contextlib import suppress

import numpy as np
import pytest
from capriccio import Generator, Note, ShowError
from capriccio.testing import Memory
from helpers.shows import (
    GREY,
    Faulty,
    Maker,
    beat,
    boom,
    grey,
    leave,
    live_stage,
    offline_stage,
    steady,
    turns,
)

# -- plugins that do not load -----------------------------------------------------------------


PLUGINS = {
    "raises": "raise OSError('no\\n device')",
    "misspells": "from capriccio import hookimpl\n@hookimpl\ndef generator(): return []",
    "works": """
        import numpy as np
        from capriccio import Generator, Note, hookimpl
        class Fog(Generator):
            def generate(self, now, *, grey=0.5):
                return np.full((8, 8, 3), grey)
        class Bell(Generator):
            def generate(self, now):
                return [Note(60)]
        @hookimpl
        def generators(): return [Fog, Bell]
    """,
}


@pytest.fixture
def run(tmp_path):
    """Perform a sketch in a process with three plugins installed, two of which are broken."""
    for name, text in PLUGINS.items():
        (tmp_path / f"plugin_{name}.py").write_text(textwrap.dedent(text))
    facts = tmp_path / "three_plugins-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: three-plugins\nVersion: 1.0\n")
    points = "".join(f"{name} = plugin_{name}\n" for name in PLUGINS)
    (facts / "entry_points.txt").write_text(f"[capriccio]\n{points}")

    def perform(sketch, *flags):
        (tmp_path / "sketch.py").write_text(textwrap.dedent(sketch))
        return subprocess.run(
            [sys.executable, "-m", "capriccio", "run", "sketch.py", "--seconds", "1", *flags],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return perform


@pytest.mark.parametrize("flags", [(), ("--offline",)], ids=["live", "offline"])
def test_plugins_that_raise_or_misspell_a_hook_do_not_stop_the_others(run, tmp_path, flags):
    child = run(
        """
        from capriccio import Sketch, generator
        fog, bell = generator("fog"), generator("works/bell")
        sketch = Sketch(size=(32, 32))
        sketch.draw(fog)
        sketch.play(bars=1)(bell)
        """,
        *("--to", "frames:stills", "--to", "midifile:song.mid", *flags),
    )
    assert child.returncode == 0, child.stderr
    assert len(list((tmp_path / "stills").glob("*.png"))) > 10
    assert (tmp_path / "song.mid").stat().st_size > 60


@pytest.mark.parametrize("flags", [(), ("--offline",)], ids=["live", "offline"])
def test_plugins_that_raise_or_misspell_a_hook_are_named_where_they_are_missed(run, flags):
    child = run(
        """
        from capriccio import Sketch, generator
        dust = generator("dust")
        sketch = Sketch()
        """,
        *("--to", "frames:stills", *flags),
    )
    assert child.returncode == 1
    assert "no generator is named 'dust'" in child.stderr
    assert "'raises': OSError: no device" in child.stderr
    assert "there is no hook 'generator'; did you mean 'generators'?" in child.stderr
    assert "(sketch.py, line 3)" in child.stderr
    assert "Traceback" not in child.stderr


# -- cues that fail ---------------------------------------------------------------------------

PICTURES = {
    "raises": (ZeroDivisionError, "ZeroDivisionError: the reason"),
    "is flat": (
        np.zeros((256, 256)),
        "ValueError: generator 'maker' returned an array of shape (256, 256), expected (heig",
    ),
    "is NaN": (
        np.full((4, 4, 3), np.nan),
        "ValueError: generator 'maker' returned an image with NaN or infinity, expected floats 0",
    ),
    "is nothing": (None, "TypeError: generator 'maker' returned None, expected an image, a"),
    "is a phrase": ([Note(60)], "TypeError: draw cue 'cue' returned a list, expected an image: a"),
    "interrupts": (KeyboardInterrupt, "KeyboardInterrupt: the reason"),
    "runs out of memory": (MemoryError, "MemoryError: the reason"),
}
PHRASES = {
    "raises": PICTURES["raises"],
    "is nothing": PICTURES["is nothing"],
    "interrupts": PICTURES["interrupts"],
    "is too high": (
        [Note(300)],
        "ValueError: generator 'maker' returned a note of pitch 300, expected a whole number",
    ),
    "is an image": (GREY, "TypeError: play cue 'cue' returned an ndarray, expected a phrase: a"),
}


def words_of(error) -> str:
    return f"{type(error.value).__name__}: {error.value}"


@pytest.mark.parametrize(("bad", "words"), PICTURES.values(), ids=PICTURES.keys())
def test_live_the_last_image_stays_where_a_picture_fails(bad, words, capsys):
    (memory, claim), maker = steady(), Maker(GREY, bad)

    def cue(now):
        return maker(now)

    stage = live_stage([memory], draw=cue, plays=[(beat, 1)])
    stats = stage.perform(2)
    claim()
    assert {image.tobytes() for image in memory.images} == {GREY.tobytes()}
    ((message, times),) = stats.troubles.items()
    assert message.startswith(f"draw cue 'cue' raised {words}")
    assert "(test_faults.py, line " in message and message.endswith("; the last image stays")
    assert times == 19
    told = capsys.readouterr().err.splitlines()
    assert told == [f"capriccio: {message}", f"capriccio: 19 times: {message}"]


@pytest.mark.parametrize(("bad", "words"), PICTURES.values(), ids=PICTURES.keys())
def test_offline_a_picture_that_fails_is_raised(bad, words):
    memory, maker = Memory(), Maker(GREY, bad)

    def cue(now):
        return maker(now)

    with pytest.raises(BaseException, match=r"\S") as error:
        offline_stage([memory], draw=cue, plays=[(beat, 1)]).perform(2)
    assert words_of(error).startswith(words)
    assert len(memory.images) == 1 and memory.sounding == []
    assert memory.calls[-1].method == "close"


@pytest.mark.parametrize(("bad", "words"), PHRASES.values(), ids=PHRASES.keys())
def test_live_the_turn_rests_where_a_phrase_fails(bad, words, capsys):
    (memory, claim), maker = steady(), Maker([Note(72)], bad)

    def cue(now):
        return maker(now)

    stats = live_stage([memory], draw=grey, plays=[(cue, 0.5), (beat, 1)]).perform(2)
    claim(notes=5)
    ((message, times),) = stats.troubles.items()
    assert message.startswith(f"play cue 'cue' raised {words}")
    assert "(test_faults.py, line " in message and message.endswith("; it rests")
    assert times >= 1  # and those that were composed ahead
    assert capsys.readouterr().err.count("play cue 'cue' raised") == (2 if times > 1 else 1)


@pytest.mark.parametrize(("bad", "words"), PHRASES.values(), ids=PHRASES.keys())
def test_offline_a_phrase_that_fails_is_raised(bad, words):
    memory, maker = Memory(), Maker([Note(72, 0, 9)], bad)

    def cue(now):
        return maker(now)

    with pytest.raises(BaseException, match=r"\S") as error:
        offline_stage([memory], draw=grey, plays=[(cue, 0.5)]).perform(2)
    assert words_of(error).startswith(words)
    assert turns(memory) == [(0, True, 72), (2, False, 72)]
    assert memory.calls[-1].method == "close"


@pytest.mark.parametrize("stage", [live_stage, offline_stage])
def test_a_part_that_leaves_does_not_end_the_process_without_a_word(stage):
    def cue(now):
        leave()

    message = r"^draw cue 'cue' called exit\(\); return instead$"
    with pytest.raises(ShowError, match=message):
        stage([], draw=cue).perform(1)


def test_live_a_part_that_calls_exit_is_logged_and_the_show_goes_on():
    memory, claim = steady()
    maker = Maker(GREY, SystemExit)
    stats = live_stage([memory], draw=maker, plays=[(beat, 1)]).perform(2)
    claim()
    assert list(stats.troubles.values()) == [19]


@pytest.mark.parametrize("role", ["draw", "play"])
def test_live_trouble_before_the_first_beat_is_raised(role):
    def cue(now):
        boom()

    memory = Memory()
    cues = {"draw": cue} if role == "draw" else {"plays": [(cue, 1)]}
    with pytest.raises(OSError, match="no device"):
        live_stage([memory], **cues).perform(1)
    assert memory.calls[-1].method == "close"


# -- what varies, and what cannot be said -----------------------------------------------------


def test_an_error_with_a_new_message_every_frame_is_logged_once(capsys):
    def cue(now):
        if now.seconds:
            raise ValueError(f"at {now.seconds}: {'x' * 10_000}\n\n")
        return GREY

    stats = live_stage([], draw=cue, fps=100).perform(2)
    assert list(stats.troubles.values()) == [199]
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 2 and len(told) < 2000


def test_trouble_of_ever_new_kinds_is_bounded(capsys):
    def cue(now):
        if now.seconds:
            raise type(f"Trouble{round(now.seconds * 100)}", (Exception,), {})
        return GREY

    stats = live_stage([], draw=cue, fps=100).perform(2)
    assert sum(stats.troubles.values()) == 199
    assert len(stats.troubles) == 65
    assert "more than 64 kinds of warning; further ones are only counted" in stats.troubles
    assert len(capsys.readouterr().err.splitlines()) == 66


def test_an_error_without_a_readable_message_is_logged():
    class Mute(Exception):
        def __str__(self):
            raise ValueError("no words")

    memory, claim = steady()
    stats = live_stage([memory], draw=Maker(GREY, Mute), plays=[(beat, 1)]).perform(2)
    claim()
    assert "raised Mute: its message cannot be read" in next(iter(stats.troubles))


def test_endless_recursion_is_trouble_like_any_other():
    def cue(now):
        return cue(now) if now.seconds else GREY

    memory, claim = steady()
    stats = live_stage([memory], draw=cue, plays=[(beat, 1)]).perform(2)
    claim()
    assert "raised RecursionError: maximum recursion depth" in next(iter(stats.troubles))


@pytest.mark.parametrize("stream", ["closed", "none", "broken"])
def test_a_terminal_that_is_gone_does_not_stop_the_show(stream, monkeypatch):
    memory, claim = steady()
    outputs = [Faulty("close", boom), memory]
    with suppress(OSError), open("/dev/full", "w") as gone:
        if stream == "closed":
            gone.close()
        monkeypatch.setattr(sys, "stderr", None if stream == "none" else gone)
        stats = live_stage(outputs, draw=Maker(GREY, OSError), plays=[(beat, 1)]).perform(2)
        monkeypatch.undo()
    claim()
    assert sum(stats.troubles.values()) == 20


# -- outputs that fail ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["show", "note_on", "note_off"])
@pytest.mark.parametrize("fault", [boom, leave], ids=["raises", "leaves"])
def test_live_an_output_that_fails_is_logged_and_the_others_go_on(method, fault, capsys):
    memory, claim = steady()
    faulty = Faulty(method, fault, since=1)
    stats = live_stage([faulty, memory], draw=grey, plays=[(beat, 1)]).perform(2)
    claim()
    assert faulty.calls == {"show": 20, "note_on": 4, "note_off": 4}[method]
    ((message, times),) = stats.troubles.items()
    kind = "OSError: no device" if fault is boom else "SystemExit: 3"
    assert message.startswith(f"output 'faulty' raised {kind} (shows.py, line ")
    assert times == faulty.calls - 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_live_an_output_that_fails_to_close_is_logged_and_the_others_are_closed(capsys):
    memory, claim = steady()
    outputs = [Faulty("close", boom), Faulty("close", leave), memory]
    stats = live_stage(outputs, draw=grey, plays=[(beat, 1)]).perform(2)
    claim()
    assert list(stats.troubles.values()) == [1, 1]
    assert next(iter(stats.troubles)).endswith(" while it was ended")


def test_live_a_timed_output_that_fails_is_logged_and_the_others_go_on():
    class Late(Faulty):
        timed = True

    memory, claim = steady()
    stats = live_stage([Late("note_on", boom), memory], draw=grey, plays=[(beat, 1)]).perform(2)
    claim()
    assert list(stats.troubles.values()) == [4]


@pytest.mark.parametrize("method", ["start", "show", "note_on", "note_off", "close"])
@pytest.mark.parametrize("fault", [boom, leave], ids=["raises", "leaves"])
def test_offline_an_output_that_fails_is_raised_when_the_others_are_closed(method, fault):
    memory = Memory()
    stage = offline_stage([memory, Faulty(method, fault)], draw=grey, plays=[(beat, 1)])
    kind, words = (OSError, "no device") if fault is boom else (ShowError, "called exit")
    with pytest.raises(kind, match=words):
        stage.perform(2)
    assert memory.sounding == [] and memory.calls[-1].method == "close"


def test_an_end_that_was_not_taken_is_sent_once_more_at_the_end_of_the_show():
    class Stumbles(Memory):
        def note_off(self, note, now):
            super().note_off(note, now)
            if len(self.things("note_off")) == 1:
                boom()

    stumbles = Stumbles()
    with pytest.raises(OSError, match="no device"):
        offline_stage([stumbles], plays=[(beat, 1)]).perform(2)
    assert [note.pitch for note in stumbles.things("note_off")] == [60, 60]


def test_offline_the_first_error_is_raised_and_later_ones_are_logged(capsys):
    with pytest.raises(ZeroDivisionError, match="the reason"):
        offline_stage([Faulty("close", boom)], draw=Maker(GREY, ZeroDivisionError)).perform(1)
    assert "output 'faulty' raised OSError: no device" in capsys.readouterr().err
    with pytest.raises(OSError, match="no device"):
        offline_stage([Faulty("close", boom), Faulty("close", leave)], draw=grey).perform(1)
    assert "output 'faulty' raised SystemExit: 3" in capsys.readouterr().err


# -- memory -----------------------------------------------------------------------------------


def test_a_long_show_keeps_nothing_of_what_has_passed():
    class Broken(Generator):
        def generate(self, now):
            raise ValueError(f"{now.seconds}")

    held, broken = [], Broken()

    def draw(now):
        if now.seconds > 1:
            held.append(
                [
                    len(lane) + lane.sounding
                    for lane in (*stage.delivery.queues, stage.loudness_queue)
                ]
                + [len(stage.show.threads), len(stage.watchdog.calls)]
            )
            broken(now)
        return GREY

    stage = live_stage([Faulty("note_on", boom)], draw=draw, plays=[(beat, 0.25)], fps=20)
    stage.perform(100)
    assert len(held) > 1900
    assert max(map(max, held)) <= 8
