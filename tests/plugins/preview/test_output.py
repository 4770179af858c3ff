import pytest
from capriccio import ShowError, output
from capriccio_preview.output import SHOW, Terminal, known_graphics
from helpers.output_shows import performance, plain, show_all


def test_a_show_is_shown_some_times_a_second_and_leaves_the_cursor(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    show_all(Terminal(), [plain((9, 9, 9))] * 50, performance())  # two seconds
    told = capsys.readouterr().out
    assert 12 <= told.count("\x1b[H") <= 24
    assert told.rstrip("\n").endswith(SHOW)


@pytest.mark.parametrize(("kind", "sign"), [("kitty", "\x1b_G"), ("sixel", "\x1bP"), ("", "▀")])
def test_the_graphics_of_the_terminal_are_used(capsys, monkeypatch, kind, sign):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("TERM_PROGRAM", raising=False)
    show_all(output(f"terminal:{kind}".rstrip(":")), [plain((9, 9, 9))], performance())
    assert sign in capsys.readouterr().out


@pytest.mark.parametrize(
    ("term", "program", "kind"),
    [
        ("xterm-kitty", "", "kitty"),
        ("xterm-256color", "WezTerm", "kitty"),
        ("foot-extra", "", "sixel"),
        ("xterm-256color", "iTerm.app", "sixel"),
        ("xterm-256color", "", "blocks"),
    ],
)
def test_a_terminal_is_known_by_its_name(monkeypatch, term, program, kind):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("TERM_PROGRAM", program)
    assert known_graphics() == kind


def test_what_is_no_terminal_is_told():
    assert Terminal.missing() == "standard output is no terminal"
    with pytest.raises(ShowError, match="is none of 'terminal', 'terminal:blocks', 'terminal:kit"):
        Terminal("braille")
    Terminal().close()
