"""What changes all screens of a show: black, freeze, test card, fill, unplugged displays."""

import ctypes
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from capriccio import Performance
from capriccio.clock import OfflineClock
from capriccio.devices.video.displays import list_displays
from capriccio.devices.video.screen import Screen
from capriccio.devices.video.screen_controls import WINDOW_KEYS, describe_keys
from capriccio.devices.video.test_card import draw_test_card
from capriccio.parameters import Parameter
from helpers.devices import end, needs, wait_for
from helpers.output_shows import halves
from helpers.screens import seen

CLOCK = OfflineClock()
SIZE = 256, 192


class ScreenShow:
    """A show on some screens, whose frames the test calls."""

    def __init__(self, *targets):
        self.facts = Performance(CLOCK, SIZE, 30.0, "a test")
        self.parameters, self.seconds, self.image = self.facts.parameters, 0.0, halves(*SIZE)
        self.screens = [Screen(target) for target in targets]
        for screen in self.screens:
            screen.start(self.facts)

    def advance(self, seconds: float = 0.0, image=None) -> np.ndarray:
        """Show a frame `seconds` later; return what is seen on the first screen."""
        self.seconds += seconds
        self.image = self.image if image is None else image
        self.parameters.apply_pending(self.seconds)
        for screen in self.screens:
            screen.show(self.image, CLOCK.moment(seconds=self.seconds, span=0.1))
        return seen(self.screens[0])

    def press(self, key: str) -> np.ndarray:
        assert self.parameters.press_key(key)
        return self.advance()


@pytest.fixture
def show(display):
    shows = []

    def build(*targets):
        shows.append(ScreenShow(*(targets or ("",))))
        return shows[-1]

    yield build
    for one in shows:
        for screen in one.screens:
            screen.close()


def test_b_fades_to_black_and_back(show):
    show = show()
    assert np.array_equal(show.press("b"), halves(*SIZE))
    way = [int(show.advance(0.25).max()) for _ in range(5)]
    assert way[0] > way[1] > way[2] > way[3] == way[4] == 0
    assert 100 < way[1] < 155  # half the way
    show.press("b")
    assert 0 < show.advance(0.5).max() < 255
    assert np.array_equal(show.advance(0.5), halves(*SIZE))


def test_b_in_the_middle_of_a_fade_turns_back_from_there(show):
    show = show()
    show.press("b")
    dim = show.advance(0.5).max()
    assert show.press("b").max() == dim
    assert np.array_equal(show.advance(0.5), halves(*SIZE))


def test_a_fader_makes_it_as_black_as_it_stands(show):
    show = show()
    show.parameters.set("/show/black", 0.5)
    assert 120 < show.advance().max() < 135
    assert show.parameters.by_address["/show/black"].value() == 0.5
    show.parameters.set("/show/black", 7)
    assert show.advance().max() == 0
    show.parameters.set("/show/black", 0)
    assert np.array_equal(show.advance(), halves(*SIZE))


def test_z_keeps_the_picture_while_the_show_goes_on(show):
    show = show()
    show.advance()
    show.press("z")
    assert np.array_equal(show.advance(1, np.zeros_like(show.image)), halves(*SIZE))
    assert not show.press("z").any()


def test_freeze_before_the_first_picture_waits_for_one(show):
    show = show()
    show.parameters.set("/show/freeze", "on")
    assert np.array_equal(show.advance(), halves(*SIZE))


def test_a_fills_the_screen_and_shows_the_whole_picture_again(show):
    show = show()
    tall = np.full((64, 32, 3), 200, np.uint8)
    assert (show.advance(0, tall)[:, :80] == 0).all()
    assert (show.press("a") == 200).all()
    assert (show.press("a")[:, :80] == 0).all()


def test_c_shows_the_card_with_the_display_and_the_rate(show, monkeypatch):
    cards = []

    def paint(*facts):
        cards.append(facts)
        return draw_test_card(*facts)

    monkeypatch.setattr("capriccio.devices.video.screen.draw_test_card", paint)
    show = show()
    for _ in range(40):
        show.advance(1 / 30)
    show.press("c")
    for _ in range(30):
        shot = show.advance(1 / 30)
    size, _, words = cards[-1]
    assert size == SIZE
    assert words[:3] == ["a test", "display 0 screen", "256x192, picture 256x192"]
    assert words[3] in ("30 of 30 frames a second", "31 of 30 frames a second")
    assert len(cards) <= 3  # not for every frame
    assert np.array_equal(shot, draw_test_card(*cards[-1]))
    assert np.array_equal(show.press("c"), halves(*SIZE))


def test_controls_apply_to_every_screen_of_the_show(show):
    show = show("", "0")
    show.parameters.set("/show/black", 1)
    show.advance()
    assert [seen(screen).max() for screen in show.screens] == [0, 0]


def test_the_title_names_what_differs_from_the_sketch(show):
    show = show()
    show.parameters.set("/show/black", 1)
    show.parameters.set("/show/freeze", "on")
    show.advance(1)
    assert show.screens[0].window.title == "a test - black, freeze"
    show.parameters.set("/show/black", 0)
    show.parameters.set("/show/freeze", "off")
    show.advance(1)
    assert show.screens[0].window.title == "a test"


def test_values_that_do_not_fit_are_refused(show):
    parameters = show().parameters
    with pytest.raises(TypeError, match=r"/show/black' .* must be a number 0\.\.1, got 'dark'"):
        parameters.set("/show/black", "dark")
    with pytest.raises(ValueError, match=r"/show/black' .* must be a number 0\.\.1, got nan"):
        parameters.set("/show/black", float("nan"))
    with pytest.raises(ValueError, match=r"'/show/card' of all screens has no choice 'yes'"):
        parameters.set("/show/card", "yes")


def test_h_and_the_question_mark_print_every_key(show, capsys):
    import pygame

    show = show()
    window = show.screens[0].window
    show.parameters.add(
        Parameter("/show/wave", "press", "Wave to the crowd", lambda _: None, key="w")
    )
    show.press("h")
    printed = capsys.readouterr().err
    assert printed == f"capriccio: {describe_keys(show.parameters)}\n"
    for key, says in {**WINDOW_KEYS, "w": "Wave to the crowd"}.items():
        assert f"  {key:8} {says}\n" in printed
    facts = {"key": pygame.K_SLASH, "scancode": 56, "mod": pygame.KMOD_SHIFT, "unicode": "?"}
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, window=window, **facts))
    show.advance()
    show.advance()
    assert capsys.readouterr().err == printed


def test_the_pointer_is_hidden_on_a_full_screen_and_seen_in_a_window_beside_it(show):
    import pygame

    show = show("", "0")
    stage, preview = show.screens
    stage.toggle_fullscreen()
    preview.pointer_inside = False
    pygame.event.clear()

    def post(kind, screen):
        pygame.event.post(pygame.event.Event(kind, window=screen.window))
        show.advance()

    post(pygame.WINDOWENTER, preview)
    assert pygame.mouse.get_visible()
    post(pygame.WINDOWLEAVE, preview)
    assert not pygame.mouse.get_visible()
    stage.close()
    assert pygame.mouse.get_visible()


# -- displays by name -------------------------------------------------------------------------


def test_a_screen_opens_on_a_display_by_name(show):
    assert show("scr").screens[0].window is not None


# -- a display that is unplugged --------------------------------------------------------------

TWO_MONITORS = """
Section "Device"
    Identifier "card"
    Driver "dummy"
    VideoRam 64000
EndSection
Section "Monitor"
    Identifier "monitor"
    HorizSync 5-1000
    VertRefresh 5-200
EndSection
Section "Screen"
    Identifier "screen"
    Device "card"
    Monitor "monitor"
    DefaultDepth 24
    SubSection "Display"
        Depth 24
        Modes "800x600"
        Virtual 2048 1024
    EndSubSection
EndSection
"""


@pytest.fixture
def two_monitors(display, tmp_path, monkeypatch):
    """An X server of the kind that sits on graphics cards, with monitors that can be unplugged."""
    needs("xdotool")
    if not os.path.exists("/usr/lib/xorg/modules/drivers/dummy_drv.so"):
        pytest.skip("no X server for it; apt-get install xserver-xorg-video-dummy")
    if shutil.which("xrandr") is None:
        pytest.skip("xrandr is not installed; apt-get install x11-xserver-utils")
    config = tmp_path / "xorg.conf"
    config.write_text(TWO_MONITORS)
    read, write = os.pipe()
    child = subprocess.Popen(
        [
            *("Xorg", "-displayfd", str(write), "-config", config, "-nolisten", "tcp"),
            *("-logfile", tmp_path / "xorg.log", "-noreset", "-novtswitch", "-sharevts"),
        ],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with open(read) as line:
            number = line.readline().strip()
        if not number:
            pytest.skip("Xorg does not start on this machine")
        monkeypatch.setenv("DISPLAY", f":{number}")
        xrandr("--addmode", "DUMMY1", "640x480")
        plug_in()
        yield
    finally:
        end(child)


def xrandr(*words: str) -> str:
    return subprocess.run(
        ["xrandr", *words], check=True, capture_output=True, text=True, timeout=30
    ).stdout


def plug_in() -> None:
    xrandr("--output", "DUMMY1", "--mode", "640x480", "--right-of", "DUMMY0")
    xrandr()  # has the server look what is connected


class Unplugged(ctypes.Structure):
    """What an X server tells of a cable: XRROutputChangeNotifyEvent."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("subtype", ctypes.c_int),
        ("output", ctypes.c_ulong),
        ("crtc", ctypes.c_ulong),
        ("mode", ctypes.c_ulong),
        ("shape", ctypes.c_ushort * 3),  # rotation, connection, order of its pixels
        ("rest", ctypes.c_byte * 192),
    ]


def pull_out(window: str) -> None:
    """Turn the second monitor off, and tell a window what a cable pulled out tells: this driver
    has none to pull."""
    found = re.search(r"^DUMMY1 .*?Identifier: (0x\w+)", xrandr("--verbose"), re.M | re.S)
    xrandr("--output", "DUMMY1", "--off")
    x, randr = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXrandr.so.2")
    x.XOpenDisplay.restype = ctypes.c_void_p
    server = ctypes.c_void_p(x.XOpenDisplay(os.environ["DISPLAY"].encode()))
    first, errors = ctypes.c_int(), ctypes.c_int()
    assert randr.XRRQueryExtension(server, ctypes.byref(first), ctypes.byref(errors))
    notify, output_change, disconnected = first.value + 1, 1, 1
    event = Unplugged(type=notify, window=int(window), subtype=output_change)
    event.output, event.shape[:] = int(found.group(1), 16), [1, disconnected, 0]
    x.XSendEvent(server, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(event))
    x.XCloseDisplay(server)


def test_the_picture_moves_off_a_display_that_is_unplugged_and_back(two_monitors, show, capsys):
    assert [display.name for display in list_displays()] == ["DUMMY0", "DUMMY1"]
    show = show("DUMMY1")
    screen = show.screens[0]
    show.advance()
    assert screen.window.position[0] >= 800
    found = ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(os.getpid())]
    window = subprocess.run(found, capture_output=True, text=True, timeout=180).stdout.split()[0]

    def on(left, right):
        def there():
            show.advance(0.5)
            return left <= screen.window.position[0] < right

        return there

    pull_out(window)
    wait_for(on(0, 800))
    assert np.array_equal(show.advance(), halves(*SIZE))
    plug_in()
    wait_for(on(800, 1440))
    pull_out(window)
    wait_for(on(0, 800))
    logged = capsys.readouterr().err
    gone = "display 1 'DUMMY1' (640x480) is gone; the picture moves to 0 'DUMMY0' (800x600)"
    assert logged.count(gone) == 1
    assert logged.count("display 1 'DUMMY1' (640x480) is back") == 1
    assert not screen.closed
