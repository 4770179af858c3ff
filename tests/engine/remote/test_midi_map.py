"""Maps: what a controller turns, how softly, how it learns, and files that somebody has edited."""

import re

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import OfflineClock
from capriccio.devices.midi.controller_events import KINDS, ControllerEvent
from capriccio.log import summarize
from capriccio.parameters import Parameter, Parameters
from capriccio.remote import user_files
from capriccio.remote.control_surface import ControlSurface, SoftTakeover, place_of
from capriccio.remote.midi_learn import PATIENCE_SECONDS, MidiLearn, learnable_addresses
from capriccio.remote.midi_map import HEAD, Binding, MidiMap, read_map, read_maps, write_binding
from helpers.controllers import cc, plugged, show, until
from helpers.devices import wait_for
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DEVICE = "nano:nano"
slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's own folder, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    yield tmp_path / "capriccio"
    summarize()


def written(home, text, name="nano.toml"):
    file = home / "maps" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def control(turns, move, **more):
    entries = {"turns": turns, "move": move, **more}
    return "[[control]]\n" + "".join(f"{key} = {value!r}\n" for key, value in entries.items())


# -- files ------------------------------------------------------------------------------------


def test_a_map_ties_the_controls_of_a_device_to_addresses(home):
    file = written(
        home,
        f"device = '{DEVICE}'\n\n"
        + control("/field/light", "cc 7", channel=2)
        + control("/field/sky", "note 60", mode="toggle")
        + control("/field/warmth", "bend"),
    )
    assert read_maps() == [
        MidiMap(
            DEVICE,
            file,
            [
                Binding("/field/light", "cc", 7, 2),
                Binding("/field/sky", "note", 60, 0, "toggle"),
                Binding("/field/warmth", "bend"),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("device = 'a'\n[[control]\n", 2, "expected ']]' at the end of an array declaration"),
        ("device = 'a'\n\ncontrol = 1\n", 3, "'control' is a list; write [[control]]"),
        ("device = 'a'\n[controls]\n", 2, "no entry 'controls'; did you mean 'control'?"),
        ("[[control]]\n", 1, "device = None; give the name of a MIDI input"),
        ("\ndevice = 7", 2, "device = 7; give the name of a MIDI input"),
        (control("light", "cc 1"), 2, "turns = 'light'; give an address such as '/garden/bloom'"),
        (control("/a", "dial 1"), 3, "move = 'dial 1'; give one such as 'cc 7', 'note 60' or"),
        (control("/a", ""), 3, "move = ''; give one such as"),
        (control("/a", 7), 3, "move = 7; give one such as"),
        (control("/a", "cc 128"), 3, "move = 'cc 128'; give 'cc' and a number 0..127"),
        (control("/a", "cc"), 3, "move = 'cc'; give 'cc' and a number 0..127"),
        (control("/a", "cc14 32"), 3, "move = 'cc14 32'; give 'cc14' and a number 0..31"),
        (control("/a", "bend 1"), 3, "move = 'bend 1'; there is only one 'bend' on a channel"),
        (control("/a", "cc 1", channel=0), 4, "channel = 0; give 1 to 16, or leave it out for"),
        (control("/a", "cc 1", channel=17), 4, "channel = 17; give 1 to 16, or leave it out"),
        (control("/a", "cc 1", mode="flip"), 4, "mode = 'flip'; give 'toggle', or leave it out"),
        (control("/a", "cc 1", chanel=1), 4, "no entry 'chanel'; did you mean 'channel'?"),
        (control("/a", "cc 1") * 2 + control("/a", "cc -1"), 9, "move = 'cc -1'; give 'cc' and"),
    ],
)
def test_a_broken_map_is_told_with_its_file_and_line_and_left_alone(
    home, capsys, text, line, words
):
    if text.startswith("[[control]]\nturns"):
        text, line = f"device = 'a'\n{text}", line + 1
    file = written(home, text)
    with pytest.raises(ShowError, match=re.escape(f"nano.toml', line {line}: {words}")):
        read_map(file)
    assert read_maps() == []
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and f"nano.toml', line {line}: " in said
    assert file.read_text() == text


def test_what_is_no_text_too_large_too_deep_or_unreadable_is_told(home):
    file = written(home, "")
    for data, words in [
        (b"device = 'a'\n\xff", "line 2: it is no text in UTF-8"),
        (b"#" * (user_files.LARGEST + 1), f"line 1: more than {user_files.LARGEST} bytes"),
        (b"a = " + b"[" * 100_000, "line 1: lists within lists without end"),
    ]:
        file.write_bytes(data)
        with pytest.raises(ShowError, match=words):
            read_map(file)
    with pytest.raises(ShowError, match="cannot be read: Is a directory"):
        user_files.Page(file.parent)
    with pytest.raises(ShowError, match="cannot be written: File exists"):
        user_files.write(file / "below.toml", "")


@slow
@given(st.text(max_size=200) | st.text("[]\"'=.\n controlmevuns17/", max_size=80))
def test_any_text_is_a_map_or_refused_with_a_line(home, text):
    try:
        user_files.Page(home / "any.toml", text)
        read_map(written(home, text.encode("utf-8", "replace").decode()))
    except ShowError as error:
        assert re.search(r"any\.toml', line \d+: |nano\.toml', line \d+: ", str(error))


# -- teaching ---------------------------------------------------------------------------------


def test_what_is_taught_is_kept_under_the_name_of_the_device(home):
    file = write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), ["/field/light"])
    assert file == home / "maps" / "nano-nano.toml"
    assert file.read_text() == (
        f'{HEAD}device = "nano:nano"\n\n'
        '[[control]]\nturns = "/field/light"\nmove = "cc 7"\nchannel = 1\n'
    )
    write_binding(DEVICE, Binding("/field/sky", "bend", 0, 0, "toggle"), ["/field/sky"])
    assert read_map(file).ties == [
        Binding("/field/light", "cc", 7, 1),
        Binding("/field/sky", "bend", 0, 0, "toggle"),
    ]


def test_teaching_replaces_what_the_control_and_the_knob_had_but_not_of_other_sketches(home):
    here = ["/field/light", "/field/warmth"]
    for address, number in [("/field/light", 1), ("/field/warmth", 2), ("/sea/swell", 3)]:
        write_binding(DEVICE, Binding(address, "cc", number, 1), [*here, "/sea/swell"])
    write_binding(
        DEVICE, Binding("/field/light", "cc", 3, 1), here
    )  # the dial of another sketch's knob
    write_binding(DEVICE, Binding("/field/warmth", "cc", 3, 1), here)  # and now it is another one's
    [found] = read_maps()
    assert found.ties == [Binding("/sea/swell", "cc", 3, 1), Binding("/field/warmth", "cc", 3, 1)]


def test_teaching_leaves_what_somebody_wrote_beside_it(home):
    file = written(
        home,
        f"# mine\ndevice = '{DEVICE}'\n\n# light\n{control('/field/light', 'cc 7')}# warm\n"
        + control("/field/warmth", "cc 8"),
    )
    write_binding(DEVICE, Binding("/field/warmth", "cc", 9, 1), ["/field/warmth"])
    assert file.read_text().startswith("# mine\ndevice = 'nano:nano'\n\n# light\n[[control]]\n")
    assert read_map(file).ties == [
        Binding("/field/light", "cc", 7),
        Binding("/field/warmth", "cc", 9, 1),
    ]


def test_a_map_that_is_written_in_one_line_is_written_anew(home):
    file = written(
        home, f"device = '{DEVICE}'\ncontrol = [{{turns = '/field/light', move = 'cc 7'}}]\n"
    )
    write_binding(DEVICE, Binding("/field/sky", "cc", 9, 1), ["/field/sky"])
    assert read_map(file).ties == [
        Binding("/field/light", "cc", 7),
        Binding("/field/sky", "cc", 9, 1),
    ]


def test_a_broken_map_is_never_overwritten(home):
    broken = written(home, "device = ", "nano-nano.toml")
    file = write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), [])
    assert (broken.read_text(), file.name) == ("device = ", "nano-nano-2.toml")
    assert read_map(file).device == DEVICE


def test_a_link_to_a_file_stays_one(home, tmp_path):
    real = tmp_path / "elsewhere.toml"
    real.write_text(f"device = '{DEVICE}'\n")
    written(home, "").unlink()
    link = home / "maps" / "nano.toml"
    link.symlink_to(real)
    assert write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), []) == link
    assert link.is_symlink() and "cc 7" in real.read_text()


names = st.text(max_size=30)
ties = st.builds(
    lambda path, kind, number, channel, mode: Binding(
        f"/{path}", kind, number % (KINDS[kind] or 1), channel, mode
    ),
    names.map(lambda name: name.encode("utf-8", "replace").decode()),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 16383),
    st.integers(0, 16),
    st.sampled_from(["", "toggle"]),
)


@slow
@given(names, st.lists(ties, min_size=1, max_size=4, unique_by=lambda tie: tie.address))
def test_whatever_is_taught_is_read_again(tmp_path_factory, monkeypatch, device, taught):
    device = f"a{device}".encode("utf-8", "replace").decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("home")))
        for tie in taught:
            file = write_binding(device, tie, [])
        assert read_map(file) == MidiMap(device, file, taught)


# -- lessons ----------------------------------------------------------------------------------


def learned(*moves):
    lesson = MidiLearn("/a")
    found = [
        tie for kind, *rest in moves if (tie := lesson.hear("nano", ControllerEvent(kind, *rest)))
    ]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("moves", "tie"),
    [
        ([("cc", 7, 1, 0.0), ("cc", 7, 1, 0.05), ("cc", 7, 1, 0.2)], Binding("/a", "cc", 7, 1)),
        ([("cc", 7, 1, 1.0)], None),  # a button, until it comes up
        ([("cc", 7, 1, 1.0), ("cc", 7, 1, 0.0)], Binding("/a", "cc", 7, 1)),
        ([("cc", 8, 1, 0.5), ("cc", 8, 1, 0.51)] * 50, None),  # it trembles
        ([("note", 60, 10, 0.7)], Binding("/a", "note", 60, 10)),
        ([("note", 60, 10, 0.0)], None),
        ([("program", 3, 1, 1.0)], Binding("/a", "program", 3, 1)),
        ([("bend", 0, 2, 0.5), ("bend", 0, 2, 0.7)], Binding("/a", "bend", 0, 2)),
        ([("pressure", 0, 1, 0.0), ("pressure", 0, 1, 0.3)], Binding("/a", "pressure", 0, 1)),
        ([("nrpn", 300, 1, 0.0), ("nrpn", 300, 1, 0.3)], Binding("/a", "nrpn", 300, 1)),
    ],
)
def test_a_lesson_ends_when_something_was_meant(moves, tie):
    assert learned(*moves) == tie


def test_a_fader_of_14_bits_is_learned_as_one_although_its_fine_half_moves_more():
    moves = []
    for level in range(0, 3000, 37):
        coarse, fine = level >> 7, level & 127
        moves += [("cc", 7, 1, coarse / 127), ("cc", 39, 1, fine / 127), ("cc14", 7, 1, 0.5)]
    assert learned(*moves) == Binding("/a", "cc14", 7, 1)


def test_knobs_of_parts_are_learned_before_those_of_the_show_and_words_never():
    sketch, _ = show()
    parameters = sketch.stage().performance.parameters
    parameters.by_address = {
        "/show/x": Parameter("/show/x", "press", "x", apply=print),
        **parameters.by_address,
    }
    assert learnable_addresses(parameters)[:3] == ["/field/light", "/field/warmth", "/field/sky"]
    assert learnable_addresses(parameters)[-1].startswith("/show/")
    assert "/field/words" not in learnable_addresses(parameters)


# -- soft takeover ----------------------------------------------------------------------------


def held(place, *moves):
    grip = SoftTakeover()
    return [grip.move(to, place) for to in moves]


def test_a_fader_takes_hold_when_it_reaches_the_present_value():
    assert held(0.5, 0.2, 0.3, 0.4, 0.495, 0.9, 0.1) == [False, False, False, True, True, True]


def test_a_fader_that_jumps_across_the_present_value_takes_hold_from_either_side():
    assert held(0.5, 0.2, 0.8) == held(0.5, 0.8, 0.2) == [False, True]


def test_a_dial_stands_where_the_control_does():
    tempo = Parameter("/t", "number", "t", apply=print, span=(20.0, 220.0))
    choice = Parameter("/c", "choice", "c", apply=print, choices=("a", "b", "c"))
    assert place_of(tempo, 120) == place_of(choice, "b") == 0.5
    assert place_of(choice, None) == 0.0


class Played:
    """A show that a controller turns, without a port."""

    def __init__(self, parameters=None):
        self.sketch, self.field = show()
        self.parameters = parameters or self.sketch.stage().performance.parameters
        self.surface = ControlSurface()
        self.surface.start(Performance(OfflineClock(), parameters=self.parameters))

    def move(self, *messages):
        """Move controls one frame each, and give what the hand holds then."""
        for message in messages:
            self.surface._hear("nano:nano", 0.0, bytes(message))
            self.parameters.apply_pending(self.parameters.seconds + 0.1)
        return dict(self.field.knob_state.held)

    def turn(self, address, value=None):
        self.parameters.set(address, value)
        self.parameters.apply_pending(self.parameters.seconds + 0.1)


@pytest.fixture
def playing(home, request, monkeypatch):
    from capriccio.devices.midi import ports

    def nothing():
        raise ShowError("no MIDI system answers")

    monkeypatch.setattr(ports, "system", nothing)
    written(home, f"device = '{DEVICE}'\n" + "".join(getattr(request, "param", ())))
    played = Played()
    yield played
    played.surface.close()


def ties_are(*controls):
    return pytest.mark.parametrize("playing", [controls], indirect=True)


@ties_are(control("/field/light", "cc 7", channel=1))
def test_a_fader_moves_a_knob_only_from_where_it_stands(playing):
    assert playing.move(cc(7, 0), cc(7, 30)) == {}
    assert playing.move(cc(7, 64)) == {"light": 64 / 127}
    assert playing.move(cc(7, 127)) == {"light": 1.0}
    assert playing.move(cc(7, 0, channel=2)) == {"light": 1.0}


@ties_are(control("/field/light", "cc 7"))
def test_a_fader_loses_hold_when_something_else_turns_the_knob(playing):
    assert playing.move(cc(7, 64), cc(7, 127)) == {"light": 1.0}
    playing.turn("/field/light", 0.2)
    assert playing.move(cc(7, 126), cc(7, 100)) == {"light": 0.2}
    assert playing.move(cc(7, 10)) == {"light": 10 / 127}


@ties_are(control("/field/light", "cc 7"))
def test_a_fast_fader_keeps_hold_while_its_turns_wait_for_the_frame(playing):
    for level in (64, 90, 127, 3):
        playing.surface._hear("nano:nano", 0.0, bytes(cc(7, level)))
    playing.parameters.apply_pending(1.0)
    assert playing.move() == {"light": 3 / 127}
    assert playing.move(cc(7, 90)) == {"light": 90 / 127}


@ties_are(
    control("/field/light", "cc14 7"), control("/field/warmth", "nrpn 300"), control("/x/y", "cc 1")
)
def test_fine_faders_and_parameters_turn_in_14_bits(playing):
    assert playing.move(cc(7, 64), cc(39, 5)) == {"light": (64 * 128 + 5) / 16383}
    chosen = cc(99, 2), cc(98, 44)
    held = playing.move(*chosen, cc(6, 0), cc(38, 0), cc(6, 100), cc(38, 3), cc(1, 5))
    assert held["warmth"] == (100 * 128 + 3) / 16383


@ties_are(
    control("/field/light", "bend"),
    control("/field/warmth", "note 60"),
    control("/field/sky", "pressure"),
)
def test_what_comes_back_by_itself_takes_hold_at_once(playing):
    held = playing.move((0xE0, 127, 127), (0x90, 60, 127), (0xD0, 127))
    assert held == {"light": 1.0, "warmth": 1.0, "sky": "dark"}
    held = playing.move((0xE0, 0, 64), (0x80, 60, 0), (0xD0, 64))
    assert held == {"light": 0.5, "warmth": 0.0, "sky": "grey"}


@ties_are(control("/field/warmth", "note 60"))
def test_a_key_of_a_device_that_is_unplugged_is_let_go(playing):
    assert playing.move((0x90, 60, 127)) == {"warmth": 1.0}
    assert playing.move(cc(123, 0)) == {"warmth": 0.0}


@ties_are(control("/field/light", "note 60", mode="toggle"))
def test_a_key_that_toggles_changes_at_each_stroke_between_the_two_ends(playing):
    strokes = [(0x90, 60, 100), (0x80, 60, 0)]
    playing.turn("/field/light", 0.2)
    assert playing.move(*strokes) == {"light": 1.0}
    assert playing.move(*strokes) == {"light": 0.0}
    for stroke in strokes * 2:  # both between two frames
        playing.surface._hear("nano:nano", 0.0, bytes(stroke))
    assert playing.move(*strokes) == {"light": 1.0}


@ties_are(control("/field/words", "cc 1"), control("/field/sky", "cc 1"))
def test_a_dial_goes_through_choices_and_leaves_words_alone(playing):
    turns = []
    playing.parameters.subscribe(turns.append)
    assert playing.move(cc(1, 100)) == {"sky": "dark"}
    assert playing.move(cc(1, 101), cc(1, 102)) == {"sky": "dark"}
    assert len(turns) == 1


@ties_are(control("/show/bang", "cc 1"), control("/show/bang", "note 60"))
def test_a_button_presses_once_each_time_it_goes_down(playing):
    pressed = []
    playing.parameters.add(Parameter("/show/bang", "press", "bang", apply=pressed.append))
    playing.move(cc(1, 127), cc(1, 127), cc(1, 0), (0x90, 60, 1), (0x90, 60, 0), cc(1, 127))
    assert pressed == [None] * 3


@ties_are(control("/show/bad", "bend"))
def test_a_control_that_refuses_is_told_once_and_the_show_goes_on(playing, capsys):
    def fit(value):
        raise ValueError("no more of that")

    playing.parameters.add(Parameter("/show/bad", "number", "bad", apply=print, convert=fit))
    playing.move((0xE0, 0, 0), (0xE0, 0, 1))
    assert capsys.readouterr().err.count("bend cannot turn /show/bad: no more of that") == 1


@ties_are(control("/field/light", "program 4"))
def test_a_program_change_recalls_the_preset_of_its_printed_number(playing, capsys):
    recalled = []
    playing.move((0xC0, 2))
    assert "program change 3: no control '/show/preset'" in capsys.readouterr().err
    playing.parameters.add(Parameter("/show/preset", "words", "recall", apply=recalled.append))
    playing.move((0xC0, 2), (0xC0, 4), (0xC5, 0))
    assert recalled == ["3", "1"]
    assert playing.field.knob_state.held == {"light": 1.0}


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=3)))
def test_whatever_a_device_sends_leaves_every_knob_in_its_range(messages):
    from capriccio.devices.midi.parser import MessageParser

    sketch, field = show()
    surface, stream = ControlSurface(), MessageParser()
    surface._listening = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capriccio.remote.control_surface.subscribe", lambda hear: None)
        patch.setattr("capriccio.remote.control_surface.read_maps", list)
        parameters = sketch.stage().performance.parameters
        surface.start(Performance(OfflineClock(), parameters=parameters))
    everything = [
        Binding(address, kind, number)
        for address in ("/field/light", "/field/sky")
        for kind, most in KINDS.items()
        for number in range(min(most or 1, 40))
    ]
    surface._map([MidiMap("nano", user_files.folder("maps"), everything)])
    for message in messages:
        for whole in stream.take(message):
            surface._hear("nano", 0.0, whole)
    parameters.apply_pending(0.0)
    assert 0.0 <= field.knob_state.held.get("light", 0.5) <= 1.0
    assert field.knob_state.held.get("sky", "grey") in ("clear", "grey", "dark")
    summarize()


# -- learning in a show -----------------------------------------------------------------------


def test_l_chooses_a_knob_and_the_control_that_is_moved_turns_it(playing, home, capsys):
    assert playing.parameters.press_key("l")
    playing.move()
    playing.turn("/show/learn")
    assert playing.parameters.gauges["learning"].read() == "/field/warmth"
    assert playing.move(cc(20, 0), cc(20, 30)) == {}
    wait_for(lambda: playing.surface._holds.get(DEVICE))
    assert read_maps()[0].ties == [Binding("/field/warmth", "cc", 20, 1)]
    assert playing.move(cc(20, 32), cc(20, 60)) == {"warmth": 60 / 127}
    said = capsys.readouterr().err
    assert "learning /field/light: move a control" in said
    assert "cc 20 on channel 1 of 'nano:nano' turns /field/warmth, as '" in said
    assert playing.parameters.gauges["learning"].read() == ""


def test_a_knob_that_is_turned_by_other_means_is_the_one_that_is_learned(playing, capsys):
    playing.turn("/show/learn")
    playing.turn("/field/words", "no controller can turn these")
    playing.turn("/field/sky", "dark")
    assert playing.parameters.gauges["learning"].read() == "/field/sky"
    playing.move((0x90, 36, 90))
    wait_for(lambda: "turns /field/sky" in capsys.readouterr().err)


def test_after_the_last_knob_and_after_a_while_nothing_is_learned(playing, capsys):
    for _ in learnable_addresses(playing.parameters):
        playing.turn("/show/learn")
    assert playing.parameters.gauges["learning"].read() == "/show/learn"
    playing.turn("/show/learn")
    assert playing.parameters.gauges["learning"].read() == ""
    assert "nothing is learned any more" in capsys.readouterr().err
    playing.turn("/show/learn")
    playing.parameters.seconds += PATIENCE_SECONDS + 1
    assert playing.parameters.gauges["learning"].read() == ""
    playing.move((0x90, 36, 90))
    assert read_maps()[0].ties == []


def test_what_cannot_be_written_is_told(playing, home, capsys):
    (home / "maps" / "nano.toml").unlink()
    (home / "maps").rmdir()
    (home / "maps").touch()
    playing.turn("/show/learn")
    playing.move((0x90, 36, 90))
    wait_for(lambda: "nothing was learned: '" in capsys.readouterr().err)


def test_a_real_controller_is_learned_and_turns_the_show_until_it_is_over(jack, home):
    sketch, field = show()
    parameters = sketch.stage().performance.parameters
    surface = ControlSurface()
    with plugged("nano") as nano:
        surface.start(Performance(OfflineClock(), parameters=parameters))
        parameters.set("/show/learn")
        parameters.apply_pending(0.0)
        until(lambda: (home / "maps").exists(), nano, cc(20, 0), cc(20, 64))
        wait_for(lambda: surface._holds)

        def turned():
            parameters.apply_pending(0.0)
            return field.knob_state.held.get("light") == 1.0

        until(turned, nano, cc(20, 0), cc(20, 127))
        surface.close()
    assert read_maps()[0].device.endswith("nano")


def test_a_show_without_a_midi_system_has_its_parameters_all_the_same(playing):
    assert "/show/learn" in playing.parameters.by_address
    assert Parameters().strike("l") is False
