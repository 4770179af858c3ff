"""Convolutions in 8 bits: nearly the same pictures, a smaller file, or the file as it was."""

import numpy as np
import pytest
import torch
from capriccio import Model, ModelError
from capriccio.training import export, quantize_model, seed_everything
from torch import nn


class Decoder(nn.Module):
    """Paints a picture of latents, as the shipped decoders do."""

    def __init__(self):
        super().__init__()
        self.read = nn.Conv2d(4, 32, 3, padding=1)
        self.deep = nn.Conv2d(32, 32, 3, padding=1)
        self.paint = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, z):
        x = torch.relu(self.deep(torch.relu(self.read(z))))  # (1, 32, 8, 8)
        levels = 128 + 100 * self.paint(x)  # (1, 3, 8, 8)
        return levels.clamp(0, 255).to(torch.uint8)


@pytest.fixture
def path(tmp_path):
    seed_everything(0)
    path = tmp_path / "decoder.onnx"
    export(Decoder(), (torch.randn(1, 4, 8, 8),), path, input_names=["z"], output_names=["image"],
           tolerance=1, half=True, card={"licence": "MIT", "sizes": [8, 8]})  # fmt: skip
    return path


def examples(count, scale=1.0):
    random = np.random.default_rng(0)
    return [{"z": (scale * random.normal(size=(1, 4, 8, 8))).astype(np.float32)}
            for _ in range(count)]  # fmt: skip


def nodes_of(path):
    import onnx

    return onnx.load(str(path)).graph


def test_pictures_are_nearly_the_same_and_the_file_is_smaller(path, capsys):
    z = examples(20)[-1]["z"]
    before, size = Model(path)(z=z).astype(float), path.stat().st_size
    error = quantize_model(path, examples(20))
    after = Model(path)(z=z).astype(float)
    assert 0 < error < 3
    assert 0 < np.sqrt(np.square(before - after).mean()) < 3 * error
    assert path.stat().st_size < size
    assert f"convolutions in 8 bits; pictures differ by {error:.2f} of" in capsys.readouterr().out


def test_the_card_goes_on_and_tells_it(path):
    before = dict(Model(path).card)
    quantize_model(path, examples(8))
    after = dict(Model(path).card)
    assert after.pop("convolutions").startswith("8 bits; pictures differ by")
    assert after == before


def test_latents_and_colours_keep_their_digits(path):
    quantize_model(path, examples(8))
    graph = nodes_of(path)
    made_by = {name: node for node in graph.node for name in node.output}
    kinds = [made_by[node.input[1]].op_type for node in graph.node if node.op_type == "Conv"]
    assert kinds == ["Cast", "DequantizeLinear", "Cast"]  # from half precision, or from 8 bits


def test_a_model_whose_pictures_would_differ_is_left_as_it_was(path, monkeypatch):
    from capriccio.training import quantization

    before = path.read_bytes()
    monkeypatch.setattr(quantization, "LARGEST_ERROR", 0.001)
    with pytest.raises(ModelError, match=r"differ by \d\.\d of 255 levels, at most 0\.001 are"):
        quantize_model(path, examples(8))
    assert path.read_bytes() == before


def test_too_few_examples_are_told(path):
    with pytest.raises(ValueError, match=r"at least 4 examples are needed, got 3"):
        quantize_model(path, examples(3))


def test_shipped_pictures_are_made_by_convolutions_in_8_bits():
    from capriccio import generator_class

    for part, model in (("gan", "pomona"), ("vae", "paintings"), ("upscale", "painterly-x2")):
        card = Model(generator_class(part).models[model]).card
        assert "8 bits" in str(card["convolutions"])
