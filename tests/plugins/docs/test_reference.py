"""The pages of parts and commands say what the parts and commands say of themselves."""

import click
from capriccio_docs.reference import cell, command_page, part_pages

PART = {
    "role": "generator",
    "name": "plasma",
    "says": "Paint slow waves.",
    "plugin": "glow",
    "knobs": [
        {"name": "heat", "kind": "number", "default": 0.5, "choices": [], "says": "how fast"},
        {
            "name": "ink",
            "kind": "choice",
            "default": "wash",
            "choices": ["wash", "pen"],
            "says": "x",
        },
        {"name": "over", "kind": "thing", "default": None, "choices": [], "says": "an image"},
    ],
    "models": [{"name": "fire", "card": {"data": "candles", "licence": "CC0"}}],
}


def test_a_part_is_listed_with_knobs_and_models():
    page = part_pages([PART])["generators.md"]
    assert "## plasma\n\nPaint slow waves. Plugin `glow`." in page
    assert "| `heat` | `0.5` | 0 to 1 | how fast |" in page
    assert "| `ink` | `wash` | `wash`, `pen` | x |" in page
    assert "| `over` |  | an object | an image |" in page
    assert "| `fire` | candles | CC0 |" in page


def test_each_role_has_a_page():
    pages = part_pages([PART])
    assert list(pages) == ["generators.md", "analyzers.md", "outputs.md", "inputs.md"]
    assert "plasma" not in pages["outputs.md"]


def test_markdown_in_a_sentence_stays_what_it_was():
    assert cell("a|b [x>=0]\n *c*") == r"a\|b \[x>=0\] \*c\*"


def test_commands_are_listed_with_usage_examples_and_options_and_those_of_groups():
    @click.group()
    def main():
        """All."""

    @main.group()
    def midi():
        """Use controllers."""

    @midi.command()
    @click.option("--seconds", type=click.FloatRange(0), help="How long.")
    def learn(seconds):
        """Learn a control.

        \b
          capriccio midi learn mine.py

        It waits.
        """

    @main.command(hidden=True)
    def secret():
        """Never listed."""

    page = command_page(main)
    assert "## midi\n" in page
    assert "### midi learn\n\n```text\ncapriccio midi learn [OPTIONS]\n```" in page
    assert "```sh\ncapriccio midi learn mine.py\n```\n\nIt waits." in page
    assert r"| `--seconds FLOAT RANGE` | How long.  \[x>=0\] |".replace("  ", " ") in page
    assert "secret" not in page
