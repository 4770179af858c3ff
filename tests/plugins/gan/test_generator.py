"""The generator: prompts, fades, walks, knobs, unusual input and its model files."""

from itertools import pairwise

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, Moment
from capriccio.testing import check_generator, moments
from capriccio_gan.generator import GAN, closed_walk

NOW = Moment()


def gap(one, other):
    return np.abs(one.astype(float) - other).mean()


# -- playing ----------------------------------------------------------------------------------


def test_the_part_conforms_to_the_contract(model):
    check_generator(GAN, model=model)


def test_pictures_are_bytes(part):
    picture = part(NOW, prompt="a red cherry")
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8


def test_drift_follows_a_closed_walk(part):
    first = part(NOW, drift=0.0)
    assert (part(NOW, drift=1.0) == first).all()
    assert gap(part(NOW, drift=0.5), first) > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_walk_is_even_and_everywhere_equally_far_from_the_origin(seed):
    walk = closed_walk(np.random.default_rng(seed), 64)
    assert (walk[0] == walk[-1]).all()
    steps = np.linalg.norm(np.diff(walk, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.2
    radii = np.linalg.norm(walk, axis=1)
    assert radii.min() > 0.97 * radii.max()


def test_the_same_seed_gives_the_same_picture_and_another_does_not(model):
    one, same, other = (GAN(model=model, seed=seed) for seed in (7, 7, 8))
    pictures = [part(NOW, drift=0.3) for part in (one, same, other)]
    assert (pictures[0] == pictures[1]).all()
    assert gap(pictures[0], pictures[2]) > 0
    other.reset(7)
    assert (other(NOW, drift=0.3) == pictures[0]).all()


def test_any_integer_is_a_seed(model):
    pictures = [GAN(model=model, seed=seed)(NOW) for seed in (-1, 1, 2**80)]
    assert gap(pictures[0], pictures[1]) > 0 and gap(pictures[1], pictures[2]) > 0


def test_without_bloom_drift_changes_nothing(part):
    still = [part(NOW, drift=drift, bloom=0.0) for drift in (0.0, 0.3, 0.6)]
    assert all((picture == still[0]).all() for picture in still)


# -- prompts ----------------------------------------------------------------------------------


def test_other_words_give_another_picture_and_the_same_words_the_same_one(part):
    red, blue = (part(NOW, prompt=prompt, fade=0) for prompt in ("red cherry", "blue plum"))
    assert gap(red, blue) > 0
    assert (part(NOW, prompt="Some RED cherries!", fade=0) == red).all()
    assert (part(NOW, prompt="red cherry", fade=0) == red).all()  # from the cache


def test_a_cached_prompt_gives_the_same_picture(part):
    encoded = part(NOW, prompt=("red cherry", "blue plum", 0.4), fade=0)
    cached = part(NOW, prompt=("red cherry", "blue plum", 0.4), fade=0)
    assert np.abs(encoded.astype(int) - cached).max() <= 1


def test_two_prompts_are_mixed(part):
    ends = [part(NOW, prompt=prompt, fade=0) for prompt in ("red cherry", "blue plum")]
    mixed = [part(NOW, prompt=("red cherry", "blue plum", s), fade=0) for s in (0, 0.5, 1, 7)]
    assert gap(mixed[0], ends[0]) < 0.01 and gap(mixed[2], ends[1]) < 0.01
    assert (mixed[3] == mixed[2]).all()
    assert 0 < gap(mixed[1], ends[0]) < gap(ends[0], ends[1])


def test_a_new_prompt_fades_in(part):
    show = list(moments(bpm=120, beats=4, step=1 / 16))
    frames = [part(now, prompt="red cherry" if now.beats < 1 else "blue plum") for now in show]
    steps = [np.linalg.norm(part_) for part_ in np.diff(frames, axis=0).astype(float)]
    assert max(steps[:15]) == 0  # nothing changes before
    assert (frames[-1] == part(NOW, prompt="blue plum")).all()
    faded = [index for index, now in enumerate(show) if now.beats >= 2]
    assert all((frames[index] == frames[-1]).all() for index in faded[1:])


def test_a_fade_moves_codes_evenly_even_where_another_prompt_interrupts_it(part):
    codes = []
    for index, now in enumerate(moments(bpm=120, beats=4, step=1 / 16)):
        prompt = "red cherry" if index < 8 else "blue plum" if index < 16 else "cherry"
        part(now, prompt=prompt)
        codes.append(part._code.copy())
    steps = [np.linalg.norm(b - a) for a, b in pairwise(codes)]
    whole = np.linalg.norm(codes[-1] - codes[0]) + np.linalg.norm(codes[16] - codes[0])
    assert 0 < max(steps) < 0.25 * whole
    assert max(steps[:8]) == 0 and steps[-1] == 0


def test_a_new_prompt_shows_within_a_tenth_of_a_second(part):
    show = list(moments(bpm=120, beats=2, step=0.05))  # 40 frames a second
    for now in show[:20]:
        part(now, prompt="red cherry")
    before = part._code.copy()
    for now in show[20:24]:
        part(now, prompt="blue plum")
    assert np.abs(part._code - before).max() > 0


def test_without_fade_a_new_prompt_shows_at_once(part):
    part(Moment(beats=1), prompt="red cherry")
    picture = part(Moment(beats=2), prompt="blue plum", fade=0)
    assert (picture == part(NOW, prompt="blue plum", fade=0)).all()


def test_a_new_show_starts_with_its_own_prompt(part, model):
    part(Moment(beats=9), prompt="red cherry")
    picture = part(Moment(beats=0), prompt="blue plum")
    fresh = GAN(model=model, seed=7)
    assert np.abs(picture.astype(int) - fresh(NOW, prompt="blue plum")).max() <= 1


def test_unknown_words_are_logged_once_with_the_nearest(part, capsys):
    for _ in range(3):
        part(NOW, prompt="a chery and a zebra")
    lines = capsys.readouterr().err.splitlines()
    start = "capriccio: generator 'gan' does not know the word"
    assert lines.count(f"{start} 'chery'; did you mean 'cherry'?") == 1
    assert lines.count(f"{start} 'zebra'") == 1
    assert part.unknown("a chery, a zebra, a plum") == {"chery": "cherry", "zebra": ""}


@pytest.mark.parametrize(
    "prompt",
    ["", "  ", "a" * 10_000, "zebra " * 5_000, "🍎🍐", "яблоко", "苹果 リンゴ", "\0\n", "'; --"],
)
def test_any_text_gives_a_picture(part, prompt):
    picture = part(NOW, prompt=prompt)
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture.astype(int) - part(NOW, prompt="", fade=0)).max() <= 1


def test_a_long_prompt_is_limited_and_so_are_its_warnings(part, capsys):
    part(NOW, prompt="red cherry " * 2_000 + "plum")
    assert capsys.readouterr().err == ""
    many = " ".join(f"w{index}x" for index in range(3_000))
    part(NOW, prompt=many)
    assert capsys.readouterr().err.count("does not know") < 70


@pytest.mark.parametrize(
    "prompt",
    [None, 3, ("red",), ("red", "blue"), ("red", "blue", "much"), ("red", "blue", float("nan")),
     ("red", 3, 0.5), ("a", "b", 0.5, "c")],
)  # fmt: skip
def test_no_prompt_is_an_error(part, prompt):
    with pytest.raises(TypeError, match=r"knob 'prompt' of generator 'gan' must be text, or two"):
        part(NOW, prompt=prompt)


# -- knobs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["drift", "bloom", "fade", "first", "second", "third", "fourth"])
def test_a_knob_at_nan_is_an_error(part, knob):
    with pytest.raises(ValueError, match=f"knob '{knob}' of generator 'gan' must be .* got nan"):
        part(NOW, **{knob: float("nan")})


@pytest.mark.parametrize("knob", ["first", "second", "third", "fourth"])
def test_equal_turns_of_a_knob_change_the_picture_equally(part, knob):
    vectors = np.random.default_rng(1).standard_normal((12, 64))
    shown = [
        np.stack([part(NOW, prompt="cherry", z=z, **{knob: position}) for z in vectors])
        for position in np.linspace(0, 1, 9)
    ]
    steps = [gap(one, other) for one, other in pairwise(shown)]
    if max(steps) > 1:  # smaller changes are lost in the rounding to bytes
        assert max(steps) < 2.5 * min(steps)
    middle = np.stack([part(NOW, prompt="cherry", z=z) for z in vectors])
    assert (shown[4] == middle).all()


def test_a_vector_replaces_the_walk(part):
    z = np.random.default_rng(0).standard_normal(64)
    first = part(NOW, z=z)
    assert (part(NOW, z=z[None].astype(np.float32), drift=0.7, bloom=1.0) == first).all()
    assert (part(NOW, z=list(z)) == first).all()
    assert gap(part(NOW, z=-z), first) > 0


@pytest.mark.parametrize("z", [np.zeros(63), np.zeros((2, 64)), 0.5, "z", np.zeros((64, 1)), []])
def test_a_vector_of_another_shape_is_an_error(part, z):
    with pytest.raises(
        ValueError, match=r"z of generator 'gan' must be 64 numbers, got shape .* of type "
    ):
        part(NOW, z=z)


def test_a_vector_with_nan_is_an_error(part):
    with pytest.raises(
        ValueError, match="z of generator 'gan' must be 64 finite numbers, got nan or infinity"
    ):
        part(NOW, z=np.full(64, np.nan))


# -- many pictures at once ---------------------------------------------------------------------


def test_many_pictures_are_the_same_as_one_by_one(part):
    z = np.random.default_rng(0).standard_normal((3, 64))
    prompts = ["red cherry", "blue plum", ("red", "plum", 0.5)]
    many = part.paint(z, prompts)
    assert many.shape == (3, 64, 64, 3)
    for row, prompt, picture in zip(z, prompts, many, strict=True):
        alone = part(NOW, z=row, prompt=prompt, fade=0)
        assert np.abs(alone.astype(int) - picture).max() <= 1
    assert (part.paint(z[:1], "red cherry")[0] == many[0]).all()


def test_many_pictures_may_have_grain_of_their_own(part):
    grain = part.random_grain(2, np.random.default_rng(1))
    pictures = part.paint(np.zeros((2, 64)), "plum", grain=grain)
    assert pictures.shape == (2, 64, 64, 3)
    twice = part.paint(np.zeros((2, 64)), "plum", grain=np.repeat(grain[:1], 2, axis=0))
    assert (twice == pictures[0]).all()


def test_another_number_of_prompts_than_vectors_is_an_error(part):
    with pytest.raises(ValueError, match="expected a prompt for each of 3 vectors, got 2"):
        part.paint(np.zeros((3, 64)), ["a", "b"])


# -- files ------------------------------------------------------------------------------------


def test_a_model_of_another_part_is_refused(tmp_path):
    x = onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1, 64])
    y = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 64])
    node = onnx.helper.make_node("Identity", ["z"], ["image"])
    graph = onnx.helper.make_graph([node], "g", [x], [y])
    opset = [onnx.helper.make_opsetid("", 20)]
    path = tmp_path / "other.onnx"
    path.write_bytes(
        onnx.helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString()
    )
    with pytest.raises(ModelError, match=r"other\.onnx' is no model of generator 'gan'; train one"):
        GAN(model=path)(NOW)


def test_a_closed_part_can_be_used_again(part):
    first = part(NOW, prompt="plum")
    part.close()
    assert (part(NOW, prompt="plum") == first).all()


def test_the_card_holds_data_metrics_and_command(model):
    card = Model(model).card
    assert card["licence"] == "not stated" and card["pictures"] + 8 >= 50
    assert {"cherry", "plum", "red", "blue"} <= set(card["vocabulary"])
    assert set(card["metrics"]) >= {"frechet", "real frechet", "spread"}
    assert {"seed", "commit", "machine", "hours", "command", "objective"} <= set(card)
    assert "/" not in card["command"]


def test_the_graph_is_static_and_returns_bytes(model):
    session = Model(model)
    assert all(None not in slot.shape for slot in session.inputs.values())
    assert session.outputs["image"].dtype == "uint8"
    assert session.outputs["image"].shape == (1, 64, 64, 3)
    graph = onnx.load(model).graph
    assert not {node.op_type for node in graph.node} & {"If", "Loop", "Scan"}
    # No kernel is computed at inference: the weights of every convolution are in the file.
    stored = {one.name for one in graph.initializer}
    assert all(node.input[1] in stored for node in graph.node if node.op_type == "Conv")


def test_a_larger_size_enlarges_the_pictures_of_the_model(model):
    plain, large = GAN(model=model, seed=1), GAN(model=model, seed=1, size=256)
    assert (plain.size, large.size) == (64, 256)
    small, found = plain(NOW, drift=0.2), large(NOW, drift=0.2)
    assert found.shape == (256, 256, 3)
    assert gap(found.reshape(64, 4, 64, 4, 3).mean((1, 3)), small) < 10
    assert large.paint(np.zeros((2, large.latent))).shape == (2, 256, 256, 3)


def test_a_size_that_the_model_cannot_reach_is_refused(model):
    with pytest.raises(ValueError, match="must be 64, 128 or 256 pixels with this model, got 500"):
        GAN(model=model, size=500).generate(NOW)
