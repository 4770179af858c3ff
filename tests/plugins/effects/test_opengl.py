"""Effects through OpenGL: on a machine without a graphics card it is Mesa's llvmpipe."""

import logging
import subprocess
import sys
import threading

import numpy as np
import pytest
from capriccio import Moment, generator
from capriccio_effects.opengl import Found, open_opengl
from helpers.images import difference, scene

NOW = Moment(beats=1.0, seconds=1.0)
# The largest mean difference to the CPU that the page on effects tells, in levels of 255.
TOLD = {"shader": 0.5, "displace": 0.1, "kaleidoscope": 0.1, "glow": 1.5, "blur": 2.5}


@pytest.fixture(scope="module")
def opengl():
    found = open_opengl()
    if found.opengl is None:
        pytest.skip(found.reason)
    return found.opengl


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("shader", {"amount": 0.7}),
        ("displace", {"amount": 0.8, "angle": 0.7}),
        ("displace", {"by": scene(3, (40, 50))}),
        ("kaleidoscope", {"segments": 0.5, "turn": 0.1, "zoom": 0.3}),
        ("glow", {}),
        ("glow", {"amount": 1.0, "radius": 0.0, "threshold": 0.8}),
        ("blur", {"amount": 0.6}),
        ("blur", {"amount": 0.0}),
    ],
)
def test_an_effect_is_the_same_within_the_told_tolerance(opengl, name, knobs):
    image = scene(2, (95, 131))
    there = generator(name, device="opengl")
    assert there.device == "cpu"  # it is opened by the first picture
    result = there(NOW, over=image, **knobs)
    assert there.device == opengl.renderer != "cpu"
    assert difference(result, generator(name)(NOW, over=image, **knobs)) <= TOLD[name]
    assert np.array_equal(there(NOW, over=image, **knobs), result)


def test_a_program_is_no_graphics_card(opengl, caplog):
    effect = generator("blur", device="gpu")
    image = scene(2)
    with caplog.at_level(logging.WARNING, "capriccio"):
        for _ in range(2):
            result = effect(NOW, over=image)
    if opengl.is_program:
        assert effect.device == "cpu"
        assert caplog.messages == [
            f"effect 'blur' runs on the CPU: OpenGL is {opengl.renderer} here, "
            "which is no graphics card"
        ]
        assert np.array_equal(result, generator("blur")(NOW, over=image))
    else:
        assert effect.device == opengl.renderer and not caplog.messages


def test_without_opengl_the_cpu_is_used_and_one_line_says_so(monkeypatch, caplog):
    missing = Found(None, "OpenGL cannot be opened: no EGL")
    monkeypatch.setattr("capriccio_effects.opengl.open_opengl", lambda: missing)
    effect = generator("shader", device="gpu")
    with caplog.at_level(logging.WARNING, "capriccio"):
        for _ in range(2):
            effect(NOW, over=scene(2))
    assert effect.device == "cpu"
    expected = "effect 'shader' runs on the CPU: OpenGL cannot be opened: no EGL"
    assert caplog.messages == [expected]


def test_what_is_missing_is_named():
    script = """
import sys
sys.modules["moderngl"] = None  # as where it is not installed
from capriccio_effects.opengl import open_opengl
print(open_opengl().reason)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'not installed; pip install "capriccio[gpu]"' in child.stdout, child.stderr


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match=r"device is 'cpu', 'gpu' or 'opengl', got 'cuda'"):
        generator("blur", device="cuda")


def test_a_picture_without_room_is_refused(opengl):
    with pytest.raises(ValueError, match=r"has no room for a picture of 100000x2$"):
        opengl.draw((100_000, 2), lambda canvas: None)


def test_all_is_drawn_in_a_thread_of_its_own(opengl):
    # A window has a context of OpenGL in the thread of the show.
    threads: list[threading.Thread] = []
    opengl.draw((16, 16), lambda canvas: threads.append(threading.current_thread()))
    opengl.draw((16, 16), lambda canvas: threads.append(threading.current_thread()))
    assert threads[0] is threads[1] is not threading.current_thread()
