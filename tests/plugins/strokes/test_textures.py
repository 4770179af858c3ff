"""Textures of brush strokes."""

import numpy as np
import pytest
from capriccio_strokes.textures import BRISTLES, TURNS, atlas, noise


def strip(sheet, kind, turn, copy=0):
    left, top, columns, rows = sheet.strips[kind, 0, turn, copy]
    return sheet.pixels[top : top + rows, left : left + columns].astype(float)


@pytest.mark.parametrize("kind", range(len(BRISTLES)))
def test_a_strip_is_covered_in_the_middle_and_bare_around(kind):
    alpha = strip(atlas("bristle", 0.0), kind, 0)[..., 3] / 255
    rows, columns = alpha.shape

    assert alpha[rows // 4 : -rows // 4, columns // 4 : columns // 2].mean() > 0.9
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 0.2


def test_paint_runs_out_at_the_end_of_a_stroke():
    alpha = strip(atlas("bristle", 0.0), 1, 0)[..., 3] / 255
    early, late = (alpha[:, int(share * alpha.shape[1])].mean() for share in (0.3, 0.88))
    assert late < 0.85 * early


def test_colours_never_exceed_their_alpha():
    for brush in ("bristle", "wash"):
        pixels = atlas(brush, 0.0).pixels
        assert (pixels[..., :3] <= pixels[..., 3:]).all()


def test_light_from_either_side_falls_on_opposite_slopes():
    sheet = atlas("bristle", 1.0)
    one, other = (strip(sheet, 1, turn) for turn in (0, TURNS - 1))
    solid = (one[..., 3] > 250) & (other[..., 3] > 250)
    levels = [each[..., 0][solid] for each in (one, other)]
    plain = strip(atlas("bristle", 0.0), 1, 0)[..., 0][solid]

    across = strip(sheet, 1, TURNS // 2)[..., 0][solid]
    assert across.std() > 2 * plain.std()
    assert np.corrcoef(levels[0] - plain, levels[1] - plain)[0, 1] < -0.5


def test_smaller_copies_look_the_same_from_afar():
    sheet = atlas("bristle", 0.0)
    large, small = (strip(sheet, 2, 0, copy)[..., 3] for copy in (0, 1))
    pairs = large[: 2 * len(small) : 2] + large[1 : 2 * len(small) : 2]
    assert abs((pairs[:, ::2] + pairs[:, 1::2]) / 4 - small).max() <= 1


def test_noise_has_the_mean_and_the_deviation_that_are_promised():
    field = noise(np.random.default_rng(0), (60, 80), 5, 7)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-3)
    # Smooth: neighbours differ by less than they all do.
    assert abs(np.diff(field, axis=1)).mean() < 0.25
