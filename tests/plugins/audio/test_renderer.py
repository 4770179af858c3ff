"""Sound by the time of the show."""

import numpy as np
from capriccio import Note, Performance
from capriccio.clock import OfflineClock
from capriccio_audio.instrument_samples import RATE
from capriccio_audio.renderer import Renderer


def claves(seconds, pieces):
    """Return the sound of one stroke, rendered in `pieces`."""
    renderer = Renderer(Performance(OfflineClock(), instruments={10: "kit"}))
    renderer.note_on(Note(75, channel=10, velocity=1.0), seconds)
    sound = [renderer.render(at) for at in pieces]
    return np.concatenate([*sound, renderer.finish(1.0)], axis=1)


def test_a_note_sounds_at_its_second():
    for seconds in (0.0, 0.1234, 0.5):
        sound = claves(seconds, [])
        assert sound.shape == (2, RATE)
        first = np.flatnonzero(np.abs(sound).max(axis=0) > 0.05)[0]
        assert abs(first / RATE - seconds) < 0.001


def test_the_sound_does_not_depend_on_how_it_is_cut():
    whole, cut = claves(0.5, []), claves(0.5, [0.01, 0.2, 0.201, 0.49, 0.9])
    assert (whole == cut).all()


def test_what_rings_is_heard_to_its_end():
    renderer = Renderer(Performance(OfflineClock(), instruments={1: "bells"}))
    renderer.note_on(Note(60), 0.0)
    renderer.note_off(Note(60), 0.5)
    sound = renderer.finish(0.5, tail=4.0)
    assert 1.0 < sound.shape[1] / RATE <= 4.5
    assert np.abs(sound[:, -10:]).max() < 1e-3


def test_a_parameter_takes_effect_at_its_frame():
    performance = Performance(OfflineClock(), instruments={1: "organ"})
    renderer = Renderer(performance)
    renderer.note_on(Note(60), 0.0)
    performance.parameters.set("/audio/mute")
    performance.parameters.apply_pending(0.5)
    sound = renderer.finish(1.0)
    assert np.abs(sound[:, : RATE // 2]).max() > 0.02
    assert np.abs(sound[:, RATE // 2 + 600 :]).max() == 0.0


def test_panic_and_controllers_reach_the_sound():
    renderer = Renderer(Performance(OfflineClock(), instruments={1: "organ"}))
    renderer.control((7, 0.0, 1), 0.0)
    renderer.note_on(Note(60), 0.01)
    assert np.abs(renderer.render(0.5)).max() == 0.0
    renderer.panic()
    assert np.abs(renderer.finish(1.0)).max() < 1e-6
