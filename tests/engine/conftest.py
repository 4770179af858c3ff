"""Fixtures of the tests of the engine."""

import textwrap

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file of a sketch, and give its path."""

    def write(text, name="piece.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
        return path

    return write
