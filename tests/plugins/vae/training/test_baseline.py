"""The plain VAE to compare with."""

import json

import pytest

pytest.importorskip("torch")

from capriccio_vae.training.baseline import measure
from click.testing import CliRunner


@pytest.mark.slow
def test_the_baseline_is_measured_on_few_pictures_too(noise, tmp_path):
    out = tmp_path / "plain.safetensors"
    done = CliRunner().invoke(measure, ["--data", str(noise), "--out", str(out), "--dry-run"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output[done.output.rindex("{") :])
    assert figures["bits per dimension"] > 0
    assert not out.exists()
