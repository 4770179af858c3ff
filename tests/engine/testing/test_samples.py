"""The moments, images, phrases and drawings that parts are tried with."""

import pytest
from capriccio.media import as_drawing, as_image, as_phrase
from capriccio.testing import drawings, images, moments, phrases


def test_moments_go_through_a_show():
    shown = list(moments(bpm=60, meter=3, beats=1.0, step=0.25))
    assert [now.beats for now in shown] == [0, 0.25, 0.5, 0.75]
    assert [now.seconds for now in shown] == [0, 0.25, 0.5, 0.75]
    assert {now.span for now in shown} == {0.25}
    assert {now.meter for now in shown} == {3}


def test_samples_are_valid_media():
    for image in images():
        assert as_image(image) is image
        with pytest.raises(ValueError, match="read-only"):
            image[0, 0] = 0
    assert [as_phrase(phrase) for phrase in phrases()] == phrases()
    assert [len(as_drawing(drawing)) for drawing in drawings()] == [1, 2, 1]
