"""Control surfaces: controllers set parameters, take over softly, and learn."""

import pytest
from capriccio import Performance, ShowError
from capriccio.clock import OfflineClock
from capriccio.devices.midi.controller_events import KINDS
from capriccio.log import summarize
from capriccio.parameters import Parameter, Parameters
from capriccio.remote import user_files
from capriccio.remote.control_surface import ControlSurface, SoftTakeover
from capriccio.remote.midi_learn import TIMEOUT_SECONDS, learnable_addresses
from capriccio.remote.midi_map import Binding, MidiMap, read_maps
from helpers.controllers import cc, field_sketch, plugged, until
from helpers.devices import wait_for
from helpers.midi_maps import DEVICE, control, map_file
from hypothesis import given, settings
from hypothesis import strategies as st

# -- soft takeover ----------------------------------------------------------------------------


def engaged(current, *moves):
    takeover = SoftTakeover()
    return [takeover.move(to, current) for to in moves]


def test_a_fader_takes_over_when_it_reaches_the_present_value():
    assert engaged(0.5, 0.2, 0.3, 0.4, 0.495, 0.9, 0.1) == [False, False, False, True, True, True]


def test_a_fader_that_jumps_across_the_present_value_takes_over():
    assert engaged(0.5, 0.2, 0.8) == engaged(0.5, 0.8, 0.2) == [False, True]


class SurfaceShow:
    """A show with a control surface, without a MIDI port."""

    def __init__(self, parameters=None):
        self.sketch, self.field = field_sketch()
        self.parameters = parameters or self.sketch.stage().performance.parameters
        self.surface = ControlSurface()
        self.surface.start(Performance(OfflineClock(), parameters=self.parameters))

    def move(self, *messages):
        """Receive messages one frame each, and return what is held then."""
        for message in messages:
            self.surface.receive("nano:nano", 0.0, bytes(message))
            self.parameters.apply_pending(self.parameters.seconds + 0.1)
        return dict(self.field.knob_state.held)

    def set(self, address, value=None):
        self.parameters.set(address, value)
        self.parameters.apply_pending(self.parameters.seconds + 0.1)


@pytest.fixture
def playing(home, request, monkeypatch):
    from capriccio.devices.midi import ports

    def no_api():
        raise ShowError("no MIDI system answers")

    monkeypatch.setattr(ports, "find_api", no_api)
    map_file(home, f"device = '{DEVICE}'\n" + "".join(getattr(request, "param", ())))
    playing = SurfaceShow()
    yield playing
    playing.surface.close()


def with_bindings(*controls):
    return pytest.mark.parametrize("playing", [controls], indirect=True)


@with_bindings(control("/field/light", "cc 7", channel=1))
def test_a_fader_sets_a_knob_only_once_it_has_reached_its_value(playing):
    assert playing.move(cc(7, 0), cc(7, 30)) == {}
    assert playing.move(cc(7, 64)) == {"light": 64 / 127}
    assert playing.move(cc(7, 127)) == {"light": 1.0}
    assert playing.move(cc(7, 0, channel=2)) == {"light": 1.0}


@with_bindings(control("/field/light", "cc 7"))
def test_a_fader_must_take_over_again_after_something_else_set_the_knob(playing):
    assert playing.move(cc(7, 64), cc(7, 127)) == {"light": 1.0}
    playing.set("/field/light", 0.2)
    assert playing.move(cc(7, 126), cc(7, 100)) == {"light": 0.2}
    assert playing.move(cc(7, 10)) == {"light": 10 / 127}


@with_bindings(control("/field/light", "cc 7"))
def test_a_fast_fader_stays_engaged_while_its_values_wait_for_the_frame(playing):
    for level in (64, 90, 127, 3):
        playing.surface.receive("nano:nano", 0.0, bytes(cc(7, level)))
    playing.parameters.apply_pending(1.0)
    assert playing.move() == {"light": 3 / 127}
    assert playing.move(cc(7, 90)) == {"light": 90 / 127}


@with_bindings(
    control("/field/light", "cc14 7"), control("/field/warmth", "nrpn 300"), control("/x/y", "cc 1")
)
def test_fine_faders_and_nrpns_set_values_in_14_bits(playing):
    assert playing.move(cc(7, 64), cc(39, 5)) == {"light": (64 * 128 + 5) / 16383}
    chosen = cc(99, 2), cc(98, 44)
    held = playing.move(*chosen, cc(6, 0), cc(38, 0), cc(6, 100), cc(38, 3), cc(1, 5))
    assert held["warmth"] == (100 * 128 + 3) / 16383


@with_bindings(
    control("/field/light", "bend"),
    control("/field/warmth", "note 60"),
    control("/field/sky", "pressure"),
)
def test_controls_that_return_by_themselves_act_at_once(playing):
    held = playing.move((0xE0, 127, 127), (0x90, 60, 127), (0xD0, 127))
    assert held == {"light": 1.0, "warmth": 1.0, "sky": "dark"}
    held = playing.move((0xE0, 0, 64), (0x80, 60, 0), (0xD0, 64))
    assert held == {"light": 0.5, "warmth": 0.0, "sky": "grey"}


@with_bindings(control("/field/warmth", "note 60"))
def test_all_notes_off_releases_a_key(playing):
    assert playing.move((0x90, 60, 127)) == {"warmth": 1.0}
    assert playing.move(cc(123, 0)) == {"warmth": 0.0}


@with_bindings(control("/field/light", "note 60", mode="toggle"))
def test_a_key_in_toggle_mode_switches_between_the_two_ends(playing):
    strokes = [(0x90, 60, 100), (0x80, 60, 0)]
    playing.set("/field/light", 0.2)
    assert playing.move(*strokes) == {"light": 1.0}
    assert playing.move(*strokes) == {"light": 0.0}
    for stroke in strokes * 2:  # both between two frames
        playing.surface.receive("nano:nano", 0.0, bytes(stroke))
    assert playing.move(*strokes) == {"light": 1.0}


@with_bindings(control("/field/words", "cc 1"), control("/field/sky", "cc 1"))
def test_a_dial_selects_choices_and_does_not_change_words(playing):
    events = []
    playing.parameters.subscribe(events.append)
    assert playing.move(cc(1, 100)) == {"sky": "dark"}
    assert playing.move(cc(1, 101), cc(1, 102)) == {"sky": "dark"}
    assert len(events) == 1


@with_bindings(control("/show/bang", "cc 1"), control("/show/bang", "note 60"))
def test_a_button_presses_once_each_time_it_goes_down(playing):
    pressed = []
    playing.parameters.add(Parameter("/show/bang", "press", "bang", apply=pressed.append))
    playing.move(cc(1, 127), cc(1, 127), cc(1, 0), (0x90, 60, 1), (0x90, 60, 0), cc(1, 127))
    assert pressed == [None] * 3


@with_bindings(control("/show/bad", "bend"))
def test_a_parameter_that_raises_is_logged_once_and_the_show_goes_on(playing, capsys):
    def convert(value):
        raise ValueError("no more of that")

    playing.parameters.add(Parameter("/show/bad", "number", "bad", apply=print, convert=convert))
    playing.move((0xE0, 0, 0), (0xE0, 0, 1))
    assert capsys.readouterr().err.count("bend cannot set /show/bad: no more of that") == 1


@with_bindings(control("/field/light", "program 4"))
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
def test_any_messages_leave_every_knob_in_its_range(messages):
    from capriccio.devices.midi.parser import MessageParser

    sketch, field = field_sketch()
    surface, parser = ControlSurface(), MessageParser()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capriccio.remote.control_surface.subscribe", lambda callback: None)
        patch.setattr("capriccio.remote.control_surface.read_maps", list)
        parameters = sketch.stage().performance.parameters
        surface.start(Performance(OfflineClock(), parameters=parameters))
    everything = [
        Binding(address, kind, number)
        for address in ("/field/light", "/field/sky")
        for kind, most in KINDS.items()
        for number in range(min(most or 1, 40))
    ]
    surface.use_maps([MidiMap("nano", user_files.user_folder("maps"), everything)])
    for message in messages:
        for whole in parser.feed(message):
            surface.receive("nano", 0.0, whole)
    parameters.apply_pending(0.0)
    assert 0.0 <= field.knob_state.held.get("light", 0.5) <= 1.0
    assert field.knob_state.held.get("sky", "grey") in ("clear", "grey", "dark")
    summarize()


# -- learning in a show -----------------------------------------------------------------------


def test_l_chooses_a_knob_and_the_control_that_is_moved_then_sets_it(playing, home, capsys):
    assert playing.parameters.press_key("l")
    playing.move()
    playing.set("/show/learn")
    assert playing.parameters.gauges["learning"].read() == "/field/warmth"
    assert playing.move(cc(20, 0), cc(20, 30)) == {}
    wait_for(lambda: any(one.bindings for one in playing.surface.maps))
    assert read_maps()[0].bindings == [Binding("/field/warmth", "cc", 20, 1)]
    assert playing.move(cc(20, 32), cc(20, 60)) == {"warmth": 60 / 127}
    logged = capsys.readouterr().err
    assert "learning /field/light: move a control" in logged
    assert "cc 20 on channel 1 of 'nano:nano' sets /field/warmth; saved in '" in logged
    assert playing.parameters.gauges["learning"].read() == ""


def test_a_knob_that_is_set_by_other_means_is_the_one_to_learn(playing, capsys):
    playing.set("/show/learn")
    playing.set("/field/words", "no controller can set words")
    playing.set("/field/sky", "dark")
    assert playing.parameters.gauges["learning"].read() == "/field/sky"
    playing.move((0x90, 36, 90))
    wait_for(lambda: "sets /field/sky" in capsys.readouterr().err)


def test_learning_ends_after_the_last_knob_and_after_the_timeout(playing, capsys):
    for _ in learnable_addresses(playing.parameters):
        playing.set("/show/learn")
    assert playing.parameters.gauges["learning"].read() == "/show/learn"
    playing.set("/show/learn")
    assert playing.parameters.gauges["learning"].read() == ""
    assert "learning has ended" in capsys.readouterr().err
    playing.set("/show/learn")
    playing.parameters.seconds += TIMEOUT_SECONDS + 1
    assert playing.parameters.gauges["learning"].read() == ""
    playing.move((0x90, 36, 90))
    assert read_maps()[0].bindings == []


def test_a_map_that_cannot_be_written_is_logged(playing, home, capsys):
    (home / "maps" / "nano.toml").unlink()
    (home / "maps").rmdir()
    (home / "maps").touch()
    playing.set("/show/learn")
    playing.move((0x90, 36, 90))
    wait_for(lambda: "nothing was learned: cannot write '" in capsys.readouterr().err)


@pytest.mark.system
def test_a_real_controller_is_learned_and_sets_a_knob(jack, home):
    sketch, field = field_sketch()
    parameters = sketch.stage().performance.parameters
    surface = ControlSurface()
    with plugged("nano") as nano:
        surface.start(Performance(OfflineClock(), parameters=parameters))
        parameters.set("/show/learn")
        parameters.apply_pending(0.0)
        until(lambda: (home / "maps").exists(), nano, cc(20, 0), cc(20, 64))
        wait_for(lambda: surface.maps)

        def is_set():
            parameters.apply_pending(0.0)
            return field.knob_state.held.get("light") == 1.0

        until(is_set, nano, cc(20, 0), cc(20, 127))
        surface.close()
    assert read_maps()[0].device.endswith("nano")


def test_without_a_midi_system_the_parameter_exists(playing):
    assert "/show/learn" in playing.parameters.by_address
    assert Parameters().press_key("l") is False
