"""The control panel in a real browser, with mouse, touch and keyboard."""

import time

import pytest
from capriccio.parameters import Gauge, Parameter
from helpers.browser import browser
from helpers.devices import needs, wait_for
from helpers.panels import Show, certificate

pytestmark = pytest.mark.system

HEAT, CALM, WORDS, STYLE = (
    f'[id="control-/sea/{knob}"]' for knob in ("heat", "calm", "words", "style")
)


def box(selector):
    return f"document.querySelector('{selector}').closest('.control')"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    needs("chromium")
    with browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def show():
    with Show() as running:
        yield running


@pytest.fixture
def page(chromium, show):
    open_panel(chromium, show)
    yield chromium
    assert chromium.errors() == []


def open_panel(page, show, address="", **options):
    page.open(address or show.panel.access.address, **options)
    page.wait(f"document.querySelectorAll('.control').length === {len(show.parameters.by_address)}")
    page.wait("document.querySelector('#picture').naturalWidth === 60")


def test_every_parameter_is_on_the_page_with_its_description(page, show):
    page.click("#explain")
    seen = page.run(
        "Object.fromEntries([...document.querySelectorAll('.control')].map("
        "one => [one.querySelector('code').textContent, one.innerText]))"
    )
    assert set(seen) == set(show.parameters.by_address)
    for address, text in seen.items():
        assert show.parameters.by_address[address].description in text
        assert address.rpartition("/")[2] in text
    groups = page.run("[...document.querySelectorAll('#parameters h2')].map(one => one.innerText)")
    assert groups == ["show", "sea"]


def test_every_control_can_be_reached_with_tab_and_has_a_label(page, show):
    reached = set()
    for _ in range(40):
        page.key("Tab", number=9)
        reached.add(
            page.run(
                "(one => one.id || one.textContent)(document.activeElement).replace('control-', '')"
            )
        )
    knobs = {address for address in show.parameters.by_address if "/sea/" in address}
    assert {*knobs, "/show/tempo", "tapt", "panic", "blackb"} <= reached
    assert page.run(
        "[...document.querySelectorAll('input, select')].every(one => one.labels.length)"
    )


def test_a_slider_follows_the_sketch_is_held_by_the_mouse_and_released_by_its_button(page, show):
    value = f"document.querySelector('{HEAT}').value"
    assert page.run(value) == "0.25"
    page.click(f"div:has(> {HEAT})", share=0.8)
    wait_for(lambda: abs(show.sea.knob_state.held.get("heat", 0) - 0.8) < 0.01)
    page.wait(f"{box(HEAT)}.classList.contains('held')")
    assert not page.run(f"{box(CALM)}.classList.contains('held')")
    page.click(f".control:has({HEAT}) .release")
    wait_for(lambda: not show.sea.knob_state.held)
    page.wait(f"{value} === '0.25' && !{box(HEAT)}.classList.contains('held')")


def test_a_double_click_and_the_delete_key_release(page, show):
    page.click(f"div:has(> {HEAT})", share=0.8)
    wait_for(lambda: show.sea.knob_state.held)
    page.click(f"div:has(> {HEAT})", share=0.6, times=2)
    wait_for(lambda: not show.sea.knob_state.held)
    page.wait(f"document.querySelector('{HEAT}').value === '0.25'")
    page.run(f"document.querySelector('{HEAT}').focus()")
    page.key("ArrowRight", number=39)
    wait_for(lambda: show.sea.knob_state.held == {"heat": pytest.approx(0.255)})
    page.key("Delete", number=46)
    wait_for(lambda: not show.sea.knob_state.held)


def test_all_knobs_of_a_part_are_released_at_once(page, show):
    for selector in (HEAT, CALM):
        page.click(f"div:has(> {selector})", share=0.5)
    wait_for(lambda: len(show.sea.knob_state.held) == 2)
    page.click("h2 .release")
    wait_for(lambda: not show.sea.knob_state.held)
    page.wait("document.querySelector('h2 .release').hidden")


def test_words_are_typed_and_a_choice_is_selected(page, show):
    page.click(WORDS)
    page.run(f"document.querySelector('{WORDS}').select()")
    page.type_text("two <b>apples</b>")
    time.sleep(1)  # the show does not overwrite a field that is edited
    assert page.run(f"document.querySelector('{WORDS}').value") == "two <b>apples</b>"
    page.key("Enter", number=13, text="\r")
    wait_for(lambda: show.sea.knob_state.held.get("words") == "two <b>apples</b>")
    page.run(f"document.querySelector('{STYLE}').focus()")
    page.key("ArrowDown", number=40)
    wait_for(lambda: show.sea.knob_state.held.get("style") == "ink")


def test_buttons_and_their_keys_press_but_not_while_a_field_is_edited(page, show):
    page.click(".panic")
    wait_for(lambda: show.pressed == ["panic"])
    page.key("t", "KeyT", 84, "t")
    wait_for(lambda: show.pressed == ["panic", "tap"])
    page.key("b", "KeyB", 66, "b")
    page.wait("document.querySelector('[aria-pressed=true].press')?.textContent === 'blackb'")
    page.click(".series .control:last-child .press")
    wait_for(lambda: show.pressed[2:] == ["preset 2"])
    page.key("1", "Digit1", 49, "1")
    wait_for(lambda: show.pressed[3:] == ["preset 1"])
    page.click(WORDS)
    page.key("t", "KeyT", 84, "t")
    page.run("document.activeElement.blur()")
    page.key("t", "KeyT", 84, "t")
    wait_for(lambda: show.pressed[4:] == ["tap"])
    time.sleep(0.3)
    assert len(show.pressed) == 5


def test_a_finger_that_scrolls_sets_nothing_and_one_that_moves_sideways_does(chromium, show):
    open_panel(chromium, show, width=390, height=500, touch=True)
    x, y = chromium.middle(f"div:has(> {HEAT})", 0.8)
    before = chromium.run("scrollY")
    chromium.touch((x, y), *((x, y - step) for step in range(20, 200, 20)))
    chromium.wait(f"scrollY !== {before}")
    time.sleep(0.5)
    assert not show.sea.knob_state.held
    x, y = chromium.middle(f"div:has(> {CALM})", 0.2)
    chromium.touch((x, y), *((x + step, y) for step in range(10, 150, 10)))
    wait_for(lambda: show.sea.knob_state.held.get("calm", 0) > 0.4)
    assert chromium.run("document.documentElement.scrollWidth") == 390  # nothing overflows


def test_a_refused_value_is_reported_on_the_page(page, show):
    show.parameters.add(Parameter("/sea/heat", "number", "gone", print, convert=lambda at: 1 / 0))
    page.click(f"div:has(> {HEAT})", share=0.8)
    page.wait("document.querySelector('#trouble').textContent === 'division by zero'")
    page.clear_errors()  # the browser logs every reply with an error status


def test_a_parameter_that_is_added_later_appears_on_the_page(page, show):
    show.parameters.add(
        Parameter("/show/recall", "choice", "Recall.", print, choices=("dawn", "dusk"))
    )
    show.parameters.add_gauge(Gauge("MIDI jitter", "How far off.", lambda: "9 ms", lambda: False))
    page.wait("document.querySelector('[id=\"control-/show/recall\"] option + option')")
    page.wait("document.querySelector('#meters .bad')?.innerText.includes('9 ms')")


def test_the_page_reports_the_end_of_the_show_and_reconnects_to_the_next(chromium):
    with Show() as show:
        open_panel(chromium, show)
        port = str(show.port)
    chromium.wait("!document.querySelector('#away').hidden")
    with Show(port) as show:
        assert str(show.port) == port
        chromium.wait("document.querySelector('#away').hidden")
        show.set("/sea/heat", 0.5)
        chromium.wait(f"{box(HEAT)}.classList.contains('held')")


def test_the_page_works_with_a_token(chromium):
    with Show("127.0.0.1:8787") as show:
        open_panel(chromium, show)
        chromium.click(".panic")
        wait_for(lambda: show.pressed == ["panic"])


def test_a_guest_sees_everything_and_can_move_and_press_nothing(chromium):
    with Show("127.0.0.1:8787") as show:
        open_panel(chromium, show, show.panel.access.guest_address)
        chromium.wait("!document.querySelector('#guest').hidden")
        chromium.click(".panic")
        chromium.click(f"div:has(> {HEAT})", share=0.8)
        chromium.key("t", "KeyT", 84, "t")
        for _ in range(10):
            chromium.key("Tab", number=9)
            assert not chromium.run("!!document.activeElement.closest('#parameters')")
        show.parameters.set("/sea/heat", 0.5)
        chromium.wait(f"{box(HEAT)}.classList.contains('held')")
        assert not show.pressed
        assert show.sea.knob_state.held == {"heat": 0.5}
        assert chromium.errors() == []


def test_the_page_works_over_an_encrypted_connection(chromium, tmp_path):
    with Show(certificate=str(certificate(tmp_path))) as show:
        assert show.panel.access.address.startswith("https://")
        chromium.trust_any_certificate()
        open_panel(chromium, show)
        chromium.click(".panic")
        wait_for(lambda: show.pressed == ["panic"])
        assert chromium.errors() == []


def test_a_hidden_page_has_no_connection(chromium, show):
    open_panel(chromium, show)
    assert show.panel.server.clients
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"
    chromium.run(f"{hide % 'true'} && document.dispatchEvent(new Event('visibilitychange'))")
    frames = show.panel.preview.frames
    wait_for(lambda: show.panel.preview.frames > frames + 30)
    assert chromium.run("document.querySelector('#away').hidden")
    before = chromium.run("document.querySelector('#picture').src")
    time.sleep(0.5)
    assert chromium.run("document.querySelector('#picture').src") == before
    chromium.run(f"{hide % 'false'} && document.dispatchEvent(new Event('visibilitychange'))")
    chromium.wait(f"document.querySelector('#picture').src !== '{before}'")
