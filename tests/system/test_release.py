"""What a release and its readers rely on: metadata, workflows, templates, extras that are named."""

import os
import re
import tomllib

import capriccio
import pytest
from helpers.devices import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github").rglob("*.yml"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_workflows_and_forms_are_yaml(form):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra docs")
    read = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert isinstance(read, dict)
    for field in read.get("body", []):
        assert field["type"] in ("markdown", "textarea", "dropdown")
        assert field["type"] == "markdown" or field["attributes"]["label"]


def test_the_workflow_runs_scripts_that_exist():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    scripts = re.findall(r"- run: (\.ci/\w+)", text)
    assert scripts == [".ci/run", ".ci/build"]
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), script


def test_the_changes_begin_with_this_version():
    changes = (ROOT / "docs" / "changes.md").read_text(encoding="utf-8")
    assert re.search(r"^## (.+)$", changes, re.MULTILINE)[1] == capriccio.__version__


def test_every_classifier_is_one():
    known = pytest.importorskip("trove_classifiers", reason="comes with hatchling").classifiers
    assert set(PROJECT["classifiers"]) <= set(known)


def test_every_extra_that_a_page_names_can_be_installed():
    extras = set(PROJECT["optional-dependencies"])
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for named in re.findall(r"(?:capriccio|\.)\[(\w+)\]\"", page.read_text(encoding="utf-8")):
            assert named in extras | {"test"}, f"{page.name} names the extra {named!r}"


def test_versions_of_all_extras_are_pinned():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    for extra in ("docs", "c2pa"):
        for requirement in PROJECT["optional-dependencies"][extra]:
            name = re.split(r"[>=;\[ ]", requirement)[0].lower()
            assert f"\n{name}==" in pins, requirement
