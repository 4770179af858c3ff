"""`capriccio parts` lists every part, its knobs, and the device that runs its models."""

import json
from pathlib import Path
from typing import Literal, NamedTuple

import onnxruntime
import pytest
from capriccio import Analyzer, Generator, Input, Output, PartError, registry
from capriccio.cli.parts import describe, details, table
from capriccio.registry import Broken, Found, Registry
from helpers.command import capriccio, error
from rich.console import Console

onnx = pytest.importorskip("onnx")


class Brush(Generator):
    """Paint with a brush.

    The second paragraph is for the reference.
    """

    def generate(self, now, *, wet=0.25, tool: Literal["hair", "sponge"] = "hair", over=None):
        """Paint.

        Args:
            wet: How much water is in the paint.
            tool: What paints.
        """
        return []


class Warmth(NamedTuple):
    warmth: float


class Eye(Analyzer):
    """See how warm it is."""

    def analyze(self, thing):
        return Warmth(0.5)


class Wall(Output):
    def show(self, image, now):
        pass


class Wheel(Input):
    """Set knobs as a wheel would."""


@pytest.fixture
def tiny(tmp_path) -> Path:
    values = [onnx.helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "tiny", values[:1], values[1:])
    opset = onnx.helper.make_opsetid("", 20)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    model.metadata_props.add(key="licence", value="MIT")
    onnx.save(model, tmp_path / "tiny.onnx")
    return tmp_path / "tiny.onnx"


@pytest.fixture
def use(monkeypatch):
    """Install these parts, and these broken plugins."""

    def install(*parts, broken=()):
        made = Registry([])
        made.found += [Found(part, "studio", "capriccio-studio", "1.0") for part in parts]
        made.broken += broken
        monkeypatch.setattr(registry, "installed", lambda: made)

    return install


def printed(lines, width=600) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(*lines, sep="\n")
    return captured.get()


def shown(description, width=600) -> str:
    return printed(table(description), width)


def test_a_part_is_described_by_its_first_sentence_and_its_knobs(use):
    use(Brush)
    (part,) = describe()["parts"]
    assert part == {
        "role": "generator",
        "name": "brush",
        "says": "Paint with a brush.",
        "plugin": "studio",
        "distribution": "capriccio-studio",
        "version": "1.0",
        "knobs": [
            {
                "name": "wet",
                "kind": "number",
                "default": 0.25,
                "choices": [],
                "says": "How much water is in the paint.",
            },
            {
                "name": "tool",
                "kind": "choice",
                "default": "hair",
                "choices": ["hair", "sponge"],
                "says": "What paints.",
            },
            {"name": "over", "kind": "thing", "default": None, "choices": [], "says": ""},
        ],
    }


def test_the_knobs_of_one_part_are_listed_with_their_sentences(use):
    use(Brush, Eye)
    (part,) = describe("brush")["parts"]
    lines = [line.rstrip() for line in printed(details(part), 100).splitlines()]
    assert lines == [
        "brush: generator of plugin studio (capriccio-studio 1.0)",
        "Paint with a brush.",
        "knobs: default, values",
        "  wet   0.25  0 to 1        How much water is in the paint.",
        "  tool  hair  hair, sponge  What paints.",
        "  over        thing",
    ]


def test_every_part_is_one_line_without_its_knobs(use):
    class Long(Generator):
        """Paint something that takes many more words to describe than a line of a terminal has."""

    use(Brush, Long, Wall)
    lines = [line.rstrip() for line in shown(describe(), 60).splitlines()]
    assert lines == [
        "generators",
        "  brush  Paint with a brush.                          studio",
        "  long   Paint something that takes many more words…  studio",
        "outputs",
        "  wall     studio",
        "capriccio parts NAME lists the knobs and models of one",
    ]


@pytest.mark.parametrize("name", ["brush", "studio/brush"])
def test_one_part_is_described_alone(use, name):
    use(Eye, Brush)
    description = describe(name)
    assert list(description) == ["parts"]
    assert [part["name"] for part in description["parts"]] == ["brush"]


def test_an_unknown_part_is_reported_with_the_near_one(use):
    use(Eye, Brush)
    with pytest.raises(PartError, match=r"no part is named 'bursh'; did you mean 'brush'\?"):
        describe("bursh")
    assert error("parts", "bursh") == "no part is named 'bursh'; did you mean 'brush'?"


def test_the_command_lists_parts_for_people_and_for_programs():
    listed = json.loads(capriccio("parts", "--json").stdout)
    assert list(listed) == ["parts", "commands", "broken"]
    shown = capriccio("parts", width=100).stdout
    for part in listed["parts"]:
        assert f"  {part['name']} " in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert "capriccio critique" in shown
    assert "inputs" in shown


def test_the_command_lists_the_knobs_of_one_part():
    (part,) = json.loads(capriccio("parts", "vae", "--json").stdout)["parts"]
    shown = capriccio("parts", "vae", width=100).stdout
    assert shown.startswith("vae: generator of plugin vae (capriccio ")
    for knob in part["knobs"]:
        assert f"  {knob['name']} " in shown
        assert knob["says"].split()[0] in shown
    assert "watercolors  runs on" in shown


@pytest.mark.parametrize("name", ["gan", "painter", "rnn", "vae", "wall"])
def test_every_knob_of_our_generators_has_a_sentence(name):
    (part,) = json.loads(capriccio("parts", name, "--json").stdout)["parts"]
    assert [knob["name"] for knob in part["knobs"] if not knob["says"]] == []


def test_a_default_that_json_has_no_word_for_is_written_as_in_python(use):
    class Vector(Generator):
        def generate(self, now, *, over=(1, 2)):
            return []

    use(Vector)
    assert json.loads(json.dumps(describe()))["parts"][0]["knobs"][0]["default"] == "(1, 2)"


def test_a_part_without_a_docstring_is_listed_all_the_same(use):
    use(Wall)
    assert describe()["parts"][0]["says"] == ""
    assert "wall" in shown(describe())


def test_each_role_is_listed_apart_inputs_included(use):
    use(Wall, Brush, Eye, Wheel)
    lines = shown(describe()).splitlines()
    headings = ["outputs", "generators", "analyzers", "inputs"]
    assert [line for line in lines if line in headings] == headings
    assert "  wheel  Set knobs as a wheel would.  studio" in lines
    (part,) = describe("wheel")["parts"]
    assert part["role"] == "input"
    assert printed(details(part)).splitlines()[0] == (
        "wheel: input of plugin studio (capriccio-studio 1.0)"
    )


def test_a_model_is_listed_with_its_device_and_its_card(use, tiny):
    use(type("Reed", (Brush,), {"models": {"tiny": tiny}}))
    (model,) = describe()["parts"][0]["models"]
    assert (model["name"], model["card"]) == ("tiny", {"licence": "MIT"})
    assert model["provider"] in ("cpu", "cuda", "migraphx", "rocm", "dml")
    assert f"  tiny  runs on {model['provider']}" in printed(details(describe("reed")["parts"][0]))


def test_a_file_that_parts_share_is_opened_once(use, tiny, monkeypatch):
    opened = []

    class Counted(onnxruntime.InferenceSession):
        def __init__(self, path, *arguments, **options):
            opened.append(path)
            super().__init__(path, *arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Counted)
    use(
        type("Reed", (Brush,), {"models": {"tiny": tiny}}),
        type("Ear", (Eye,), {"models": {"other": tiny}}),
    )
    names = [part["models"][0]["name"] for part in describe()["parts"]]
    assert names == ["tiny", "other"]
    assert opened == [tiny]


def test_a_model_that_does_not_open_is_listed_with_the_reason(use, tiny, tmp_path):
    tiny.write_bytes(tiny.read_bytes()[:-9])
    gone = tmp_path / "gone.onnx"
    use(type("Reed", (Brush,), {"models": {"tiny": tiny, "gone": gone}}), Eye)
    cut, missing = describe()["parts"][0]["models"]
    assert "cut off or damaged" in cut["error"]
    assert "no model file" in missing["error"]
    assert [part["name"] for part in describe()["parts"]] == ["reed", "eye"]
    assert "model tiny, gone does not open" in shown(describe())
    assert "cut off or damaged" in printed(details(describe("reed")["parts"][0]))


def test_what_did_not_load_is_named_with_its_reason(use):
    use(Brush, broken=[Broken("fog", "capriccio-fog", "2.0", "ImportError: no [mist]")])
    assert describe()["broken"] == [
        {
            "plugin": "fog",
            "distribution": "capriccio-fog",
            "version": "2.0",
            "reason": "ImportError: no [mist]",
        }
    ]
    assert "did not load" in shown(describe())
    assert "ImportError: no [mist]" in shown(describe())


def test_where_nothing_is_installed_it_says_what_to_check(use):
    use()
    assert "unset it to load every plugin" in shown(describe())
