"""The analyzer `critic`."""

import numpy as np
import pytest
from capriccio import ModelError, analyzer
from capriccio.models.model import read_card
from capriccio.testing import check_analyzer
from capriccio_critic.analyzer import Critic
from helpers.paintings import landscape


def test_the_critic_is_a_valid_analyzer():
    check_analyzer(Critic)
    check_analyzer("critic", things=[landscape()])
    assert isinstance(analyzer("critic"), Critic)


def test_the_movement_is_the_most_probable_and_the_runners_up_follow(critic):
    image = landscape()
    readings, probabilities = critic(image), critic.movement_probabilities(image)
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)
    order = sorted(probabilities, key=lambda name: -probabilities[name])
    assert [readings.movement, *(name for name, _ in readings.runners_up)] == order[:4]
    assert readings.certainty == pytest.approx(probabilities[order[0]], abs=1e-6)
    assert readings.runners_up[0][1] == pytest.approx(probabilities[order[1]], abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3), (256, 256), (700, 300)])
def test_a_picture_of_any_size_is_read(critic, shape):
    rng = np.random.default_rng(0)
    readings = critic(rng.integers(0, 256, (*shape, 3)).astype(np.uint8))
    assert all(np.isfinite(value) for value in readings if isinstance(value, float))


def test_bytes_and_floats_of_a_picture_have_the_same_readings(critic):
    image = landscape()
    one, other = critic(image), critic(image / 255)
    assert one[:-1] == other[:-1]
    assert (one.heat == other.heat).all()


def test_a_model_of_another_part_is_refused(tmp_path):
    from capriccio_vae.generator import VAE

    with pytest.raises(ModelError, match="is not a critic; train one with: capriccio train critic"):
        Critic(model=str(VAE.models["watercolors"]))(landscape())


def test_the_percentile_of_a_reading_rises_from_0_to_1(critic):
    ranks = [critic.percentile("contrast", value) for value in (0.0, 0.3, 0.5, 1.0)]
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (0, 1)


def test_what_is_unlike_any_painting_is_named_without_certainty(critic):
    rng = np.random.default_rng(0)
    for shape in ((128, 128, 3), (300, 200, 3)):
        readings = critic(rng.integers(0, 256, shape).astype(np.uint8))
        assert readings.novelty > 0.97
        assert readings.certainty < 0.3


def test_equal_measures_have_the_middle_of_their_ranks(critic):
    grey = np.full((64, 64, 3), 128, np.uint8)  # as harmonic as possible, as some paintings are
    assert 0.8 < critic(grey).harmony < 1
    assert critic(grey).contrast < 0.01


def test_a_movement_has_its_years(critic):
    assert 1780 < critic.years("impressionism")[0] < critic.years("impressionism")[1] < 1950
    assert critic.years("no movement") is None


def test_a_flipped_picture_has_a_similar_embedding(critic):
    image, noise = landscape(), np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    own, flipped, other = map(critic.embed, (image, image[:, ::-1], noise.astype(np.uint8)))
    assert own.shape == (256,)
    assert np.linalg.norm(own - flipped) < np.linalg.norm(own - other) / 2


def test_the_card_states_data_and_metrics():
    card = read_card(Critic.models["paintings"])
    for name in ("movement", "artist", "movement, calibration error"):
        assert 0 <= card["metrics"][name] <= 1
    assert card["data"]
