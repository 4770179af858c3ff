"""How well the beat of drums is heard."""

from capriccio_audio.evaluate import judge, main, render, takes
from click.testing import CliRunner
from helpers.drums import drums


def test_a_beat_that_is_found_is_judged_right_and_another_tempo_wrong():
    sound, _ = drums([100], beats=24)
    right = judge("a", sound, 100.0, 100.0)
    assert right.tempo
    assert right.phase > 0.9
    wrong = judge("a", sound, 87.0, 100.0)
    assert not wrong.tempo
    assert wrong.phase < 0.7


def test_the_takes_of_a_folder_are_rendered_and_judged(groove):
    assert takes(groove, 30) == [(groove / "a.mid", 96.0)]
    assert abs(render(groove / "a.mid", 96.0, 4)).max() > 0.1
    told = CliRunner().invoke(main, ["--data", str(groove)])
    assert "1 takes: tempo within 4% after 8 beats in 100%" in told.output
