"""Texts to learn from: lines and columns, split by their hash."""

import gzip

import pytest

pytest.importorskip("torch")

from capriccio_write.training.dataset import lines_of, provenance, read_texts


def lines(count=400):
    return [f"View {number} of the {('Castle', 'River')[number % 2]}" for number in range(count)]


def test_the_lines_of_a_text_are_read_once_each(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join([*lines(), "", *lines(), "[blank]", "ab"]))
    texts = read_texts(tmp_path / "a.txt")
    assert sorted([*texts.train, *texts.valid, *texts.test]) == sorted(lines())
    assert len(texts.train) > 0.7 * 400 and texts.valid and texts.test
    assert set(texts.words) == {"castle", "river"}
    assert set(texts.characters) == set("".join(lines()))


def test_titles_of_a_table_are_read(tmp_path):
    rows = ["id,title", *(f'{number},"{line}"' for number, line in enumerate(lines()))]
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("\n".join(rows))
    assert sum(map(len, (read_texts(tmp_path).train, read_texts(tmp_path).valid))) > 300


def test_the_first_column_is_taken_where_none_is_called_title(tmp_path):
    (tmp_path / "a.csv").write_text("one,two\nthree,four\n")
    assert lines_of(tmp_path / "a.csv") == ["one", "three"]
    (tmp_path / "b.csv").write_text("")
    assert lines_of(tmp_path / "b.csv") == []


def test_texts_with_rare_characters_are_left_out(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join([*lines(), "A view of \u4e2d"]))
    texts = read_texts(tmp_path)
    assert "\u4e2d" not in texts.characters


def test_too_few_lines_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("one line\n")
    with pytest.raises(ValueError, match="must hold at least 50 different lines of 3 to 120"):
        read_texts(tmp_path)


def test_the_card_credits_the_data(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(lines()))
    texts = read_texts(tmp_path)
    assert provenance(tmp_path, texts)["data_licence"] == "not stated"
    told = provenance(tmp_path / "text-tate-titles", texts)
    assert told["data_licence"] == "CC0 1.0" and "Tate" in told["credit"]
