"""The training of the writer: batches, bits per character, and a model that writes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from capriccio import Model  # noqa: E402
from capriccio_write.generator import Write  # noqa: E402
from capriccio_write.training.dataset import read_texts  # noqa: E402
from capriccio_write.training.main import (  # noqa: E402
    TextBatches,
    evaluate,
    losses,
    plain,
    train,
)
from capriccio_write.training.network import TextNetwork  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    lines = [f"View {n} of the {('Castle', 'River')[n % 2]}" for n in range(400)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    return tmp_path


def test_a_batch_holds_each_text_and_its_end(folder):
    texts = read_texts(folder)
    before, about, after = TextBatches(texts, 0).batch(texts.train[:2])
    first = texts.train[0]
    assert before[0, 0] == 0 and after[0, len(first)] == 0
    assert torch.equal(before[0, 1 : len(first) + 1], after[0, : len(first)])
    assert not about.any()
    assert (after >= 0).sum() == sum(len(text) + 1 for text in texts.train[:2])


def test_about_half_of_the_texts_are_told_a_word(folder):
    batches = TextBatches(read_texts(folder), 0)
    told = torch.cat([batches.train(step)[1] for step in range(4)]).any(1)
    assert 0.3 < told.float().mean() < 0.7


def test_a_step_has_the_same_batch_each_time(folder):
    texts = read_texts(folder)
    assert torch.equal(TextBatches(texts, 0).train(5)[0], TextBatches(texts, 0).train(5)[0])
    assert not np.array_equal(TextBatches(texts, 0).train(0)[0], TextBatches(texts, 1).train(0)[0])


def test_training_lowers_the_bits(folder):
    torch.manual_seed(0)
    texts = read_texts(folder)
    batches, net = TextBatches(texts, 0), TextNetwork(len(texts.characters) + 1, 2, 24)
    valid, optimizer = batches.whole("valid"), torch.optim.Adam(net.parameters(), 1e-2)
    before = evaluate(net, valid)["bits per character"]
    net.train()
    for step in range(20):
        nats, count = losses(net, batches.train(step % 4))
        optimizer.zero_grad()
        (nats / count).backward()
        optimizer.step()
    assert evaluate(net, valid)["bits per character"] < before - 1


def test_a_trained_model_writes(folder):
    out = folder / "mine.onnx"
    train(folder / "a.txt", out, steps=2, width=16)
    card = Model(out).card
    assert set(card["words"].split()) == {"castle", "river"}
    write = Write(model=str(out))
    assert write.complete("View ").startswith("View ")
    assert write.writer.is_known(read_texts(folder).train[0])


def test_a_dry_run_leaves_nothing(folder, capsys):
    train(folder, folder / "mine.onnx", dry_run=True, width=16)
    assert [file.name for file in folder.iterdir()] == ["a.txt"]
    assert "dry run, not kept" in capsys.readouterr().out


def test_a_step_in_plain_torch_runs():
    assert plain()() is not None
