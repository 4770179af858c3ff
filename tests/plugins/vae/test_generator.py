"""The dreamer's styles, and pictures that are shown to it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from capriccio import Model, ModelError, Moment, generator, read_image, write_image
from capriccio_vae.evaluate import evaluate
from capriccio_vae.generator import VAE
from capriccio_vae.training.dataset import SIZE, encoder_beside, middle_square
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from capriccio_vae.training.baseline import measure as measure_plain  # noqa: E402
from capriccio_vae.training.main import finish, worthy  # noqa: E402
from capriccio_vae.training.networks import Critic, Studio  # noqa: E402

NOW = Moment()
STYLES = ["ink", "mosaic", "wash"]


def gap(one, other):
    return np.abs(one.astype(float) - other).mean()


def made(out: Path, styles: list[str]) -> Path:
    """Write a dreamer that has learned nothing, but tells styles apart and reads pictures."""
    torch.manual_seed(0)
    net, pictures = Studio(len(styles)), torch.randint(0, 256, (60, SIZE, SIZE, 3))
    with torch.no_grad():
        for block in (*net.decoder.blocks, net.decoder.planned):  # a new one does nothing
            torch.nn.init.normal_(block.two.weight, std=0.05)
        for layer, louder in ((net.decoder.style, 10), (net.encoder.idea, 30),
                              (net.encoder.touch, 30), (net.decoder.last, 3)):  # fmt: skip
            layer.weight *= louder
    kinds = torch.arange(60) % len(styles)
    finish(net.eval(), pictures.byte(), kinds, styles, out, card={"data": "noise"}, dry_run=False)
    return out


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    part = VAE(model=str(made(tmp_path_factory.mktemp("dreamer") / "mine.onnx", STYLES)), seed=1)
    yield part
    part.close()


@pytest.fixture(scope="module")
def fruit():
    garden = VAE(model="watercolors", seed=1)
    return [garden(NOW, drift=drift) for drift in (0.1, 0.35, 0.6, 0.85)]


# -- styles -----------------------------------------------------------------------------------


def test_it_lists_what_can_be_asked_for(part):
    assert part.styles == STYLES
    assert {"pears", "grapes"} < set(VAE(model="watercolors").styles)


def test_one_latent_is_another_picture_in_another_style(part):
    z = np.zeros(part.latent)
    pictures = [part.decode(z, style) for style in ("", *STYLES)]
    for number, picture in enumerate(pictures):
        assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
        assert all(gap(picture, other) > 0.5 for other in pictures[:number])


def test_a_dream_is_the_latent_of_its_walk_in_its_style(part):
    part.reset(1)
    dream = part(NOW, drift=0.0, bloom=0.6, style="mosaic")
    z = np.zeros(part.latent)
    start = part._walks["mosaic"][0][0] + part._middle
    z[: len(start)] = start
    assert gap(dream, part.decode(z, "mosaic")) < 1
    assert gap(dream, part.decode(z, "ink")) > 0.5


def test_without_a_style_the_walk_goes_through_all_of_them(part):
    part.reset(1)
    part(NOW)
    walk, told = part._walks[""]
    assert told.sum(1) == pytest.approx(np.ones(len(walk)))
    assert (told.max(0) > 0.99).all()  # each is all there is somewhere
    assert abs(np.diff(told, axis=0)).max() < 0.05


@pytest.mark.parametrize("model", ["watercolors", "mine"])
def test_a_mixture_goes_from_one_style_to_the_other(part, model):
    mine, names = part, ("ink", "mosaic")
    if model == "watercolors":
        mine, names = VAE(seed=1), ("pears", "grapes")
    one, other = (mine(NOW, drift=0.4, style=style) for style in names)
    mixed = [mine(NOW, drift=0.4, style=(*names, share)) for share in (0, 0.2, 0.8, 1)]
    assert gap(mixed[0], one) < 1 and gap(mixed[-1], other) < 1
    assert gap(mixed[1], one) < gap(mixed[2], one)
    assert gap(mixed[2], other) < gap(mixed[1], other)


def test_the_middle_and_the_dials_of_a_mixture_stay_where_they_are():
    mine, mixed = VAE(seed=1), ("pears", "grapes", 0.5)
    for knobs in ({}, {"ripeness": 0.9, "swell": 0.2}):
        middle = mine(NOW, bloom=0.0, **knobs)
        assert gap(mine(NOW, bloom=0.0, style=mixed, **knobs), middle) < 0.1


def test_a_style_mixed_with_itself_is_that_style():
    mine = VAE(seed=1)
    alone = mine(NOW, drift=0.3, style="pears")
    assert (mine(NOW, drift=0.3, style=("pears", "pears", 0.5)) == alone).all()


def test_a_share_beyond_its_range_is_held_to_it(part):
    ends = [part(NOW, style=("ink", "wash", share)) for share in (1.0, 7)]
    assert (ends[0] == ends[1]).all()


@pytest.mark.parametrize("style", [3, ("ink",), ("ink", 1, 0.5), ("a", "b", "c"), None,
                                   ("ink", "wash", float("nan"))])  # fmt: skip
def test_what_is_no_style_is_told(part, style):
    with pytest.raises(TypeError, match=r"knob 'style' of .* is .*; give text, or two"):
        part(NOW, style=style)


def test_an_unknown_style_in_a_mixture_is_told(part):
    with pytest.raises(ValueError, match=r"knows no style 'inks'; did you mean 'ink'\?"):
        part(NOW, style=("wash", "inks", 0.5))


# -- pictures that are shown to it ------------------------------------------------------------


def test_a_source_that_is_not_moved_is_its_copy(part, fruit):
    copy = part.decode(part.encode(fruit[0]))
    shown = part(NOW, source=fruit[0], style="mosaic", amount=0.0)
    assert gap(copy, shown) < 1
    assert gap(copy, part(NOW, source=fruit[0])) < 1  # towards no style


@pytest.mark.parametrize("lies", [0.0, 0.7, 1.5])
def test_a_picture_is_taken_as_far_as_a_style_lies_and_no_further(part, fruit, lies, monkeypatch):
    latents = Model(part._path).card["latents"]
    middle = np.array(latents["middle"], np.float32)
    way = np.mean(latents["kinds"]["mosaic"], 0).astype(np.float32) - middle
    aside = np.random.default_rng(1).standard_normal(len(way)).astype(np.float32)
    aside -= (aside @ way) / (way @ way) * way
    monkeypatch.setattr(part, "encode", lambda image: middle + aside + lies * way)
    monkeypatch.setattr(part, "_read", [])
    wanted = part.decode(middle + aside + max(lies, 1.0) * way, "mosaic")
    assert gap(part(NOW, source=fruit[0], style="mosaic", amount=1.0), wanted) < 1
    short = part.decode(middle + aside + max(lies, 0.5 + lies / 2) * way, ("", "mosaic", 0.5))
    assert gap(part(NOW, source=fruit[0], style="mosaic", amount=0.5), short) < 1


def test_two_sources_are_mixed(part, fruit):
    ends = [part(NOW, source=picture) for picture in fruit[:2]]
    between = [part(NOW, source=(*fruit[:2], share)) for share in (0.0, 0.5, 1.0)]
    assert (between[0] == ends[0]).all() and (between[2] == ends[1]).all()
    assert min(gap(between[1], end) for end in ends) > 0.2


def test_a_source_that_was_painted_on_is_read_again(part, fruit):
    canvas = fruit[2].copy()
    before = part(NOW, source=canvas)
    assert (part(NOW, source=canvas) == before).all()
    canvas[:64] = 20
    assert gap(part(NOW, source=canvas), before) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 40), (700, 500)])
def test_pictures_of_any_shape_are_read(part, shape):
    picture = np.full((*shape, 3), 90, np.uint8)
    assert part.encode(picture).shape == (part.latent,)
    assert middle_square(picture).shape == (SIZE, SIZE, 3)


def test_floats_are_pictures_as_well(part, fruit):
    near = abs(part.encode(fruit[0] / 255.0) - part.encode(fruit[0])).max()
    assert near < 1e-3


def test_white_floats_are_not_taken_for_bytes_that_are_nearly_black(part):
    ones = np.ones((SIZE, SIZE, 3))
    dark = part(NOW, source=ones.astype(np.uint8))
    assert gap(part(NOW, source=ones), dark) > 0.5


def test_what_is_no_source_is_told(part, fruit):
    with pytest.raises(TypeError, match=r"knob 'source' of .* is a tuple; give one thing, or two"):
        part(NOW, source=(fruit[0], fruit[1]))
    with pytest.raises(TypeError, match="give one thing, or two and how far"):
        part(NOW, source=(fruit[0], fruit[1], float("nan")))
    with pytest.raises(TypeError, match="knob 'source' of generator 'vae' holds 'int'; give an"):
        part(NOW, source=7)
    with pytest.raises(ValueError, match=r"^apple\.png: cannot be read: .*No such file"):
        part(NOW, source="apple.png")
    with pytest.raises(ValueError, match=r"^apple\.png: cannot be read: .*No such file"):
        part(NOW, source=(fruit[0], "apple.png", 0.5))


def test_a_picture_file_is_a_source_and_is_read_once(part, fruit, tmp_path):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    for picture, path in zip(fruit, (one, other), strict=False):
        write_image(picture, path)
    assert (part(NOW, source=one) == part(NOW, source=fruit[0])).all()
    one.unlink()
    assert (part(NOW, source=str(one)) == part(NOW, source=fruit[0])).all()
    mixed = part(NOW, source=(one, str(other), 0.3), style="ink")
    assert (mixed == part(NOW, source=(*fruit[:2], 0.3), style="ink")).all()


def test_vectors_that_cannot_be_painted_are_told(part):
    with pytest.raises(ValueError, match=r"z of 'vae' has shape \(3,\)|z of generator"):
        part.decode(np.zeros(3))
    with pytest.raises(ValueError, match="kind 'object'; give 576 numbers"):
        part.decode([[1.0], [1.0, 2.0]])
    for bad in (np.nan, np.inf, 1e300):
        z = np.zeros(part.latent)
        z[5] = bad
        with pytest.raises(ValueError, match="holds nan or infinity"):
            part.decode(z)


@pytest.mark.parametrize("kind", [int, np.float32, np.float64])
def test_any_numbers_are_painted_by_a_model_of_before_styles(kind):
    garden = VAE(model="watercolors")
    whole = garden.decode(np.zeros(garden.latent, kind))
    assert (garden.decode([0.0] * garden.latent) == whole).all()


def test_a_model_without_an_encoder_says_so(fruit):
    with pytest.raises(ModelError, match=r"has no encoder 'watercolors-encoder.onnx' beside it"):
        VAE(model="watercolors")(NOW, source=fruit[0])


def test_its_cards_tell_the_same(part):
    one, other = (Model(path).card for path in (part._path, encoder_beside(Path(part._path))))
    assert one["data"] == other["data"] == "noise" and one["styles"] == other["styles"] == STYLES


def test_other_parts_frames_are_sources(part):
    disc = generator("vae", model="watercolors", seed=4)(NOW)
    assert part(NOW, source=disc, style="ink").shape == (SIZE, SIZE, 3)


# -- judged -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Sixty pictures of noise in two movements, a sixth to check and a sixth to test."""
    random, rows = np.random.default_rng(0), [("path", "split")]
    for number in range(60):
        name = f"{('baroque', 'impressionism')[number % 2]}/{number}.png"
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        noise = random.integers(0, 256, (32, 32, 3), np.uint8)
        write_image(noise, tmp_path / "pictures" / name)
        rows.append((name, ("val", "test", "train", "train", "train", "train")[number // 2 % 6]))
    with open(tmp_path / "pictures" / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "pictures"


def told(command, *words) -> tuple[int, str]:
    result = CliRunner().invoke(command, [str(word) for word in words])
    return result.exit_code, result.output


def test_it_is_judged_on_pictures_it_did_not_learn_from(folder, tmp_path):
    model = made(tmp_path / "mine.onnx", ["baroque", "impressionism"])
    (folder / "baroque" / "0.png").write_text("I am no picture")
    sheet = tmp_path / "sheet.png"
    code, words = told(evaluate, "--data", folder, "--model", model, "--count", 3, "--sheet", sheet)
    assert code == 0, words
    assert "skipped" in words and "0.png" in words
    figures = json.loads(words[words.index("{") :])
    assert read_image(sheet).shape == (3 * SIZE, 2 * SIZE, 3)
    assert figures["pictures"] == 9 and 0 < figures["mse"] < 1
    assert figures["frechet, real against real"] < figures["frechet, dreams"]


def test_what_cannot_be_judged_is_told(part, folder):
    def error(*words):
        code, said = told(evaluate, "--data", folder, *words)
        assert code == 1
        return said

    assert "has 0 validation pictures of styles that generator 'vae' and" in error(
        "--model", part._path
    )
    assert "has no model 'nobody'" in error("--model", "nobody")
    (folder / "labels.csv").unlink()
    assert "has no labels.csv; it says which" in error("--model", part._path)


def test_the_yardstick_is_measured_on_few_pictures_too(folder, tmp_path):
    out = tmp_path / "plain.safetensors"
    code, words = told(measure_plain, "--data", folder, "--out", out, "--dry-run")
    assert code == 0, words
    assert json.loads(words[words.rindex("{") :])["bits per dimension"] > 0
    assert not out.exists()


# -- what it is made of -----------------------------------------------------------------------


def test_the_critic_tells_how_typical_a_picture_is_of_its_kind():
    critic = Critic(3).eval()
    with torch.no_grad():
        for head in critic.heads:
            head.weight.zero_()
            head.bias.copy_(torch.tensor([9.0, 0.0, 1.0, 5.0]))  # all kinds alike, and each
        found = critic.typical(torch.rand(3, 3, SIZE, SIZE), torch.tensor([0, 1, 2]))
    np.testing.assert_allclose(found, [-4, -2, 6], atol=1e-5)


def test_a_walk_passes_faithful_pictures_that_are_typical():
    random = np.random.default_rng(0)
    miss, like = random.random(200), random.random(200)
    found = worthy(miss, like)
    half = miss <= np.sort(miss)[99]
    assert len(found) == 25 and half[found].all()
    assert like[found].min() > np.delete(like, found)[np.delete(half, found)].max()
    assert sorted(worthy(miss[:20], like[:20])) == sorted(np.argsort(miss[:20])[:10])
