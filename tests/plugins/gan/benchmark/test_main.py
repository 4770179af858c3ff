"""The command `python -m capriccio_gan.benchmark` checks its options."""

from capriccio_gan.benchmark.__main__ import benchmark
from click.testing import CliRunner


def test_an_unknown_size_is_refused_with_the_known_ones():
    result = CliRunner().invoke(benchmark, ["--size", "100"])
    assert result.exit_code == 2 and "64" in result.output and "256" in result.output
