"""Tests of the data and training of the chorale model."""

import pytest

torch = pytest.importorskip("torch")

from capriccio_rnn.chorales.training import main as chorales  # noqa: E402
from capriccio_rnn.chorales.training import network as net  # noqa: E402


def test_a_transposed_piece_keeps_its_intervals_and_every_voice_its_range():
    torch.manual_seed(2)
    piece = torch.tensor([[72, 65, 57, 48], [74, 67, 59, 43]]) - net.LOWEST + 1
    piece[0, 1] = net.SILENT
    shifts = set()
    for _ in range(50):
        moved = chorales.transpose_randomly(piece)
        shifts.add(int((moved - piece)[0, 0]))
        assert moved[0, 1] == net.SILENT
        assert len(set((moved - piece)[piece != net.SILENT].tolist())) == 1
        for voice, (low, high) in enumerate(net.RANGES):
            sung = moved[:, voice][moved[:, voice] != net.SILENT] - 1 + net.LOWEST
            assert low <= sung.min() and sung.max() <= high
    assert shifts == set(range(-6, 7))


def test_a_repeated_pitch_counts_as_held():
    piece = torch.tensor([[30, 25, 20, 10], [30, 26, 20, 10]])

    before, struck, position, now, token = chorales.examples([piece], [12])

    assert before[0].tolist() == [[net.START] * 4, [30, 25, 20, 10]]
    assert token[0].tolist() == [[30, 25, 20, 10], [net.HOLD, 26, net.HOLD, net.HOLD]]
    assert struck[0].tolist() == [[0] * 4, [1] * 4]
    assert position[0].tolist() == [12, 13]
    assert torch.equal(now[0], piece)


def test_a_folder_without_chorales_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no Jsb16thSeparated\.json in"):
        chorales.train(tmp_path / "elsewhere", tmp_path / "mine.onnx")
