import pytest
from capriccio.testing import check_analyzer, check_generator, check_input, check_output
from capriccio_plasma import Log, Plasma, Sway, Thermometer


@pytest.mark.parametrize(
    ("check", "part"),
    [
        (check_generator, Plasma),
        (check_analyzer, Thermometer),
        (check_output, Log),
        (check_input, Sway),
    ],
)
def test_part_conforms(check, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the log writes notes.txt
    check(part)
