"""Tests of the benchmarks: no prediction looks ahead, and probabilities add up to one."""

import json
import math

import mido
import numpy as np
import pytest
from capriccio import Note
from capriccio_rnn.analyzer import find_faults
from capriccio_rnn.benchmark import chorales
from capriccio_rnn.benchmark.__main__ import benchmark
from capriccio_rnn.events.__main__ import events
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from capriccio_rnn.benchmark import frames  # noqa: E402

TUNE = [[60, 64, 67, 72], [59, 62, 67, 74], [60, 64, 67, 72], [57, 65, 69, 72], [55, 62, 71, 74]]


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = frames.FrameNetwork(width=16, layers=2).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(0, 0.05)
    return net


def log_probabilities(net, piece):
    """Return the log-probability of each frame of a piece."""
    columns = [column[None] for column in frames.FramePiece(piece).excerpt(0, len(piece), 0)]
    with torch.no_grad():
        return net(*columns, frames.frame_notes(columns[0]))[0]


def test_no_frame_is_predicted_from_itself_or_what_follows(net):
    tune = TUNE * 3
    whole = log_probabilities(net, frames.piano_roll(tune))

    for time in range(1, len(tune)):
        changed = frames.piano_roll([*tune[:time], [48, 55, 64, 73], *tune[time + 1 :]])
        assert torch.equal(log_probabilities(net, changed)[:time], whole[:time])


def test_the_probabilities_of_all_next_frames_add_up_to_one(net):
    heard = torch.randn(1, 1, 16 + frames.FRAME)
    before = torch.tensor([[[50, 46, 43, 39]]])
    # Every frame of no note, of one, and of two or more, whatever stands below the second.
    sets = [[frames.END] * 2, *([top, frames.END] for top in range(88))]
    sets += [[top, low] for top in range(88) for low in range(top)]
    notes = torch.tensor(sets)[None]  # (1, sets, 2)

    with torch.no_grad():
        sides = heard.expand(1, len(sets), -1), before.expand(1, len(sets), -1)
        found = net.write(*sides, notes).exp()

    assert found.sum().item() == pytest.approx(1, abs=1e-4)
    assert found[0, 0] > 1e-6 and found[0, 1:89].sum() > 1e-6


def test_a_repeat_is_found_where_it_first_was():
    where, length = frames.longest_matches(
        frames.piano_roll([[60], [62], [64], [65], [60], [62], [67], [60]])
    )

    # After the second [60], and [60] [62], what came then was frame 1, and frame 2.
    assert length.tolist() == [0, 0, 0, 0, 0, 1, 2, 0]
    assert where.tolist() == [0, 0, 0, 0, 0, 1, 2, 0]


def test_a_network_that_trusts_a_repeat_is_certain_of_it(net):
    tune = frames.piano_roll(TUNE * 4)
    with torch.no_grad():
        old = net.trust.bias.clone()
        net.trust.bias.fill_(50.0)
        trusted = log_probabilities(net, tune)
        net.trust.bias.copy_(old)

    assert trusted[-1].item() == pytest.approx(0, abs=1e-3)


def test_the_first_frame_costs_the_choice_of_the_transposition(net):
    piece = frames.FramePiece(frames.piano_roll(TUNE))
    found = log_probabilities(net, frames.piano_roll(TUNE))

    every, later = frames.evaluate([net], [piece])

    assert every * 5 == pytest.approx(math.log(12) - found.sum().item(), rel=1e-5)
    assert later * 4 == pytest.approx(-found[1:].sum().item(), rel=1e-5)


def test_pieces_are_evaluated_with_c_as_their_first_bass_note():
    for shift in range(-6, 6):
        piece = frames.FramePiece(
            frames.piano_roll([[pitch + shift for pitch in chord] for chord in TUNE])
        )
        keys, *_ = piece.excerpt(0, 5, 0)
        assert int(keys[0].nonzero().min()) % 12 == frames.C
        assert -6 <= piece.home < 6


def test_the_notes_of_a_frame_come_from_the_top_down():
    written = frames.frame_notes(frames.piano_roll([[60, 72, 64], []]))

    assert written.tolist() == [[51, 43, 39, 88], [88, 88, 88, 88]]


def test_a_folder_without_the_dataset_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no jsb-chorales-quarter\.json in"):
        frames.load(tmp_path, "jsb")
    with pytest.raises(FileNotFoundError, match=r"no Nottingham\.mat in"):
        frames.load(tmp_path, "nottingham")


def test_bachs_steps_become_notes_no_longer_than_the_models():
    piece = [[72, 67, 64, 48]] * 20 + [[74, 67, -1, 50]] * 4

    phrase = chorales.phrase_of(piece)

    soprano = [(n.pitch, n.start, n.length) for n in phrase if n.channel == 1]
    assert soprano == [(72, 0, 4), (72, 4, 1), (74, 5, 1)]
    assert sum(n.length for n in phrase if n.channel == 3) == 5
    assert find_faults(phrase)[1][0].what == "parallel octaves"


def test_the_divergence_of_note_lengths_is_0_for_equal_and_1_for_disjoint_ones():
    quarters = [chorales.phrase_of([[72, 67, 64, 48]] * 4)]
    halves = [chorales.phrase_of([[72, 67, 64, 48]] * 8)]

    quarters, halves = chorales.lengths(quarters), chorales.lengths(halves)
    assert quarters == {4: 4} and halves == {8: 4}
    assert chorales.divergence(quarters, quarters) == 0
    assert chorales.divergence(quarters, halves) == 1


def test_one_command_compares_the_model_with_bach(tmp_path):
    rng = np.random.default_rng(0)
    moves = rng.integers(0, 5, (3, 32, 1))
    pieces = (moves + np.array([72, 67, 60, 48])).tolist()
    splits = {"train": pieces, "valid": pieces, "test": pieces}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))

    ran = CliRunner().invoke(benchmark, ["chorales", "--data", str(tmp_path), "--pieces", "3"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    assert figures["pieces"] == {"ours": 3, "Bach's": 3}
    assert figures["notes within their voice's range"] == 1


def test_one_command_times_an_offline_render():
    ran = CliRunner().invoke(benchmark, ["rendering", "--minutes", "0.2"])

    assert ran.exit_code == 0, ran.output
    figures = json.loads(ran.stdout)
    assert figures["minutes"] == 0.2 and figures["seconds"] > 0
    assert figures["notes"] > 40 and figures["bytes"] > 4 * figures["notes"]


def test_one_command_compares_the_drummer_with_a_split(tmp_path):
    hits = [Note(36 + beat % 2 * 2, beat, 0.1, 0.8, 10) for beat in range(16)]
    names = ("train", "validation", "test")
    for repeats, name in enumerate(names, 1):
        file = mido.MidiFile()
        track = file.add_track()
        for note in hits * repeats:
            track.append(mido.Message("note_on", channel=9, note=note.pitch, velocity=100))
            track.append(mido.Message("note_off", channel=9, note=note.pitch, time=480))
        file.save(tmp_path / f"{name}.mid")
    rows = [f"{name}.mid,{name}" for name in names]
    (tmp_path / "info.csv").write_text("\n".join(["midi_filename,split", *rows]))

    found = {}
    for split in ("valid", "test"):
        ran = CliRunner().invoke(events, ["groove", "--data", str(tmp_path), "--split", split])
        assert ran.exit_code == 0, ran.output
        found[split] = json.loads(ran.stdout)["hits"]

    assert found["valid"]["valid"] == 32 and found["test"]["test"] == 48
    assert found["valid"]["ours"] > 0
