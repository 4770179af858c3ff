"""Exceptions keep their builtin base, and errors are worded with a place and a suggestion."""

import pytest
from capriccio import errors
from capriccio.errors import describe, location_of, suggest


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("plasmo", {"plasma", "gan"}, "; did you mean 'plasma'?"),
        ("zither", {"plasma", "gan"}, "; there are 'gan', 'plasma'"),
        ("zither", [], "; there are none"),
    ],
)
def test_a_near_name_is_suggested_or_all_are_listed(name, known, words):
    assert suggest(name, known) == words


def test_errors_keep_their_builtin_base():
    assert issubclass(errors.ModelError, ValueError)
    assert issubclass(errors.ProviderError, RuntimeError)
    assert issubclass(errors.PartError, LookupError)
    assert issubclass(errors.ShowError, RuntimeError)


def test_the_location_of_an_error_is_the_last_line_in_the_file_of_the_cue():
    def cue():
        int("x" * (1 + len(suggest("zither", []))))

    def other():
        return cue()

    with pytest.raises(ValueError, match="invalid literal") as caught:
        other()
    line = cue.__code__.co_firstlineno
    assert location_of(caught.value, cue) == f"test_errors.py, line {line + 1}"
    # An error that did not pass through the cue is located where the cue begins.
    assert (
        location_of(ValueError(), other) == f"test_errors.py, line {other.__code__.co_firstlineno}"
    )
    assert location_of(ValueError()) == "nowhere, line 0"


def test_an_error_is_described_by_type_and_message():
    class Broken(Exception):
        def __str__(self):
            raise ValueError

    assert describe(ValueError("no port")) == "ValueError: no port"
    assert describe(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert describe(Broken()) == "Broken: its message cannot be read"
