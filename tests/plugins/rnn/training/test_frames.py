"""Tests of the benchmark of frames: no prediction looks ahead, and probabilities add up to one."""

import math

import pytest

torch = pytest.importorskip("torch")

from capriccio_rnn.training import frames  # noqa: E402

torch = pytest.importorskip("torch")


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
