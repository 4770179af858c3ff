"""The readings of the critic."""

from capriccio_critic.readings import MEASURED, NUMBERS, Readings
from helpers.paintings import landscape


def test_readings_are_floats_with_names_and_a_map(critic):
    readings = critic(landscape())
    assert isinstance(readings, Readings)
    numbers = [value for value in readings if isinstance(value, float)]
    assert numbers == [getattr(readings, name) for name in NUMBERS]
    assert len(numbers) == 12
    assert set(MEASURED) < set(NUMBERS)
    assert all(0 <= value <= 1 for value in numbers)
    assert readings.movement in critic.movements
    assert readings.artist in critic.artists
    assert readings.heat.shape == (8, 8)
    assert readings.heat.min() >= 0
    assert readings.heat.max() <= 1
    assert len(critic.movements) == 18
    assert len(critic.artists) > 500


def test_names_stand_with_their_shares_the_likeliest_first(critic):
    readings = critic(landscape())
    lists = {name: getattr(readings, name) for name in (
        "genres", "centuries", "mediums", "like_artists", "like_pictures",
    )}  # fmt: skip
    for pairs in lists.values():
        assert len(pairs) == 3
        shares = [share for _, share in pairs]
        assert shares == sorted(shares, reverse=True)
        assert min(shares) >= 0 and max(shares) <= 1
    assert {name for name, _ in lists["like_artists"]} < set(critic.artists)
    assert "landscape" in dict(lists["genres"])
    assert all(name.isdigit() for name, _ in lists["centuries"])
