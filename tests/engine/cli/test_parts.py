"""The listing tells every part, its knobs, and the device that really plays its models."""

import json
from pathlib import Path
from typing import Literal, NamedTuple

import onnxruntime
import pytest
from capriccio import Analyzer, Generator, Output
from capriccio.cli.parts import describe, table
from capriccio.registry import Broken, Found, Registry
from rich.console import Console

onnx = pytest.importorskip("onnx")


class Brush(Generator):
    """Paint with a brush.

    The second paragraph is for the reference.
    """

    def generate(self, now, *, wet=0.25, tool: Literal["hair", "sponge"] = "hair", over=None):
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
    """Have these parts installed, and these plugins broken."""

    def install(*parts, broken=()):
        made = Registry([])
        made.found += [Found(part, "studio", "capriccio-studio", "1.0") for part in parts]
        made.broken += broken
        monkeypatch.setattr(parts, "installed", lambda: made)

    return install


def shown(description, width=600) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(*table(description), sep="\n")
    return captured.get()


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
            {"name": "wet", "kind": "number", "default": 0.25, "choices": []},
            {"name": "tool", "kind": "choice", "default": "hair", "choices": ["hair", "sponge"]},
            {"name": "over", "kind": "thing", "default": None, "choices": []},
        ],
    }
    words = shown(describe())
    for line in ("Paint with a brush.", "wet = 0.25", "tool = 'hair' of hair, sponge"):
        assert line in words
    assert "studio (capriccio-studio 1.0)" in words


def test_a_default_that_json_does_not_know_is_written_as_python_does(use):
    class Vector(Generator):
        def generate(self, now, *, over=(1, 2)):
            return []

    use(Vector)
    assert json.loads(json.dumps(describe()))["parts"][0]["knobs"][0]["default"] == "(1, 2)"


def test_a_part_without_a_docstring_is_listed_all_the_same(use):
    use(Wall)
    assert describe()["parts"][0]["says"] == ""
    assert "wall" in shown(describe())


def test_each_role_has_a_table_of_its_own(use):
    use(Wall, Brush, Eye)
    words = shown(describe())
    assert words.index("outputs") < words.index("generators") < words.index("analyzers")
    assert words.count("knobs") == 1


def test_a_model_is_listed_with_its_device_and_its_card(use, tiny):
    use(type("Reed", (Brush,), {"models": {"tiny": tiny}}))
    (model,) = describe()["parts"][0]["models"]
    assert (model["name"], model["card"]) == ("tiny", {"licence": "MIT"})
    assert model["provider"] in ("cpu", "cuda", "migraphx", "rocm", "dml")
    assert f"tiny: {model['provider']}" in shown(describe())


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
    assert "there is no model file" in missing["error"]
    assert [part["name"] for part in describe()["parts"]] == ["reed", "eye"]
    assert "cut off or damaged" in shown(describe())


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


def test_where_there_is_nothing_it_says_what_to_look_at(use):
    use()
    assert "unset it to load every plugin" in shown(describe())
