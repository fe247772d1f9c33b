from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.kit.console import incident, mention
from tocsin.cli import incident_page, screen
from tocsin.cli.demo import line
from tocsin.cli.mentions import show

ESCAPE = "\x1b[2J\x1b]0;owned\x07"


def shown(width: int, draw: object) -> str:
    console = Console(width=width, force_terminal=False, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        draw(console)  # type: ignore[operator]  # a callable of the test below
    return capture.get()


def test_a_strangers_text_cannot_command_the_terminal() -> None:
    assert "\x1b" not in screen.harmless(f"before {ESCAPE} after")
    assert "\x1b" not in screen.cut(f"before {ESCAPE} after", 40)


def test_direction_overrides_are_taken_out_and_right_to_left_text_is_isolated() -> None:
    assert screen.harmless("a\u202eb\u2066c") == "abc"
    assert screen.harmless("رحلة متأخرة") == "\u2068رحلة متأخرة\u2069"


@given(st.text(max_size=200), st.integers(1, 60))
@settings(max_examples=100)
def test_a_cut_text_is_one_line_and_fits(text: str, cells: int) -> None:
    found = screen.cut(text, cells)
    assert cell_len(found) <= cells
    assert "\n" not in found
    assert not any(ord(letter) < 32 for letter in found)


def test_brackets_in_a_post_are_no_markup() -> None:
    written = shown(80, lambda console: show(console, mention()))
    assert "mastodon" in written
    post = mention().post
    from msgspec.structs import replace

    tricky = replace(mention(), post=replace(post, text="[bold red]see[/] [link=x]"))
    assert "[bold red]see[/] [link=x]" in shown(80, lambda console: show(console, tricky))


def test_a_mention_fits_eighty_and_a_hundred_and_twenty_columns() -> None:
    from msgspec.structs import replace

    long = replace(mention(), post=replace(mention().post, text="Слово " * 100))
    for width in (80, 120):
        written = shown(width, lambda console: show(console, long)).splitlines()
        assert all(cell_len(each) <= width for each in written if "https://" not in each)
        assert cell_len(line(long, width).plain) <= width


def test_an_incident_shows_why_it_rang_and_what_happened_since() -> None:
    written = shown(80, lambda console: incident_page.print_incident(console, incident()))
    for word in ("MAJOR", "Aurora Air", "spike", "47", "opened", incident().id):
        assert word in written


def test_counted_things_agree_with_their_number() -> None:
    assert [screen.counted(n, "mention") for n in (0, 1, 1204)] == ["0 mentions", "1 mention", "1,204 mentions"]
