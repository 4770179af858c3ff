"""Presets: saved by name, recalled on a bar, morphed over beats, and never lost."""

import re
from contextlib import contextmanager

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import OfflineClock
from capriccio.events import ParameterSet
from capriccio.parameters import Parameter
from capriccio.remote import presets
from capriccio.remote.presets import Preset, Presets, read_presets, save_preset
from capriccio.remote.user_files import user_file
from capriccio.testing import Memory
from helpers.controllers import field_sketch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


@pytest.fixture(autouse=True)
def folder(home):
    """The folder of the presets, which does not exist yet."""
    return home / "presets"


class Piece:
    """A show of 60 beats a minute in 4/4, whose frames the test calls: seconds are beats."""

    def __init__(self):
        self.sketch, self.field = field_sketch()
        self.parameters = self.sketch.stage().performance.parameters
        self.presets = Presets()
        self.presets.start(
            Performance(OfflineClock(60, 4), title="meadow", parameters=self.parameters)
        )

    def at(self, beats, *changes):
        """Set parameters in the frame at a beat, and return what is held after it."""
        for address, value in changes:
            self.parameters.set(address, value)
        self.parameters.apply_pending(beats)
        return dict(self.field.knob_state.held)

    def light_at(self, *beats):
        """Return the value at which light is held at each of these beats."""
        return [self.at(beat).get("light") for beat in beats]


@contextmanager
def performing():
    piece = Piece()
    try:
        yield piece
    finally:
        piece.presets.close()


@pytest.fixture
def piece():
    with performing() as piece:
        yield piece


LIGHT, WARMTH, WORDS, SKY = "/field/light", "/field/warmth", "/field/words", "/field/sky"


# -- recalling --------------------------------------------------------------------------------


def test_a_preset_holds_what_was_held_and_releases_the_rest_on_the_next_bar(piece):
    assert piece.at(0.0, (LIGHT, 0.75), (SKY, "dark")) == {"light": 0.75, "sky": "dark"}
    piece.at(0.1, ("/show/save", "dusk"))
    piece.at(0.2, (LIGHT, 0.1), (SKY, None), (WORDS, "a lake"))
    other = piece.at(1.0, ("/show/preset", "dusk"))
    assert other == {"light": 0.1, "words": "a lake"}
    assert piece.at(3.9) == other
    assert piece.at(4.0) == {"light": 0.75, "sky": "dark"}


def test_a_preset_without_held_knobs_releases_all(piece):
    piece.at(0.0, ("/show/save/1", None))
    piece.at(0.1, (LIGHT, 0.9), (WORDS, "a lake"))
    piece.at(0.2, ("/show/preset/1", None))
    assert piece.at(4.1) == {}


def test_a_recall_on_the_bar_is_immediate_and_the_last_one_counts(piece):
    piece.at(0.0, (LIGHT, 0.25))
    piece.at(0.1, ("/show/save", "low"), (LIGHT, 0.75))
    piece.at(0.2, ("/show/save", "high"), (LIGHT, 0.5))
    piece.at(3.0, ("/show/preset", "low"))
    piece.at(3.1, ("/show/preset", "high"))
    assert piece.light_at(4.0, 4.1) == [0.75, 0.75]
    piece.at(8.0, ("/show/preset", "low"))
    assert piece.light_at(8.1) == [0.25]
    assert piece.parameters.by_address["/show/preset"].value() == "low"


def test_keys_save_with_shift_and_recall(piece):
    piece.at(0.0, (LIGHT, 0.25))
    assert piece.parameters.press_key("shift+9")
    piece.at(0.1)
    piece.at(0.2, (LIGHT, 1.0))
    assert piece.parameters.press_key("9")
    piece.at(0.3)
    assert piece.light_at(4.0) == [0.25]


def test_a_recall_is_published_as_the_values_it_sets(piece):
    events = []
    piece.at(0.0, (LIGHT, 0.25))
    piece.at(0.1, ("/show/save/1", None), (LIGHT, 1.0))
    piece.parameters.subscribe(events.append)
    piece.at(0.2, ("/show/preset/1", None))
    piece.at(0.3, ("/show/preset", "1"))
    piece.at(4.0)
    assert events == [ParameterSet(4.0, LIGHT, 0.25)]


def test_an_unknown_preset_is_an_error(piece, capsys):
    with pytest.raises(LookupError, match="no preset 'dsuk'; there are none"):
        piece.parameters.set("/show/preset", "dsuk")
    piece.at(0.0, ("/show/save", "dusk"))
    with pytest.raises(LookupError, match="no preset 'dsuk'; did you mean 'dusk'"):
        piece.parameters.set("/show/preset", "dsuk")
    piece.at(0.1, ("/show/preset/7", None))
    assert "no preset '7' yet; save it with shift+7" in capsys.readouterr().err
    with pytest.raises(TypeError, match="the name of a preset must be words, got ' '"):
        piece.parameters.set("/show/save", " ")
    piece.at(0.2, ("/show/save", None), ("/show/preset", None))
    assert piece.light_at(4.0) == [None]


# -- morphing ---------------------------------------------------------------------------------


def test_numbers_morph_in_a_straight_line_words_and_choices_switch_in_the_middle(piece):
    piece.at(0.0, (LIGHT, 1.0), (WORDS, "a lake"), (SKY, "dark"))
    piece.at(0.1, ("/show/save/1", None), ("/show/morph", 8.0))
    piece.at(0.2, (LIGHT, 0.0), (WORDS, "a hill"), (SKY, "grey"))
    piece.at(3.0, ("/show/preset/1", None))
    assert piece.at(4.0) == {"light": 0.0, "words": "a hill", "sky": "grey"}
    assert piece.light_at(5.0, 6.0, 7.0, 7.5) == pytest.approx([1 / 8, 2 / 8, 3 / 8, 3.5 / 8])
    assert piece.at(7.9)["sky"] == "grey"
    assert piece.at(8.0)["sky"] == "dark"
    assert piece.at(8.1)["words"] == "a lake"
    assert piece.at(12.0) == {"light": 1.0, "words": "a lake", "sky": "dark"}
    assert piece.light_at(13.0) == [1.0]


def test_a_knob_that_was_free_morphs_to_its_value_and_is_released(piece):
    piece.at(0.0, (LIGHT, 1.0))
    piece.at(0.1, (LIGHT, None))  # 0.5 is where the sketch has it
    piece.at(0.2, ("/show/save/1", None), ("/show/morph", 4.0))
    piece.at(0.3, (LIGHT, 1.0))
    piece.at(0.4, ("/show/preset/1", None))
    assert piece.light_at(4.0, 6.0, 8.0) == [1.0, 0.75, None]


def test_a_knob_that_is_set_during_a_morph_leaves_it(piece):
    piece.at(0.0, (LIGHT, 1.0), (WARMTH, 1.0))
    piece.at(0.1, ("/show/save/1", None), ("/show/morph", 4.0))
    piece.at(0.2, (LIGHT, 0.0), (WARMTH, 0.0), ("/show/preset/1", None))
    piece.at(4.0)
    piece.at(5.0, (LIGHT, 0.1))
    assert piece.at(8.0) == {"light": 0.1, "warmth": 1.0}


def test_the_length_of_a_morph_is_a_number_of_beats(piece):
    morph = piece.parameters.by_address["/show/morph"]
    assert (morph.kind, morph.span, morph.value()) == ("number", (0.0, 64.0), 0.0)
    piece.at(0.0, ("/show/morph", 1e9))
    assert morph.value() == 64.0
    piece.at(0.1, ("/show/morph", None))
    assert morph.value() == 0.0
    for beats in (-1, float("nan"), "long"):
        with pytest.raises(ValueError, match=r"a morph takes 0\.\.64 beats, got "):
            piece.parameters.set("/show/morph", beats)


def test_a_show_is_morphed_frame_by_frame():
    sketch, field = field_sketch(fps=4, bpm=60)
    memory, presets = Memory(), Presets()
    save_preset(user_file(sketch.title, "presets"), sketch.title, "1", Preset({LIGHT: 1.0}, {}))

    def draw(now):
        if now.seconds == 1.0:
            sketch.current_stage.performance.parameters.set("/show/morph", 2.0)
            sketch.current_stage.performance.parameters.press_key("1")
        return field(now, light=0.0)

    sketch._draw = draw
    sketch.perform([memory], inputs=[presets], seconds=7)
    greys = [round(float(image.mean()) / 255, 2) for image in memory.images]
    assert greys[:17] == [0.0] * 17
    assert greys[17:25] == pytest.approx([number / 8 for number in range(1, 9)], abs=0.01)
    assert greys[25:] == [1.0] * 3


# -- files ------------------------------------------------------------------------------------


def test_presets_are_saved_by_the_name_of_the_sketch(folder, capsys):
    with performing() as piece:
        piece.at(0.0, (LIGHT, 0.75), (WORDS, 'a "lake"\n'))
        piece.at(0.1, ("/show/save", "dusk"))
        piece.at(0.2, ("/show/save", "2"))
    file = folder / "meadow.toml"
    free = {WARMTH: 0.25, SKY: "clear"}
    held = {LIGHT: 0.75, WORDS: 'a "lake"\n'}
    assert read_presets(file) == {"dusk": Preset(held, free), "2": Preset(held, free)}
    assert f"preset 'dusk' is saved in '{file}'" in capsys.readouterr().err
    with performing() as piece:
        piece.at(1.0, ("/show/preset", "dusk"))
        assert piece.at(4.0) == {"light": 0.75, "words": 'a "lake"\n'}


def test_saving_again_changes_only_that_preset_and_keeps_comments(folder):
    file = folder / "meadow.toml"
    save_preset(file, "meadow", "1", Preset({LIGHT: 0.1}))
    file.write_text(f"# mine\n{file.read_text()}\n[2.held]\n# bright\n'{LIGHT}' = 1\n")
    save_preset(file, "meadow", "1", Preset({LIGHT: 0.2}))
    assert file.read_text().startswith("# mine\n")
    assert "# bright" in file.read_text()
    assert read_presets(file) == {"1": Preset({LIGHT: 0.2}), "2": Preset({LIGHT: 1})}


def test_presets_written_as_inline_tables_are_rewritten(folder):
    file = folder / "meadow.toml"
    folder.mkdir(parents=True)
    file.write_text(f"1 = {{held = {{'{LIGHT}' = 0.5}}}}\n2 = {{}}\n")
    save_preset(file, "meadow", "1", Preset({LIGHT: 0.2}))
    assert read_presets(file) == {"1": Preset({LIGHT: 0.2}), "2": Preset()}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[1.held\n", 1, "expected ']' at the end of a table declaration"),
        ("[1.held]\n'/a' = \n", 2, "invalid value"),
        ("\n1 = 2\n", 2, "'1' is not a preset; write [\"1\".held]"),
        ("[1.held]\n[1.hold]\n", 2, "preset '1' has no 'hold'; did you mean 'held'?"),
        ("[1]\nfree = 3\n", 2, "'free' of preset '1' must be a table; write [\"1\".free], got 3"),
        (
            "[1.held]\n[2.held]\n'/b' = 1\n'/a' = [1]\n",
            4,
            "'/a' of preset '2' must be a number or words, got [1]",
        ),
        ("[1.held]\n'/a' = true\n", 2, "'/a' of preset '1' must be a number or words, got True"),
        ("[1.free]\n'/a' = nan\n", 2, "'/a' of preset '1' must be a number or words, got nan"),
    ],
)
def test_a_broken_file_is_logged_with_its_line_and_set_aside_when_a_preset_is_saved(
    folder, capsys, text, line, message
):
    folder.mkdir(parents=True)
    file = folder / "meadow.toml"
    file.write_text(text)
    with pytest.raises(ShowError, match=re.escape(f"meadow.toml', line {line}: {message}")):
        read_presets(file)
    with performing() as piece:
        logged = capsys.readouterr().err
        assert len(logged.splitlines()) == 1
        assert f"meadow.toml', line {line}: {message}" in logged
        assert file.read_text() == text
        piece.at(0.0, (LIGHT, 0.5))
        piece.at(0.1, ("/show/save/1", None))
    assert (folder / "meadow.broken-1.toml").read_text() == text
    assert read_presets(file)["1"].held == {LIGHT: 0.5}
    assert "presets that could not be read were moved to '" in capsys.readouterr().err


def test_a_second_broken_file_does_not_replace_the_first(folder):
    folder.mkdir(parents=True)
    for text in ("one", "two"):
        (folder / "meadow.toml").write_text(text)
        save_preset(folder / "meadow.toml", "meadow", "1", Preset())
    assert (folder / "meadow.broken-1.toml").read_text() == "one"
    assert (folder / "meadow.broken-2.toml").read_text() == "two"


def test_a_preset_that_cannot_be_written_lasts_for_the_show(folder, capsys):
    folder.parent.mkdir(parents=True)
    folder.touch()
    with performing() as piece:
        piece.at(0.0, (LIGHT, 0.75))
        piece.at(0.1, ("/show/save/1", None), (LIGHT, 0.1))
        piece.at(0.2, ("/show/preset/1", None))
        assert piece.light_at(4.0) == [0.75]
    assert "preset '1' lasts for this show only: cannot write '" in capsys.readouterr().err


def test_a_flood_of_saves_is_written_once_a_second(folder, monkeypatch):
    written = []
    real = presets.save_preset

    def save(path, title, name, preset):
        written.append((name, preset.held.get(LIGHT)))
        return real(path, title, name, preset)

    monkeypatch.setattr(presets, "save_preset", save)
    with performing() as piece:
        for number in range(100):
            piece.at(number / 100, (LIGHT, number / 100))
            piece.at(number / 100, ("/show/save", "dusk"))
    assert len(written) <= 3 and written[-1] == ("dusk", 0.99)
    assert read_presets(folder / "meadow.toml")["dusk"].held == {LIGHT: 0.99}


def test_a_guest_cannot_add_presets_without_end(folder, monkeypatch, capsys):
    monkeypatch.setattr(presets, "MAX_PRESETS", 3)
    with performing() as piece:
        for number in range(5):
            piece.at(0.0, ("/show/save", f"name {number}"))
        piece.at(0.1, ("/show/save", "name 0"))
    assert sorted(read_presets(folder / "meadow.toml")) == ["name 0", "name 1", "name 2"]
    assert "there are 3 presets; further ones are not saved" in capsys.readouterr().err


def test_unknown_knobs_and_invalid_values_are_logged_and_the_rest_is_recalled(folder, capsys):
    held = {"/garden/bloom": 0.5, SKY: "violet", LIGHT: 0.25}
    save_preset(folder / "meadow.toml", "meadow", "1", Preset(held))
    with performing() as piece:
        piece.at(0.0, ("/show/preset/1", None))
        assert piece.at(4.0) == {"light": 0.25}
    logged = capsys.readouterr().err
    assert "preset '1' holds /garden/bloom; this sketch has no such knob" in logged
    assert "preset '1': knob 'sky' of generator 'field' has no choice 'violet'" in logged


def test_only_knobs_that_can_be_released_are_in_a_preset(piece):
    piece.parameters.add(
        Parameter("/show/tempo", "number", "tempo", apply=print, value=lambda: 120.0)
    )
    piece.at(0.0, ("/show/save/1", None))
    saved = piece.presets.saved["1"]
    assert sorted([*saved.held, *saved.free]) == [LIGHT, SKY, WARMTH, WORDS]


texts = st.text(max_size=20)
places = st.dictionaries(
    texts, texts | st.floats(allow_nan=False, allow_infinity=False), max_size=3
)


@slow
@given(st.dictionaries(texts, st.builds(Preset, places, places), min_size=1, max_size=4))
def test_any_presets_that_are_saved_are_read_again(tmp_path_factory, presets):
    file = tmp_path_factory.mktemp("home") / "a.toml"
    for name, preset in presets.items():
        save_preset(file, "a\nb", name, preset)
    assert plain(read_presets(file)) == plain(presets)


def plain(thing):
    """Return presets without what UTF-8 cannot encode."""
    return repr(thing).encode("utf-8", "replace")


@slow
@given(st.text(max_size=200) | st.text("[]\"'=.\n 12heldfr/", max_size=80))
def test_any_text_is_parsed_or_is_an_error_with_a_line_and_then_set_aside(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("home") / "a.toml"
    data = text.encode("utf-8", "replace")
    file.write_bytes(data)
    try:
        before = read_presets(file)
    except ShowError as error:
        assert re.search(r"a\.toml', line \d+: ", str(error))
        save_preset(file, "a", "new", Preset({"/a": 1.0}))
        assert (file.parent / "a.broken-1.toml").read_bytes() == data
    else:
        save_preset(file, "a", "new", Preset({"/a": 1.0}))
        assert read_presets(file) == {**before, "new": Preset({"/a": 1.0})}
