"""The generator `vae`: its walk, its knobs, its styles, and pictures as sources."""

import json
from itertools import pairwise

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, Moment, generator, write_image
from capriccio.testing import check_generator
from capriccio_vae.generator import VAE, encoder_path
from helpers.images import difference

SIZE = 128  # pixels of a side of the models that learn pixels

NOW = Moment()
STYLES = ["baroque", "impressionism", "ink", "mosaic"]  # of the model `untrained`


@pytest.fixture(scope="module")
def part(untrained):
    part = VAE(model=str(untrained), seed=1)
    yield part
    part.close()


@pytest.fixture(scope="module")
def watercolors():
    part = VAE(seed=1)
    yield part
    part.close()


@pytest.fixture(scope="module")
def fruit(watercolors):
    return [watercolors(NOW, drift=drift) for drift in (0.1, 0.35, 0.6, 0.85)]


def round_trip(part, count=12, **knobs):
    return [part(NOW, drift=index / count, **knobs) for index in range(count)]


def subject(image):
    ground = np.median(image.reshape(-1, 3), axis=0)
    return np.abs(image - ground).max(axis=2) > 50


def redness(image):
    pixels = image[subject(image)].astype(float)
    return (pixels[:, 0] - pixels[:, 1]).mean() if len(pixels) else 0.0


# -- the walk ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_keeps_the_contract():
    check_generator(VAE)


def test_images_differ_along_the_walk():
    pictures = round_trip(VAE(seed=3))
    assert {(p.shape, p.dtype.name) for p in pictures} == {((SIZE, SIZE, 3), "uint8")}
    assert min(difference(a, b) for a, b in pairwise(pictures)) > 1


def test_the_walk_ends_where_it_began(watercolors):
    first = watercolors(NOW, drift=0.0)
    assert (watercolors(NOW, drift=1.0) == first).all()
    assert difference(watercolors(NOW, drift=0.999), first) < 3


def test_the_same_seed_paints_the_same_and_another_does_not():
    one, same, other = VAE(seed=7), VAE(seed=7), VAE(seed=8)
    pictures = [part(NOW, drift=0.3) for part in (one, same, other)]
    assert (pictures[0] == pictures[1]).all()
    assert difference(pictures[0], pictures[2]) > 1
    other.reset(7)
    assert (other(NOW, drift=0.3) == pictures[0]).all()


def test_any_whole_number_is_a_seed():
    one, two, three = (VAE(seed=seed)(NOW, drift=0.5) for seed in (-1, 1, 2**80))
    assert difference(one, two) > 0 and difference(two, three) > 0


# -- knobs ------------------------------------------------------------------------------------


def test_every_knob_has_a_description():
    assert all(knob.description.endswith(".") for knob in VAE.knobs.values())


def test_without_bloom_the_mean_stands_still(watercolors):
    still = round_trip(watercolors, 4, bloom=0.0)
    assert all((picture == still[0]).all() for picture in still)


def test_bloom_leads_away_from_the_mean(watercolors):
    still = round_trip(watercolors, bloom=0.0)
    gaps = [
        np.mean([difference(a, b) for a, b in zip(still, round_trip(watercolors, bloom=x),
                                                  strict=True)])
        for x in (0.2, 0.6, 1.0)
    ]  # fmt: skip
    assert gaps[0] < gaps[1] < gaps[2]


def test_ripeness_goes_from_green_to_red(watercolors):
    reds = [np.mean([redness(p) for p in round_trip(watercolors, ripeness=x)])
            for x in (0.0, 0.5, 1.0)]  # fmt: skip
    assert reds[0] + 10 < reds[1] and reds[1] + 10 < reds[2]


def test_swell_makes_the_fruit_larger(watercolors):
    sizes = [np.mean([subject(p).mean() for p in round_trip(watercolors, swell=x)])
             for x in (0.0, 0.5, 1.0)]  # fmt: skip
    assert sizes[0] * 1.2 < sizes[1] and sizes[1] * 1.2 < sizes[2]


def test_knobs_that_a_model_does_not_heed_are_known(part, tmp_path):
    assert part.unused_knobs == frozenset()
    assert VAE(model="paintings").unused_knobs == frozenset()
    assert VAE(model="watercolors").unused_knobs == {"source", "amount"}  # it has no encoder
    model = onnx.load(VAE.models["watercolors"])
    latents = Model(VAE.models["watercolors"]).card["latents"]
    latents["kinds"] = {"": latents["kinds"]["pears"]}  # as learned from a folder without styles
    entry = next(entry for entry in model.metadata_props if entry.key == "latents")
    entry.value = json.dumps(latents)
    onnx.save(model, tmp_path / "single.onnx")
    assert VAE(model=str(tmp_path / "single.onnx")).unused_knobs == {"source", "amount", "style"}


# -- styles -----------------------------------------------------------------------------------


def test_a_model_lists_its_styles(part):
    assert part.styles == STYLES
    assert {"pears", "grapes"} < set(VAE(model="watercolors").styles)


def test_styles_look_like_what_they_are_called(watercolors):
    hue = {}
    for style in ("oranges", "grapes", "strawberries"):
        pictures = np.stack(round_trip(watercolors, style=style)).astype(float)
        hue[style] = pictures.mean(axis=(0, 1, 2))
    # Oranges lack blue, grapes are darker in red than both.
    assert hue["oranges"][2] < hue["grapes"][2]
    assert hue["grapes"][0] < min(hue["oranges"][0], hue["strawberries"][0])


def test_an_unknown_style_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="'vae' has no style 'pear'; did you mean 'pears'"):
        VAE()(NOW, style="pear")
    with pytest.raises(ValueError, match=r"has no style 'xyzzy'; its styles: 'apples', 'avocad"):
        VAE()(NOW, style="xyzzy")


def test_one_latent_is_another_image_in_another_style(part):
    z = np.zeros(part.latent)
    pictures = [part.decode(z, style) for style in ("", *STYLES)]
    for number, picture in enumerate(pictures):
        assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
        assert all(difference(picture, other) > 0.5 for other in pictures[:number])


def test_an_image_is_the_latent_of_its_walk_in_its_style(part, untrained):
    part.reset(1)
    image = part(NOW, drift=0.0, bloom=0.6, style="mosaic")
    z = np.zeros(part.latent)
    latents, _ = part.walk("mosaic")
    z[: len(latents[0])] = latents[0] + Model(untrained).card["latents"]["middle"]
    assert difference(image, part.decode(z, "mosaic")) < 1
    assert difference(image, part.decode(z, "ink")) > 0.5


def test_without_a_style_the_walk_passes_all_of_them(part):
    part.reset(1)
    _, shares = part.walk()
    assert (shares.max(0) > 0.99).all()


@pytest.mark.parametrize("model", ["watercolors", "untrained"])
def test_a_mixture_goes_from_one_style_to_the_other(part, watercolors, model):
    mine, names = part, ("ink", "mosaic")
    if model == "watercolors":
        mine, names = watercolors, ("pears", "grapes")
    one, other = (mine(NOW, drift=0.4, style=style) for style in names)
    mixed = [mine(NOW, drift=0.4, style=(*names, share)) for share in (0, 0.2, 0.8, 1)]
    assert difference(mixed[0], one) < 1 and difference(mixed[-1], other) < 1
    assert difference(mixed[1], one) < difference(mixed[2], one)
    assert difference(mixed[2], other) < difference(mixed[1], other)


def test_mean_and_directions_of_a_mixture_stay_where_they_are(watercolors):
    mixed = ("pears", "grapes", 0.5)
    for knobs in ({}, {"ripeness": 0.9, "swell": 0.2}):
        mean = watercolors(NOW, bloom=0.0, **knobs)
        assert difference(watercolors(NOW, bloom=0.0, style=mixed, **knobs), mean) < 0.1


def test_a_style_mixed_with_itself_is_that_style(watercolors):
    alone = watercolors(NOW, drift=0.3, style="pears")
    assert (watercolors(NOW, drift=0.3, style=("pears", "pears", 0.5)) == alone).all()


def test_a_share_outside_its_range_is_clipped(part):
    ends = [part(NOW, style=("ink", "baroque", share)) for share in (1.0, 7)]
    assert (ends[0] == ends[1]).all()


@pytest.mark.parametrize("style", [3, ("ink",), ("ink", 1, 0.5), ("a", "b", "c"), None,
                                   ("ink", "baroque", float("nan"))])  # fmt: skip
def test_what_is_no_style_is_refused(part, style):
    with pytest.raises(TypeError, match=r"knob 'style' of .* must be text, or two and a position"):
        part(NOW, style=style)


def test_an_unknown_style_in_a_mixture_is_refused(part):
    with pytest.raises(ValueError, match=r"has no style 'inks'; did you mean 'ink'\?"):
        part(NOW, style=("baroque", "inks", 0.5))


# -- sources ----------------------------------------------------------------------------------


def test_a_source_that_is_not_moved_is_reconstructed(part, fruit):
    copy = part.decode(part.encode(fruit[0]))
    shown = part(NOW, source=fruit[0], style="mosaic", amount=0.0)
    assert difference(copy, shown) < 1
    assert difference(copy, part(NOW, source=fruit[0])) < 1  # towards no style


@pytest.mark.parametrize("lies", [0.0, 0.7, 1.5])
def test_a_source_is_moved_as_far_as_a_style_lies(part, untrained, fruit, lies, monkeypatch):
    latents = Model(untrained).card["latents"]
    mean = np.array(latents["middle"], np.float32)
    way = np.mean(latents["kinds"]["mosaic"], 0).astype(np.float32) - mean
    aside = np.random.default_rng(1).standard_normal(len(way)).astype(np.float32)
    aside -= (aside @ way) / (way @ way) * way
    monkeypatch.setattr(part, "encode", lambda image: mean + aside + lies * way)
    part.reset(1)
    wanted = part.decode(mean + aside + max(lies, 1.0) * way, "mosaic")
    assert difference(part(NOW, source=fruit[0], style="mosaic", amount=1.0), wanted) < 1
    short = part.decode(mean + aside + max(lies, 0.5 + lies / 2) * way, ("", "mosaic", 0.5))
    assert difference(part(NOW, source=fruit[0], style="mosaic", amount=0.5), short) < 1
    part.reset(1)  # forget the latent of the source


def test_two_sources_are_mixed(part, fruit):
    ends = [part(NOW, source=picture) for picture in fruit[:2]]
    between = [part(NOW, source=(*fruit[:2], share)) for share in (0.0, 0.5, 1.0)]
    assert (between[0] == ends[0]).all() and (between[2] == ends[1]).all()
    assert min(difference(between[1], end) for end in ends) > 0.2


def test_a_source_that_changed_is_encoded_again(part, fruit):
    canvas = fruit[2].copy()
    before = part(NOW, source=canvas)
    assert (part(NOW, source=canvas) == before).all()
    canvas[:64] = 20
    assert difference(part(NOW, source=canvas), before) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 40), (700, 500)])
def test_images_of_any_shape_are_encoded(part, shape):
    assert part.encode(np.full((*shape, 3), 90, np.uint8)).shape == (part.latent,)


def test_float_images_are_encoded(part, fruit):
    assert abs(part.encode(fruit[0] / 255.0) - part.encode(fruit[0])).max() < 1e-3


def test_white_floats_are_not_taken_for_bytes_that_are_nearly_black(part):
    ones = np.ones((SIZE, SIZE, 3))
    dark = part(NOW, source=ones.astype(np.uint8))
    assert difference(part(NOW, source=ones), dark) > 0.5


def test_what_is_no_source_is_refused(part, fruit):
    mixture = r"knob 'source' of .* must be one thing, or two and a position"
    with pytest.raises(TypeError, match=mixture):
        part(NOW, source=(fruit[0], fruit[1]))
    with pytest.raises(TypeError, match=mixture):
        part(NOW, source=(fruit[0], fruit[1], float("nan")))
    with pytest.raises(TypeError, match=r"knob 'source' of .* must be an image, .* got 'int'"):
        part(NOW, source=7)
    with pytest.raises(ValueError, match=r"^apple\.png: cannot be read: .*No such file"):
        part(NOW, source="apple.png")
    with pytest.raises(ValueError, match=r"^apple\.png: cannot be read: .*No such file"):
        part(NOW, source=(fruit[0], "apple.png", 0.5))


def test_a_picture_file_is_read_once(part, fruit, tmp_path):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    for picture, path in zip(fruit, (one, other), strict=False):
        write_image(picture, path)
    assert (part(NOW, source=one) == part(NOW, source=fruit[0])).all()
    one.unlink()
    assert (part(NOW, source=str(one)) == part(NOW, source=fruit[0])).all()
    mixed = part(NOW, source=(one, str(other), 0.3), style="ink")
    assert (mixed == part(NOW, source=(*fruit[:2], 0.3), style="ink")).all()


def test_images_of_other_parts_are_sources(part):
    image = generator("vae", model="watercolors", seed=4)(NOW)
    assert part(NOW, source=image, style="ink").shape == (SIZE, SIZE, 3)


# -- models -----------------------------------------------------------------------------------


def test_vectors_that_are_no_latents_are_refused(part):
    with pytest.raises(ValueError, match=r"z of generator 'vae' must be 576 .* shape \(3,\)"):
        part.decode(np.zeros(3))
    with pytest.raises(ValueError, match=r"must be 576 numbers, got .* type 'object'"):
        part.decode([[1.0], [1.0, 2.0]])
    for bad in (np.nan, np.inf, 1e300):
        z = np.zeros(part.latent)
        z[5] = bad
        with pytest.raises(ValueError, match="must be finite, got NaN or infinity"):
            part.decode(z)


@pytest.mark.parametrize("kind", [int, np.float32, np.float64])
def test_numbers_of_any_type_are_decoded_by_a_model_without_styles(watercolors, kind):
    whole = watercolors.decode(np.zeros(watercolors.latent, kind))
    assert (watercolors.decode([0.0] * watercolors.latent) == whole).all()


def test_a_source_needs_an_encoder(fruit):
    with pytest.raises(ModelError, match=r"has no encoder 'watercolors-encoder.onnx' beside it"):
        VAE(model="watercolors")(NOW, source=fruit[0])


def test_an_encoder_lies_beside_its_decoder(untrained):
    assert encoder_path(untrained) == untrained.parent / "mine-encoder.onnx"
    assert encoder_path(untrained).is_file()


def test_the_model_carries_its_card():
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
    with pytest.raises(ModelError, match=r"other\.onnx' is not a model of generator 'vae'; make"):
        generator("vae", model=str(path))(NOW)
