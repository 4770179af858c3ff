"""User files: what cannot be read or written is an error with its file and line."""

import re

import pytest
from capriccio import ShowError
from capriccio.remote import user_files
from capriccio.remote.midi_map import read_map
from helpers.midi_maps import map_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


def test_files_that_are_not_text_too_large_too_deep_or_unreadable_are_errors(home):
    file = map_file(home, "")
    for data, message in [
        (b"device = 'a'\n\xff", "line 2: not valid UTF-8"),
        (
            b"#" * (user_files.MAX_BYTES + 1),
            f"line 1: the file has more than {user_files.MAX_BYTES} bytes",
        ),
        (b"a = " + b"[" * 100_000, "line 1: lists are nested too deeply"),
        (b"a" + b".a" * 400_000 + b" = 1", "line 1: a key has more than 51 parts"),
        (b"a = {" + b"'a'." * 200_000 + b"a = 1}", "line 1: a key has more than 51 parts"),
        (b"[[control]]\n" * 10_001, "line 1: the file has more than 10000 tables"),
    ]:
        file.write_bytes(data)
        with pytest.raises(ShowError, match=message):
            read_map(file)
    with pytest.raises(ShowError, match=r"cannot read '.*maps': Is a directory"):
        user_files.UserFile(file.parent)
    with pytest.raises(ShowError, match=r"cannot write '.*below\.toml': File exists"):
        user_files.write_text(file / "below.toml", "")


@slow
@given(st.text(max_size=200) | st.text("[]\"'=.\n controlmevuns17/", max_size=80))
def test_any_text_is_parsed_or_is_an_error_with_a_line(home, text):
    try:
        user_files.UserFile(home / "any.toml", text)
        read_map(map_file(home, text.encode("utf-8", "replace").decode()))
    except ShowError as error:
        assert re.search(r"any\.toml', line \d+: |nano\.toml', line \d+: ", str(error))
