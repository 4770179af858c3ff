"""Directions of change are found and calibrated around the middle."""

import numpy as np
import torch
from capriccio_gan.training.directions import find_directions
from capriccio_gan.training.networks import CODE, GeneratorNetwork


def test_directions_are_independent_and_neutral_in_the_middle():
    torch.manual_seed(0)
    generator = GeneratorNetwork(64)
    for block in generator.blocks:
        torch.nn.init.normal_(block.two.weight, std=0.02)
    directions = find_directions(generator.eval(), torch.randn(8, CODE), pictures=4)
    assert len(directions) == 6
    for one in directions:
        turns = np.array(one["turns"])
        assert (np.diff(turns) > 0).all() and abs(turns[len(turns) // 2]) < 1e-6
        assert len(one["direction"]) == 128
    assert np.linalg.matrix_rank(np.array([one["direction"] for one in directions])) == 6
