"""Logits of the chorale network for whole pieces; needs torch."""

import torch
from capriccio_rnn.chorales.training.main import examples, voice_ranks


def logits(network, piece: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Return logits of a piece where `known` says which voices know which."""
    before, struck, position, now, token = examples([piece], [0])
    return network(before, struck, position, now, token, known.expand(1, len(piece), 4, 4))[0]


def usual_order() -> torch.Tensor:
    """Return which voice knows which in the usual order, (4, 4)."""
    rank = voice_ranks()
    return (rank[None] < rank[:, None]).float()
