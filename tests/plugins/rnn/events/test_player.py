"""Tests of the part `rnn` with models of events: drums, tunes of one's own, and a person."""

import itertools
import math
from statistics import fmean

import numpy as np
import pytest
from capriccio import Model, Moment, Note
from capriccio_rnn.events.encoding import ON_GRID, TICKS_PER_STEP, encode, step_and_offset
from capriccio_rnn.events.midi_import import read_folder
from capriccio_rnn.events.player import EventPlayer
from capriccio_rnn.generator import RNN
from helpers import music
from hypothesis import given, settings
from hypothesis import strategies as st

KICK, SNARES, HATS = 36, {37, 38, 40}, {42, 44, 46, 51, 53}


def play(part: RNN, bpm=110.0, **options) -> list[Note]:
    return music.play(part, bpm=bpm, **options)


def drummer(seed=0) -> RNN:
    return RNN(model="groove", seed=seed)


def test_general_midi_drums_are_played_on_channel_10_in_the_order_of_time():
    notes = play(drummer(1), bars=32, style="rock")

    assert {note.channel for note in notes} == {10}
    assert all(35 <= note.pitch <= 81 for note in notes)
    assert [note.start for note in notes] == sorted(note.start for note in notes)
    assert all(0 < note.velocity <= 1 for note in notes)
    played = {note.pitch for note in notes}
    assert KICK in played and SNARES & played and HATS & played


def test_no_drum_is_struck_twice_at_once():
    notes = play(drummer(2), bars=64)

    assert len({(note.start, note.pitch) for note in notes}) == len(notes)


def test_it_plays_like_a_human_off_the_grid_and_with_accents():
    notes = play(drummer(3), bars=32, style="funk")

    offsets = [step_and_offset(note.start)[1] - ON_GRID for note in notes]
    assert len(set(offsets)) > 8  # finely graded
    assert np.std(offsets) < TICKS_PER_STEP / 4  # and yet in time
    assert np.std([note.velocity for note in notes]) > 0.1


def test_rock_has_its_backbeat():
    """The snare falls on the second and the fourth beat more than on the first and the third."""
    notes = [n for seed in range(4) for n in play(drummer(seed), bars=16, style="rock")]

    beats = [round(n.start) % 4 for n in notes if n.pitch in SNARES and n.velocity > 0.5
             and abs(n.start - round(n.start)) < 0.1]  # fmt: skip
    assert len(beats) > 30
    assert sum(beat in (1, 3) for beat in beats) > 2 * sum(beat in (0, 2) for beat in beats)


@pytest.mark.parametrize("bars_at_once", [1, 4, 8])
@pytest.mark.parametrize("bpm", [84, 120])
def test_the_music_does_not_depend_on_how_it_is_cut_into_phrases(bars_at_once, bpm):
    whole = play(drummer(5), bars_at_once=2, bpm=bpm)

    assert play(drummer(5), bars_at_once=bars_at_once, bpm=bpm) == whole


def test_a_phrase_begins_no_earlier_than_its_moment_and_within_its_span():
    part = drummer(6)

    for beats, span in [(0.0, 0.3), (0.3, 1.1), (1.4, 2.0), (3.4, 0.05), (3.45, 5.0), (64.6, 4.0)]:
        for note in part(Moment(beats=beats, span=span)):
            assert 0 <= note.start < span


def test_a_waltz_has_bars_of_three_beats():
    part = drummer(7)

    assert play(part, bars=8, meter=3, style="jazz")
    assert part.player.bar_steps == 12


def test_more_heat_makes_the_choices_less_certain():
    entropies = []
    for heat in (0.0, 0.25, 0.5, 0.75, 1.0):
        seen = []
        for seed, style in enumerate(("funk", "rock", "latin", "jazz")):
            part = drummer(seed)
            for beat in range(48):
                part(Moment(beats=beat, span=1.0), heat=heat, style=style)
                chances = part.player.probabilities()
                seen.append(sum(-float(p[p > 0] @ np.log(p[p > 0])) for p in chances))
        entropies.append(fmean(seen))

    assert entropies == sorted(entropies)
    assert entropies[0] < entropies[-1] / 1.5


def test_more_density_plays_more_notes():
    counts = [
        sum(len(play(drummer(seed), bars=16, density=value)) for seed in range(4))
        for value in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]

    assert counts == sorted(counts)
    assert counts[0] < counts[2] / 1.3 and counts[2] < counts[4] / 1.3


def test_more_register_moves_from_the_kick_to_the_cymbals():
    parts = [play(drummer(11), bars=32, register=value) for value in (0.0, 0.5, 1.0)]

    kicks = [fmean(note.pitch == KICK for note in notes) for notes in parts]
    bright = [fmean(note.pitch in HATS | {49, 57} for note in notes) for notes in parts]
    assert kicks[0] > kicks[1] > kicks[2]
    assert bright[0] < bright[1] < bright[2]


def test_styles_differ_and_a_fill_leaves_the_groove():
    def share(drums, **knobs):
        notes = [n for seed in range(8) for n in play(drummer(seed), bars=8, **knobs)]
        return fmean(note.pitch in drums for note in notes)

    toms, rides = {43, 45, 47, 48, 50}, {51, 53}
    assert share(toms, style="rock", fill=1.0) > 2 * share(toms, style="rock")
    assert share(rides, style="jazz") > 2 * share(rides, style="hiphop")
    assert share({42}, style="hiphop") > 2 * share({42}, style="jazz")


def test_two_styles_are_mixed_and_an_unknown_one_is_refused():
    assert play(drummer(12), style="funk, Jazz") != play(drummer(12), style="funk")
    with pytest.raises(ValueError, match="model 'groove' has no style 'fnuk'; did you mean 'funk'"):
        drummer()(Moment(), style="fnuk")


def test_the_tempo_changes_what_is_played():
    assert play(drummer(13), bpm=60) != play(drummer(13), bpm=180)


def test_the_drums_of_a_person_are_taken_up():
    """After eight bars of a bell on every sixteenth it plays the bell more."""
    alone, fed = drummer(14), drummer(14)
    bells = [Note(53, step / 4, 0.1, 0.8, 10) for step in range(128)]

    fed.feed(bells)
    after = fed(Moment(beats=32, span=16))

    before = alone(Moment(beats=32, span=16))
    assert sum(n.pitch == 53 for n in after) > 2 * sum(n.pitch == 53 for n in before)


def test_a_phrase_goes_on_after_what_was_played():
    part = drummer(15)
    part.feed([Note(36, 0.0, 4.0, 0.8, 10), Note(38, 1.0, 0.1, 0.8, 10)])

    assert part.player.next_tick == 4 * 96
    assert all(note.start >= 0 for note in part(Moment(beats=4, span=4)))


def test_drum_pads_of_any_kind_are_mapped():
    part = drummer(16)

    part.feed([Note(22, 0.0, channel=3), Note(35, 1.0), Note(99, 2.0), Note(41, 3.0, channel=9)])

    player = part.player
    pitches = [player.sounds[event[2]][1] for event in player.history.events]
    assert pitches == [42, 36, 43]  # Roland's hi-hat edge, the other kick, none, the low tom


def test_notes_without_a_finite_time_or_velocity_are_refused():
    with pytest.raises(ValueError, match="note must have a finite start >= 0 and a finite length"):
        drummer().feed([Note(36, math.nan, channel=10)])
    with pytest.raises(ValueError, match=r"note must have a velocity 0\.\.1, got Note"):
        drummer().feed([Note(36, velocity=math.nan, channel=10)])
    with pytest.raises(ValueError, match="phrase must be at most 256 beats long, got 1001"):
        drummer().feed([Note(36, 1000.0, channel=10)])


anything = st.builds(
    Note,
    pitch=st.integers(0, 127),
    start=st.floats(0, 40),
    length=st.floats(0, 8),
    velocity=st.floats(0, 1),
    channel=st.integers(1, 16),
)


shared = drummer(18)


@settings(deadline=None, max_examples=40)
@given(st.lists(anything, max_size=12), st.sampled_from([0.0, 4.0, 5.5, 48.0]))
def test_any_notes_of_a_person_are_followed_by_playable_notes(notes, beats):
    shared.feed(notes)

    for note in shared(Moment(beats=beats, span=4)):  # `Generator` checks that they can be played
        assert note.channel == 10 and 0 <= note.start < 4


def test_hundreds_of_notes_at_once_do_not_stop_time():
    part = drummer(19)
    part.feed([Note(pitch, 0.0, 0.0, 1.0, 10) for pitch in range(128)] * 3)

    notes = part(Moment(beats=0, span=8), density=1.0, heat=1.0)

    steps = [step_and_offset(note.start)[0] for note in notes]
    assert max(len(list(group)) for _, group in itertools.groupby(steps)) <= 13


def test_a_state_that_is_not_finite_is_reported_and_reset():
    part = drummer(20)
    play(part, bars=2)
    part.player.state[0, 0] = np.nan

    with pytest.raises(
        FloatingPointError, match="state of the network was not finite and has been reset"
    ):
        part(Moment(beats=8, span=8))

    assert len(part(Moment(beats=16, span=8))) > 8


def test_unused_knobs_follow_from_the_sounds_and_tags_of_the_model(learned):
    assert RNN(model=str(learned)).unused_knobs == {"fill"}


def test_a_model_of_your_own_plays_at_once(learned):
    notes = play(RNN(model=str(learned), seed=1), style="up")

    assert len(notes) > 20
    assert {note.channel for note in notes} == {1, 2}
    assert play(RNN(model=str(learned), seed=1), style="up") == notes


def test_a_tune_keeps_to_a_key(learned):
    notes = play(RNN(model=str(learned), seed=2), key="f# major")

    assert len(notes) > 10 and {note.pitch % 12 for note in notes} <= {6, 8, 10, 11, 1, 3, 5}


def test_an_unknown_style_is_refused(learned):
    with pytest.raises(ValueError, match="model 'mine' has no style 'upp'; did you mean 'up'"):
        RNN(model=str(learned))(Moment(), style="upp")
    with pytest.raises(ValueError, match="no style 'tango'; expected one of 'down', 'up'"):
        RNN(model=str(learned))(Moment(), style="tango")


def test_a_model_of_events_refuses_to_harmonize(learned):
    part = RNN(model=str(learned))
    for harmonize in (part.harmonize, lambda notes: part.answer(Moment(), notes)):
        with pytest.raises(ValueError, match="model 'mine' cannot harmonize a melody; use"):
            harmonize([Note(60)])


def test_notes_on_any_channel_are_moved_into_the_range_of_the_tunes(learned):
    alone, fed = RNN(model=str(learned), seed=3), RNN(model=str(learned), seed=3)

    fed.feed([Note(24, beat, 1.0, 0.5, 7) for beat in range(8)])

    assert fed(Moment(beats=8, span=8)) != alone(Moment(beats=8, span=8))
    assert fed.player.sounds[fed.player.history.events[0][2]] == (1, 60)


def test_the_player_weighs_events_as_training_did(learned):
    """Events of the validation pieces cost as many nats in the player as in training."""
    player, nats, events = EventPlayer(learned, 0), 0.0, 0
    for labeled in read_folder(learned.parent, lambda line: None):
        if labeled.split == "valid":
            player.reset(0)
            player._knobs = ()
            player._set_knobs(labeled.piece.bpm)
            player._mood[player.tags.index(labeled.tags[0])] = 1.0  # as in training
            sequence = encode(labeled.piece.notes, player.sounds, labeled.piece.meters)
            for event in sequence.events.tolist():
                player._compose(event)
                fields = np.split(player._weights.astype(float), player._ends[:-1])
                nats += sum(
                    np.log(np.exp(weights).sum()) - weights[token]
                    for weights, token in zip(fields, event, strict=True)
                )
            events += len(sequence.events)

    expected = Model(learned).card["metrics"]["valid nats per event"]
    assert nats / events == pytest.approx(expected, abs=2e-3)
