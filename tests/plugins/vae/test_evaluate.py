"""The figures of a model, on pictures that it did not learn from."""

import json

import pytest
from capriccio import read_image
from capriccio_vae.evaluate import evaluate
from click.testing import CliRunner

SIZE = 128  # pixels of a side of the models that learn pixels


def run(*words) -> tuple[int, str]:
    result = CliRunner().invoke(evaluate, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.mark.slow
def test_a_model_is_measured_on_pictures_it_did_not_learn_from(noise, untrained, tmp_path):
    (noise / "baroque" / "0.png").write_text("I am no picture")
    sheet = tmp_path / "sheet.png"
    code, output = run("--data", noise, "--model", untrained, "--count", 3, "--sheet", sheet)
    assert code == 0, output
    assert "skipped" in output and "0.png" in output
    figures = json.loads(output[output.index("{") :])
    assert read_image(sheet).shape == (3 * SIZE, 4 * SIZE, 3)
    assert figures["pictures"] == 9 and 0 < figures["mse"] < 1
    assert figures["frechet, real against real"] < figures["frechet, dreams"]


def test_what_cannot_be_measured_is_refused(noise):
    def error(*words):
        code, output = run("--data", noise, *words)
        assert code == 1
        return output

    words = error("--model", "watercolors")
    assert "must have at least 2 validation pictures of styles that generator 'vae' and" in words
    assert words.strip().endswith("got 0")
    assert "has no model 'unknown'" in error("--model", "unknown")
    (noise / "labels.csv").unlink()
    assert "has no labels.csv; it says which" in error("--model", "watercolors")
