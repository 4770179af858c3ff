"""Trouble is told once, counted, and told again at the end; names that are near are suggested."""

import threading

import pytest
from capriccio import errors
from capriccio.errors import location_of, suggest
from capriccio.log import summarize, warn_once


@pytest.fixture(autouse=True)
def quiet():
    summarize()
    yield
    summarize()


def test_trouble_is_told_once_and_counted(capsys):
    for number in range(3):
        warn_once(f"the port is lost ({number})", key="port")
    warn_once("the screen is lost")
    assert capsys.readouterr().err == (
        "capriccio: the port is lost (0)\ncapriccio: the screen is lost\n"
    )
    assert summarize() == {"the port is lost (0)": 3, "the screen is lost": 1}
    assert capsys.readouterr().err == "capriccio: 3 times: the port is lost (0)\n"


def test_a_new_show_tells_anew(capsys):
    warn_once("the port is lost")
    summarize()
    warn_once("the port is lost")
    assert capsys.readouterr().err.count("the port is lost") == 2


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("plasmo", {"plasma", "gan"}, "; did you mean 'plasma'?"),
        ("zither", {"plasma", "gan"}, "; there are 'gan', 'plasma'"),
        ("zither", [], "; there are none"),
    ],
)
def test_what_is_near_or_there_is_suggested(name, known, words):
    assert suggest(name, known) == words


def test_errors_are_what_they_are_caught_as():
    assert issubclass(errors.ModelError, ValueError)
    assert issubclass(errors.ProviderError, RuntimeError)
    assert issubclass(errors.PartError, LookupError)
    assert issubclass(errors.ShowError, RuntimeError)


def test_the_place_of_an_error_is_the_last_line_of_the_cue_it_came_through():
    def cue():
        int("x" * (1 + len(suggest("zither", []))))

    def other():
        return cue()

    with pytest.raises(ValueError, match="invalid literal") as caught:
        other()
    line = cue.__code__.co_firstlineno
    assert location_of(caught.value, cue) == f"test_errors.py, line {line + 1}"
    # An error that never came by the cue is where the cue begins.
    assert (
        location_of(ValueError(), other) == f"test_errors.py, line {other.__code__.co_firstlineno}"
    )
    assert location_of(ValueError()) == "nowhere, line 0"


def test_a_message_is_one_line_of_a_bearable_length(capsys):
    warn_once("a\nb" + "c" * 10_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("capriccio: a bccc") and line.endswith("c …") and len(line) < 600


def test_any_number_of_threads_may_tell(capsys):
    threads = [
        threading.Thread(target=lambda: [warn_once("the port is lost") for _ in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert summarize() == {"the port is lost": 4000}
    assert len(capsys.readouterr().err.splitlines()) == 2
