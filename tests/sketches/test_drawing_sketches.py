"""Scroll, together and vernissage: what a network draws and writes, and a person beside it."""

import importlib.util

import pytest
from capriccio.testing import Memory
from helpers.devices import ROOT


def load(name):
    path = ROOT / "sketches" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sketch_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.sketch.fps = 4
    return module


def ink(image):
    """Return the share of dark pixels."""
    return (image.astype(int).sum(2) < 200).mean()


def test_a_scroll_fills_with_characters():
    module, memory = load("scroll"), Memory()
    module.sketch.perform([memory], seconds=24)
    inks = [ink(image) for image in memory.images]
    assert inks[0] < 0.001 < inks[24] < inks[-1] < 0.2
    assert module.scroll.finished >= 2
    # Right columns come first.
    dark = memory.images[-1].astype(int).sum(2) < 200
    assert dark[:, 480:].sum() > 10 * dark[:620, :480].sum()
    assert memory.notes and not memory.sounding


def test_what_a_person_begins_is_gone_on_from():
    module, memory = load("together"), Memory()
    module.sketch.perform([memory], seconds=9)
    sheet = module.sheet
    assert len(sheet.strokes) == 1 and sheet.added
    red = [(i[..., 0].astype(int) - i[..., 2] > 100).mean() for i in memory.images]
    assert red[8] == 0 < red[-1]


def test_each_turn_has_a_sheet_of_its_own():
    module = load("together")
    module.sketch.perform([Memory()], seconds=13)
    assert module.sheet.turn == 1
    assert module.sheet.strokes[0].points[0, 0] == pytest.approx(module.LOW[0, 0])


@pytest.mark.slow
def test_a_picture_is_hung_named_and_redrawn():
    module, memory = load("vernissage"), Memory()
    module.sketch.fps = 1
    module.sketch.perform([memory], seconds=15)
    assert module.hanging.number == 1
    assert module.hanging.title and "critic" in module.hanging.notes
    assert not module.writer.writer.is_known(module.hanging.title)
    assert module.pen.seconds(module.hanging.drawing) > 1  # an outline, at the pace of a hand
    frames = [image[100:500, 620:1000].mean() for image in memory.images[:10]]
    assert frames[0] > frames[5]  # ink on the paper beside it
