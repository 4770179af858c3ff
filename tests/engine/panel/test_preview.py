"""The preview: images of any size become small JPEGs."""

import io

import numpy as np
import pytest
from capriccio.panel.preview import MAX_SIDE, Preview, encode_jpeg
from PIL import Image


@pytest.mark.parametrize("shape", [(1, 1), (16, 16384), (2160, 3840), (513, 511)])
def test_an_image_of_any_size_is_reduced(shape):
    picture = Image.open(io.BytesIO(encode_jpeg(np.full((*shape, 3), 128, np.uint8))))
    assert max(picture.size) <= MAX_SIDE
    if max(shape) > MAX_SIDE:
        assert max(picture.size) > MAX_SIDE // 2


def test_before_the_first_image_the_preview_is_black():
    assert Image.open(io.BytesIO(Preview((32, 16)).jpeg())).size == (32, 16)
