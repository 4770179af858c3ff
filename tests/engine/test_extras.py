"""The command that installs an extra works for the installation at hand."""

import pytest
from capriccio import extras
from helpers.devices import ROOT


def test_in_a_checkout_the_checkout_is_installed(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert extras.install_command("train") == 'pip install -e ".[train]"'
    monkeypatch.chdir(tmp_path)
    assert extras.install_command("train") == f'pip install -e "{ROOT}[train]"'


@pytest.mark.parametrize("place", ["site-packages/capriccio", "engine/capriccio"])
def test_elsewhere_the_name_is_enough(monkeypatch, tmp_path, place):
    monkeypatch.setattr(extras, "__file__", str(tmp_path / place / "extras.py"))
    assert extras.install_command("cuda") == 'pip install "capriccio[cuda]"'
