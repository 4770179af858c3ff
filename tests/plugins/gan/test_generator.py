"""The painter of words: prompts, fades, walks, dials and odd input; a training that plays."""

from itertools import pairwise

import numpy as np
import onnx
import pytest
from capriccio import Model, ModelError, Moment
from capriccio.testing import check_generator, moments
from capriccio_gan.generator import GAN
from PIL import Image, ImageDraw

NOW = Moment()


def discs(folder, count=60):
    """Sheets with discs on them, red ones called cherries and blue ones plums."""
    random = np.random.default_rng(0)
    for index in range(count):
        kind, colour = (("cherries", (200, 30, 30)), ("plums", (40, 50, 190)))[index % 2]
        picture = Image.new("RGB", (100, 140), (245, 238, 215))
        x, y, r = random.integers(40, 60), random.integers(50, 90), random.integers(15, 28)
        ImageDraw.Draw(picture).circle((x, y), r, fill=colour)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        picture.save(folder / kind / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return discs(tmp_path_factory.mktemp("discs"))


@pytest.fixture(scope="session")
def model(folder, tmp_path_factory):
    """A painter that has seen a dozen batches of discs."""
    from capriccio_gan.training.main import train

    out = tmp_path_factory.mktemp("model") / "mine.onnx"
    train(folder, out, steps=12, reading=12, size=64, batch=8)
    return out


@pytest.fixture
def part(model):
    return GAN(model=model, seed=7)


def gap(one, other):
    return np.abs(one.astype(float) - other).mean()


# -- playing ----------------------------------------------------------------------------------


def test_the_painter_keeps_the_contract(model):
    check_generator(GAN, model=model)


def test_it_paints_bytes(part):
    picture = part(NOW, prompt="a red cherry")
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8


def test_the_walk_ends_where_it_began_and_is_even(part):
    first = part(NOW, drift=0.0)
    assert (part(NOW, drift=1.0) == first).all()
    assert gap(part(NOW, drift=0.5), first) > 0
    steps = np.linalg.norm(np.diff(part._walk, axis=0), axis=1)
    assert steps.max() / steps.min() < 1.2
    radii = np.linalg.norm(part._walk, axis=1)
    assert radii.min() > 0.97 * radii.max()


def test_the_same_seed_paints_the_same_and_another_does_not(model):
    one, same, other = (GAN(model=model, seed=seed) for seed in (7, 7, 8))
    pictures = [part(NOW, drift=0.3) for part in (one, same, other)]
    assert (pictures[0] == pictures[1]).all()
    assert gap(pictures[0], pictures[2]) > 0
    other.reset(7)
    assert (other(NOW, drift=0.3) == pictures[0]).all()


def test_any_whole_number_is_a_seed(model):
    pictures = [GAN(model=model, seed=seed)(NOW) for seed in (-1, 1, 2**80)]
    assert gap(pictures[0], pictures[1]) > 0 and gap(pictures[1], pictures[2]) > 0


def test_without_bloom_the_walk_stands_still(part):
    still = [part(NOW, drift=drift, bloom=0.0) for drift in (0.0, 0.3, 0.6)]
    assert all((picture == still[0]).all() for picture in still)


# -- words ------------------------------------------------------------------------------------


def test_other_words_give_another_picture_and_the_same_words_the_same(part):
    red, blue = (part(NOW, prompt=prompt, fade=0) for prompt in ("red cherry", "blue plum"))
    assert gap(red, blue) > 0
    assert (part(NOW, prompt="Some RED cherries!", fade=0) == red).all()
    assert (part(NOW, prompt="red cherry", fade=0) == red).all()  # now from memory


def test_a_prompt_is_the_same_heard_on_the_way_and_remembered(part):
    heard = part(NOW, prompt=("red cherry", "blue plum", 0.4), fade=0)
    remembered = part(NOW, prompt=("red cherry", "blue plum", 0.4), fade=0)
    assert np.abs(heard.astype(int) - remembered).max() <= 1


def test_two_prompts_are_mixed(part):
    ends = [part(NOW, prompt=prompt, fade=0) for prompt in ("red cherry", "blue plum")]
    mixed = [part(NOW, prompt=("red cherry", "blue plum", s), fade=0) for s in (0, 0.5, 1, 7)]
    assert gap(mixed[0], ends[0]) < 0.01 and gap(mixed[2], ends[1]) < 0.01
    assert (mixed[3] == mixed[2]).all()
    assert 0 < gap(mixed[1], ends[0]) < gap(ends[0], ends[1])


def test_a_new_prompt_fades_in_and_never_jumps(part):
    show = list(moments(bpm=120, beats=4, step=1 / 16))
    frames = [part(now, prompt="red cherry" if now.beats < 1 else "blue plum") for now in show]
    steps = [np.linalg.norm(part_) for part_ in np.diff(frames, axis=0).astype(float)]
    assert max(steps[:15]) == 0  # nothing moves before
    assert (frames[-1] == part(NOW, prompt="blue plum")).all()
    arrived = [index for index, now in enumerate(show) if now.beats >= 2]
    assert all((frames[index] == frames[-1]).all() for index in arrived[1:])


def test_a_fade_is_a_path_of_codes_even_when_it_is_broken_off(part):
    codes = []
    for index, now in enumerate(moments(bpm=120, beats=4, step=1 / 16)):
        prompt = "red cherry" if index < 8 else "blue plum" if index < 16 else "cherry"
        part(now, prompt=prompt)
        codes.append(part._mixture.copy())
    steps = [np.linalg.norm(b - a) for a, b in pairwise(codes)]
    whole = np.linalg.norm(codes[-1] - codes[0]) + np.linalg.norm(codes[16] - codes[0])
    assert 0 < max(steps) < 0.25 * whole
    assert max(steps[:8]) == 0 and steps[-1] == 0


def test_a_prompt_that_is_typed_shows_within_a_tenth_of_a_second(part):
    show = list(moments(bpm=120, beats=2, step=0.05))  # 40 frames a second
    for now in show[:20]:
        part(now, prompt="red cherry")
    before = part._mixture.copy()
    for now in show[20:24]:
        part(now, prompt="blue plum")
    assert np.abs(part._mixture - before).max() > 0


def test_without_fade_a_new_prompt_is_there_at_once(part):
    part(Moment(beats=1), prompt="red cherry")
    picture = part(Moment(beats=2), prompt="blue plum", fade=0)
    assert (picture == part(NOW, prompt="blue plum", fade=0)).all()


def test_a_new_show_begins_with_its_own_prompt(part):
    part(Moment(beats=9), prompt="red cherry")
    picture = part(Moment(beats=0), prompt="blue plum")
    fresh = GAN(model=part._path, seed=7)
    assert np.abs(picture.astype(int) - fresh(NOW, prompt="blue plum")).max() <= 1


def test_words_it_does_not_know_are_named_once_with_the_nearest(part, capsys):
    for _ in range(3):
        part(NOW, prompt="a chery and a zebra")
    told = capsys.readouterr().err
    assert told.count("does not know 'chery'; the nearest it knows is 'cherry'") == 1
    assert told.count("'zebra'; and nothing near it") == 1
    assert part.unknown("a chery, a zebra, a plum") == {"chery": "cherry", "zebra": ""}


@pytest.mark.parametrize(
    "prompt",
    ["", "  ", "a" * 10_000, "zebra " * 5_000, "🍎🍐", "яблоко", "苹果 リンゴ", "\0\n", "'; --"],
)
def test_whatever_is_typed_paints(part, prompt):
    picture = part(NOW, prompt=prompt)
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture.astype(int) - part(NOW, prompt="", fade=0)).max() <= 1  # no known word


def test_a_book_is_read_as_far_as_it_counts(part, capsys):
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
def test_what_is_no_prompt_is_told(part, prompt):
    with pytest.raises(TypeError, match=r"knob 'prompt' of generator 'gan' is .*; give text, or"):
        part(NOW, prompt=prompt)


# -- knobs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", ["drift", "bloom", "fade", "first", "second", "third", "fourth"])
def test_a_knob_at_nan_is_told(part, knob):
    with pytest.raises(ValueError, match=f"knob '{knob}' of generator 'gan' is nan"):
        part(NOW, **{knob: float("nan")})


def test_equal_turns_of_a_dial_change_the_picture_equally(model):
    card = Model(model).card
    assert len(card["dials"]) == 6
    part = GAN(model=model)
    part(NOW)
    z = np.random.default_rng(1).standard_normal((12, 64))
    for dial in range(4):
        turns = np.zeros(6)
        shown = []
        for position in np.linspace(0, 1, 9):
            turns[:] = 0.5
            turns[dial] = position
            turn = part._dialled(turns)
            shown.append(np.stack([
                part._paint(one, ("cherry",), np.ones(1), 1.0, turn, part._grain) for one in z
            ]).astype(float))  # fmt: skip
        steps = [np.abs(b - a).mean() for a, b in pairwise(shown)]
        if max(steps) > 1:  # bytes cannot show less
            assert max(steps) < 2.5 * min(steps)
        assert (part._dialled([0.5] * 6) == 0).all()


def test_a_vector_of_ones_own_is_painted_and_the_walk_rests(part):
    z = np.random.default_rng(0).standard_normal(64)
    first = part(NOW, z=z)
    assert (part(NOW, z=z[None].astype(np.float32), drift=0.7, bloom=1.0) == first).all()
    assert (part(NOW, z=list(z)) == first).all()
    assert gap(part(NOW, z=-z), first) > 0


@pytest.mark.parametrize("z", [np.zeros(63), np.zeros((2, 64)), 0.5, "z", np.zeros((64, 1)), []])
def test_a_vector_of_another_shape_is_told(part, z):
    with pytest.raises(ValueError, match=r"z of generator 'gan' has shape .*; give 64 numbers"):
        part(NOW, z=z)


def test_a_vector_with_holes_is_told(part):
    with pytest.raises(ValueError, match="z of generator 'gan' holds nan or infinity"):
        part(NOW, z=np.full(64, np.nan))


# -- many at once -----------------------------------------------------------------------------


def test_many_are_painted_as_one_by_one(part):
    z = np.random.default_rng(0).standard_normal((3, 64))
    prompts = ["red cherry", "blue plum", ("red", "plum", 0.5)]
    many = part.paint(z, prompts)
    assert many.shape == (3, 64, 64, 3)
    for row, prompt, picture in zip(z, prompts, many, strict=True):
        alone = part(NOW, z=row, prompt=prompt, fade=0)
        assert np.abs(alone.astype(int) - picture).max() <= 1
    assert (part.paint(z[:1], "red cherry")[0] == many[0]).all()


def test_many_may_have_paper_of_their_own(part):
    part(NOW)
    grain = np.random.default_rng(1).standard_normal((2, part._grains))
    made = part.paint(np.zeros((2, 64)), "plum", grain=grain)
    assert made.shape == (2, 64, 64, 3)
    kept = part.paint(np.zeros((2, 64)), "plum", grain=np.repeat(part._grain, 2, axis=0))
    assert (kept == part.paint(np.zeros((2, 64)), "plum")).all()


def test_prompts_and_vectors_come_in_pairs(part):
    with pytest.raises(ValueError, match="2 prompts for 3 vectors; give one for each"):
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
    with pytest.raises(ModelError, match=r"other\.onnx' is not one of this painter's; make one"):
        GAN(model=path)(NOW)


def test_a_closed_part_opens_again(part):
    first = part(NOW, prompt="plum")
    part.close()
    assert (part(NOW, prompt="plum") == first).all()


def test_the_card_says_what_it_was_made_of(model):
    card = Model(model).card
    assert card["licence"] == "not stated" and card["pictures"] + 8 >= 50
    assert {"cherry", "plum", "red", "blue"} <= set(card["vocabulary"])
    assert set(card["metrics"]) >= {"frechet", "real frechet", "spread"}
    assert {"seed", "commit", "machine", "hours", "command", "objective"} <= set(card)
    assert "/" not in card["command"]


def test_the_graph_is_static_and_gives_bytes(model):
    session = Model(model)
    assert all(None not in slot.shape for slot in session.inputs.values())
    assert session.outputs["image"].dtype == "uint8"
    assert session.outputs["image"].shape == (1, 64, 64, 3)
    graph = onnx.load(model).graph
    assert not {node.op_type for node in graph.node} & {"If", "Loop", "Scan"}
    # No kernel is computed: every convolution's weights are stored in the file.
    stored = {one.name for one in graph.initializer}
    assert all(node.input[1] in stored for node in graph.node if node.op_type == "Conv")
