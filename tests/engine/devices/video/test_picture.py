import numpy as np
import pytest
from capriccio import Moment, picture
from capriccio.devices.video.picture import PictureFile
from PIL import Image

NOW = Moment()


def test_a_picture_is_a_part(tmp_path):
    Image.new("RGB", (6, 4), (255, 0, 0)).save(tmp_path / "me.png")
    me = picture(tmp_path / "me.png")
    assert isinstance(me, PictureFile)
    assert me(NOW).shape == (4, 6, 3)
    assert me(NOW)[0, 0].tolist() == [255, 0, 0]


def test_a_folder_is_shown_one_after_the_other(tmp_path):
    for number in range(4):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    slides = picture(tmp_path)
    levels = [int(slides(NOW, position=at)[0, 0, 0]) for at in np.linspace(0, 1, 9)]
    assert levels == [0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_what_is_no_picture_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"picture finds no file 'gone\.jpg'"):
        picture("gone.jpg")
    with pytest.raises(ValueError, match="picture finds no image files in "):
        picture(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.png: is not an image file"):
        picture(tmp_path / "a.png")(NOW)
