"""The control panel in a real browser: seen, turned with mouse, finger and keys, and let go."""

import time

import pytest
from capriccio.parameters import Gauge, Parameter
from helpers.browser import browser
from helpers.devices import needs, wait_for
from helpers.panels import Show

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
    opened(chromium, show)
    yield chromium
    assert chromium.complaints() == []


def opened(page, show, **facts):
    page.open(show.panel.doorway.address, **facts)
    page.wait(f"document.querySelectorAll('.control').length === {len(show.parameters.by_address)}")
    page.wait("document.querySelector('#picture').naturalWidth === 60")


def test_every_control_is_on_the_page_with_the_words_of_its_table(page, show):
    page.click("#explain")
    seen = page.run(
        "Object.fromEntries([...document.querySelectorAll('.control')].map("
        "one => [one.querySelector('code').textContent, one.innerText]))"
    )
    assert set(seen) == set(show.parameters.by_address)
    for address, words in seen.items():
        control = show.parameters.by_address[address]
        assert control.description in words
        assert address.rpartition("/")[2] in words
    groups = page.run("[...document.querySelectorAll('#parameters h2')].map(one => one.innerText)")
    assert groups == ["show", "sea"]


def test_every_control_can_be_reached_with_the_tab_key_and_has_a_label(page, show):
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


def test_a_slider_follows_the_sketch_is_held_by_the_mouse_and_let_go_by_its_button(page, show):
    value = f"document.querySelector('{HEAT}').value"
    assert page.run(value) == "0.25"
    page.click(f"div:has(> {HEAT})", share=0.8)
    wait_for(lambda: abs(show.sea.knob_state.held.get("heat", 0) - 0.8) < 0.01)
    page.wait(f"{box(HEAT)}.classList.contains('held')")
    assert not page.run(f"{box(CALM)}.classList.contains('held')")
    page.click(f".control:has({HEAT}) .free")
    wait_for(lambda: not show.sea.knob_state.held)
    page.wait(f"{value} === '0.25' && !{box(HEAT)}.classList.contains('held')")


def test_a_double_click_and_the_delete_key_let_go(page, show):
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


def test_all_of_a_part_are_let_go_at_once(page, show):
    for selector in (HEAT, CALM):
        page.click(f"div:has(> {selector})", share=0.5)
    wait_for(lambda: len(show.sea.knob_state.held) == 2)
    page.click("h2 .free")
    wait_for(lambda: not show.sea.knob_state.held)
    page.wait("document.querySelector('h2 .free').hidden")


def test_words_are_written_and_a_choice_is_made(page, show):
    page.click(WORDS)
    page.run(f"document.querySelector('{WORDS}').select()")
    page.write("two <b>apples</b>")
    time.sleep(1)  # while somebody writes, the show does not write over it
    assert page.run(f"document.querySelector('{WORDS}').value") == "two <b>apples</b>"
    page.key("Enter", number=13, text="\r")
    wait_for(lambda: show.sea.knob_state.held.get("words") == "two <b>apples</b>")
    page.run(f"document.querySelector('{STYLE}').focus()")
    page.key("ArrowDown", number=40)
    wait_for(lambda: show.sea.knob_state.held.get("style") == "ink")


def test_buttons_and_their_keys_press_but_not_while_words_are_written(page, show):
    page.click(".panic")
    wait_for(lambda: show.props.pressed == ["panic"])
    page.key("t", "KeyT", 84, "t")
    wait_for(lambda: show.props.pressed == ["panic", "tap"])
    page.key("b", "KeyB", 66, "b")
    page.wait("document.querySelector('[aria-pressed=true].press')?.textContent === 'blackb'")
    page.click(".series .control:last-child .press")
    wait_for(lambda: show.props.pressed[2:] == ["preset 2"])
    page.key("1", "Digit1", 49, "1")
    wait_for(lambda: show.props.pressed[3:] == ["preset 1"])
    page.click(WORDS)
    page.key("t", "KeyT", 84, "t")
    page.run("document.activeElement.blur()")
    page.key("t", "KeyT", 84, "t")
    wait_for(lambda: show.props.pressed[4:] == ["tap"])
    time.sleep(0.3)
    assert len(show.props.pressed) == 5


def test_a_finger_that_scrolls_turns_nothing_and_one_that_moves_sideways_does(chromium, show):
    opened(chromium, show, width=390, height=500, touch=True)
    x, y = chromium.middle(f"div:has(> {HEAT})", 0.8)
    before = chromium.run("scrollY")
    chromium.touch((x, y), *((x, y - step) for step in range(20, 200, 20)))
    chromium.wait(f"scrollY !== {before}")
    time.sleep(0.5)
    assert not show.sea.knob_state.held
    x, y = chromium.middle(f"div:has(> {CALM})", 0.2)
    chromium.touch((x, y), *((x + step, y) for step in range(10, 150, 10)))
    wait_for(lambda: show.sea.knob_state.held.get("calm", 0) > 0.4)
    assert chromium.run("document.documentElement.scrollWidth") == 390  # nothing sticks out


def test_what_the_parameters_refuses_is_told_on_the_page(page, show):
    show.parameters.add(Parameter("/sea/heat", "number", "gone", print, convert=lambda at: 1 / 0))
    page.click(f"div:has(> {HEAT})", share=0.8)
    page.wait("document.querySelector('#trouble').textContent === 'division by zero'")
    page.forget()  # for the browser complains of every answer that is no success


def test_what_comes_onto_the_parameters_later_comes_onto_the_page(page, show):
    show.parameters.add(
        Parameter("/show/recall", "choice", "Recall.", print, choices=("dawn", "dusk"))
    )
    show.parameters.add_gauge(Gauge("MIDI jitter", "How far off.", lambda: "9 ms", lambda: False))
    page.wait("document.querySelector('[id=\"control-/show/recall\"] option + option')")
    page.wait("document.querySelector('#meters .bad')?.innerText.includes('9 ms')")


def test_the_page_says_when_the_show_has_ended_and_finds_the_next_one(chromium):
    with Show() as show:
        opened(chromium, show)
        port = str(show.port)
    chromium.wait("!document.querySelector('#away').hidden")
    with Show(port) as show:
        assert str(show.port) == port
        chromium.wait("document.querySelector('#away').hidden")
        show.turn("/sea/heat", 0.5)
        chromium.wait(f"{box(HEAT)}.classList.contains('held')")


def test_with_a_token_the_page_works_as_well(chromium):
    with Show("127.0.0.1:8787") as show:
        opened(chromium, show)
        chromium.click(".panic")
        wait_for(lambda: show.props.pressed == ["panic"])
