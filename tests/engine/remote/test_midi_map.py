"""MIDI maps: files that were edited, written and rewritten."""

import re

import pytest
from capriccio import ShowError
from capriccio.devices.midi.controller_events import KINDS
from capriccio.remote.midi_map import HEAD, Binding, MidiMap, read_map, read_maps, write_binding
from helpers.midi_maps import DEVICE, control, map_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)


# -- reading ----------------------------------------------------------------------------------


def test_a_map_binds_the_controls_of_a_device_to_addresses(home):
    file = map_file(
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
    ("text", "line", "message"),
    [
        ("device = 'a'\n[[control]\n", 2, "expected ']]' at the end of an array declaration"),
        ("device = 'a'\n\ncontrol = 1\n", 3, "'control' must be a list; write [[control]]"),
        ("device = 'a'\n[controls]\n", 2, "no entry 'controls'; did you mean 'control'?"),
        ("[[control]]\n", 1, "device must be the name of a MIDI input, got None"),
        ("\ndevice = 7", 2, "device must be the name of a MIDI input, got 7"),
        (
            control("light", "cc 1"),
            2,
            "turns must be an address such as '/garden/bloom', got 'light'",
        ),
        (
            control("/a", "dial 1"),
            3,
            "move must be one such as 'cc 7', 'note 60' or 'bend', got 'dial 1'",
        ),
        (control("/a", ""), 3, "move must be one such as 'cc 7', 'note 60' or 'bend', got ''"),
        (control("/a", 7), 3, "move must be one such as 'cc 7', 'note 60' or 'bend', got 7"),
        (control("/a", "cc 128"), 3, "move must be 'cc' and a number 0..127, got 'cc 128'"),
        (control("/a", "cc"), 3, "move must be 'cc' and a number 0..127, got 'cc'"),
        (control("/a", "cc14 32"), 3, "move must be 'cc14' and a number 0..31, got 'cc14 32'"),
        (control("/a", "bend 1"), 3, "move must be 'bend' without a number, got 'bend 1'"),
        (
            control("/a", "cc 1", channel=0),
            4,
            "channel must be 1 to 16, or left out for any, got 0",
        ),
        (
            control("/a", "cc 1", channel=17),
            4,
            "channel must be 1 to 16, or left out for any, got 17",
        ),
        (control("/a", "cc 1", mode="flip"), 4, "mode must be 'toggle' or left out, got 'flip'"),
        (control("/a", "cc 1", chanel=1), 4, "no entry 'chanel'; did you mean 'channel'?"),
        (
            control("/a", "cc 1") * 2 + control("/a", "cc -1"),
            9,
            "move must be 'cc' and a number 0..127, got 'cc -1'",
        ),
    ],
)
def test_a_broken_map_is_reported_with_its_file_and_line_and_left_unchanged(
    home, capsys, text, line, message
):
    if text.startswith("[[control]]\nturns"):
        text, line = f"device = 'a'\n{text}", line + 1
    file = map_file(home, text)
    with pytest.raises(ShowError, match=re.escape(f"nano.toml', line {line}: {message}")):
        read_map(file)
    assert read_maps() == []
    logged = capsys.readouterr().err
    assert len(logged.splitlines()) == 1 and f"nano.toml', line {line}: " in logged
    assert file.read_text() == text


# -- writing ----------------------------------------------------------------------------------


def test_a_binding_is_saved_under_the_name_of_the_device(home):
    file = write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), ["/field/light"])
    assert file == home / "maps" / "nano-nano.toml"
    assert file.read_text() == (
        f'{HEAD}device = "nano:nano"\n\n'
        '[[control]]\nturns = "/field/light"\nmove = "cc 7"\nchannel = 1\n'
    )
    write_binding(DEVICE, Binding("/field/sky", "bend", 0, 0, "toggle"), ["/field/sky"])
    assert read_map(file).bindings == [
        Binding("/field/light", "cc", 7, 1),
        Binding("/field/sky", "bend", 0, 0, "toggle"),
    ]


def test_a_binding_replaces_those_of_its_control_and_knob_but_not_of_other_sketches(home):
    here = ["/field/light", "/field/warmth"]
    for address, number in [("/field/light", 1), ("/field/warmth", 2), ("/sea/swell", 3)]:
        write_binding(DEVICE, Binding(address, "cc", number, 1), [*here, "/sea/swell"])
    write_binding(
        DEVICE, Binding("/field/light", "cc", 3, 1), here
    )  # also bound to another sketch's knob
    write_binding(DEVICE, Binding("/field/warmth", "cc", 3, 1), here)
    [found] = read_maps()
    assert found.bindings == [
        Binding("/sea/swell", "cc", 3, 1),
        Binding("/field/warmth", "cc", 3, 1),
    ]


def test_a_new_binding_keeps_comments_and_the_other_bindings(home):
    file = map_file(
        home,
        f"# mine\ndevice = '{DEVICE}'\n\n# light\n{control('/field/light', 'cc 7')}# warm\n"
        + control("/field/warmth", "cc 8"),
    )
    write_binding(DEVICE, Binding("/field/warmth", "cc", 9, 1), ["/field/warmth"])
    assert file.read_text().startswith("# mine\ndevice = 'nano:nano'\n\n# light\n[[control]]\n")
    assert read_map(file).bindings == [
        Binding("/field/light", "cc", 7),
        Binding("/field/warmth", "cc", 9, 1),
    ]


def test_a_map_written_as_an_inline_list_is_rewritten(home):
    file = map_file(
        home, f"device = '{DEVICE}'\ncontrol = [{{turns = '/field/light', move = 'cc 7'}}]\n"
    )
    write_binding(DEVICE, Binding("/field/sky", "cc", 9, 1), ["/field/sky"])
    assert read_map(file).bindings == [
        Binding("/field/light", "cc", 7),
        Binding("/field/sky", "cc", 9, 1),
    ]


def test_a_broken_map_is_never_overwritten(home):
    broken = map_file(home, "device = ", "nano-nano.toml")
    file = write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), [])
    assert (broken.read_text(), file.name) == ("device = ", "nano-nano-2.toml")
    assert read_map(file).device == DEVICE


def test_a_symbolic_link_to_a_map_stays_a_link(home, tmp_path):
    real = tmp_path / "elsewhere.toml"
    real.write_text(f"device = '{DEVICE}'\n")
    map_file(home, "").unlink()
    link = home / "maps" / "nano.toml"
    link.symlink_to(real)
    assert write_binding(DEVICE, Binding("/field/light", "cc", 7, 1), []) == link
    assert link.is_symlink() and "cc 7" in real.read_text()


names = st.text(max_size=30)
bindings = st.builds(
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
@given(names, st.lists(bindings, min_size=1, max_size=4, unique_by=lambda one: one.address))
def test_any_bindings_that_are_written_are_read_again(tmp_path_factory, device, written):
    device = f"a{device}".encode("utf-8", "replace").decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("home")))
        for binding in written:
            file = write_binding(device, binding, [])
        assert read_map(file) == MidiMap(device, file, written)
