"""The progress bar."""

from capriccio_critic.progress import MIN_COUNT, ProgressBar


def test_a_bar_is_drawn_for_many_pictures_alone(capsys):
    with ProgressBar(MIN_COUNT - 1) as advance:
        advance()
    assert capsys.readouterr().err == ""
    with ProgressBar(2, fewest=2) as advance:
        advance()
    assert "1/2" in capsys.readouterr().err
    with ProgressBar(MIN_COUNT) as advance:
        for _ in range(MIN_COUNT):
            advance()
    assert f"{MIN_COUNT}/{MIN_COUNT}" in capsys.readouterr().err
