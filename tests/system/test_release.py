"""What a release and its readers rely on: metadata, workflows, templates, extras that are named."""

import os
import re
import tomllib

import capriccio
import pytest
from helpers.devices import ROOT
from PIL import Image

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
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


def test_the_first_sketch_stands_in_the_readme_in_at_most_18_lines():
    code = (ROOT / "sketches" / "first.py").read_text(encoding="utf-8")
    assert f"```python\n{code}```\n" in README
    assert len(code.splitlines()) <= 18


def test_the_readme_shows_two_pictures_and_how_to_cite_this_version():
    assert len(re.findall(r"^!\[[^\]]+\]\(([^)]+\.webp)\)$", README, re.MULTILINE)) == 2
    with Image.open(ROOT / "docs" / "first.webp") as film:
        assert film.n_frames > 50
    assert (ROOT / "docs" / "first.webp").stat().st_size <= 3_000_000
    assert f"Version {capriccio.__version__}, " in README


def test_the_readme_names_every_model_with_its_licence():
    models = {path.stem for path in (ROOT / "plugins").glob("capriccio_*/*.onnx")}
    missing = {name for name in models if f"`{name}`" not in README and "encoder" not in name}
    assert not missing


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
