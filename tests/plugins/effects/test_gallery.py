import numpy as np
from capriccio_effects import gallery, generators
from capriccio_effects.gallery import COLUMNS, LABEL, SHOWN, TILE, harbour, main
from PIL import Image


def test_the_sheet_shows_every_effect():
    assert {name for name, _, _ in SHOWN} == {kind.name for kind in generators()}


def test_a_harbour_moves():
    assert harbour().shape == (TILE[1], TILE[0], 3)
    assert not np.array_equal(harbour(), harbour(1.0))


def test_a_sheet_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "SHOWN", SHOWN[:2])
    main(str(tmp_path / "sheet.png"))
    width, height = Image.open(tmp_path / "sheet.png").size
    assert (width, height) == (COLUMNS * TILE[0], TILE[1] + LABEL)
