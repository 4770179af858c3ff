"""The screen: a real SDL window under Xvfb, its keys pressed by xdotool."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from capriccio import Canvas, Performance, ShowError, Sketch
from capriccio.clock import OfflineClock
from capriccio.devices.video.displays import open_screens
from capriccio.devices.video.mouse import X, add_mouse
from capriccio.devices.video.screen import Screen, handle_events, scaled_rectangle
from capriccio.performance import SIZE
from capriccio.recording.recorder import Recorder
from capriccio.recording.take import read_take
from capriccio.sketch_provenance import provenance_of
from capriccio.testing import Memory, check_output
from helpers.devices import end, needs, wait_for, wayland
from helpers.output_shows import halves
from helpers.screens import seen

CLOCK = OfflineClock()
NOW = CLOCK.moment(seconds=0.0, span=0.1)


@pytest.fixture
def screen(display):
    made = Screen()
    made.start(Performance(CLOCK, (256, 192), 30.0, "a test"))
    yield made
    made.close()


def press(screen, key: str) -> None:
    """Press a key in the window, as a person does."""
    needs("xdotool")
    found = subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    window = found.stdout.split()[0]
    # Without a window manager we must focus the window.
    subprocess.run(["xdotool", "windowfocus", "--sync", window], check=True, timeout=180)
    subprocess.run(["xdotool", "key", key], check=True, timeout=180)


def after(screen, claim, image=None):
    """Go on showing until `claim()` is true."""
    image = halves() if image is None else image

    def shown():
        screen.show(image, NOW)
        return claim()

    return wait_for(shown)


def test_a_screen_keeps_the_contract(display):
    check_output(Screen)
    assert not open_screens


def test_the_picture_is_in_the_window(screen):
    screen.show(halves(256, 192), NOW)
    assert np.array_equal(seen(screen), halves(256, 192))
    assert screen.window.title == "a test"


def test_the_picture_is_seen_by_another_client_of_the_server(screen, display):
    """Read by another client of the X server, not by ourselves."""
    from PIL import ImageGrab

    def glass():
        x, y = screen.window.position
        return np.asarray(ImageGrab.grab(xdisplay=display))[y : y + 192, x : x + 256, :3]

    screen.show(halves(256, 192), NOW)
    wait_for(lambda: np.array_equal(glass(), halves(256, 192)))


def test_a_picture_of_another_shape_stands_between_black_bars(screen):
    screen.show(np.full((64, 32, 3), 200, np.uint8), NOW)
    shot = seen(screen)
    assert (shot[:, :80] == 0).all() and (shot[:, 176:] == 0).all()
    assert (shot[:, 82:174] == 200).all()


def test_a_window_of_another_shape_shows_the_whole_picture_and_the_mouse_over_it(display):
    import pygame

    screen, facts = Screen(), Performance(CLOCK, (256, 192), 30.0, "a test")
    screen.start(facts)
    parameters = facts.parameters
    add_mouse(parameters)
    screen.window.size = (400, 192)
    after(screen, lambda: seen(screen).shape == (192, 400, 3), halves(256, 192))
    shot = seen(screen)
    assert (shot[:, :71] == 0).all() and (shot[:, 329:] == 0).all()
    assert np.array_equal(shot[:, 72:328], halves(256, 192))
    for x, share in ((72, 0.0), (200, 0.5), (264, 0.75)):
        event = pygame.event.Event(pygame.MOUSEMOTION, pos=(x, 96), window=screen.window)
        pygame.event.post(event)
        handle_events()
        parameters.apply_pending(0.0)
        assert parameters.by_address[X].value() == pytest.approx(share, abs=0.01)
    screen.close()


def test_a_canvas_follows_its_window_and_a_replay_does_so_too(display, tmp_path):
    paper, screen, sizes = Canvas(), Screen(), []
    sketch = Sketch(fps=10, size=(256, 192), follow_window=True)

    @sketch.draw
    def draw(now):
        sizes.append(paper.size)
        paper.background("navy")
        paper.circle(0.5, 0.5, 0.8)
        if len(sizes) == 2:
            screen.window.size = (400, 200)
            wait_for(
                lambda: (handle_events(), screen.renderer.get_viewport().size == (400, 200))[1]
            )
        return paper

    recorder = Recorder(tmp_path / "a.take", provenance_of(sketch))
    first, again = Memory(), Memory()
    sketch.perform([screen, first], seconds=0.4, recorder=recorder)
    assert sizes == [(256, 192), (256, 192), (400, 200), (400, 200)]
    take = read_take(recorder.path.read_text(), "a")
    assert [turn.value for turn in take.turns if turn.address == SIZE] == ["256x192", "400x200"]
    sizes.append("replayed")  # and no window is resized
    sketch.replay(take, [again])
    assert sizes[5:] == sizes[:4]
    for one, other in zip(first.images, again.images, strict=True):
        assert np.array_equal(one, other)


def test_the_mouse_is_over_the_whole_window_while_the_picture_has_the_old_size(display):
    import pygame

    facts = Performance(CLOCK, (200, 200), 30.0, "a test", follows_window=True)
    facts.add_size()
    add_mouse(facts.parameters)
    screen = Screen()
    screen.start(facts)
    screen.show(halves(200, 200), NOW)
    screen.window.size = (400, 200)
    after(screen, lambda: screen.window.size == (400, 200), halves(200, 200))
    event = pygame.event.Event(pygame.MOUSEMOTION, pos=(100, 50), window=screen.window)
    pygame.event.post(event)
    handle_events()
    facts.parameters.apply_pending(0.0)
    assert facts.parameters.by_address[X].value() == 0.25
    screen.close()


def test_of_two_windows_of_one_show_the_first_is_followed(two_displays):
    facts = Performance(CLOCK, (100, 80), 30.0, "a test", follows_window=True)
    facts.add_size()
    first, second = Screen(), Screen("1")
    for screen in (first, second):
        screen.start(facts)
    second.window.size = (300, 300)
    after(second, lambda: second.renderer.get_viewport().size == (300, 300))
    facts.parameters.apply_pending(0.0)
    assert facts.size == (100, 80)
    first.window.size = (200, 90)
    after(first, lambda: first.renderer.get_viewport().size == (200, 90))
    facts.parameters.apply_pending(0.0)
    assert facts.size == (200, 90)
    second.close()
    first.close()


@pytest.mark.system
def test_a_canvas_has_the_true_pixels_of_a_high_density_display(tmp_path):
    script = """
        import pygame
        from capriccio import Canvas, Sketch, mouse
        from capriccio.devices.video.screen import Screen
        sketch, screen = Sketch(fps=10, size=(320, 200), follow_window=True), Screen()
        paper, hand = Canvas(), mouse()

        @sketch.draw
        def draw(now):
            print(*screen.window.size, *paper.size, hand.x, hand.y)
            event = pygame.event.Event(pygame.MOUSEMOTION, pos=(240, 50), window=screen.window)
            pygame.event.post(event)
            paper.background("navy")
            return paper

        sketch.perform([screen], seconds=0.2)
        print(screen.closed)
    """
    with wayland(tmp_path, scale=2) as environment:
        child = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            capture_output=True,
            text=True,
            env=environment,
        )
    assert child.stdout.splitlines()[-3:] == [
        "320 200 640 400 0.5 0.5",
        "320 200 640 400 0.75 0.25",
        "False",
    ], child.stderr


@pytest.mark.system
def test_two_sketches_are_on_two_screens(display, second_server, tmp_path):
    from PIL import ImageGrab

    # SDL finds no second monitor under Xvfb, so each screen is one of a server of its own.
    screens, children = {"red": display, "blue": second_server}, []
    for color, server in screens.items():
        (tmp_path / f"{color}.py").write_text(
            "from capriccio import Canvas, Sketch\n"
            "paper, sketch = Canvas(), Sketch(size=(200, 100))\n"
            f"sketch.draw(lambda now: (paper.background({color!r}), paper)[1])\n"
        )
        command = [sys.executable, "-m", "capriccio", "run", f"{color}.py", "--no-take"]
        environment = {**os.environ, "DISPLAY": server}
        children.append(
            subprocess.Popen([*command, "--to", "screen"], cwd=tmp_path, env=environment)
        )

    def middle(server):
        shot = np.asarray(ImageGrab.grab(xdisplay=server))
        return tuple(shot[len(shot) // 2, shot.shape[1] // 2, :3].tolist())

    try:
        for color, expected in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
            wait_for(lambda at=screens[color], want=expected: middle(at) == want, 90)
    finally:
        for child in children:
            end(child)


def test_a_picture_is_scaled_smoothly(screen):
    screen.show(halves(4, 3), NOW)
    row = seen(screen)[100].astype(int)
    assert len({tuple(pixel) for pixel in row}) > 10
    assert (np.diff(row[:, 0]) <= 0).all()


def test_a_picture_may_change_its_size_and_be_a_slice(screen):
    screen.show(halves(100, 100), NOW)
    screen.show(np.repeat(halves(512, 192), 1, axis=0)[:, ::2], NOW)
    assert np.array_equal(seen(screen), halves(256, 192))


@pytest.mark.parametrize(
    ("inner", "outer", "rectangle"),
    [
        ((64, 48), (640, 480), (0, 0, 640, 480)),
        ((1, 1), (1920, 1080), (420, 0, 1080, 1080)),
        ((16, 9), (100, 100), (0, 22, 100, 56)),
        ((10_000, 1), (100, 100), (0, 49, 100, 1)),
    ],
)
def test_the_aspect_is_kept(inner, outer, rectangle):
    assert scaled_rectangle(inner, outer) == rectangle


def test_a_show_larger_than_the_display_gets_a_window_that_fits(display):
    screen = Screen()
    screen.start(Performance(CLOCK, (4000, 2000), 30.0))
    assert screen.window.size == (720, 360)
    screen.close()


def test_escape_ends_the_show(screen):
    screen.show(halves(), NOW)
    assert not screen.closed
    press(screen, "Escape")
    after(screen, lambda: screen.closed)


def test_closing_the_window_ends_the_show(screen):
    import pygame

    screen.show(halves(), NOW)
    # What the window manager's button sends; xdotool can only tear the window away.
    pygame.event.post(pygame.event.Event(pygame.WINDOWCLOSE, window=screen.window))
    screen.show(halves(), NOW)
    assert screen.closed


def test_f_toggles_the_full_screen(screen):
    import pygame

    press(screen, "f")
    after(screen, lambda: screen.window.size == (800, 600))
    assert screen.fullscreen and not pygame.mouse.get_visible()
    press(screen, "f")
    after(screen, lambda: screen.window.size == (256, 192))
    assert not screen.fullscreen and pygame.mouse.get_visible()


def test_other_keys_do_nothing(screen):
    press(screen, "q")
    for _ in range(10):
        screen.show(halves(), NOW)
    assert not screen.closed and not screen.fullscreen


def test_a_missing_display_is_reported_with_those_that_are_there(two_displays):
    with pytest.raises(ShowError, match=r"no display '2'; connected: 0 'screen' \(800x600\), 1 's"):
        Screen("2").start(Performance(CLOCK))
    assert not open_screens


def test_a_window_that_cannot_be_opened_is_reported(display, monkeypatch):
    import pygame
    from pygame._sdl2 import video

    def refuse(window):  # no X server here can be brought to it
        raise pygame.error("no memory on the card")

    monkeypatch.setattr(video, "Renderer", refuse)
    with pytest.raises(ShowError, match=r"'screen' cannot open a window: no memory on the card$"):
        Screen().start(Performance(CLOCK))
    assert not open_screens and not pygame.display.get_init()


def test_two_screens_share_the_keys(two_displays):
    first, second = Screen(), Screen("1")
    for number, made in enumerate((first, second)):
        made.start(Performance(CLOCK, (100, 100), 30.0, f"test {number}"))
    import pygame

    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE, window=second.window))
    first.show(halves(), NOW)
    assert second.closed and not first.closed
    second.close()
    first.show(halves(), NOW)
    first.close()
    assert not pygame.display.get_init()


def test_the_screen_leaves_signals_and_the_other_parts_of_sdl_alone(display):
    script = """
        import signal
        from capriccio import Performance
        from capriccio.clock import OfflineClock
        from capriccio.devices.video.screen import Screen
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        screen = Screen()
        screen.start(Performance(OfflineClock()))
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        import pygame
        assert not pygame.mixer.get_init() and not pygame.joystick.get_init()
        signal.raise_signal(signal.SIGTERM)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True
    )
    assert child.returncode == -15, child.stderr
    assert "pygame" not in child.stdout
