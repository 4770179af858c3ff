"""Tests of the part `rnn` with the model `groove`: timing, dynamics, styles, knobs, feeding."""

import hashlib
import itertools
import math
import subprocess
import sys
from statistics import fmean

import numpy as np
import pytest
from capriccio import Model, Moment, Note
from capriccio.testing import check_generator
from capriccio_rnn.events.encoding import ON_GRID, TICKS_PER_STEP, step_and_offset
from capriccio_rnn.generator import RNN
from helpers.devices import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

GROOVES = ROOT.parent / "shared" / "data" / "music-groove-drums"
KICK, SNARES, HATS = 36, {37, 38, 40}, {42, 44, 46, 51, 53}


def play(part, bars=8, bars_at_once=2, meter=4, bpm=110.0, **knobs) -> list[Note]:
    """Play from the start and return the notes with their times from there."""
    phrase, span = [], bars_at_once * meter
    for beat in range(0, bars * meter, span):
        now = Moment(beats=beat, seconds=beat * 60 / bpm, span=span, meter=meter, bpm=bpm)
        phrase += [note._replace(start=note.start + beat) for note in part(now, **knobs)]
    return phrase


def drummer(seed=0) -> RNN:
    return RNN(model="groove", seed=seed)


def test_the_drummer_keeps_the_contract():
    check_generator(RNN, model="groove")


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


def test_a_moment_without_length_has_no_notes():
    assert drummer()(Moment(span=0.0)) == []


def test_a_waltz_has_bars_of_three_beats():
    part = drummer(7)

    assert play(part, bars=8, meter=3, style="jazz")
    assert part.player.bar_steps == 12


def test_another_process_plays_the_same_notes():
    script = (
        "import hashlib; from plugins.rnn.events.test_groove import drummer, play;"
        "print(hashlib.sha256(repr(play(drummer(8))).encode()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=True,
    )

    here = hashlib.sha256(repr(play(drummer(8))).encode()).hexdigest()
    assert there.stdout.strip() == here


# -- knobs ------------------------------------------------------------------------------------


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


# -- feeding --------------------------------------------------------------------------------


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


# -- the model --------------------------------------------------------------------------------


def test_the_model_carries_its_card():
    card = Model(RNN.models["groove"]).card

    for field in ("data", "data_source", "data_licence", "licence", "credit", "commit", "command",
                  "machine", "metrics", "hours", "input_ranges", "tags", "sounds"):  # fmt: skip
        assert card[field] or field == "commit", field
    assert card["data_licence"] == "CC BY 4.0" and "Gillick" in card["credit"]
    assert card["metrics"]["test nats per event"] < 7
    assert RNN.models["groove"].stat().st_size < 4e6


def test_it_plays_as_hard_and_as_late_as_the_drummers_of_the_test_split():
    if not GROOVES.is_dir():
        pytest.skip(f"the Groove MIDI Dataset is not at {GROOVES}")
    from capriccio_rnn.events.groove import compare

    found = compare(GROOVES)

    for what in ("velocity", "timing", "drum"):
        figures = found[f"divergence of {what}, bits"]
        assert figures["ours"] < max(0.02, 2 * figures["train"]), what
    assert found["hits a beat"]["ours"] == pytest.approx(found["hits a beat"]["test"], rel=0.2)
