"""The clock of a sound card."""

import numpy as np
import pytest
from capriccio_audio.device_clock import JUMP_REQUESTS, DeviceClock
from capriccio_audio.instrument_samples import RATE

BLOCK = 256
PERIOD = BLOCK / RATE


@pytest.mark.parametrize("frames", [64, 256, 1024])
@pytest.mark.parametrize("speed", [1.0, 1.00005])
def test_a_late_thread_hardly_moves_the_clock(frames, speed):
    """Where one request in ten comes many milliseconds late, notes are off by microseconds."""
    random = np.random.default_rng(3)
    clock, errors, period = DeviceClock(), [], frames / RATE
    for number in range(round(30 / period)):
        true = 5.0 + number * period * speed  # a device 50 millionths slow
        late = random.exponential(0.00005) + (random.random() < 0.1) * random.uniform(0, 0.02)
        errors.append(clock.update(true + late, frames) - true)
    settled = np.array(errors[len(errors) // 3 :])
    assert np.ptp(settled) < 0.00005
    assert abs(settled.mean()) < 0.00005


def test_the_clock_is_known_before_the_first_beat():
    random = np.random.default_rng(4)
    clock = DeviceClock()
    errors = [
        clock.update(number * PERIOD + random.exponential(0.0005), BLOCK) - number * PERIOD
        for number in range(200)
    ]
    assert np.abs(errors[100:]).max() < 0.0001


def test_a_skipped_period_is_jumped_after():
    clock = DeviceClock()
    for number in range(1000):
        clock.update(number * PERIOD, BLOCK)
    late = [clock.update((number + 3) * PERIOD, BLOCK) for number in range(1000, 1020)]
    for number in range(JUMP_REQUESTS, 20):
        assert abs(late[number] - (1003 + number) * PERIOD) < 0.0005


def test_a_device_that_asks_early_is_followed_as_well():
    clock = DeviceClock()
    for number in range(1000):
        clock.update(number * PERIOD, BLOCK)
    early = [clock.update((number - 2) * PERIOD, BLOCK) for number in range(1000, 1020)]
    assert abs(early[-1] - 1017 * PERIOD) < 0.0005
