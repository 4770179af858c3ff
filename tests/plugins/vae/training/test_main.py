"""The dreamer: a closed, even walk through pictures; knobs that act; a training that plays."""

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, Moment, generator
from capriccio.testing import check_generator
from capriccio_vae.generator import VAE
from capriccio_vae.training.dataset import SIZE, frame, read_pictures
from PIL import Image, ImageDraw

NOW = Moment()
WATERCOLORS = Path(__file__).parents[2] / "shared" / "data" / "watercolors-usda-pomological"


def redness(image):
    ground = np.median(image.reshape(-1, 3), axis=0)
    subject = np.abs(image - ground).max(axis=2) > 50
    pixels = image[subject].astype(float)
    return (pixels[:, 0] - pixels[:, 1]).mean() if len(pixels) else 0.0


def size(image):
    ground = np.median(image.reshape(-1, 3), axis=0)
    return (np.abs(image - ground).max(axis=2) > 50).mean()


def gap(one, other):
    return np.abs(one.astype(float) - other).mean()


def round_trip(part, count=12, **knobs):
    return [part(NOW, drift=index / count, **knobs) for index in range(count)]


# -- playing ----------------------------------------------------------------------------------


def test_the_dreamer_keeps_the_contract():
    check_generator(VAE)


def test_it_paints_images_that_differ_along_the_walk():
    pictures = round_trip(VAE(seed=3))
    assert {(p.shape, p.dtype.name) for p in pictures} == {((SIZE, SIZE, 3), "uint8")}
    gaps = [gap(a, b) for a, b in pairwise(pictures)]
    assert min(gaps) > 1


def test_the_walk_ends_where_it_began():
    part = VAE(seed=1)
    first = part(NOW, drift=0.0)
    assert (part(NOW, drift=1.0) == first).all()
    assert gap(part(NOW, drift=0.999), first) < 3


def test_the_walk_is_smooth_and_even():
    part = VAE(seed=2)
    part(NOW)
    walk, _ = part._walks[""]  # (steps + 1, latents)
    steps = np.linalg.norm(np.diff(walk, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.2
    turns = np.diff(np.concatenate([walk, walk[1:2]]), axis=0)
    cosines = (turns[1:] * turns[:-1]).sum(1) / (steps * np.roll(steps, -1))
    assert cosines.min() > 0.9


def test_the_same_seed_paints_the_same_and_another_does_not():
    one, same, other = VAE(seed=7), VAE(seed=7), VAE(seed=8)
    pictures = [part(NOW, drift=0.3) for part in (one, same, other)]
    assert (pictures[0] == pictures[1]).all()
    assert gap(pictures[0], pictures[2]) > 1
    other.reset(7)
    assert (other(NOW, drift=0.3) == pictures[0]).all()


def test_any_whole_number_is_a_seed():
    pictures = [VAE(seed=seed)(NOW, drift=0.5) for seed in (-1, 1, 2**80)]
    assert gap(pictures[0], pictures[1]) > 0 and gap(pictures[1], pictures[2]) > 0


def test_without_bloom_the_middle_stands_still():
    still = round_trip(VAE(seed=1), 4, bloom=0.0)
    assert all((picture == still[0]).all() for picture in still)


def test_bloom_leads_away_from_the_middle():
    part = VAE(seed=1)
    gaps = [
        np.mean([gap(a, b) for a, b in zip(round_trip(part, bloom=0.0), round_trip(part, bloom=x),
                                           strict=True)])
        for x in (0.2, 0.6, 1.0)
    ]  # fmt: skip
    assert gaps[0] < gaps[1] < gaps[2]


def test_ripeness_goes_from_green_to_red():
    part = VAE(seed=1)
    reds = [np.mean([redness(p) for p in round_trip(part, ripeness=x)]) for x in (0.0, 0.5, 1.0)]
    assert reds[0] + 10 < reds[1] and reds[1] + 10 < reds[2]


def test_swell_makes_the_fruit_larger():
    part = VAE(seed=1)
    sizes = [np.mean([size(p) for p in round_trip(part, swell=x)]) for x in (0.0, 0.5, 1.0)]
    assert sizes[0] * 1.2 < sizes[1] and sizes[1] * 1.2 < sizes[2]


def test_kinds_are_what_they_are_called():
    part = VAE(seed=1)
    hue = {}
    for kind in ("oranges", "grapes", "strawberries"):
        pictures = np.stack(round_trip(part, style=kind)).astype(float)
        hue[kind] = pictures.mean(axis=(0, 1, 2))
    # Oranges lack blue, grapes are darker in red than both.
    assert hue["oranges"][2] < hue["grapes"][2]
    assert hue["grapes"][0] < min(hue["oranges"][0], hue["strawberries"][0])


def test_an_unknown_kind_is_told_with_the_nearest():
    with pytest.raises(ValueError, match="'vae' knows no style 'pear'; did you mean 'pears'"):
        VAE()(NOW, style="pear")
    with pytest.raises(ValueError, match=r"knows no style 'xyzzy'; there are 'apples', 'avocad"):
        VAE()(NOW, style="xyzzy")


def test_its_model_carries_its_card():
    card = Model(VAE.models["watercolors"]).card
    assert card["licence"].startswith("public domain") and "Department of Agri" in card["credit"]
    assert set(card["metrics"]) >= {"reconstruction nats", "kl nats", "bits per dimension", "mse"}
    assert set(card) >= {"data", "seed", "commit", "machine", "hours", "command", "capriccio"}
    assert "/" not in card["command"]


def test_a_model_of_another_part_is_refused(tmp_path):
    x = onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 64])
    y = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 64])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["z"], ["image"])], "g", [x], [y]
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    path = tmp_path / "other.onnx"
    path.write_bytes(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    )
    with pytest.raises(ModelError, match=r"other\.onnx' is not one of this painter's; make one"):
        generator("vae", model=str(path))(NOW)


# -- learning ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Sixty discs, red ones and blue ones, on paper with a dark border as scanners leave it."""
    random = np.random.default_rng(0)
    for index in range(60):
        kind = ("red", "blue")[index % 2]
        picture = Image.new("RGB", (90, 130), (20, 20, 20))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((4, 4, 85, 125), fill=(245, 238, 215))
        x, y, r = random.integers(30, 60), random.integers(40, 90), random.integers(10, 25)
        pen.circle((x, y), r, fill=(200, 30, 30) if kind == "red" else (30, 30, 200))
        (tmp_path / "discs" / kind).mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "discs" / kind / f"{index}.png")
    return tmp_path / "discs"


def test_a_sheet_is_cut_to_its_subject(folder):
    for path in sorted(folder.rglob("*.png"))[:10]:
        square = np.asarray(frame(Image.open(path))).astype(float)
        assert square.shape == (SIZE, SIZE, 3)
        disc = np.abs(square - (245, 238, 215)).max(axis=2) > 80
        ys, xs = np.nonzero(disc)
        assert abs(ys.mean() - SIZE / 2) < 8 and abs(xs.mean() - SIZE / 2) < 8
        assert SIZE * 0.7 < np.ptp(ys) < SIZE and (square.max(axis=2) > 60).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (64, 64), (300, 200)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "I;16", "P", "1"])
def test_any_picture_becomes_a_square(shape, mode):
    assert frame(Image.new(mode, shape)).size == (SIZE, SIZE)


def test_noise_and_plain_sheets_become_squares_too():
    random = np.random.default_rng(0)
    for seed in range(40):
        pixels = random.integers(0, 256, (80 + seed, 120, 3), np.uint8)
        pixels[: seed * 2] = 250
        assert frame(Image.fromarray(pixels)).size == (SIZE, SIZE)
    assert frame(Image.new("RGB", (100, 100), "white")).size == (SIZE, SIZE)


def test_broken_pictures_are_skipped_and_named(folder, capsys):
    (folder / "red" / "0.png").write_text("I am no picture")
    whole = (folder / "red" / "2.png").read_bytes()
    (folder / "red" / "2.png").write_bytes(whole[: len(whole) // 2])
    found = read_pictures(folder)
    assert len(found.train) + len(found.val) == 58 and found.names == ["blue", "red"]
    assert len(found.kinds) == len(found.train) and len(found.val_kinds) == len(found.val)
    told = capsys.readouterr().err
    assert told.count("skipped") == 2 and "0.png" in told and "2.png" in told


def test_few_checks_are_of_all_kinds(folder, monkeypatch):
    class Last:
        """A hash that never chooses a file for validation."""

        def __init__(self, content):
            pass

        def digest(self):
            return b"\xff"

    monkeypatch.setattr("capriccio_vae.training.dataset.hashlib.sha256", Last)
    found = read_pictures(folder)
    assert len(found.val) == 5 and len(found.train) == 55
    assert set(found.val_kinds.tolist()) == {0, 1}


def test_too_few_pictures_are_told(folder):
    for path in sorted(folder.rglob("*.png"))[:20]:
        path.unlink()
    with pytest.raises(ValueError, match="holds 40 readable pictures; give at least 50"):
        read_pictures(folder)


@pytest.mark.parametrize("told", [r"0 pictures to learn and 0 of", r"30 .* learn and 0 of their"])
def test_a_labels_file_that_leaves_nothing_to_learn_or_to_check_is_told(folder, told):
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "split"])
        for path in sorted(folder.rglob("*.png")):
            name = path.relative_to(folder).as_posix()
            learned = told.startswith("30") and path.parent.name == "red"
            rows.writerow((name, "train" if learned else "val"))
    with pytest.raises(ValueError, match=rf"leaves {told}.*; put more pictures into each"):
        read_pictures(folder)


def test_a_labels_file_splits_the_set(folder):
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "split"])
        parts = ["val"] * 7 + ["test"] * 4 + ["train"] * (len(paths) - 11)
        rows.writerows(zip(paths, parts, strict=True))
    found = read_pictures(folder)
    assert (len(found.train), len(found.val)) == (49, 7)


def test_a_dry_run_writes_nothing(folder, tmp_path):
    from capriccio_vae.training.main import train

    train(folder, tmp_path / "out" / "mine.onnx", dry_run=True)
    assert not (tmp_path / "out").exists()


def test_a_trained_folder_plays(folder, tmp_path):
    from capriccio_vae.training.main import train

    out = tmp_path / "mine.onnx"
    train(folder, out, steps=2)
    part = generator("vae", model=str(out))
    assert part(NOW, style="red").shape == (SIZE, SIZE, 3)
    card = Model(out).card
    assert card["data"] == "discs" and card["licence"] == "not stated"
    assert set(card["latents"]["kinds"]) == {"red", "blue"}
    train(folder, out, steps=3, resume=True)
    assert Model(out).card["metrics"]["step"] <= 3


@pytest.mark.skipif(not WATERCOLORS.is_dir(), reason="the watercolours are not on this machine")
def test_the_watercolours_are_cut_to_their_subject():
    paths = sorted(WATERCOLORS.glob("images/*/*.jpg"))[:: 6807 // 60]
    filled = [size(np.asarray(frame(Image.open(path)))) for path in paths]
    assert np.median(filled) > 0.12
