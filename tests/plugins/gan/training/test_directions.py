"""Directions of change are found and calibrated around the middle."""

import numpy as np
import torch
from capriccio_gan.training.directions import (
    DIRECTIONS,
    find_code_directions,
    find_directions,
)
from capriccio_gan.training.networks import CODE, GeneratorNetwork


def test_directions_are_independent_and_neutral_in_the_middle():
    torch.manual_seed(0)
    generator = GeneratorNetwork(64)
    for block in generator.blocks:
        torch.nn.init.normal_(block.two.weight, std=0.02)
    directions = find_directions(generator.eval(), torch.randn(8, CODE), pictures=4)
    assert len(directions) == DIRECTIONS == 4
    for one in directions:
        turns = np.array(one["turns"])
        assert (np.diff(turns) > 0).all() and abs(turns[len(turns) // 2]) < 1e-6
        assert len(one["direction"]) == 128
    assert np.linalg.matrix_rank(np.array([one["direction"] for one in directions])) == 4


def test_code_directions_are_those_in_which_captions_of_one_group_differ():
    torch.manual_seed(0)
    groups = ["apple", "pear"] * 50
    codes = 0.01 * torch.randn(100, 16)
    codes[::2, 0] += 50  # between the groups
    codes[:, 1] += 3 * torch.randn(100)  # within them
    codes[:, 2] += torch.randn(100)
    found = find_code_directions(codes, groups)
    assert found.shape == (4, 16)
    assert found.abs().argmax(1)[:2].tolist() == [1, 2]
    assert 2 < found[0].norm() < 4 and 0.7 < found[1].norm() < 1.3  # standard deviations
