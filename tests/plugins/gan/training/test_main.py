"""Training the painter of words: what is told, kept and resumed; its networks."""

import json

import numpy as np
import pytest
import torch
from capriccio import Model, Moment
from capriccio.training import frechet
from capriccio_gan.generator import GAN
from capriccio_gan.training import losses as game
from capriccio_gan.training import main as course
from capriccio_gan.training.dataset import read_pictures, vocabulary_of
from capriccio_gan.training.directions import find_dials
from capriccio_gan.training.losses import augmented
from capriccio_gan.training.moments import FAR, Crowd, likeness, moved
from capriccio_gan.training.networks import CODE, LATENT, WIDTHS, Judge, Listener, Painter, Player
from capriccio_gan.training.text_image import WIDTHS as SEEN
from capriccio_gan.training.text_image import Lesson, Reader, shaken, truths
from capriccio_gan.vocabulary import LONGEST, Vocabulary
from plugins.gan.test_generator import discs
from safetensors import safe_open


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return discs(tmp_path_factory.mktemp("discs"))


@pytest.fixture(scope="module")
def learn(folder):
    return read_pictures(folder, 64)[0]


@pytest.fixture
def vocabulary(learn):
    return Vocabulary(vocabulary_of(learn))


@pytest.fixture(autouse=True)
def few_dial_pictures(monkeypatch):
    """The dials have a test of their own; elsewhere they need not be exact."""
    monkeypatch.setattr("capriccio_gan.train.DIALLED", 2)


# -- the course -------------------------------------------------------------------------------


def test_pairs_are_held_apart_up_to_half_of_what_lies_between_real_pictures():
    real = torch.rand(8, 3, 64, 64)
    assert likeness(real[:2], real[:2], real) == 1
    assert likeness(real[:2], real[:2] + 0.1, real) > 0.99  # another paper is no other fruit
    assert likeness(real[:2], real[2:4], real) == 0
    assert likeness(real[:1], real[:1], real[:1]) == 1  # nothing to compare with is no NaN


def test_paintings_are_carried_to_where_real_pictures_are_together():
    chance = np.random.default_rng(0)
    shape = chance.standard_normal((6, 6))
    real = (chance.standard_normal((4100, 6)) @ shape + 1).astype(np.float32)
    made = (2 * chance.standard_normal((4100, 6)) - 1).astype(np.float32)
    crowds = Crowd(6), Crowd(6)
    for crowd, features in zip(crowds, (real, made), strict=True):
        for part in np.split(features, 41):  # no more than count alike
            crowd.meet(torch.from_numpy(part))
    seen = torch.from_numpy(made).requires_grad_()
    effort = crowds[1].effort(seen, crowds[0])
    wide = np.cov(real, rowvar=False).trace()
    assert effort.item() == pytest.approx(frechet(real, made) / wide, rel=0.02)
    effort.backward()
    moved = made - 4100 * wide / 2 * seen.grad.numpy()
    assert frechet(real, moved) < 0.02 * frechet(real, made)
    assert crowds[0].effort(torch.from_numpy(real), crowds[0]).item() < 1e-3  # nowhere to go


def test_moved_pictures_are_the_same_a_few_pixels_off():
    x = torch.rand(2, 3, 64, 64)
    seen = set()
    for _ in range(20):
        shifted = moved(x)
        places = [
            (down, right)
            for down in range(-FAR, FAR + 1)
            for right in range(-FAR, FAR + 1)
            if torch.equal(
                shifted[:, :, 8:-8, 8:-8], x.roll((down, right), (2, 3))[:, :, 8:-8, 8:-8]
            )
        ]
        assert len(places) == 1 and shifted.shape == x.shape
        seen.add(places[0])
    assert len(seen) > 10


def test_a_crowd_of_one_picture_is_no_nan():
    crowds = Crowd(4), Crowd(4)
    for crowd in crowds:
        crowd.meet(torch.rand(1, 4))
    assert torch.isfinite(crowds[1].effort(torch.rand(1, 4), crowds[0]))


def test_a_dry_run_writes_nothing(folder, tmp_path):
    course.train(folder, tmp_path / "out" / "mine.onnx", dry_run=True)
    assert not (tmp_path / "out").exists()


def test_a_size_it_does_not_paint_is_told(folder, tmp_path):
    with pytest.raises(ValueError, match="a size of 100; pictures are painted at 64, 128 or 256"):
        course.train(folder, tmp_path / "mine.onnx", size=100)


def test_few_pictures_are_told_before_anything_is_learned(tmp_path):
    with pytest.raises(ValueError, match="holds 7 readable pictures; give at least 50"):
        course.train(discs(tmp_path / "few", 7), tmp_path / "mine.onnx")


def test_a_training_is_resumed_where_it_stopped(folder, tmp_path):
    out = tmp_path / "mine.onnx"
    course_of = {"reading": 2, "size": 64, "batch": 4}
    course.train(folder, out, steps=2, **course_of)
    reader = (tmp_path / "mine.reader.safetensors").read_bytes()
    first, sheet = state(tmp_path), (tmp_path / "mine.png").read_bytes()
    course.train(folder, out, steps=4, resume=True, **course_of)
    assert (tmp_path / "mine.reader.safetensors").read_bytes() == reader  # it had read enough
    assert (first["step"], state(tmp_path)["step"]) == (2, 4)
    assert state(tmp_path)["seconds"] > first["seconds"]
    assert (tmp_path / "mine.png").read_bytes() != sheet
    assert Model(out).card["metrics"]["step"] in (2, 4)
    assert GAN(model=out)(Moment()).shape == (64, 64, 3)


def state(folder):
    with safe_open(folder / "mine.safetensors", "pt") as file:
        return json.loads(file.metadata()["capriccio"])


def test_collapse_is_noticed_and_told(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(course, "COLLAPSED", 1e9)
    monkeypatch.setattr(course, "WARM", 0)
    course.train(folder, tmp_path / "mine.onnx", steps=1, reading=1, size=64, batch=4)
    assert "the pictures grow alike: their spread is" in capsys.readouterr().out


def test_paintings_are_seen_together_in_the_second_act(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(game, "ALONE", 0.5)

    def trained(weight: float, steps: int):
        monkeypatch.setattr(game, "CARRY", weight)
        out = tmp_path / f"{weight:g}-{steps}"
        course.train(folder, out / "mine.onnx", steps=steps, reading=1, size=64, batch=4)
        with safe_open(out / "mine.safetensors", "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

    with_it, without = trained(6.0, 4), trained(0.0, 4)
    # Of four steps the last is of the second act; the third is the border.
    assert [with_it[f"model.made.{n}.batches"].item() for n in range(9)] == [1] * 9
    assert with_it["model.made.0.mean"].abs().sum() > 0
    last = "model.painter.last.weight"
    assert not torch.equal(with_it[last], without[last])  # what is seen reaches the painter
    assert torch.equal(trained(0.0, 1)[last], trained(6.0, 1)[last])  # and nothing else did


def test_the_painter_learns_what_words_mean(folder, learn, vocabulary, tmp_path):
    """After half a minute red cherries are redder than blue plums."""
    course.train(folder, tmp_path / "mine.onnx", steps=80, reading=40, size=64, batch=8)
    part = GAN(model=tmp_path / "mine.onnx")
    z = 0.5 * np.random.default_rng(0).standard_normal((12, LATENT))
    red, blue = (part.paint(z, words).astype(float).mean((0, 1, 2)) for words in
                 ("red cherry", "blue plum"))  # fmt: skip
    assert red[0] - red[2] > blue[0] - blue[2] + 3


# -- what it is made of -----------------------------------------------------------------------


def test_a_picture_and_its_double_are_augmented_alike_and_others_are_not():
    x = torch.rand(4, 3, 64, 64)
    dice = torch.rand(4, 8)
    assert torch.equal(augmented(x, dice), augmented(x, dice))
    assert not torch.equal(augmented(x, dice), augmented(x, torch.rand(4, 8)))
    still = torch.tensor([[0.1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0.9]]).expand(4, 8)
    assert torch.allclose(augmented(x, still), x, atol=1e-6)
    mirrored = still.clone()
    mirrored[:, 0] = 0.9
    assert torch.allclose(augmented(x, mirrored), x.flip(3), atol=1e-6)


def test_augmentation_can_be_learned_through():
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    augmented(x, torch.rand(2, 8)).sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().sum() > 0


@pytest.mark.parametrize("size", sorted(WIDTHS))
def test_painter_and_judge_fit_each_size(size):
    painter, judge = Painter(size), Judge(size, SEEN[1:])
    z, code, grain = torch.randn(2, LATENT), torch.randn(2, CODE), torch.randn(2, painter.grains)
    painted = painter(z, code, grain)
    assert painted.shape == (2, 3, size, size)
    votes, gists = judge(painted, Reader().eval()(painted)[0])
    assert judge.fitting(gists, code).shape == votes.shape
    painted.sum().backward()
    idle = [name for name, p in painter.named_parameters() if p.grad is None]
    assert not idle


def test_a_judge_hears_the_words():
    judge, reader = Judge(64, SEEN[1:]), Reader().eval()
    x = torch.rand(2, 3, 64, 64)
    _, gists = judge(x, reader(x)[0])
    one, other = (
        judge.fitting(gists, torch.randn(2, CODE)),
        judge.fitting(gists, torch.zeros(2, CODE)),
    )
    assert (one - other).abs()[:, 64:].min() > 0 and (one[:, :64] == 0).all()


def test_a_listener_hears_order_and_not_the_empty_places():
    listener = Listener(9).eval()
    words = torch.zeros(3, LONGEST, dtype=torch.long)
    words[:, 0] = 1
    words[0, 1:5] = torch.tensor([2, 3, 4, 5])
    words[1, 1:5] = torch.tensor([4, 3, 2, 5])
    codes = listener(words)
    assert (codes[0] - codes[1]).abs().max() > 1e-3
    assert torch.allclose(codes[2], listener(words[2:])[0], atol=1e-5)
    assert codes.mean(1).abs().max() < 1e-4 and (codes.std(1) - 1).abs().max() < 0.1


def test_a_caption_is_true_when_every_word_of_it_may_be_said(learn, vocabulary):
    table = truths(learn, vocabulary)
    red = next(i for i, facts in enumerate(learn.facts) if facts.kind == "cherry")

    def fits(caption):
        return table[red][vocabulary.read(caption)[0]].all()

    assert fits("red cherry") and fits("cherry") and fits("")
    assert not fits("blue cherry") and not fits("red plum")


def test_shaken_pictures_stay_pictures():
    x = torch.rand(4, 3, 64, 64)
    assert shaken(x).shape == x.shape and shaken(x).min() >= 0 and shaken(x).max() <= 1


def test_odds_of_own_captions_are_the_diagonal_of_all():
    lesson = Lesson(9)
    seen, heard = torch.randn(3, CODE), torch.randn(3, CODE)
    assert torch.allclose(lesson.fit(seen, heard).diagonal(), lesson.odds(seen, heard), atol=1e-4)


def test_dials_are_found_and_rest_in_the_middle():
    torch.manual_seed(0)
    painter = Painter(64)
    for block in painter.blocks:
        torch.nn.init.normal_(block.two.weight, std=0.02)
    dials = find_dials(painter.eval(), torch.randn(8, CODE), pictures=4)
    assert len(dials) == 6
    for dial in dials:
        turns = np.array(dial["turns"])
        assert (np.diff(turns) > 0).all() and abs(turns[len(turns) // 2]) < 1e-6
        assert len(dial["direction"]) == 128
    directions = np.array([dial["direction"] for dial in dials])
    assert np.linalg.matrix_rank(directions) == 6


def test_the_player_adds_codes_by_their_shares():
    player = Player(Listener(9), Painter(64)).eval()
    z, words, _, code, turn, grain = player.example()
    none = torch.zeros_like(code)
    image, codes = player(z, words, torch.tensor([[0.3, 0.7]]), none, turn, grain)
    mixed = 0.3 * codes[:1] + 0.7 * codes[1:]
    again, _ = player(z, words, torch.zeros(1, 2), mixed, turn, grain)
    assert (image.int() - again.int()).abs().max() <= 1
    assert image.shape == (1, 64, 64, 3) and image.dtype == torch.uint8
