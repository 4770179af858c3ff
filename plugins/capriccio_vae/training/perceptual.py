"""How far pictures differ to a trained eye: the features of a network that was trained on art."""

from pathlib import Path

import torch
import torch.nn.functional as F
from capriccio import analyzer
from torch import Tensor, nn


class PerceptualLoss(nn.Module):
    """Relative differences of the feature maps of the critic's trunk (arXiv 1603.08155).

    The weights are read from the ONNX file of the analyzer `critic`, in which batch normalisation
    is already folded into the convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        import onnx
        from onnx import numpy_helper

        path = Path(analyzer("critic").model_path("paintings"))
        found = {
            tensor.name.removesuffix(" in half"): torch.from_numpy(
                numpy_helper.to_array(tensor).copy()
            ).float()
            for tensor in onnx.load(str(path)).graph.initializer
        }
        weights = {
            name.removeprefix("net.trunk.").removesuffix(".0.bias"): (
                found[f"{name.removesuffix('bias')}weight"],
                value,
            )
            for name, value in found.items()
            if name.startswith("net.trunk.") and name.endswith(".0.bias")
        }
        self._names = list(weights)
        for name, (weight, bias) in weights.items():
            self.register_buffer(f"w_{name.replace('.', '_')}", weight)
            self.register_buffer(f"b_{name.replace('.', '_')}", bias)

    def _conv(self, h: Tensor, name: str) -> Tensor:
        key = name.replace(".", "_")
        return F.conv2d(h, getattr(self, f"w_{key}"), getattr(self, f"b_{key}"), padding=1)

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps at 1/2, 1/4, 1/8 and 1/16 of the side of (batch, 3, side, side)."""
        h = F.relu(self._conv(F.pixel_unshuffle(x * 4 - 2, 2), "first"))
        maps = [h]
        for stage, blocks in ((1, 1), (2, 2), (3, 1)):
            h = F.relu(self._conv(F.avg_pool2d(h, 2), f"steps.{stage - 1}"))
            for block in range(blocks):
                inner = F.relu(self._conv(h, f"stages.{stage}.{block}.one"))
                h = F.relu(h + self._conv(inner, f"stages.{stage}.{block}.two"))
            maps.append(h)
        return maps

    def forward(self, real: Tensor, made: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.maps(real)
        pairs = zip(wanted, self.maps(made), strict=True)
        gaps = [((a - b).abs().mean() / (a.abs().mean() + 1e-6)).float() for a, b in pairs]
        return torch.stack(gaps).sum()
