"""The loudness of the music, now and as of the frame that is drawn."""

from random import Random

import pytest
from capriccio import Note
from capriccio.testing import Memory
from helpers.shows import GREY, offline_stage


def music_from_loudness(fps):
    """Return the score of music that depends on chance and on how loud it is just then."""
    chance, memory = Random(7), Memory()

    def listen(now):
        count = 1 + round(4 * stage.loudness())
        return [
            Note(chance.randrange(40, 80), number / count, 2.5, chance.random())
            for number in range(count)
        ]

    stage = offline_stage([memory], plays=[(listen, 0.5)], fps=fps)
    stage.perform(9.9)
    return memory.score()


def test_music_that_depends_on_loudness_is_the_same_at_every_frame_rate():
    first, *others = [music_from_loudness(fps) for fps in (0.1, 7, 29.97, 60)]
    assert len(first.splitlines()) > 30
    assert others == [first] * 3


def test_loudness_is_the_strongest_note_halved_with_every_beat():
    heard = []

    def draw(now):
        heard.append(stage.loudness())
        return GREY

    phrase = [Note(60, 1.0, 2.0, 0.8), Note(64, 2.0, 2.0, 0.6)]
    stage = offline_stage([], draw=draw, plays=[(lambda now: phrase, 10)], bpm=60, fps=2)
    stage.perform(5)
    expected = [0, 0, 0.8, 0.8 * 0.5**0.5, 0.6, 0.6 * 0.5**0.5, 0.3, 0.3 * 0.5**0.5, 0, 0]
    assert heard == pytest.approx(expected)
