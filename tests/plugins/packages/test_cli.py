"""The commands, in an environment of their own."""

import pytest
from helpers.packages import refused
from helpers.wheels import GLOW, make_wheel

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.usefixtures("clean")]


def test_a_plugin_is_installed_restored_upgraded_and_removed(scratch, wheels, tmp_path):
    make_wheel(wheels, "capriccio-glow-colours", plugin="", code="RED = 1\n")
    make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"))
    lock = scratch.bin.parent / "config" / "capriccio" / "plugins.toml"

    said = scratch.run("capriccio install capriccio-glow --find-links wheels --dry-run", tmp_path)
    for words in ("capriccio-glow 1.0, Paints one colour", "by Ada", "plugin glow",
                  "capriccio-glow-colours 1.0", "nothing was changed"):  # fmt: skip
        assert words in said
    assert not lock.exists()
    said = scratch.run("capriccio install capriccio-glow --find-links wheels --yes", tmp_path)
    assert said.splitlines()[-1].startswith("installed glow")
    said = scratch.run("capriccio install capriccio-glow --find-links wheels", tmp_path)
    assert "already" in said

    scratch.run("pip uninstall --yes capriccio-glow capriccio-glow-colours", tmp_path)
    kept = lock.read_text()
    glow = make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"), code=GLOW + "# other")
    said = refused(scratch, "restore --find-links wheels --yes", tmp_path)
    assert "is another file than the one that was installed" in said
    assert said.count(glow.name) == 1
    make_wheel(wheels, requires=("capriccio-glow-colours", "numpy"))
    scratch.run("capriccio restore --find-links wheels --yes", tmp_path)
    assert lock.read_text() == kept

    make_wheel(tmp_path / "newer", version="1.1", requires=("capriccio-glow-colours",))
    said = scratch.run("capriccio upgrade glow --find-links newer --yes", tmp_path)
    assert "capriccio-glow 1.0 -> 1.1" in said
    assert 'version = "1.1"' in lock.read_text()

    said = scratch.run("capriccio uninstall glow --yes", tmp_path)
    assert said.splitlines() == ["remove capriccio-glow 1.1", "remove capriccio-glow-colours 1.0"]
    assert "glow" not in lock.read_text()


BAD = {
    "install nothing-of-this-name --yes": "satisfies the requirement nothing-of-this-name",
    "install a.whl --yes": "a.whl",
    "install -e a.whl --yes": "only a folder can be editable",
    "uninstall nothing": "no plugin is called 'nothing'; installed: none",
    "uninstall gan": "'gan' belongs to Capriccio itself",
    "restore": "nothing to restore",
}


@pytest.mark.parametrize(("command", "sentence"), BAD.items(), ids=BAD)
def test_what_cannot_be_done_is_said_in_one_sentence(scratch, tmp_path, command, sentence):
    (tmp_path / "a.whl").write_text("not a wheel")
    assert sentence in refused(scratch, command, tmp_path)
