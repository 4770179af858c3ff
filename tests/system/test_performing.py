"""The guide for a first gig: its keys are those of the parameters."""

import json
import re

from click.testing import CliRunner
from helpers.devices import ROOT

OF_THE_WINDOW = {"Esc", "f"}  # the screen's own, for that window alone


def test_the_guide_lists_the_keys_of_the_parameters_and_no_others():
    from capriccio.cli.main import main

    told = CliRunner().invoke(main, ["osc", str(ROOT / "sketches" / "first.py"), "--json"])
    keys = {control["key"] for control in json.loads(told.stdout)} - {""}
    words = (ROOT / "docs" / "performing.md").read_text(encoding="utf-8")
    table = words.partition("The keys of the window:")[2].partition("Everything on the parameters")[
        0
    ]
    listed = set(re.findall(r"^\| (\S+) \|", table, re.MULTILINE)) - {"key", "---"}
    assert "| 1 to 9 | recall a preset; with shift, save it |" in table
    presets = {f"{shift}{number}" for number in range(1, 10) for shift in ("", "shift+")}
    assert listed - OF_THE_WINDOW == keys - presets
    assert presets <= keys
