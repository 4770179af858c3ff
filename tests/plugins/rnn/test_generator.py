"""Tests of the part `rnn` itself: its models, seeds, and unused knobs."""

import subprocess
import sys

import pytest
from capriccio import Model, Moment
from capriccio.testing import check_generator
from capriccio_rnn.chorales.player import ChoralePlayer
from capriccio_rnn.events.player import EventPlayer
from capriccio_rnn.generator import RNN
from helpers.devices import ROOT
from helpers.music import play


@pytest.mark.parametrize("model", ["chorales", "groove"])
def test_the_part_keeps_the_contract(model):
    check_generator(RNN, model=model)


def test_the_card_decides_how_a_model_is_played():
    assert isinstance(RNN().player, ChoralePlayer)
    assert isinstance(RNN(model="groove").player, EventPlayer)


@pytest.mark.parametrize("model, unused", [("chorales", {"style", "fill"}), ("groove", {"key"})])
def test_knobs_without_effect_on_the_model_are_named(model, unused):
    part = RNN(model=model)

    assert part.unused_knobs == frozenset(unused)
    assert unused < set(RNN.knobs)


def test_every_knob_is_described():
    assert all(knob.description.endswith(".") for knob in RNN.knobs.values())


def test_warming_up_does_not_change_the_music():
    warm = RNN(seed=2)
    warm.warm_up()

    assert play(warm) == play(RNN(seed=2))


@pytest.mark.parametrize("model", ["chorales", "groove"])
def test_another_process_plays_the_same_notes(model):
    script = (
        "from capriccio_rnn.generator import RNN; from helpers.music import play;"
        f"print(play(RNN(model={model!r}, seed=8)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=True,
    )

    assert there.stdout.strip() == repr(play(RNN(model=model, seed=8)))


@pytest.mark.parametrize("model", ["chorales", "groove"])
def test_a_moment_without_length_has_no_notes(model):
    assert RNN(model=model)(Moment(span=0.0)) == []


def test_an_unknown_model_is_refused_at_construction():
    with pytest.raises(ValueError, match="has no model 'coral'; did you mean 'chorales'"):
        RNN(model="coral")


def test_the_chorale_model_carries_its_card():
    card = Model(RNN.models["chorales"]).card

    for field in ("data", "data_source", "data_licence", "licence", "credit", "commit", "command",
                  "machine", "metrics", "hours", "input_ranges"):  # fmt: skip
        assert card[field] or field == "commit", field
    assert RNN.models["chorales"].stat().st_size < 12e6


def test_the_drummer_carries_its_card():
    card = Model(RNN.models["groove"]).card

    for field in ("data", "data_source", "data_licence", "licence", "credit", "commit", "command",
                  "machine", "metrics", "hours", "input_ranges", "tags", "sounds"):  # fmt: skip
        assert card[field] or field == "commit", field
    assert card["data_licence"] == "CC BY 4.0" and "Gillick" in card["credit"]
    assert card["metrics"]["test nats per event"] < 7
    assert RNN.models["groove"].stat().st_size < 4e6
