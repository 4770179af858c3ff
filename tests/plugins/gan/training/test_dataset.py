"""Pictures for the painter of words: cut, measured and described; prompts read as words."""

import numpy as np
import pytest
from capriccio_gan.training.attributes import COLOURS, Look, colour_names, look
from capriccio_gan.training.captions import compose, facts_of, plain, singular, words_of
from capriccio_gan.training.dataset import read_pictures, vocabulary_of
from capriccio_gan.training.scans import Page, grown, prepare, regions
from capriccio_gan.vocabulary import BEGIN, LONGEST, NOTHING, Vocabulary
from helpers.devices import ROOT
from PIL import Image, ImageDraw

WATERCOLORS = ROOT.parent / "shared" / "data" / "watercolors-usda-pomological"
PAPER = (245, 238, 215)


def sheet(*discs, size=(120, 180), border=6, writing=False, frame=False):
    """A scanned sheet: dark lid, paper, discs as (x, y, radius, colour), a note at its foot."""
    picture = Image.new("RGB", size, (15, 12, 10))
    pen = ImageDraw.Draw(picture)
    width, height = size
    pen.rectangle((border, border, width - border - 1, height - border - 1), fill=PAPER)
    if frame:
        pen.rectangle((14, 14, width - 15, height - 15), outline=(150, 140, 120))
    for x, y, radius, colour in discs:
        # Round fruits are lighter on one side.
        for step in range(2 * radius):
            half = int((radius**2 - (radius - step) ** 2) ** 0.5)
            light = 1.3 - 0.8 * step / (2 * radius)
            shade = tuple(min(255, int(level * light)) for level in colour)
            pen.line((x - half, y - radius + step, x + half, y - radius + step), fill=shade)
    if writing:
        for row in range(3):
            for x in range(18, 46, 4):
                pen.line(
                    (x, height - 30 + 5 * row, x + 2, height - 28 + 5 * row), fill=(60, 60, 60)
                )
    return picture


RED, BLUE, GREEN, ORANGE = (200, 30, 30), (40, 50, 190), (60, 130, 50), (240, 150, 30)


# -- pages ------------------------------------------------------------------------------------


def test_the_dark_border_of_a_scan_is_cut_away():
    page = prepare(sheet((60, 80, 25, RED)), 64)
    assert page.square.shape == (64, 64, 3) and page.square.dtype == np.uint8
    assert page.square.max(axis=2).min() > 60  # nowhere as dark as the lid


def test_the_subject_is_in_the_middle_and_keeps_its_relative_size():
    small, large = (prepare(sheet((45, 110, r, RED)), 64) for r in (12, 40))
    for page in (small, large):
        ys, xs = np.nonzero(page.subject)
        assert abs(ys.mean() - 32) < 3 and abs(xs.mean() - 32) < 3
    assert small.subject.sum() < 0.7 * large.subject.sum()
    assert small.extent < 0.35 < 0.6 < large.extent


def test_writing_and_frames_are_painted_over_and_pale_halves_are_not():
    page = prepare(sheet((60, 60, 25, RED), writing=True, frame=True), 128)
    far = np.abs(page.square.astype(int) - PAPER).max(axis=2)
    assert far[~grown(page.subject, 4)].max() < 60
    half = sheet((60, 50, 25, RED))
    ImageDraw.Draw(half).circle((60, 115), 25, fill=(250, 244, 225), outline=(190, 60, 50), width=2)
    page = prepare(half, 128)
    assert regions(page.subject).max() == 2


def test_the_mount_around_a_sheet_is_cut_away():
    picture = Image.new("RGB", (160, 190), (190, 180, 170))
    picture.paste(sheet((60, 75, 25, RED), size=(110, 140), border=0), (25, 20))
    assert np.abs(prepare(picture, 64).square[0, 0].astype(int) - PAPER).max() < 12


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (64, 64), (300, 200)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "I;16", "P", "1"])
def test_any_picture_becomes_a_square_and_has_a_look(shape, mode):
    page = prepare(Image.new(mode, shape), 64)
    assert page.square.shape == (64, 64, 3)
    assert isinstance(look(page), Look)


def test_noise_and_plain_sheets_become_squares_too():
    random = np.random.default_rng(0)
    for seed in range(30):
        pixels = random.integers(0, 256, (80 + seed, 120, 3), np.uint8)
        pixels[: seed * 2] = 250
        look(prepare(Image.fromarray(pixels), 64))
    page = prepare(Image.new("RGB", (100, 100), "white"), 64)
    assert page.subject is None and look(page).colours == ("white",)


def test_regions_are_told_apart_in_reading_order():
    mask = np.zeros((6, 8), bool)
    mask[0, 1] = mask[2:5, 0:3] = mask[3, 3:6] = mask[5, 7] = True
    mask[1:3, 5] = True
    found = regions(mask)
    assert found.max() == 3 and found[0, 1] == 1 and found[5, 7] == 3
    assert found[2, 0] == found[3, 4] == found[1, 5] == 2  # two arms that meet below are one
    assert found[1, 1] == 0
    assert regions(np.zeros((3, 3), bool)).max() == 0 and regions(np.ones((3, 3), bool)).max() == 1
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert (regions(ring) == ring).all()


# -- looks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "name"),
    [(RED, "red"), (BLUE, "blue"), (GREEN, "green"), (ORANGE, "orange"), ((240, 210, 40), "yellow"),
     ((100, 15, 15), "dark red"), ((110, 50, 130), "purple"), ((20, 18, 25), "black"),
     ((120, 75, 35), "brown"), ((240, 160, 170), "pink"), ((250, 248, 240), "white")],
)  # fmt: skip
def test_colours_are_called_what_people_call_them(colour, name):
    named = colour_names(np.full((2, 2, 3), colour, np.uint8))
    assert {COLOURS[index] for index in named.ravel()} == {name}


def test_a_whole_fruit_a_pair_and_many_are_told_apart():
    assert look(prepare(sheet((60, 90, 30, RED)), 128)) == Look(("red",), "whole", "", False)
    pair = sheet((60, 55, 26, RED), (60, 120, 26, (252, 240, 190)))
    ImageDraw.Draw(pair).circle((60, 120), 26, outline=(170, 30, 30), width=3)
    assert look(prepare(pair, 128)).view == "whole and cut"
    assert look(prepare(pair, 128)).colours == ("red",)
    two = look(prepare(sheet((60, 55, 26, ORANGE), (60, 120, 26, ORANGE)), 128))
    assert two.view == "two" and two.colours == ("orange",)
    slice_ = sheet()
    ImageDraw.Draw(slice_).circle((60, 90), 30, fill=ORANGE)  # a cut surface is flat
    assert look(prepare(slice_, 128)).view == "cut"
    half = sheet((60, 55, 26, ORANGE))
    ImageDraw.Draw(half).circle((60, 120), 26, fill=ORANGE)
    assert look(prepare(half, 128)).view == "whole and cut"
    many = sheet(*((x, y, 9, RED) for x in (35, 60, 85) for y in (60, 100)))
    assert look(prepare(many, 128)).view == "several"


def test_leaves_are_seen_beside_the_fruit_and_not_taken_for_its_colour():
    seen = look(prepare(sheet((60, 80, 26, RED), (88, 66, 10, (40, 90, 35))), 128))
    assert seen.leaves and seen.colours == ("red",)
    assert not look(prepare(sheet((60, 80, 26, GREEN)), 128)).leaves


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("high, wide", [(1, 30), (30, 1), (2, 2), (9, 3), (13, 6), (14, 4)])
def test_a_line_or_a_speck_has_a_look_too(high, wide):
    square, subject = np.full((64, 64, 3), PAPER, np.uint8), np.zeros((64, 64), bool)
    subject[20 : 20 + high, 20 : 20 + wide] = True
    square[subject] = RED
    assert look(Page(square, subject, 0.7)).view in ("", "whole", "cut")


def test_small_and_large_are_told():
    assert look(prepare(sheet((60, 90, 15, RED)), 128)).size == "small"
    assert look(prepare(sheet((60, 60, 30, RED), (60, 122, 30, RED)), 128)).size == "large"


# -- captions ---------------------------------------------------------------------------------

ROW = {
    "fruit_class": "apples",
    "common_name": "apples",
    "taxon_variety": "Malus domestica: Ben Davis",
    "artist": "Passmore, Deborah Griscom, 1840-1911",
    "year": "1912",
}


def test_a_caption_says_what_catalogue_and_eye_say():
    facts = facts_of(ROW, Look(("dark red", "yellow"), "whole and cut", "large", True))
    assert compose(facts) == (
        "large dark red and yellow ben davis apple whole and cut with leaves by passmore 1910s"
    )
    assert compose(facts_of({"kind": "Cats"}, Look())) == "cat"
    assert compose(facts_of({"common_name": "unknown", "fruit_class": "other"}, Look())) == ""


def test_chance_varies_captions_and_every_word_of_them_may_be_said():
    facts = facts_of(ROW, Look(("dark red", "yellow"), "whole and cut", "large", True))
    said = {compose(facts, np.random.default_rng(seed)) for seed in range(200)}
    assert len(said) > 100
    assert {word for caption in said for word in caption.split()} <= words_of(facts)
    assert any("crimson" in caption for caption in said)
    assert "green" not in words_of(facts) and "two" not in words_of(facts)


def test_two_captions_in_five_are_as_short_as_people_type_them():
    facts = facts_of(ROW, Look(("yellow",), "whole and cut", "large", True))
    said = [compose(facts, np.random.default_rng(seed)) for seed in range(500)]
    assert 0.35 < said.count("yellow apple") / len(said) < 0.5


@pytest.mark.parametrize(
    ("many", "one"),
    [("apples", "apple"), ("peaches", "peach"), ("cherries", "cherry"), ("mangoes", "mango"),
     ("crab apples", "crab apple"), ("grass", "grass"), ("gas", "gas"), ("pear", "pear")],
)  # fmt: skip
def test_plurals_become_singular(many, one):
    assert singular(many) == one


def test_text_becomes_plain_words():
    assert plain("  Crème brûlée, No. 7! ") == "creme brulee no 7"
    assert plain("Яблоко 苹果") == "яблоко 苹果" and plain("🍎 …") == ""


# -- words ------------------------------------------------------------------------------------

WORDS = Vocabulary(["red", "apple", "pear", "black", "grape"])


def test_a_prompt_becomes_numbers_of_known_words():
    numbers, unknown = WORDS.read("Two RED apples, and a pear!")
    assert numbers == [BEGIN, 2, 3, 4] + [NOTHING] * (LONGEST - 4)
    assert unknown == ["two"]


def test_unknown_words_are_named_once_with_the_nearest():
    _, unknown = WORDS.read("aple aple zebra 🍎 яблоко 苹果")
    assert unknown == ["aple", "zebra", "🍎", "яблоко", "苹果"]
    assert [WORDS.nearest(word) for word in unknown] == ["apple", "", "", "", ""]


@pytest.mark.parametrize("text", ["", "   ", "a" * 10_000, "red " * 5_000, "\0\n\t", "🍎" * 500])
def test_any_text_is_a_prompt_of_the_same_length(text):
    numbers, unknown = WORDS.read(text)
    assert len(numbers) == LONGEST and numbers[0] == BEGIN
    assert len(unknown) <= 1
    assert max(numbers) < len(WORDS)


# -- folders ----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Sixty sheets, red discs and blue ones, in folders that say so."""
    random = np.random.default_rng(0)
    for index in range(60):
        kind, colour = (("cherries", RED), ("plums", BLUE))[index % 2]
        x, y, r = random.integers(45, 75), random.integers(70, 110), random.integers(15, 30)
        (tmp_path / "discs" / kind).mkdir(parents=True, exist_ok=True)
        sheet((x, y, r, colour)).save(tmp_path / "discs" / kind / f"{index}.png")
    return tmp_path / "discs"


def test_folders_name_the_kinds(folder):
    learn, check = read_pictures(folder, 64)
    assert len(learn) + len(check) == 60 and len(check) >= 2
    assert learn.squares.shape[1:] == (64, 64, 3)
    assert {facts.kind for facts in learn.facts} == {"cherry", "plum"}
    words = vocabulary_of(learn)
    assert {"cherry", "plum", "red", "blue", "whole"} <= set(words)


def test_a_folder_without_labels_still_knows_its_colours(tmp_path):
    for index in range(55):
        sheet((60, 90, 25, RED)).save(tmp_path / f"{index}.png")
    learn, _ = read_pictures(tmp_path, 64)
    assert {facts.kind for facts in learn.facts} == {""}
    assert "red" in vocabulary_of(learn)


def test_a_labels_file_tells_kind_and_split(folder):
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    lines = ["path,kind,split"]
    for index, path in enumerate(paths):
        split = "val" if index < 9 else "train" if index < 58 else "test"
        lines.append(f"{path},{'zebras' if index < 55 else 'lions'},{split}")
    (folder / "labels.csv").write_text("\n".join(lines))
    learn, check = read_pictures(folder, 64)
    assert (len(learn), len(check)) == (49, 9)  # what is held back is not touched
    assert [facts.kind for facts in learn.facts].count("lion") == 3


def test_a_labels_file_without_paths_is_told(folder):
    (folder / "labels.csv").write_text("file,kind\na,b\n")
    with pytest.raises(ValueError, match="has the columns 'file', 'kind'; one must be 'path'"):
        read_pictures(folder, 64)


def test_broken_pictures_are_skipped_and_named(folder, capsys):
    (folder / "cherries" / "0.png").write_text("I am no picture")
    whole = (folder / "cherries" / "2.png").read_bytes()
    (folder / "cherries" / "2.png").write_bytes(whole[: len(whole) // 2])
    learn, check = read_pictures(folder, 64)
    assert len(learn) + len(check) == 58
    told = capsys.readouterr().out
    assert told.count("skipped") == 2 and "0.png" in told and "2.png" in told


def test_too_few_pictures_are_told(folder):
    for path in sorted(folder.rglob("*.png"))[:20]:
        path.unlink()
    with pytest.raises(ValueError, match="holds 40 readable pictures; give at least 50"):
        read_pictures(folder, 64)


@pytest.mark.skipif(not WATERCOLORS.is_dir(), reason="the watercolours are not on this machine")
def test_the_watercolours_lose_their_borders_and_most_show_whole_and_half():
    paths = sorted(WATERCOLORS.glob("images/apples/*.jpg"))[:: 3422 // 60]
    pages = [prepare(Image.open(path), 64) for path in paths]
    assert np.median([page.square[[0, -1]].min() for page in pages]) > 120
    seen = [look(page) for page in pages if page.subject is not None]
    assert sum(one.view == "whole and cut" for one in seen) > 0.6 * len(paths)
    assert sum("red" in " ".join(one.colours) for one in seen) > 0.4 * len(paths)
