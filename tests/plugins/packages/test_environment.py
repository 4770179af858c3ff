"""The environment: whether it can be changed, and what pip says."""

import importlib.util
import shutil
import subprocess
import sys
import sysconfig

import pytest
from capriccio_packages import environment
from capriccio_packages.environment import (
    PackageError,
    check_environment,
    pip_command,
    requirements_of,
    run_pip,
)


def test_a_virtual_environment_can_be_changed():
    check_environment()


def test_an_environment_of_the_system_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(PackageError, match="is managed by the system; install capriccio in a virt"):
        check_environment()


def test_an_environment_that_cannot_be_written_is_named(monkeypatch):
    monkeypatch.setattr(environment.os, "access", lambda path, mode: False)
    with pytest.raises(PackageError, match="cannot be written by you"):
        check_environment()


def test_uv_brings_pip_where_there_is_none(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/uv")
    assert pip_command() == ["/bin/uv", "tool", "run", "pip", "--python", sys.executable]
    assert pip_command("/x/python")[-1] == "/x/python"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(environment, "bundled_pip", lambda: "/lib/pip-1.whl")
    assert pip_command("/x/python") == [
        sys.executable, "/lib/pip-1.whl/pip", "--python", "/x/python",
    ]  # fmt: skip
    monkeypatch.setattr(environment, "bundled_pip", lambda: "")
    with pytest.raises(PackageError, match="expected pip or uv to install with, found neither for"):
        pip_command()


def test_the_pip_that_comes_with_python_runs():
    if not (wheel := environment.bundled_pip()):
        pytest.skip("this system's Python has no pip of its own")
    said = subprocess.run([sys.executable, f"{wheel}/pip", "--version"], capture_output=True)
    assert said.stdout.startswith(b"pip ")


PIP = {
    "ERROR: no such thing\nERROR: so nothing was done\n": "no such thing",
    "  error: subprocess-exited-with-error\n  ModuleNotFoundError: No module named 'x'\n"
    "error: metadata-generation-failed\n× Encountered error while generating metadata.\n"
    "hint: See above\n": "Encountered error while generating metadata: ModuleNotFoundError: No "
    "module named 'x'",
    "what is this\n": "what is this",
    "": "pip failed, and said nothing",
}


@pytest.mark.parametrize(("stderr", "sentence"), PIP.items())
def test_what_pip_says_becomes_one_sentence(monkeypatch, stderr, sentence):
    code = f"import sys; sys.stderr.write({stderr!r}); sys.exit(1)"
    monkeypatch.setattr(environment, "pip_command", lambda python: [sys.executable, "-c", code])
    with pytest.raises(PackageError) as caught:
        run_pip("install")
    assert str(caught.value) == sentence


def test_a_clash_names_both_requirers(monkeypatch):
    code = """if True:
        import sys
        print('The conflict is caused by:\\n    glow 1.0 depends on numpy<2')
        print('    capriccio 0.1 depends on numpy>=2')
        sys.exit('ERROR: ResolutionImpossible')"""
    monkeypatch.setattr(environment, "pip_command", lambda python: [sys.executable, "-c", code])
    with pytest.raises(PackageError, match=r"^glow 1.0 needs numpy<2, but capriccio 0.1 needs nu"):
        run_pip("install")


@pytest.mark.parametrize(
    "said",
    ["no matching distribution for the requirement capriccio>=99 (from glow)",
     "The conflict:\n    glow 1.0 depends on capriccio>=99\n    The user requested capriccio 0.1"],
)  # fmt: skip
def test_a_plugin_for_a_newer_capriccio_is_told(monkeypatch, said):
    code = f"import sys; print({said!r}); sys.exit('ERROR: ResolutionImpossible')"
    monkeypatch.setattr(environment, "pip_command", lambda python: [sys.executable, "-c", code])
    with pytest.raises(PackageError, match=r"^glow needs capriccio>=99, and .* is installed; upg"):
        run_pip("install")


def test_requirements_of_extras_and_other_systems_do_not_count():
    lines = ["numpy>=1", "torch; extra == 'train'", "pywin32; sys_platform == 'none'", "not one ("]
    assert [one.name for one in requirements_of(lines)] == ["numpy"]
    assert requirements_of(None) == []
