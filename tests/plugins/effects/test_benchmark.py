import numpy as np
from capriccio_effects import generators
from capriccio_effects.benchmark import EFFECTS, effects, main, others, shapes, timed


def test_every_effect_is_timed():
    assert sorted(EFFECTS) == sorted(kind.name for kind in generators())


def test_the_libraries_draw_the_same_circles():
    pictures = [draw().astype(float) for _, draw in shapes((80, 60), 5)]
    for other in pictures[1:]:
        assert np.abs(pictures[0] - other).mean() < 3


def test_a_table_is_printed(capsys):
    main((64, 48), 3, 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3 + 5 + len(EFFECTS)
    assert len(list(others((64, 48)))) == 5
    assert len(list(effects((64, 48)))) == len(EFFECTS)
    assert len(timed(lambda: None)) == 3


def test_effects_are_timed_on_another_device(capsys):
    main((64, 48), 3, 1, "opengl")
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(EFFECTS)
