from capriccio.testing import check_analyzer, check_generator, check_output
from capriccio_plasma import Log, Plasma, Thermometer


def test_the_parts_keep_the_contract(tmp_path):
    check_generator(Plasma)
    check_analyzer(Thermometer)
    check_output(Log, target=tmp_path / "notes.txt")
