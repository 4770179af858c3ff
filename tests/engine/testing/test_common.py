"""The helpers that all checks share."""

import sys

import pytest
from capriccio import Generator
from capriccio.testing.common import attempt, error_of, expect, hidden_modules, name_of


def test_a_class_is_named_as_its_parts_are():
    class Plasma(Generator):
        """Plasma."""

    assert name_of(Plasma) == str(Plasma()) == "generator 'plasma'"


def test_hidden_modules_cannot_be_imported_and_come_back():
    import json

    with hidden_modules("json", "no_such_module"):
        with pytest.raises(ImportError, match="json"):
            import json
        assert isinstance(error_of(__import__, "no_such_module"), ImportError)
    assert sys.modules["json"] is json
    assert "no_such_module" not in sys.modules


def test_an_attempt_returns_or_fails_with_what_was_attempted():
    assert attempt("this", int, "7") == 7
    with pytest.raises(AssertionError, match=r"^this raised ValueError: invalid literal"):
        attempt("this", int, "seven")


def test_an_expectation_that_is_false_fails_with_its_message():
    expect([1], "not empty")
    with pytest.raises(AssertionError, match=r"^not empty$"):
        expect([], "not empty")


def test_the_error_of_a_function_is_returned():
    assert isinstance(error_of(int, "seven"), ValueError)
    assert error_of(int, "7") is None
