"""Every public name is in the reference, and its docstring says what the signature does not."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
from helpers.devices import ROOT

MODULES = ["capriccio", "capriccio.testing", "capriccio.training"]
HOOKS = ["generators", "analyzers", "outputs", "inputs", "commands"]
# Say by themselves what they are, and their unit.
PLAIN = set(
    [
        "self",
        "cls",
        "now",
        "note",
        "path",
        "target",
        "name",
        "options",
        "arguments",
        "knobs",
        "words",
        "bpm",
        "meter",
        "beats",
        "bars",
        "seconds",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "x3",
        "y3",
        "width",
        "height",
        "diameter",
        "side",
    ]
)


def public_names() -> list[str]:
    names = [f"capriccio.hookspecs.{hook}" for hook in HOOKS]
    for module in MODULES:
        if module == "capriccio.training":
            source = (ROOT / "engine/capriccio/training/__init__.py").read_text()
            offered = re.findall(r'^    "(\w+)",$', source, re.MULTILINE)  # without torch
        else:
            offered = import_module(module).__all__
        names += [f"{module}.{name}" for name in offered if name != "__version__"]
    return names


def thing_of(name: str) -> object:
    module, _, last = name.rpartition(".")
    if module == "capriccio.training":
        pytest.importorskip("torch", reason="trainers need torch")
    return getattr(import_module(module), last)


def described(name: str, thing: object) -> Iterator[tuple[str, object]]:
    """Yield a public thing, and the public methods and properties that its class defines."""
    yield name, thing
    for key, value in vars(thing).items() if inspect.isclass(thing) else ():
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        if inspect.isfunction(value) and not key.startswith("_"):
            yield f"{name}.{key}", getattr(thing, key) if key in ("start", "show") else value


def unsaid(thing: object) -> list[str]:
    """Return the parameters of a thing that its docstring does not name."""
    words = f"{inspect.getdoc(thing)} {inspect.getdoc(getattr(thing, '__init__', None))}"
    try:
        parameters = inspect.signature(thing).parameters
    except (ValueError, TypeError):  # of built-in classes that have none
        return []
    return [one for one in parameters if one not in PLAIN and not re.search(rf"\b{one}\b", words)]


def unsaid_errors(function: object) -> set[str]:
    """Return the errors that a function raises itself, where its docstring names none of them."""
    if not inspect.isfunction(function):
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    inner = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one is not tree]
    elsewhere = {id(line) for one in inner for line in ast.walk(one)}
    raises = [one for one in ast.walk(tree) if isinstance(one, ast.Raise)]
    made = [one.exc.func for one in raises if isinstance(one.exc, ast.Call)]
    errors = {one.id for one in made if isinstance(one, ast.Name) and id(one) not in elsewhere}
    words = inspect.getdoc(function) or ""
    return set() if any(error in words for error in errors) else errors


def is_described_by_its_role(function: object) -> bool:
    """Return whether nothing but an error stands in it: it is there to be written by others."""
    if not inspect.isfunction(function):
        return False
    lines = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0].body
    return isinstance(lines[-1], ast.Raise) and len(lines) == 2


def unsaid_shape(function: object) -> bool:
    """Return whether a function takes or returns an array and its docstring names no shape."""
    try:
        signature = str(inspect.signature(function))
    except (ValueError, TypeError):
        return False
    shape = re.search(r"\(\w+,( ?[\w.…]+,?)*\)", inspect.getdoc(function) or "")
    return "ndarray" in signature and not shape


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_says_what_its_parameters_are(name):
    thing = thing_of(name)
    inherited = {"start", "show", "note_on", "note_off", "control", "close"}
    for full, one in described(name, thing):
        if full.rpartition(".")[2] in inherited and one.__doc__ is None:
            continue  # said where the role is described
        if not callable(one):  # what is said of a value stands below it, and in the reference
            continue
        assert inspect.getdoc(one), f"{full} has no docstring"
        if name != "capriccio.hookimpl" and not issubclass_of_error(one):
            assert not unsaid(one), f"{full} does not say what {unsaid(one)} are"
        if not is_described_by_its_role(one):
            assert not unsaid_errors(one), f"{full} does not say that it raises"
        assert not inspect.isfunction(one) or not unsaid_shape(one), f"{full} names no shape"


def issubclass_of_error(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


def test_the_check_finds_what_is_not_said():
    def shift(picture, angle):
        """Move a picture."""

    assert unsaid(shift) == ["angle"]


def test_the_check_finds_errors_and_shapes_that_are_not_said():
    def blur(image: np.ndarray) -> None:
        """Blur an image."""
        if image.ndim != 3:
            raise ValueError("no image")

    def sharpen(image: np.ndarray) -> None:
        """Sharpen an image, `(height, width, 3)`; ValueError: it is none."""
        if image.ndim != 3:
            raise ValueError("no image")

    assert (unsaid_errors(blur), unsaid_shape(blur)) == ({"ValueError"}, True)
    assert (unsaid_errors(sharpen), unsaid_shape(sharpen)) == (set(), False)


def test_every_public_name_is_in_the_reference_once():
    pages = [page.read_text() for page in sorted((ROOT / "docs/reference").glob("*.md"))]
    listed = re.findall(r"^::: (\S+)$", "\n".join(pages), re.MULTILINE)
    listed.remove("capriccio.events")  # a module as a whole
    assert sorted(listed) == sorted(public_names())
