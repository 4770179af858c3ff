import numpy as np
import pygame
import pytest
from capriccio import Sketch, keys
from capriccio.devices.video.displays import init_video, quit_video
from capriccio.devices.video.keys import HELD, KeyEvents, add_keys
from capriccio.parameters import Parameters
from capriccio.testing import Memory


def key(kind, name):
    return pygame.event.Event(kind, key=pygame.key.key_code(name))


@pytest.fixture
def parameters(display):  # pygame knows the names of keys once there is a display
    init_video()
    yield Parameters()
    quit_video()


def held(parameters, seconds=0.0):
    parameters.apply_pending(seconds)
    return parameters.by_address[HELD].value()


def test_keys_are_held_until_they_are_released(parameters):
    add_keys(parameters)
    handler = KeyEvents(parameters)
    handler.handle(key(pygame.KEYDOWN, "a"))
    handler.handle(key(pygame.KEYDOWN, "left shift"))
    assert held(parameters, 0.1) == "a+left shift"
    handler.handle(key(pygame.KEYUP, "a"))
    assert held(parameters, 0.2) == "left shift"
    handler.handle(key(pygame.KEYDOWN, "b"))
    handler.handle(key(pygame.KEYUP, "b"))
    assert held(parameters, 0.3) == "b+left shift"  # tapped between two frames
    assert held(parameters, 0.4) == "left shift"
    handler.handle(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    handler.handle(pygame.event.Event(pygame.MOUSEMOTION))
    assert held(parameters, 0.5) == ""
    add_keys(parameters)
    with pytest.raises(TypeError, match="keys are words such as"):
        parameters.set(HELD, 3)


def test_nothing_is_set_where_nobody_reads_the_keys(parameters):
    KeyEvents(parameters).handle(key(pygame.KEYDOWN, "a"))
    assert parameters.idle


def test_a_cue_reads_keys():
    pressed, seen = keys(), []
    assert pressed["a"] == 0.0
    sketch = Sketch(fps=10, size=(16, 16))

    @sketch.draw
    def draw(now):
        seen.append((pressed["space"], sorted(pressed.held)))
        if len(seen) == 2:
            sketch.current_stage.performance.parameters.set(HELD, "a+space")
        return np.zeros((16, 16, 3), np.uint8)

    sketch.perform([Memory()], seconds=0.3)
    assert seen == [(0.0, []), (0.0, []), (1.0, ["a", "space"])]
