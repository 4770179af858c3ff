"""The site is built without a warning, holds every page, and needs no network."""

import json
import re
import shutil
import threading
from html.parser import HTMLParser

import pytest
from capriccio.cli.main import main
from capriccio_docs.cli import serve
from capriccio_docs.site import (
    MISSING,
    build_site,
    can_build,
    prepared,
    sketch_page,
    source_folder,
)
from helpers.browser import browser
from helpers.devices import ROOT, needs

needs_zensical = pytest.mark.skipif(not can_build(), reason=MISSING)
SECONDS = 120  # that a browser may take on a busy machine
PARTS = [{"role": "generator", "name": "plasma", "says": "Paint.", "plugin": "glow"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of this checkout."""
    out = tmp_path_factory.mktemp("built") / "site"
    build_site(ROOT / "docs", out, main, PARTS)
    return out


class Loaded(HTMLParser):
    """What a browser loads with a page, by itself."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "img", "audio", "video", "iframe", "source"):
            self.addresses.append(attributes.get("src") or "")
        if tag == "link" and attributes.get("rel") in ("stylesheet", "icon", "preload"):
            self.addresses.append(attributes.get("href") or "")


@needs_zensical
def test_every_page_is_in_the_site_and_in_its_navigation(site):
    navigation = (ROOT / "docs" / "site.toml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f'"{name}"' in navigation, f"docs/site.toml does not name {name}"
        built = name.replace("README.md", "index.md").removesuffix(".md") + ".html"
        assert (site / built).exists(), built
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= 40_000_000


@needs_zensical
def test_the_site_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        for address in Loaded(page.read_text(encoding="utf-8")).addresses:
            assert not re.match(r"(https?:)?//", address), f"{page.name} loads {address}"
            if address and not address.startswith("data:"):
                assert (page.parent / address).resolve().exists() or page.name == "404.html"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text())


@needs_zensical
def test_the_site_is_at_most_40_megabytes(site):
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 40e6


@needs_zensical
def test_the_site_can_be_searched_and_has_a_dark_mode(site):
    found = (site / "search.json").read_text(encoding="utf-8")
    assert json.loads(found)
    assert "set_temperature" not in found and "harmonize" in found
    assert 'data-md-color-scheme="slate"' in (site / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(site):
    """The address at which `capriccio docs` serves the site."""
    server = serve(site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    needs("chromium")
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


DEEP = "[...document.querySelectorAll('*')].map(one => one.shadowRoot).filter(one => one)"


@needs_zensical
@pytest.mark.system
def test_a_browser_searches_turns_dark_and_loads_nothing_from_elsewhere(page, address):
    page.open(f"{address}/index.html")
    page.wait("document.querySelector('.md-search__button')", SECONDS)
    page.wait("document.querySelector('img').naturalWidth > 100", SECONDS)

    light = page.run("getComputedStyle(document.body).backgroundColor")
    # Clicked again until the scripts of the page have begun to listen.
    dark = "document.querySelector('input[data-md-color-scheme=slate]')"
    now = "getComputedStyle(document.body).backgroundColor"
    page.wait(f"({dark}.checked = false, {dark}.click(), {now} !== {light!r})", SECONDS)

    button = "document.querySelector('.md-search__button')"
    # The dialog is there before it is opened, and cannot be typed into.
    field = "one.querySelector('dialog:not([inert]) input')"
    page.wait(f"{DEEP}.some(one => {field}) || ({button}.click(), false)", SECONDS)
    page.run(f"{DEEP}.map(one => {field}).find(one => one).focus()")
    page.type_text("kaleidoscope")
    page.wait(
        f"{DEEP}.some(one => one.textContent.toLowerCase().includes('kaleidoscope'))", SECONDS
    )

    loaded = page.run("performance.getEntriesByType('resource').map(one => one.name)")
    assert loaded
    assert not [one for one in loaded if not one.startswith((address, "data:", "blob:"))]
    assert not page.errors()


@needs_zensical
@pytest.mark.system
def test_a_browser_plays_a_sound_within_a_page(page, address):
    page.open(f"{address}/sound-comparison.html")
    page.wait("document.querySelectorAll('audio').length >= 3", SECONDS)
    page.run("document.querySelector('audio').preload = 'auto'")
    page.wait("document.querySelector('audio').duration > 3", SECONDS)


@needs_zensical
def test_docstrings_are_in_the_reference(site):
    page = (site / "reference" / "sketch.html").read_text(encoding="utf-8")
    assert 'id="capriccio.Sketch' in page or "capriccio.sketch.Sketch" in page
    assert "beats until the same cue is called again" in page


@needs_zensical
def test_sounds_play_within_the_page(site):
    page = (site / "sound-comparison.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<audio controls", page)) >= 3


@needs_zensical
def test_a_link_that_leads_nowhere_is_an_error(tmp_path):
    docs = tmp_path / "docs"
    (docs / "reference").mkdir(parents=True)
    (tmp_path / "sketches").mkdir()
    (docs / "index.md").write_text("# Home\n\n[gone](gone.md)\n")
    lines = ["[project]", 'site_name = "x"', 'docs_dir = "docs"', 'site_dir = "site"']
    (docs / "site.toml").write_text("\n".join(lines))
    with pytest.raises(RuntimeError, match=r"the site is not clean:(.|\n)*gone\.md"):
        build_site(docs, tmp_path / "out", main, [])
    assert not (tmp_path / "out").exists()


def test_marks_for_the_tests_are_not_shown():
    assert prepared("```sh no-run: needs a screen\nls\n```\n", "a.md") == "```sh\nls\n```\n"


def test_links_to_sketches_lead_to_their_pages():
    text = "[a](../sketches/organ.py) [b](../../sketches/organ.py#x) [c](https://a.org/b.py)"
    assert prepared(text, "sound.md").startswith("[a](sketches/organ.md)")
    assert prepared(text, "cookbook/music.md").endswith(
        "[b](../sketches/organ.md#x) [c](https://a.org/b.py)"
    )


def test_the_readme_is_the_first_page():
    assert prepared("[C](../../README.md)", "plasma/README.md") == "[C](../index.md)"


def test_a_sound_becomes_a_player():
    text = prepared("- [choir](chord.ogg)", "sound.md")
    assert text == '- choir <audio controls preload="none" src="chord.ogg"></audio>'


def test_a_film_becomes_a_player():
    text = prepared("[clip](gallery/rose.mp4)", "gallery.md")
    assert text == (
        'clip <video controls preload="none" width="640" src="gallery/rose.mp4"></video>'
    )


def test_a_sketch_has_a_page_with_its_code():
    page = sketch_page("organ", "print(1)\n")
    assert page.startswith("# Organ\n") and "```python\nprint(1)\n```" in page


def test_the_pages_of_this_checkout_are_found():
    assert source_folder() == ROOT / "docs"


def test_a_built_site_travels_in_wheel_and_sdist_though_git_ignores_it(tmp_path):
    sdist = pytest.importorskip("hatchling.builders.sdist").SdistBuilder
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path)
    package = tmp_path / "plugins" / "capriccio_docs"
    (package / "site").mkdir(parents=True)
    for name in ("__init__.py", "site/index.html"):
        (package / name).write_text("")
    for kind, folder in ((sdist, "plugins/"), (wheel, "")):
        files = [one.distribution_path for one in kind(str(tmp_path)).recurse_included_files()]
        assert f"{folder}capriccio_docs/site/index.html" in files, files
