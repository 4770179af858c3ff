"""Displays by number and by name."""

import pytest
from capriccio import ShowError
from capriccio.devices.video.displays import Display, list_displays, match_display
from capriccio.devices.video.screen import Screen

STAGE, LAPTOP = Display(1, 1920, 1080, "HDMI-1"), Display(0, 1280, 800, "eDP-1")


@pytest.mark.parametrize(
    ("target", "display"),
    [
        ("", LAPTOP),
        ("1", STAGE),
        ("HDMI-1", STAGE),
        ("hdmi", STAGE),
        ("edp-1", LAPTOP),
    ],
)
def test_a_display_is_found_by_its_number_or_a_part_of_its_name(target, display):
    assert match_display(target, [LAPTOP, STAGE], "it") is display


def test_a_whole_name_wins_over_a_part_of_another():
    both = [Display(0, 800, 600, "HDMI-10"), Display(1, 800, 600, "HDMI-1")]
    assert match_display("HDMI-1", both, "it") is both[1]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            "2",
            r"it: there is no display '2'; connected: 0 'eDP-1' \(1280x800\), 1 'HDMI-1' \(1920",
        ),
        (
            "HDMl-1",
            r"it: there is no display 'HDMl-1'; did you mean 'HDMI-1'\?; connected: 0 'eDP-1'",
        ),
        (
            "beamer",
            r"it: there is no display 'beamer'; connected: 0 'eDP-1' \(1280x800\), 1 'HDMI-1'",
        ),
        ("-1", r"it: 2 displays match '-1'; connected: 0 'eDP-1'"),
    ],
)
def test_a_display_that_is_not_found_is_reported_with_those_that_are_there(target, words):
    with pytest.raises(ShowError, match=words):
        match_display(target, [LAPTOP, STAGE], "it")


def test_a_display_without_a_name_is_described_by_its_number():
    assert str(Display(1, 800, 600)) == "1 (800x600)"


def test_the_displays_are_listed(two_displays):
    found = [str(display) for display in list_displays()]
    assert found == ["0 'screen' (800x600)", "1 'screen' (640x480)"]


def test_a_display_that_does_not_answer_is_reported(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":54321")
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ShowError, match="no display: the one that DISPLAY or WAYLAND_DISPLAY"):
        list_displays()


def test_without_a_display_the_reason_is_reported(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    assert Screen.missing() == "no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    with pytest.raises(ShowError, match="neither DISPLAY nor WAYLAND_DISPLAY is set"):
        list_displays()


def test_a_driver_that_is_asked_for_is_used(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert Screen.missing() == ""
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    with pytest.raises(ShowError, match="no display: no such driver not available"):
        list_displays()
