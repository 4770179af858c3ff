"""The public names of the package, and the hooks."""

import re
from pathlib import Path

import capriccio


def test_every_public_name_can_be_imported():
    for name in capriccio.__all__:
        assert getattr(capriccio, name) is not None


def test_type_checkers_see_the_same_public_names():
    stub = Path(capriccio.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    names = re.findall(r"import (\w+) as \1$", stub, re.MULTILINE)
    assert {*names, "__version__"} == set(capriccio.__all__)


def test_an_unknown_name_is_an_attribute_error():
    try:
        _ = capriccio.nothing
    except AttributeError as error:
        assert str(error) == "module 'capriccio' has no attribute 'nothing'"
    else:
        raise AssertionError


def test_there_are_six_hooks():
    from capriccio import hookspecs

    hooks = {name for name, thing in vars(hookspecs).items() if hasattr(thing, "capriccio_spec")}
    parts = {"generators", "analyzers", "outputs", "inputs", "instruments"}
    assert hooks == {*parts, "commands"}
