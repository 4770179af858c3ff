"""Words choose pictures that are known, and their latents are mixed."""

import numpy as np
import pytest
from capriccio import Moment

torch = pytest.importorskip("torch")

from capriccio_gan.generator import GAN  # noqa: E402
from capriccio_gan.training import main  # noqa: E402
from capriccio_gan.training import mixture as module  # noqa: E402
from capriccio_gan.training.captions import Facts  # noqa: E402
from capriccio_gan.training.dataset import Pictures  # noqa: E402
from capriccio_gan.training.networks import LATENT  # noqa: E402
from capriccio_gan.vocabulary import Vocabulary  # noqa: E402

WORDS = ["red", "blue", "sea", "portrait"]
FACTS = [Facts(kind=kind, movement=hue) for kind in ("sea", "portrait") for hue in ("red", "blue")]


@pytest.fixture
def pair():
    """Four pictures of two kinds in two colours: the encoder of words, and what mixes them."""
    torch.manual_seed(0)
    pictures = Pictures(np.zeros((4, 4, 4, 3), np.uint8), FACTS)
    text, keys = module.word_codes(Vocabulary(WORDS), pictures, np.arange(4))
    latents = torch.randn(4, LATENT + 8)
    return text, module.LatentMixture(latents, torch.ones(8), torch.zeros(4), keys)


def shares_of(pair, prompt, z=None):
    text, mixture = pair
    code = text(torch.tensor([Vocabulary(WORDS).encode(prompt)[0]]))
    z = torch.zeros(1, LATENT) if z is None else z
    return mixture.choose(mixture.mapping(z, code))[0].tolist()


def test_words_choose_the_pictures_that_they_describe(pair):
    with torch.no_grad():
        assert shares_of(pair, "a blue sea")[1] > 0.9
        red = shares_of(pair, "red")
    assert red[0] + red[2] > 0.95 and min(red[0], red[2]) > 0.2


def test_without_words_noise_chooses(pair):
    with torch.no_grad():
        chosen = {
            int(np.argmax(shares_of(pair, "", 3 * torch.randn(1, LATENT)))) for _ in range(60)
        }
    assert chosen == {0, 1, 2, 3}


def test_a_mixture_lies_as_far_from_the_middle_as_its_pictures(pair):
    _, mixture = pair
    style = torch.zeros(1, mixture.style_size)
    grain = torch.zeros(1, mixture.grain_size)
    with torch.no_grad():
        one, half = (
            mixture.mix(torch.tensor([shares]), style, grain)[0] - mixture.middle
            for shares in ([1.0, 0, 0, 0], [0.5, 0.5, 0, 0])
        )
    assert torch.allclose(one, mixture.known[0], atol=1e-5)
    wanted = (mixture.known[0] + mixture.known[1]) / 2**0.5
    assert torch.allclose(half, wanted, atol=1e-5)


def test_knobs_and_grain_move_latents(pair):
    _, mixture = pair
    style = torch.zeros(1, mixture.style_size)
    style[0, -module.SHIFTS] = 1.0
    with torch.no_grad():
        still = mixture.synthesis(0 * style, torch.zeros(1, 8))
        moved = mixture.synthesis(style, torch.zeros(1, 8))
        rough = mixture.synthesis(0 * style, torch.ones(1, 8))
    assert torch.allclose(moved - still, mixture.axes[:1], atol=1e-5)
    assert torch.allclose((rough - still)[0, LATENT:], torch.full((8,), module.TOUCH), atol=1e-5)


def test_one_picture_of_each_artist_comes_in_turn():
    facts = [Facts("sea", artist="monet")] * 3 + [Facts("sea", artist="turner"), Facts()]
    found = module.in_turn(Pictures(np.zeros((5, 4, 4, 3), np.uint8), facts))
    assert found.tolist() == [0, 3, 1, 2]


@pytest.mark.slow
def test_a_folder_becomes_a_model_that_tells_what_it_has_mixed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PICTURES_ON_SHEET", 2)
    monkeypatch.setattr(
        module,
        "directions",
        lambda vae, mixture, pictures: [
            {"direction": [0.1] * mixture.style_size, "turns": [-1.0, 0.0, 1.0]}
        ],
    )
    out = tmp_path / "mine.onnx"
    main.train(folder, out, mixture=True)
    gan = GAN(model=out, seed=2)
    assert gan.sources == []
    one = gan(Moment(), prompt="plum", fade=0)
    assert one.shape == (256, 256, 3)
    assert 0.9 < sum(share for _, share in gan.sources) <= 1.01
    assert (one != gan(Moment(), prompt="cherry", fade=0)).any()
    assert out.with_suffix(".png").is_file()
