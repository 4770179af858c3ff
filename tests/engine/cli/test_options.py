"""What the commands share: an error is one sentence with the line of the sketch."""

import click
import pytest
from capriccio.cli.options import Number, Size
from helpers.command import PIECE, capriccio, error

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("import numpy as np", "import nmpy", "No module named 'nmpy' (piece.py, line 1)"),
        (
            "size=(32, 16))",
            "size=(32, 16)",
            "SyntaxError: '(' was never closed (piece.py, line 11)\n    sketch = Sketch(bpm=120",
        ),
        (
            "    def generate",
            "  def generate",
            "outer indentation level (piece.py, line 7)\n    def",
        ),
        ("now.phase(bars=1)", "1 / 0", "ZeroDivisionError: division by zero (piece.py, line 15)"),
        (
            "level=now.phase(bars=1)",
            "levle=1",
            "generator 'light' has no knob 'levle'; did you mean 'level'; its knobs are level "
            "(piece.py, line 15)",
        ),
        (
            "now.phase(bars=1)",
            "'much'",
            "knob 'level' of generator 'light' must be a number 0..1, got 'much' "
            "(piece.py, line 15)",
        ),
        ("Light(seed=3)", "Light(sed=3)", "unexpected keyword argument 'sed' (piece.py, line 10)"),
        ("fps=10", "fps=0", "fps must be more than 0 and at most 1000, got 0"),
        ("fps=10", "fps='ten'", "fps must be more than 0 and at most 1000, got 'ten'"),
        ("size=(32, 16)", "size=32", "size must be (width, height) from 16 to 16384"),
        (
            "@sketch.play(bars=1)",
            "@sketch.play",
            "@sketch.play needs to know how often; write @sketch.play(bars=2) (piece.py, line 17)",
        ),
        (
            "def glow(now)",
            "def glow()",
            "draw cue 'glow' must take now, got glow(); write def glow(now): (piece.py, line 13)",
        ),
        (
            "def drum(now)",
            "def drum(now, notes)",
            "play cue 'drum' must take now, got drum(now, notes); write def drum(now): "
            "(piece.py, line 17)",
        ),
        ("bpm=120", "bpm=0", "bpm must be above 0 and below 10000, got 0"),
        (
            "range(4)",
            "[-1]",
            "play cue 'drum' returned a note starting at -1 beats, expected 0 or more",
        ),
    ],
)
def test_an_error_is_one_sentence_with_the_line_of_the_sketch(old, new, words, piece):
    assert PIECE.count(old) == 1
    piece.write_text(PIECE.replace(old, new))
    told = error("run", piece, "--offline", "--seconds", "1", "--to", "midifile:a.mid", "--to",
                 "frames:a")  # fmt: skip
    assert words in told
    assert len(told.splitlines()) == 1 + words.count("\n")


def test_an_answer_cue_without_notes_is_reported_with_its_line(piece):
    answer = "from capriccio import controls\n@sketch.answer(controls())\ndef reply(now): ...\n"
    piece.write_text(PIECE + answer)
    assert error("run", piece, "--offline") == (
        "answer cue 'reply' must take now, notes, got reply(now); write def reply(now, notes): "
        "(piece.py, line 21)"
    )


def test_an_unknown_part_is_reported_with_the_line_that_asks_for_it(folder):
    (folder / "ask.py").write_text("from capriccio import generator\n\nit = generator('vea')\n")
    assert error("run", "ask.py") == (
        "no generator is named 'vea'; did you mean 'vae'? (ask.py, line 3)"
    )


def test_the_message_of_a_plugin_is_printed_as_it_is(install, folder):
    install(
        ours=True,
        fruit="from capriccio import Generator, hookimpl\n"
        "class Fruit(Generator):\n"
        "    def generate(self, now, *, level=0.5):\n"
        "        raise ValueError('fruit has no peas')\n"
        "@hookimpl\n"
        "def generators(): return [Fruit]\n",
    )
    words = PIECE.replace("Light(seed=3)", "generator('fruit')")
    (folder / "fruit.py").write_text(words.replace("import Gen", "import generator, Gen"))
    told = error("run", "fruit.py", "--offline", "--to", "frames:a")
    assert told == "fruit has no peas (fruit.py, line 15)"


def test_where_a_sentence_is_not_enough_the_whole_trace_is_shown(piece):
    piece.write_text(PIECE.replace("return light(", "np.linalg.inv(np.ones(3)); return light("))
    result = capriccio("run", piece, "--offline", "--to", "frames:a")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "in inv" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: LinAlgError: 1-dimensional array")
    assert result.stderr.splitlines()[-1].endswith("(piece.py, line 15)")


def test_a_size_is_read_from_text():
    assert Size().convert("640X480", None, None) == (640, 480)
    assert Size().convert((640, 480), None, None) == (640, 480)
    with pytest.raises(click.BadParameter, match="a size is width x height in pixels"):
        Size().convert("640", None, None)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_is_finite(value):
    assert Number().convert("1.5", None, None) == 1.5
    with pytest.raises(click.BadParameter, match="a finite number is needed"):
        Number().convert(value, None, None)
