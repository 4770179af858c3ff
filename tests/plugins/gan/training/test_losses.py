"""The second phase changes the generator."""

from functools import cache

import pytest
import torch
from capriccio_gan.training import losses, main
from safetensors import safe_open


@pytest.mark.slow
def test_moments_of_generated_pictures_count_in_the_second_phase(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(losses, "SECOND_PHASE", 0.5)
    monkeypatch.setattr(main, "export_model", lambda *arguments, **options: None)
    train_encoders, encoders = main.train_encoders, []

    def once(*arguments, **options):
        encoders.extend(encoders or train_encoders(*arguments, **options))
        torch.manual_seed(0)  # as after the first time
        return encoders[:3]

    monkeypatch.setattr(main, "train_encoders", once)
    monkeypatch.setattr(main, "read_pictures", cache(main.read_pictures))

    def trained(weight: float, steps: int):
        monkeypatch.setattr(losses, "TRANSPORT_WEIGHT", weight)
        out = tmp_path / f"{weight:g}-{steps}"
        main.train(folder, out / "mine.onnx", steps=steps, reading=1, size=64, batch=4)
        with safe_open(out / "mine.safetensors", "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    weighted, unweighted = trained(6.0, 4), trained(0.0, 4)
    # Of four steps only the last is in the second phase.
    assert [weighted[f"model.made.{n}.batches"].item() for n in range(9)] == [1] * 9
    assert weighted["model.made.0.mean"].abs().sum() > 0
    last = "model.painter.last.weight"
    assert not torch.equal(weighted[last], unweighted[last])
    assert torch.equal(trained(0.0, 1)[last], trained(6.0, 1)[last])  # the first phase is the same
