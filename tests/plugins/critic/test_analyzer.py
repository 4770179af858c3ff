"""The critic reads pictures of any kind and size, tells the truth of them, and says why."""

import re

import numpy as np
import pytest
from capriccio import Generator, ModelError, Moment, analyzer
from capriccio.testing import check_analyzer
from capriccio_critic.analyzer import Critic
from capriccio_critic.descriptions import place_of, suggestions
from capriccio_critic.features import (
    balance,
    complexity,
    contrast,
    gaze,
    grey_of,
    harmony,
    sharpness,
)
from capriccio_critic.metrics import (
    auroc,
    calibration_error,
    calibration_floor,
    macro_accuracy,
    temperature,
)
from capriccio_critic.preprocess import image_of, squeeze
from capriccio_critic.readings import Readings
from capriccio_critic.selection import Lineage
from capriccio_critic.training.degradations import OVERDONE, WAYS, degrade
from PIL import Image, ImageFilter

NOW = Moment()


@pytest.fixture(scope="module")
def critic() -> Critic:
    return Critic()


def hills(seed: int = 0, width: int = 200, height: int = 160) -> np.ndarray:
    """Paint something like a landscape: a sky, three hills, a sun."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / height
    picture = np.stack([150 + 60 * y, 180 + 30 * y, 230 - 40 * y], axis=2)
    for number in range(3):
        ridge = 0.45 + 0.15 * number + 0.08 * np.sin(x * chance.uniform(3, 9) + number)
        colour = np.array([60 + 40 * number, 120 - 20 * number, 50.0])
        picture[y > ridge] = colour + chance.normal(0, 12, (int((y > ridge).sum()), 3))
    picture[np.hypot(x - 0.9, y - 0.2) < 0.08] = (250, 220, 120)
    return picture.clip(0, 255).astype(np.uint8)


def flat(*colour: int, size=(64, 64)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


# -- the part ---------------------------------------------------------------------------------


def test_the_part_keeps_the_contract():
    check_analyzer(Critic)
    check_analyzer("critic", things=[hills()])
    assert isinstance(analyzer("critic"), Critic)


def test_readings_are_floats_with_names_and_a_map_beside_them(critic):
    readings = critic(hills())
    assert isinstance(readings, Readings)
    numbers = [value for value in readings if isinstance(value, float)]
    assert len(numbers) == 12
    assert all(0 <= value <= 1 for value in numbers)
    assert readings.movement in critic.movements
    assert readings.artist in critic.artists
    assert readings.heat.shape == (8, 8)
    assert readings.heat.min() >= 0
    assert readings.heat.max() <= 1
    assert len(critic.movements), len(critic.artists) == (13, 40)


def test_the_named_movement_is_the_likeliest_and_the_runners_up_follow(critic):
    image = hills()
    readings, likeness = critic(image), critic.likeness(image)
    assert sum(likeness.values()) == pytest.approx(1, abs=1e-4)
    order = sorted(likeness, key=lambda name: -likeness[name])
    assert [readings.movement, *(name for name, _ in readings.runners_up)] == order[:4]
    assert readings.certainty == pytest.approx(likeness[order[0]], abs=1e-6)
    assert readings.runners_up[0][1] == pytest.approx(likeness[order[1]], abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3), (256, 256), (700, 300)])
def test_a_picture_of_any_size_is_read(critic, shape):
    chance = np.random.default_rng(0)
    readings = critic(chance.integers(0, 256, (*shape, 3)).astype(np.uint8))
    assert all(np.isfinite(value) for value in readings if isinstance(value, float))


def test_the_same_picture_is_read_alike_as_bytes_and_as_floats(critic):
    image = hills()
    one, other = critic(image), critic(image / 255)
    assert one[:-1] == other[:-1]
    assert (one.heat == other.heat).all()


def test_what_is_no_image_is_told(critic):
    with pytest.raises(TypeError, match="the critic was given 'list'; give it an image"):
        critic([])
    with pytest.raises(ValueError, match=r"shape \(4, 4\); an image is \(height, width, 3\)"):
        critic(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="an array of int64; an image is uint8, or floats"):
        critic(np.zeros((4, 4, 3), np.int64))
    with pytest.raises(ValueError, match="an array of float64; an image is uint8"):
        image_of(np.full((4, 4, 3), np.nan))


def test_a_model_of_another_part_is_refused(tmp_path):
    from capriccio_vae.generator import VAE

    with pytest.raises(ModelError, match="is not one of this critic's; make one with capriccio"):
        Critic(model=str(VAE.models["watercolors"]))(hills())


def test_squeezing_leaves_nothing_of_a_picture_out():
    wide = flat(0, 0, 0, size=(10, 3000))
    wide[:, 2990:] = 255
    assert squeeze(wide)[:, -1].min() > 50
    assert (squeeze(flat(10, 20, 30)) == (10, 20, 30)).all()


# -- what is measured -------------------------------------------------------------------------


def test_hues_of_one_kind_agree_and_all_hues_at_once_do_not():
    assert harmony(flat(200, 60, 40)) == pytest.approx(1)
    assert harmony(flat(90, 90, 90)) == 1
    opposite = flat(200, 60, 40)
    opposite[:, 32:] = (40, 180, 200)
    assert harmony(opposite) == pytest.approx(1)
    wheel = np.asarray(
        Image.fromarray(
            np.dstack([np.tile(np.arange(256), (8, 1)), np.full((8, 256, 2), 255)]).astype(
                np.uint8
            ),
            "HSV",
        ).convert("RGB")
    )
    assert harmony(wheel) == 0


def test_harmony_does_not_ask_which_channel_is_which():
    # Steps of 15 leave many hues right on the border of two bins.
    chance = np.random.default_rng(0)
    for _ in range(5):
        picture = (chance.integers(0, 18, (40, 40, 3)) * 15).astype(np.uint8)
        picture[..., 1] //= 3
        turned = picture[..., [2, 0, 1]]
        assert 0 < harmony(picture) < 1
        assert harmony(turned) == pytest.approx(harmony(picture), abs=1e-6)


def test_weight_in_the_middle_is_balance_and_weight_in_a_corner_is_none():
    middle, corner = np.zeros((65, 65), np.float32), np.zeros((65, 65), np.float32)
    middle[30:35, 30:35] = 1
    corner[:5, :5] = 1
    assert balance(middle) == pytest.approx(1, abs=1e-6)
    assert balance(corner) < 0.4
    assert balance(np.ones((5, 5), np.float32)) == 1


def test_contrast_is_how_far_light_lies_from_dark():
    halves = np.zeros((10, 10), np.float32)
    assert contrast(halves) == 0
    halves[5:] = 1
    assert contrast(halves) == pytest.approx(1)
    assert contrast(halves / 4) == pytest.approx(0.25)


def test_noise_is_complex_and_a_flat_ground_is_not():
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    assert complexity(noise) > 0.95
    assert complexity(flat(50, 90, 200, size=(128, 128))) < 0.05
    assert 0.05 < complexity(squeeze(hills())) < 0.95


def test_a_blur_takes_sharpness_away_and_the_more_the_more():
    picture = Image.fromarray(hills())
    sharp = [
        sharpness(grey_of(np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)))))
        for radius in (0, 1, 2, 4)
    ]
    assert sharp == sorted(sharp, reverse=True)
    assert sharp[0] > sharp[-1] + 0.1
    assert sharpness(np.zeros((9, 9), np.float32)) == 0


def test_the_eye_goes_to_what_is_there_alone():
    chance = np.random.default_rng(0)
    noise = Image.fromarray(chance.integers(0, 256, (64, 64)).astype(np.uint8))
    ground = np.asarray(noise.filter(ImageFilter.GaussianBlur(3))) / 255
    lonely = ground.copy()
    lonely[44:52, 12:20] += chance.normal(0, 0.3, (8, 8))
    drawn, held, x, y = gaze(lonely)
    assert drawn.sum() == pytest.approx(1, abs=1e-6)
    assert (x, y) == pytest.approx((0.25, 0.75), abs=0.06)
    assert held > gaze(ground)[1] + 0.1


def test_where_the_eye_goes_is_what_the_whole_spectrum_says():
    grey = grey_of(squeeze(hills(), 64))
    spectrum = np.fft.fft2(grey)
    around = np.log(np.abs(spectrum) + 1e-9)
    for axis in (0, 1):
        around = (np.roll(around, -1, axis) + around + np.roll(around, 1, axis)) / 3
    strength = np.abs(np.fft.ifft2(spectrum * np.exp(-around))) ** 2
    strength[[0, 1, -2, -1]] = strength[:, [0, 1, -2, -1]] = 0
    one = np.exp(-2 * (np.pi * 2.5 * np.fft.fftfreq(64)) ** 2)
    soft = np.fft.ifft2(np.fft.fft2(strength) * np.outer(one, one)).real
    expected = soft.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert gaze(grey)[0] == pytest.approx(expected / expected.sum(), abs=1e-6)


# -- quality ----------------------------------------------------------------------------------


def test_every_way_to_degrade_changes_a_picture_and_keeps_its_size():
    picture = Image.fromarray(hills())
    for way in (*WAYS, *OVERDONE):
        spoiled = degrade(picture, way, np.random.default_rng(0))
        again = degrade(picture, way, np.random.default_rng(0))
        assert spoiled.size == picture.size
        assert np.abs(np.asarray(spoiled, float) - np.asarray(picture, float)).mean() > 1
        assert (np.asarray(spoiled) == np.asarray(again)).all()
    with pytest.raises(ValueError, match=r"no way to degrade is called 'rust'; there are blur,"):
        degrade(picture, "rust", np.random.default_rng(0))


# -- in words ---------------------------------------------------------------------------------


def test_a_picture_is_explained_with_its_own_readings(critic):
    image = hills()
    readings, words = critic.analyze(image), critic.explain(image)
    assert f"Looks like {readings.movement} ({readings.certainty:.0%}" in words
    told = dict(re.findall(r"\((\w+) (\d\.\d\d),", words))
    for name, value in told.items():
        assert f"{getattr(readings, name):.2f}" == value
    assert words != critic.explain(hills(seed=3)[:, ::-1])


def test_suggestions_are_changes_that_were_tried_and_helped(critic):
    spoiled = degrade(Image.fromarray(hills()), "cast", np.random.default_rng(1))
    image = np.asarray(spoiled)
    readings = critic.analyze(image)
    found, tried = suggestions(critic, image, readings)
    assert tried == 12
    assert len(found) <= 3
    for one in found:
        assert one.quality_before == readings.quality
        assert one.before == getattr(readings, one.reading)
        assert one.quality_after >= one.quality_before + 0.02


def test_where_it_was_seen_is_said_as_a_person_would():
    heat = np.zeros((8, 8), np.float32)
    assert place_of(heat) == "all over"
    heat[0, 0] = 1
    assert place_of(heat) == "at the upper left"
    assert place_of(heat[:, ::-1]) == "at the upper right"
    for y, x, words in (
        (4, 3, "in the middle"),
        (7, 3, "in the lower half"),
        (3, 0, "on the left"),
    ):
        heat = np.zeros((8, 8), np.float32)
        heat[y, x] = 1
        assert place_of(heat) == words


# -- choosing ---------------------------------------------------------------------------------


class Lights(Generator):
    """Paint a ground as light as `light`, and as red as `red`."""

    def generate(self, now, *, light=0.5, red=0.0, over=None):
        image = hills() * light
        image[..., 0] += 100 * red
        return image.clip(0, 255).astype(np.uint8)


def lightness(readings: Readings) -> float:
    return readings.contrast


def test_the_best_of_more_is_no_worse_and_is_what_its_knobs_make(critic):
    part = Lights()
    few = critic.best_of(part, 2, NOW, toward="contrast", seed=1)
    many = critic.best_of(part, 8, NOW, toward="contrast", seed=1)
    assert many.score >= few.score
    assert (part(NOW, **many.knobs) == many.image).all()
    assert many.score == critic.analyze(many.image).contrast
    assert critic.best_of(part, 8, NOW, toward=lightness, seed=1).knobs == many.knobs
    held = critic.best_of(part, 3, NOW, toward=critic.movements[0], seed=1, red=0.2)
    assert set(held.knobs) == {"light"}
    assert held.score == pytest.approx(critic.likeness(held.image)[critic.movements[0]])


def test_a_lineage_grows_towards_what_is_wished_for(critic):
    lineage = critic.lineage(Lights(), 6, toward="contrast", seed=2)
    first = max(choice.score for choice in lineage.hang(NOW))
    assert lineage.hang(NOW) is lineage.pictures
    scores = [max(choice.score for choice in lineage.grow(NOW)) for _ in range(3)]
    assert scores == sorted(scores)
    assert scores[-1] >= first
    assert lineage.generation == 3
    best = critic.evolve(Lights(), NOW, toward="contrast", generations=3, size=6, seed=2)
    assert best.score == scores[-1]


def test_the_picks_of_a_person_are_the_parents(critic):
    lineage = Lineage(critic, Lights(), 6, toward="contrast", seed=4)
    hung = lineage.hang(NOW)
    worst = min(range(6), key=lambda i: hung[i].score)
    grown = lineage.grow(NOW, picks=[worst])
    assert grown[worst] is hung[worst]  # it hangs where it hung
    near = [abs(c.knobs["light"] - hung[worst].knobs["light"]) for c in grown]
    assert sorted(near)[2] < 0.3


def test_a_choice_that_cannot_be_made_is_told(critic):
    with pytest.raises(ValueError, match=r"the best of 0 pictures cannot be chosen; give 1"):
        critic.best_of(Lights(), 0, NOW)
    with pytest.raises(ValueError, match=r"the critic reads no 'beauty'; there are certainty,"):
        critic.best_of(Lights(), 1, NOW, toward="beauty")
    with pytest.raises(ValueError, match="has no number knob left to turn; hold fewer of them"):
        critic.best_of(Lights(), 1, NOW, light=0.5, red=0.5)
    with pytest.raises(ValueError, match="1 pictures cannot grow from one another; give 2"):
        critic.lineage(Lights(), 1)


# -- what a judge is judged by ----------------------------------------------------------------


def test_a_judge_that_says_what_happens_is_calibrated():
    chance = np.random.default_rng(0)
    sure = chance.uniform(0.5, 1, 20_000)
    truth = (chance.random(20_000) > sure).astype(int)
    honest = np.stack([sure, 1 - sure], 1)
    assert calibration_error(honest, truth) < 0.02
    boastful = np.stack([np.full(20_000, 0.99), np.full(20_000, 0.01)], 1)
    assert calibration_error(boastful, truth) == pytest.approx(0.24, abs=0.02)


def test_of_few_pictures_honest_certainties_look_dishonest_by_chance():
    chance = np.random.default_rng(0)
    sure = chance.dirichlet([0.5] * 5, 40_000)
    floors = [calibration_floor(sure[:count], 20) for count in (400, 4000, 40_000)]
    assert floors[0] > 2 * floors[1] > 4 * floors[2]
    truth = (sure[:400].cumsum(1) > chance.random((400, 1))).argmax(1)
    assert calibration_error(sure[:400], truth) == pytest.approx(floors[0], abs=0.03)


def test_the_temperature_that_spoiled_logits_is_found():
    chance = np.random.default_rng(0)
    logits = chance.normal(0, 2, (4000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([chance.choice(5, p=row) for row in chances])
    assert temperature(logits * 2.5, truth) == pytest.approx(2.5, rel=0.1)


def test_every_name_counts_alike_in_the_macro_mean():
    probabilities = np.eye(2)[[0, 0, 0, 0]]
    assert macro_accuracy(probabilities, np.array([0, 0, 0, 1])) == 0.5


def test_auroc_is_how_often_the_one_lies_above_the_other():
    assert auroc(np.array([1, 2]), np.array([3, 4])) == 1
    assert auroc(np.array([1, 2]), np.array([1, 2])) == 0.5
    assert auroc(np.array([3, 4]), np.array([1, 2])) == 0


def test_the_card_says_what_was_measured_and_on_what():
    from capriccio.models.model import read_card

    card = read_card(Critic.models["paintings"])
    for name in ("movement", "artist", "movement, calibration error"):
        assert 0 <= card["metrics"][name] <= 1
    assert card["data"]
