"""The weights of a tempo are found in drums."""

import numpy as np
import pytest
from capriccio_audio.beat_tracker import BANDS, BEATS, HOPS_A_SECOND, PERIODS
from capriccio_audio.training.tempo import HEARD, examples, fit, main
from click.testing import CliRunner
from helpers.drums import drums

FEATURES = len(BANDS) * len(BEATS)


def test_weights_find_the_tempo_of_drums_that_they_were_not_fitted_to():
    known = {bpm: examples(drums([bpm], beats=26)[0], bpm) for bpm in (80.0, 100.0, 125.0)}
    features = np.array([one for found in known.values() for one in found])
    assert features.shape == (3 * len(HEARD), len(PERIODS), FEATURES)
    found = fit(features, np.repeat(list(known), len(HEARD)))
    assert found.weights.shape == (len(BANDS), len(BEATS))
    assert found.right > 0.95
    octaves = np.log2(60 * HOPS_A_SECOND / PERIODS / 105)
    prior = found.distance[0] * octaves + found.distance[1] * octaves**2
    other = examples(drums([110.0], beats=26)[0], 110.0)[-1]
    heard = PERIODS[np.argmax(other @ found.weights.ravel() + prior)]
    assert 60 * HOPS_A_SECOND / heard == pytest.approx(110.0, rel=0.02)


def test_the_numbers_are_printed(groove):
    told = CliRunner().invoke(main, ["--data", str(groove), "--takes", "1"])
    assert told.exit_code == 0, told.output
    assert f"{len(HEARD)} examples, " in told.output
    assert len(told.output.split("[[")[1].replace("]", "").split(",")) == FEATURES + 1
