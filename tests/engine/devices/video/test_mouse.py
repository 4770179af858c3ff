"""The mouse: events of real windows become parameters, which takes hold."""

import ctypes
import os
import subprocess

import numpy as np
import pygame
import pytest
from capriccio import Canvas, Sketch, camera, generator, layers, mouse
from capriccio.clock import OfflineClock
from capriccio.devices.video.film import Video
from capriccio.devices.video.mouse import BUTTONS, WHEEL, MouseEvents, X, Y, add_mouse, wander
from capriccio.devices.video.screen import Screen, handle_events
from capriccio.parameters import Parameters
from capriccio.performance import Performance
from capriccio.recording.recorder import Recorder
from capriccio.recording.take import read_take
from capriccio.sketch_provenance import provenance_of
from capriccio.testing import Memory
from helpers.devices import needs, wait_for
from helpers.output_shows import halves, performance, show_all

PICTURE = (10, 20, 100, 50)


def value(parameters, address):
    return parameters.by_address[address].value()


def events(parameters, *happened):
    handler = MouseEvents(parameters)
    for kind, facts in happened:
        assert handler.handle(pygame.event.Event(kind, facts), PICTURE)
    handler.flush()
    parameters.apply_pending(parameters.seconds)


def test_a_mouse_is_where_it_is_on_the_picture():
    parameters = Parameters()
    add_mouse(parameters)
    assert (value(parameters, X), value(parameters, WHEEL)) == (0.5, 0.5)
    events(parameters, (pygame.MOUSEMOTION, {"pos": (35, 45)}))
    assert (value(parameters, X), value(parameters, Y)) == (0.25, 0.5)
    events(parameters, (pygame.MOUSEMOTION, {"pos": (0, 99)}))  # beside the picture
    assert (value(parameters, X), value(parameters, Y)) == (0.0, 1.0)
    events(parameters, (pygame.MOUSEWHEEL, {"y": 2}))
    assert value(parameters, WHEEL) == pytest.approx(0.6)
    add_mouse(parameters)  # a second mouse() is the same one
    assert value(parameters, X) == 0.0
    parameters.set(X, None)
    parameters.apply_pending(0.0)
    assert value(parameters, X) == 0.5


def test_of_many_moves_the_last_before_a_frame_counts():
    parameters, told = Parameters(), []
    add_mouse(parameters)
    parameters.subscribe(told.append)
    events(parameters, *((pygame.MOUSEMOTION, {"pos": (x, 30)}) for x in range(50)))
    assert len(told) == 2


def test_a_click_between_two_frames_is_not_lost():
    parameters = Parameters()
    add_mouse(parameters)
    parameters.seconds = 1.0
    events(
        parameters,
        (pygame.MOUSEBUTTONDOWN, {"pos": (60, 45), "button": 1}),
        (pygame.MOUSEBUTTONUP, {"pos": (60, 45), "button": 1}),
    )
    assert value(parameters, BUTTONS[1]) == 1.0
    parameters.apply_pending(1.1)
    assert value(parameters, BUTTONS[1]) == 0.0
    events(parameters, (pygame.MOUSEBUTTONDOWN, {"pos": (60, 45), "button": 3}))
    parameters.apply_pending(1.2)
    assert value(parameters, BUTTONS[3]) == 1.0
    events(parameters, (pygame.MOUSEBUTTONDOWN, {"pos": (60, 45), "button": 9}))


def test_nothing_is_set_where_nobody_reads_the_mouse():
    parameters = Parameters()
    handler = MouseEvents(parameters)
    assert handler.handle(pygame.event.Event(pygame.MOUSEMOTION, pos=(1, 1)), PICTURE)
    handler.flush()
    assert parameters.idle
    assert not handler.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_a), PICTURE)


def test_a_mouse_rests_outside_a_show_and_without_hands():
    hand = mouse()
    assert (hand.x, hand.y, hand.wheel) == (0.5, 0.5, 0.5)
    assert (hand.left, hand.middle, hand.right) == (0.0, 0.0, 0.0)
    sketch, places = Sketch(fps=10, size=(16, 16)), []
    sketch.draw(lambda now: (places.append(hand.x), np.zeros((16, 16, 3), np.uint8))[1])
    sketch.perform([Memory()], seconds=0.3)
    assert places == [0.5, 0.5, 0.5]


def test_a_simulated_mouse_wanders_and_clicks():
    parameters, places, clicks = Parameters(), [], 0
    add_mouse(parameters)
    for frame in range(100):
        parameters.seconds = frame / 10
        wander(parameters, frame / 10)
        parameters.apply_pending(frame / 10)
        places.append(value(parameters, X))
        clicks += value(parameters, BUTTONS[1])
    assert max(places) - min(places) > 0.5
    assert 0 < clicks < 100


def test_a_take_with_mouse_camera_and_effects_replays_bit_by_bit(tmp_path):
    clip = tmp_path / "clip.mp4"
    shots = [np.roll(halves(), 5 * number, axis=1) for number in range(25)]
    show_all(Video(str(clip)), shots, performance())
    hand, eye, paper = mouse(simulate=True), camera(simulate=clip), Canvas()
    trail, water, seen = generator("feedback"), generator("displace"), generator("motion")
    paper.no_stroke()
    sketch = Sketch(fps=10, size=(64, 48))

    @sketch.draw
    def draw(now):
        image = eye(now, mirror=hand.y)
        paper.image(water(now, over=image, amount=hand.x))
        paper.fill("tomato" if hand.left else "gold")
        paper.circle(hand.x, hand.y, 0.2)
        return layers(trail(now, over=paper, zoom=0.7), (seen(now, over=image), "screen", 0.3))

    recorder = Recorder(tmp_path / "a.take", provenance_of(sketch, seed=None, seconds=20))
    first, second = Memory(), Memory()
    sketch.perform([first], seconds=20, recorder=recorder)
    text = recorder.path.read_text()
    assert text.count(X) > 150
    sketch.replay(read_take(text, "a"), [second])
    eye.close()
    assert len(first.images) == len(second.images) == 200
    assert len({image.tobytes() for image in first.images}) > 150
    for one, other in zip(first.images, second.images, strict=True):
        assert np.array_equal(one, other)


def take_focus_away(display):
    """Have no window of an X server receive keys."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    server = ctypes.c_void_p(x.XOpenDisplay(display.encode()))
    x.XSetInputFocus(server, ctypes.c_ulong(0), 0, ctypes.c_ulong(0))
    x.XSync(server, 0)
    x.XCloseDisplay(server)


@pytest.mark.system
def test_a_pointer_over_a_real_window_is_read(display):
    needs("xdotool")
    facts = Performance(OfflineClock(), (200, 100), 30.0, "a mouse")
    add_mouse(facts.parameters)
    screen = Screen()
    screen.start(facts)
    try:
        window = subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--pid", str(os.getpid())],
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        ).stdout.split()[0]
        place = ["mousemove", "--window", window, "50", "75"]

        def clicked():
            # The click brings the focus, and SDL learns of both at once.
            take_focus_away(display)
            handle_events()
            focus = ["xdotool", "windowfocus", "--sync", window, *place, "click", "1"]
            subprocess.run(focus, check=True, timeout=180)
            handle_events()
            facts.parameters.apply_pending(0.0)
            return value(facts.parameters, BUTTONS[1]) == 1.0

        wait_for(clicked)
        assert value(facts.parameters, X) == pytest.approx(0.25, abs=0.02)
        assert value(facts.parameters, Y) == pytest.approx(0.75, abs=0.02)
    finally:
        screen.close()
