"""The part `write`: the title of a bar, never one of the training data unless it may be."""

import pytest
from capriccio import Moment
from capriccio.testing import check_generator
from capriccio_write.generator import Write


def bar(number, beat=0.0):
    return Moment(beats=4.0 * number + beat, seconds=2.0 * number + beat / 2)


@pytest.mark.slow
def test_it_keeps_the_contract():
    check_generator(Write)


def test_a_title_stays_for_its_bar():
    write = Write(seed=3)
    title = write(bar(0))
    assert isinstance(title, str) and title
    assert write(bar(0, 3.9)) == title
    assert write(bar(1)) != title
    assert write(bar(0)) == title


def test_no_title_of_the_training_data_is_returned():
    write = Write(seed=3)
    for number in range(30):
        assert not write.writer.is_known(write(bar(number), heat=0.2))


def test_titles_of_the_training_data_are_returned_where_they_may_be(monkeypatch):
    write = Write(seed=3, known=True)
    monkeypatch.setattr(write.writer, "write", lambda *_, **options: "A Swiss Town")
    assert write(bar(0)) == "A Swiss Town"


def test_where_nothing_new_is_found_it_says_so(monkeypatch):
    write = Write(seed=3)
    monkeypatch.setattr(write.writer, "write", lambda *_, **options: "A Swiss Town")
    with pytest.raises(
        ValueError, match=r"wrote 'A Swiss Town', which is in its training data, and 4"
    ):
        write(bar(0))


def test_a_title_passes_over_words_that_it_does_not_know():
    write = Write(seed=3)
    labels = "still life, castle, qqqqq"
    assert write.title(bar(0), 0.5, about=labels)
    with pytest.raises(ValueError, match=r"knows no word 'qqqqq'"):
        write(bar(0), about=labels)


def test_a_line_has_a_length():
    write = Write(seed=3)
    short, long = (write(bar(0), length=length) for length in (0.15, 1.0))
    assert len(short) <= 15 < len(long) <= 100


def test_a_text_is_completed():
    write = Write(seed=3)
    one, other = (write.complete("The Old ", number=number) for number in (0, 1))
    assert one.startswith("The Old ") and other.startswith("The Old ") and one != other
    assert one == Write(seed=3).complete("The Old ")
    assert write.complete("")


@pytest.mark.parametrize(
    ("prefix", "error", "told"),
    [
        (7, TypeError, "a prefix must be text, got int"),
        ("絵画", ValueError, "the model knows no characters"),
    ],
)
def test_what_cannot_be_completed_is_refused(prefix, error, told):
    with pytest.raises(error, match=told):
        Write().complete(prefix)


def test_it_can_be_closed_and_written_with_again():
    write = Write(seed=3)
    write.warm_up()
    write.close()
    assert "castle" in write.words
