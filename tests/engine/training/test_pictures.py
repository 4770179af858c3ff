"""How many pictures a training takes, and what it says of few."""

from pathlib import Path

import pytest
from capriccio.training import check_picture_count


@pytest.mark.parametrize(("count", "warned"), [(10, True), (199, True), (200, False)])
def test_few_pictures_are_taken_with_a_warning(count, warned, capsys):
    check_picture_count(Path("mine"), count)
    assert ("close copies" in capsys.readouterr().out) == warned


def test_nine_pictures_are_refused():
    with pytest.raises(ValueError, match="at least 10 readable pictures in 'mine', got 9"):
        check_picture_count(Path("mine"), 9)
