"""Trouble is told once, counted, and told again at the end; names that are near are suggested."""

import pytest
from capriccio import errors
from capriccio.errors import suggest, tell, tell_again


@pytest.fixture(autouse=True)
def quiet():
    tell_again()
    yield
    tell_again()


def test_trouble_is_told_once_and_counted(capsys):
    for number in range(3):
        tell(f"the port is lost ({number})", key="port")
    tell("the screen is lost")
    assert capsys.readouterr().err == (
        "capriccio: the port is lost (0)\ncapriccio: the screen is lost\n"
    )
    assert tell_again() == {"the port is lost (0)": 3, "the screen is lost": 1}
    assert capsys.readouterr().err == "capriccio: 3 times: the port is lost (0)\n"


def test_a_new_show_tells_anew(capsys):
    tell("the port is lost")
    tell_again()
    tell("the port is lost")
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
