"""Effects through OpenGL: on a machine without a graphics card it is Mesa's llvmpipe."""

import logging
import subprocess
import sys
import threading
from typing import get_args

import numpy as np
import pytest
from capriccio import Moment, generator
from capriccio.testing import moments
from capriccio_effects import generators
from capriccio_effects.echoes import Remembering
from capriccio_effects.opengl import Found
from capriccio_effects.wipes import KINDS
from helpers.images import difference, scene

NOW = Moment(beats=1.0, seconds=1.0)
# The largest mean difference to the CPU that the page on effects tells, in levels of 255.
TOLD = dict.fromkeys([kind.name for kind in generators()], 0.5)
TOLD |= {"displace": 0.1, "kaleidoscope": 0.1, "glow": 1.5, "feedback": 1.5, "blur": 2.5}


KNOBS = [
    ("shader", {"amount": 0.7}),
    ("displace", {"amount": 0.8, "angle": 0.7}),
    ("displace", {"by": scene(3, (40, 50))}),
    ("kaleidoscope", {"segments": 0.5, "turn": 0.1, "zoom": 0.3}),
    ("glow", {}),
    ("glow", {"amount": 1.0, "radius": 0.0, "threshold": 0.8}),
    ("blur", {"amount": 0.6}),
    ("blur", {"amount": 0.0}),
    ("posterise", {"levels": 0.4}),
    ("palette", {}),
    ("palette", {"by": [(0, 0, 0), (200, 90, 30), (250, 250, 240)]}),
    ("chromatic", {"amount": 0.9, "angle": 0.4}),
    ("vignette", {"amount": 0.83, "size": 0.31}),
    ("grain", {"seed": 3}),
    ("grain", {"seed": 3, "amount": 1.0, "size": 0.7, "kind": "paper"}),
    ("edges", {}),
    ("edges", {"amount": 0.9, "width": 0.7, "ground": "night"}),
    ("edges", {"ground": "picture"}),
    ("lens", {"x": 0.1, "y": 0.9, "size": 0.4}),
    ("lens", {"amount": 0.2, "size": 1.0}),
    ("pixelate", {"size": 0.7}),
    ("pixelate", {"size": 0.0}),
    ("mosaic", {}),
    ("mosaic", {"size": 0.9, "joints": 1.0}),
    *(("wipe", {"kind": kind, "position": 0.4}) for kind in get_args(KINDS)),
    *(("feedback", {"mode": mode}) for mode in ("lighten", "mix", "screen", "difference")),
    ("feedback", {"amount": 1.0, "zoom": 0.3, "rotate": 0.8}),
    *(("slitscan", {"depth": 0.12, "direction": way}) for way in ("right", "left", "down", "up")),
    ("motion", {}),
    ("motion", {"memory": 1.0, "threshold": 0.1}),
    ("segment", {"softness": 0.6}),
]


@pytest.mark.parametrize(("name", "knobs"), KNOBS)
def test_an_effect_is_the_same_within_the_told_tolerance(opengl, name, knobs):
    knobs = dict(knobs)
    seed = {"seed": knobs.pop("seed")} if "seed" in knobs else {}
    one, other = (generator(name, device="opengl", **seed) for _ in range(2))
    here = generator(name, **seed)
    assert one.device == "cpu"  # it is opened by the first picture
    image = scene(2, (95, 131))
    remembers = isinstance(here, Remembering)
    for number, now in enumerate(moments(beats=3 if remembers else 0.5, step=0.25)):
        moved = image.copy()
        if number > 5 or not remembers:
            moved[30:80, 5 * number : 5 * number + 30] = (200, 30, 60)
        result = one(now, over=moved, **knobs)
        assert difference(result, here(now, over=moved, **knobs)) <= TOLD[name]
        assert np.array_equal(other(now, over=moved, **knobs), result)
    assert one.device == opengl.renderer != "cpu"


def test_each_effect_is_compared():
    assert {name for name, _ in KNOBS} == {kind.name for kind in generators()}


@pytest.mark.parametrize("name", [kind.name for kind in generators()])
def test_an_effect_keeps_the_size_of_any_picture(opengl, name):
    effect = generator(name, device="opengl")
    for shape in ((1, 1), (3, 50)):
        image = scene(2, shape)
        before = image.copy()
        for now in moments(beats=1, step=0.5):
            result = effect(now, over=image)
            assert (result.shape, result.dtype) == (image.shape, np.uint8)
            assert result.flags.writeable and result.flags.c_contiguous
        assert np.array_equal(image, before)


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
from capriccio.testing import moments
from capriccio_effects import generators
from capriccio_effects.echoes import Remembering
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
