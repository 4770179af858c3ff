"""The rivals have their published sizes, and the part is faster than both."""

import pytest
import torch
from capriccio_gan.training.rivals import FastGAN, StyleGAN2, measure, multiply_adds


@pytest.mark.slow
def test_the_part_is_timed_beside_the_rivals():
    figures = measure(64, frames=20)
    assert figures["gmac"]["ours"] < figures["gmac"]["fastgan"] < figures["gmac"]["stylegan2"]
    assert figures["frame rate beside fastgan, by least"] > 1
    assert set(figures["ours"]) == {"p50", "p95", "p99", "least"}


@pytest.mark.parametrize(("size", "fast", "style"), [(128, 7, 31), (256, 10, 45)])
def test_the_rivals_have_their_published_multiply_adds(size, fast, style):
    """In units of 1e9; for StyleGAN2 as its users count them."""
    with torch.device("meta"):  # shapes alone are counted
        counted = multiply_adds(FastGAN(size).eval(), torch.randn(1, 256))
        assert counted == pytest.approx(fast, rel=0.1)
        counted = multiply_adds(StyleGAN2(size).eval(), torch.randn(1, 512))
        assert counted == pytest.approx(style, rel=0.1)
