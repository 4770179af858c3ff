"""Changes that were tried."""

import numpy as np
import pytest
from capriccio_critic.benchmark.suggestions import spoil
from capriccio_critic.suggestions import (
    Suggestion,
    box_on_thirds,
    crop,
    other_changes,
    suggestions,
)
from helpers.paintings import landscape


@pytest.mark.parametrize(("kind", "fault"), [("cast", "discoloured"), ("posterise", "posterised")])
def test_a_spoiled_picture_has_its_fault_named_and_mended(critic, kind, fault):
    image, _ = spoil(landscape(), kind, np.random.default_rng(1))
    readings = critic.analyze(image)
    found, tried = suggestions(critic, image, readings)
    assert len(found) <= min(3, tried)
    assert fault in [one.reading for one in found]
    for one in found:
        seen = critic.analyze(one.image)
        assert (one.quality_before, one.quality_after) == (readings.quality, seen.quality)
        assert one.taste_before is None
        if one.sign:
            assert one.after < one.before
        else:
            assert one.gain >= 0.02
            assert one.before == getattr(readings, one.reading)
            assert one.after == getattr(seen, one.reading)


class Contrary:
    """A taste that likes dark pictures."""

    def score(self, critic, image, readings=None):
        return 1 - image.mean() / 255


def test_other_changes_are_chosen_by_a_taste(critic):
    image = landscape(3)
    found, _ = suggestions(critic, image, critic.analyze(image), Contrary())
    assert all(one.taste_before == pytest.approx(1 - image.mean() / 255) for one in found)
    for one in found:
        assert one.sign or one.taste_after >= one.taste_before + 0.02


def test_large_pictures_are_tried_on_in_small(critic):
    image = landscape(5, width=900, height=700)
    found, _ = suggestions(critic, image, critic.analyze(image))
    assert all(max(one.image.shape) <= 512 for one in found)


def test_crops_lie_inside_the_picture_and_have_the_focus_on_a_third(critic):
    readings = critic.analyze(landscape())._replace(focus_x=0.5, focus_y=0.4)
    box = box_on_thirds(readings)
    assert box == pytest.approx((0.0, 0.15, 0.75, 0.9))
    for change in other_changes(landscape(), readings):
        if change.box is not None:
            assert (crop(landscape(), change.box) == change.image).all()
    assert crop(landscape(), (0.99, 0.99, 1, 1)).shape == (2, 2, 3)


def test_a_line_says_what_was_gained_or_lost():
    one = Suggestion("lighten it", "it is dark", "dark", 1.2, 0.1, 0.4, 0.6, 0.3, 0.5, np.zeros(1))
    assert one.line() == (
        "Try this: lighten it, for it is dark (more than in 19 of 20 paintings): "
        "quality 0.40 to 0.60, taste 0.30 to 0.50."
    )
    worse = one._replace(quality_after=0.3, taste_before=None, before=0.7)
    assert "(rather): quality 0.40 to 0.30; the critic prefers it as it was" in worse.line()
