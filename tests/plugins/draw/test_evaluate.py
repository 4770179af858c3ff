"""The measures of drawings: distances, pictures, a classifier."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("torch")

from capriccio import Stroke
from capriccio_draw.evaluate import (
    ADDED,
    BASELINES,
    chamfer,
    classifier,
    command,
    finished,
    on_one_sheet,
)
from capriccio_draw.generator import Draw
from capriccio_draw.latents import picture_of, places_of
from capriccio_draw.training.main import WIDTH
from capriccio_draw.training.network import PenNetwork
from click.testing import CliRunner

SQUARE = [np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]])]


def test_a_drawing_is_at_no_distance_from_itself_wherever_it_is_and_however_large():
    places = places_of(SQUARE, 64)
    other = places_of([3 + 2 * SQUARE[0]], 64)
    assert chamfer(places, other[None])[0] == pytest.approx(0, abs=1e-3)


def test_the_chamfer_distance_is_the_mean_way_to_the_nearest():
    one, other = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.5], [1.0, 0.5]])
    assert chamfer(one, other[None])[0] == pytest.approx(0.5)


def test_a_classifier_tells_squares_from_lines():
    random = np.random.default_rng(0)

    def squares():
        return [SQUARE[0] + random.normal(0, 0.2, (5, 2))]

    def lines():
        return [SQUARE[0][:2] + random.normal(0, 0.2, (2, 2))]

    shapes = (squares, lines)
    classify = classifier([(picture_of(shapes[n % 2]()), n % 2) for n in range(20)])
    assert [classify(picture_of(shapes[n % 2]())) for n in range(10)] == [0, 1] * 5


def test_the_plain_baseline_has_half_the_weights():
    def count(net):
        return sum(weights.numel() for weights in net.parameters())

    full = count(PenNetwork(0, WIDTH))
    assert count(PenNetwork(0, BASELINES["plain"], kind="plain")) == pytest.approx(
        full / 2, rel=0.05
    )


def test_likelihood_is_printed_beside_that_of_baselines(tmp_path):
    drawing = json.dumps({"word": "square", "drawing": [SQUARE[0].T.tolist()]})
    (tmp_path / "a.ndjson").write_text("\n".join(f"{drawing[:-1]}, \"key_id\": {n}}}"
                                                 for n in range(60)))  # fmt: skip
    given = ["--data", str(tmp_path / "a.ndjson"), "--steps", "1", "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(command, ["likelihood", *given])
    assert told.exit_code == 0, told.output
    rows = re.findall(r"^(\w+): \d+ weights, (\d+) steps, nats .* test", told.output, re.M)
    assert [name for name, _ in rows] == ["kanji", "memoryless", "plain"]
    assert [taken for _, taken in rows[1:]] == ["1", "1"]


def test_speed_is_printed():
    told = CliRunner().invoke(command, ["speed", "--steps", "20"])
    assert told.exit_code == 0 and "a step of kanji: p50" in told.output


def test_travel_is_printed_and_shorter_for_a_plotter():
    told = CliRunner().invoke(command, ["travel", "--count", "6"])
    assert told.exit_code == 0, told.output
    assert float(re.search(r"([\d.]+) times as far", told.output).group(1)) <= 0.6


def test_late_frames_are_printed():
    told = CliRunner().invoke(command, ["stage", "--seconds", "0.3"])
    assert told.exit_code == 0, told.output
    assert re.search(r"^\d+ points in \d\.\d s, .* frames late$", told.output, re.M)


def test_a_sheet_has_each_drawing_in_its_cell():
    dot = [Stroke(np.array([[0.5, 0.5]]))]
    places = [stroke.points[0].tolist() for stroke in on_one_sheet([[dot, dot], [dot, []]])]
    assert places == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]]


def test_what_a_person_began_is_black_and_what_was_added_is_red():
    draw = Draw(seed=1)
    done = finished(draw, [*SQUARE, SQUARE[0] + 1], "", 0.3)
    assert done[0].color == (0, 0, 0)
    assert np.allclose(done[0].points.min(), 0.5 - 2.5 / (1.15 * 5))
    assert {stroke.color for stroke in done[1:]} == {ADDED}
