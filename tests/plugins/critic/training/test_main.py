"""The critic's training: every step is gone through, and what it exports is what it plays."""

import csv
from io import BytesIO

import numpy as np
import pytest
from capriccio import Generator
from capriccio.models.model import read_card
from capriccio_critic.analyzer import Critic
from capriccio_critic.live_eval import second_opinion
from capriccio_critic.training.dataset import read_pictures, share_of
from capriccio_critic.training.degradations import WAYS
from PIL import Image

torch = pytest.importorskip("torch")

from capriccio_critic.training.main import crops, train, whole  # noqa: E402
from capriccio_critic.training.network import Critic as Net  # noqa: E402
from capriccio_critic.training.network import Naming, Readout, knowledge, learn_readout  # noqa: E402
from capriccio_critic.training.preference import learn_taste, weigh  # noqa: E402


def stripes(number: int, upright: bool) -> np.ndarray:
    chance = np.random.default_rng(number)
    y, x = np.mgrid[0:90, 0:120] / 90
    wave = np.sin((x if upright else y) * chance.uniform(20, 60) + chance.uniform(0, 6))
    colours = chance.uniform(60, 200, (1, 1, 3))
    picture = colours + 50 * wave[..., None] + chance.normal(0, 8, (90, 120, 3))
    return picture.clip(0, 255).astype(np.uint8)


class Stripes(Generator):
    """Paint stripes, upright or level."""

    def generate(self, now, *, slope=0.5):
        return stripes(round(100 * slope), slope > 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of 80 pictures of two kinds."""
    place = tmp_path_factory.mktemp("data")
    for number in range(80):
        kind = place / ("upright" if number % 2 else "level")
        kind.mkdir(exist_ok=True)
        Image.fromarray(stripes(number, bool(number % 2))).save(kind / f"{number}.png")
    (place / "level" / "torn.png").write_bytes(b"no picture")
    return place


# -- reading ----------------------------------------------------------------------------------


def test_kinds_are_the_sub_folders_and_broken_files_are_named(folder, capsys):
    pictures = read_pictures(folder)
    assert pictures.kinds == ["level", "upright"]
    assert pictures.pixels.shape == (80, 160, 160, 3)
    assert set(pictures.share) == {"train", "val", "test"}
    assert "torn.png" in capsys.readouterr().out


def test_labels_are_followed(folder, tmp_path):
    for number in range(60):
        Image.fromarray(stripes(number, True)).save(tmp_path / f"{number}.png")
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "artist", "split", "split_artist_disjoint"))
        for number in range(60):
            split = ("train", "val", "test")[number % 3]
            rows.writerow(
                (f"{number}.png", "ab"[number % 2], f"artist {number % 5}", split, "test")
            )
    pictures = read_pictures(tmp_path)
    assert (pictures.kinds, len(pictures.artists)) == (["a", "b"], 5)
    assert (pictures.share == "val").sum() == 20
    assert set(pictures.apart) == {"test"}


def test_most_copies_of_one_picture_stay_together():
    together = 0
    for number in range(12):
        picture = Image.fromarray(stripes(number, True)).resize((160, 160))
        file = BytesIO()
        picture.save(file, "JPEG", quality=90)
        copy = np.asarray(Image.open(file))
        assert (copy != np.asarray(picture)).any()
        together += share_of(np.asarray(picture)) == share_of(copy)
    assert together >= 10


def test_the_halves_have_no_picture_in_common_and_no_copy(tmp_path):
    for number in range(240):
        Image.fromarray(stripes(number // 2, True)).resize((40, 30)).save(
            tmp_path / f"{number}.png"
        )
    with open(tmp_path / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "movement", "split", "near_dup_group"))
        for number in range(240):
            group = f"g{number // 2}" if number < 120 else ""
            split = ("train", "val", "test")[number % 3]
            rows.writerow((f"{number}.png", "ab"[number % 2], split, group))
    one, other = (set(read_pictures(tmp_path, half=half).paths) for half in (0, 1))
    assert not one & other
    assert len(one | other) == 240
    assert min(len(one), len(other)) > 80
    for number in range(0, 120, 2):
        assert (f"{number}.png" in one) == (f"{number + 1}.png" in one)
    # Without a column of groups copies are known by their looks.
    (tmp_path / "labels.csv").unlink()
    for half in ("a", "b"):
        (tmp_path / half).mkdir()
    for number in range(240):
        (tmp_path / f"{number}.png").rename(tmp_path / "ab"[number % 2] / f"{number}.png")
    one, other = (read_pictures(tmp_path, half=half).paths for half in (0, 1))
    numbers = [{int(path[2:-4]) // 2 for path in half} for half in (one, other)]
    assert not numbers[0] & numbers[1]


def test_there_are_two_halves(tmp_path):
    with pytest.raises(ValueError, match="there is no half 2 of a folder; give 0 or 1"):
        read_pictures(tmp_path, half=2)


def test_a_folder_that_teaches_nothing_is_told(folder, tmp_path):
    with pytest.raises(ValueError, match="holds 40 readable pictures; give at least 50"):
        read_pictures(folder / "upright")
    for number in range(50):
        Image.fromarray(stripes(number, True)).save(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match=r"holds one kind, .*; give a sub-folder to each"):
        read_pictures(tmp_path)


# -- the network ------------------------------------------------------------------------------


def learned_net() -> Net:
    """Give a net as if it had learned: residual branches that do something, no biases."""
    torch.manual_seed(0)
    net = Net(3, 4).eval()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
    torch.nn.init.zeros_(net.told[2].bias)
    return net


def test_the_map_is_what_is_read_taken_apart():
    net = learned_net()
    maps, told, seen = net.see(torch.rand(2, 3, 128, 128))
    # The small number that keeps roots from zero is no part of any place.
    slope = torch.randn_like(told) * (told.abs() > 0.1)
    heat = net.trunk.where(maps, told, slope)
    assert heat.shape == (2, 8, 8)
    assert heat.mean((1, 2)).tolist() == pytest.approx((slope * told).sum(1).tolist(), rel=0.02)
    read = torch.cat([told, seen.mean((2, 3))], 1)
    slope = torch.cat([slope, torch.rand(2, seen.shape[1])], 1)
    heat = net.where(maps, told, seen, slope)
    assert heat.mean((1, 2)).tolist() == pytest.approx((slope * read).sum(1).tolist(), rel=0.02)


@torch.no_grad()
def test_what_every_place_has_heard_is_marked_where_it_came_from():
    net = learned_net()
    torch.nn.init.zeros_(net.places.weight)  # nothing is seen but what was heard
    x = torch.rand(2, 3, 128, 128)
    x[:, :, :, :64] = 0.5
    maps, told, seen = net.see(x)
    assert (seen == seen[:, :, :1, :1]).all()
    code = seen.mean((2, 3))
    slope = torch.cat([torch.zeros_like(told), code], 1)  # more of what is there
    heat = net.where(maps, told, seen, slope)
    assert heat.mean((1, 2)).tolist() == pytest.approx(code.square().sum(1).tolist(), rel=0.02)
    assert (heat[:, :, :3].amax((1, 2)) < heat[:, :, 5:].amin((1, 2))).all()


def test_a_readout_names_what_a_line_can_part():
    torch.manual_seed(0)
    truth = torch.arange(300) % 3
    features = torch.randn(300, 20) + 3 * torch.nn.functional.one_hot(truth, 20)
    readout = learn_readout(features[:200], truth[:200], features[200:], truth[200:], 3)
    assert (readout(features[200:]).argmax(1) == truth[200:]).float().mean() > 0.95


def naming(share: float, seed: int = 0) -> Naming:
    """Three movements and five artists, two of whom painted in two movements."""
    torch.manual_seed(seed)
    belong = torch.tensor([[1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0.2, 0.8]])
    readouts = [Readout(torch.zeros(20), torch.ones(20), torch.randn(n, 20), torch.randn(n))
                for n in (3, 5)]  # fmt: skip
    return Naming(*readouts, [1.2, 0.8], belong, share)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_movement_is_as_probable_as_its_artists_by_the_share_they_are_heard(share):
    name, features = naming(share), torch.randn(6, 20)
    movement, artist, own = name(features)
    assert movement.sum(1).tolist() == pytest.approx([1] * 6)
    theirs = artist[:, 0] + artist[:, 1] + 0.5 * artist[:, 2]
    assert torch.allclose(movement[:, 0], (1 - share) * own[:, 0] + share * theirs, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_slope_is_that_of_the_named_movements_log_probability(share):
    name, features = naming(share), torch.randn(6, 20, requires_grad=True)
    said = name(features)
    (slope,) = torch.autograd.grad(said[0].amax(1).log().sum(), features)
    assert torch.allclose(name.slope(*said), slope, atol=1e-4)


def test_what_was_learned_is_near_and_other_things_are_far():
    torch.manual_seed(0)
    told = torch.randn(400, 30) * torch.linspace(0.1, 2, 30)
    known = knowledge(told, axes=20)
    far = [((x - known["mean"]) @ known["axes"]).square().mean(1).sqrt().mean()
           for x in (told, told + 3)]  # fmt: skip
    assert far[0] == pytest.approx(1, abs=0.1)
    assert far[1] > 1.5 * far[0]


def test_crops_are_pictures_of_the_size_that_is_asked_for():
    pixels = np.stack([np.asarray(Image.fromarray(stripes(n, True)).resize((160, 160)))
                       for n in range(8)])  # fmt: skip
    x = crops(pixels, np.arange(8), 64, np.random.default_rng(0))
    assert x.shape == (8, 3, 64, 64)
    assert 0 <= x.min() <= x.max() <= 1
    assert whole(pixels).shape == (8, 3, 128, 128)


def test_taste_weighs_what_parts_pictures_from_their_copies():
    torch.manual_seed(0)
    gaps = torch.randn(400, 20) + torch.tensor([1.5, -1.5] + 18 * [0.0])
    weight = weigh(gaps, 0.01)
    assert weight[0] > 3 * weight[2:].abs().max()
    assert weight[1] < -3 * weight[2:].abs().max()
    fresh = torch.randn(400, 20) + torch.tensor([1.5, -1.5] + 18 * [0.0])
    assert (fresh @ weight > 0).float().mean() > 0.95  # 0.98 is the most there is
    heard = (gaps[:, 0] > 1).float()  # the others do not count
    assert abs(weigh(gaps, 0.01, heard)[1]) < abs(weight[1])
    assert weigh(gaps, 1.0).norm() < weight.norm() / 3  # the stricter, the smaller


def test_taste_prefers_pictures_to_their_copies(folder):
    torch.manual_seed(0)
    files = sorted((folder / "upright").glob("*.png"))
    _, scores = learn_taste(Net(2, 1).eval(), files[:30], files[30:], seed=0)
    assert scores.shape == (10, 8)
    assert (scores[:, :1] > scores[:, 1 : 1 + len(WAYS)]).mean() > 0.7


# -- the whole --------------------------------------------------------------------------------


def test_a_dry_run_goes_through_every_step_and_leaves_nothing(folder, tmp_path):
    train(folder, tmp_path / "mine.onnx", dry_run=True)
    assert not list(tmp_path.iterdir())


def test_what_was_trained_is_played(tmp_path):
    for number in range(160):
        kind = tmp_path / "data" / ("upright" if number % 2 else "level")
        kind.mkdir(exist_ok=True, parents=True)
        Image.fromarray(stripes(number, bool(number % 2))).save(kind / f"{number}.png")
    train(tmp_path / "data", tmp_path / "mine.onnx", hours=0.001, half=1)
    card = read_card(tmp_path / "mine.onnx")
    assert card["half"] == 1 and card["command"].endswith("--seed 0 --half 1")
    assert 40 < card["pictures"] < 90  # of the half, some are checked and tested on
    critic = Critic(model=str(tmp_path / "mine.onnx"))
    readings = critic(stripes(3, True))
    assert critic.movements == ["level", "upright"]
    assert readings.movement in critic.movements
    assert (readings.artist, readings.hand) == ("", 1.0)
    assert (tmp_path / "mine.safetensors").exists()
    assert "Looks like" in critic.explain(stripes(3, True))
    assert second_opinion(critic, critic, Stripes(), count=3, trials=2)["trials"] == 4
