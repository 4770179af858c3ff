"""The page on performing lists the keys that a window has."""

import json
import re

from click.testing import CliRunner
from helpers.devices import ROOT

# Of the window itself, and of the sound where there is a sound card; all others press a parameter.
WINDOW_KEYS = {"Esc", "f", "m"}


def test_the_page_lists_the_keys_of_the_parameters_and_no_others():
    from capriccio.cli.main import main

    result = CliRunner().invoke(main, ["osc", str(ROOT / "sketches" / "first.py"), "--json"])
    keys = {parameter["key"] for parameter in json.loads(result.stdout)} - {""}
    page = (ROOT / "docs" / "performing.md").read_text(encoding="utf-8")
    table = page.partition("## Keys of the window\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| (\S+) \|", table, re.MULTILINE)) - {"key", "---"}
    assert "| 1 to 9 | recall a preset; with shift, save it |" in table
    presets = {f"{shift}{number}" for number in range(1, 10) for shift in ("", "shift+")}
    assert listed - WINDOW_KEYS == keys - presets
    assert presets <= keys
