"""`tocsin explain` with a judge that reads single words."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

import models
from domain.judgement import Judgeable
from domain.mention import Mention
from models.explanation import explain
from storage.sqlite import open_store
from storage.store import Commit
from tests.kit.cli import demo_configuration, rows, tocsin
from tests.kit.console import mention
from tests.kit.words import WeighingJudge
from tocsin.cli.explanation_page import print_explanation


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load", lambda *_, **__: WeighingJudge())


def told(number: int, text: str) -> Mention:
    known = mention(number)
    return replace(known, post=replace(known.post, text=text))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A configured folder whose database holds three mentions."""
    demo_configuration(tmp_path)
    store = open_store(tmp_path / "tocsin.db")
    texts = ("terrible queue, ужасно", "fire in the cabin", "thanks")
    store.commit(Commit(mentions=[told(number, text) for number, text in enumerate(texts, 1)]))
    store.close()
    return tmp_path


def page(text: str, *, lang: str = "en", width: int = 80, colour: bool = False, of: Mention | None = None) -> str:
    console = Console(
        width=width, force_terminal=colour, color_system="standard" if colour else None,
        highlight=False, markup=False, emoji=False, _environ={},
    )  # fmt: skip
    with console.capture() as capture:
        print_explanation(console, explain(Judgeable(text, "Aurora Air", lang), classifier=WeighingJudge()), of)
    return capture.get()


def test_a_mention_is_found_by_the_beginning_of_its_id_and_explained_as_json(filled: Path) -> None:
    wanted = told(1, "terrible queue, ужасно")
    done = tocsin("explain", wanted.id[:12], "--json", cwd=filled)
    assert done.returncode == 0, done.stderr.decode()
    (found,) = rows(done.stdout)
    assert (found["text"], found["brand"], found["lang"]) == (wanted.post.text, "Aurora Air", "ru")
    (heaviest, *_) = found["tasks"]["urgency"]["words"]
    assert (heaviest["word"], wanted.post.text[heaviest["start"] : heaviest["end"]]) == ("queue", "queue")


def test_an_id_that_is_not_there_is_a_sentence(filled: Path) -> None:
    absent = tocsin("explain", "nosuch", cwd=filled)
    assert (absent.returncode, b"no mention nosuch" in absent.stderr) == (1, True)


def test_a_text_needs_no_configuration(tmp_path: Path) -> None:
    done = tocsin("explain", "--text", "terrible", "--brand", "Aurora Air", "--lang", "en", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert "[terrible]" in done.stdout.decode()
    detected = rows(tocsin("explain", "--text", "ужасно, но едем", "--json", cwd=tmp_path).stdout)
    given = rows(tocsin("explain", "--text", "ok", "--lang", "EN_us", "--json", cwd=tmp_path).stdout)
    assert [found["lang"] for found in (*detected, *given)] == ["ru", "en"]


@pytest.mark.parametrize(
    "arguments", [[], ["--text", "a", "4be0"], ["4be0", "--brand", "Aurora Air"], ["4be0", "--lang", "en"]]
)
def test_a_mention_and_a_text_exclude_each_other(tmp_path: Path, arguments: list[str]) -> None:
    assert tocsin("explain", *arguments, cwd=tmp_path).returncode == 2


def test_the_heaviest_words_stand_in_brackets_without_colours_and_in_colour_with_them() -> None:
    plain, coloured = page("a terrible queue"), page("a terrible queue", colour=True)
    assert "a [terrible] queue" in plain
    assert "terrible +" in plain
    assert "\x1b" not in plain
    assert "[terrible]" not in coloured
    assert "\x1b[1;30;43mterrible" in coloured


def test_words_that_speak_against_the_label_are_named() -> None:
    assert "against  thanks -" in page("terrible, slow, thanks")


def test_right_to_left_text_is_isolated_and_keeps_its_words() -> None:
    assert "\u2068الرحلة [وتأخرت] كثيرا\u2069" in page("الرحلة وتأخرت كثيرا", lang="ar")


def test_a_strangers_text_cannot_command_the_terminal() -> None:
    written = page("\x1b[2J terrible\x07 \u202e queue\r\n again", colour=False)
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert "[2J [terrible]" in written


def test_of_a_long_text_what_stands_around_the_words_is_shown() -> None:
    written = " ".join(page("filler " * 200 + "terrible " + "filler " * 200).split())
    assert "… filler" in written
    assert "[terrible]" in written
    sentiment = written.partition("Urgency")[0]
    assert len(sentiment) < 500


def test_a_text_that_rests_on_no_single_word_says_so() -> None:
    said = page("terrible desk, terrible terrible terrible")
    assert said.count("No word alone decides") == 3
    assert said.count("desk") == 1, "without marks once is enough"


def test_what_was_not_judged_says_why() -> None:
    assert "Nothing to explain: the language is not known." in page("schlecht", lang="de")


def test_a_stored_judgement_that_differs_is_named() -> None:
    stored = told(1, "thanks")
    assert stored.judgement
    judged = replace(stored, judgement=replace(stored.judgement, urgency="low", theme="other"))
    assert "Stored as negative (sentiment) by test 1; now it would be positive." in page(
        "thanks", of=judged, width=120
    )
    by_hand = replace(stored.judgement, corrected_by="Инна", model_said={"sentiment": "positive"})
    said = page("thanks", of=replace(stored, judgement=by_hand), width=120)
    assert "Инна corrected sentiment to negative; the model says positive." in said


@pytest.mark.parametrize("width", [80, 120])
def test_the_page_fits_the_terminal(width: int) -> None:
    for text, lang in (("terrible slow queue 😡 " * 20, "en"), ("ужасно " + "Слово " * 100, "ru"), ("x" * 900, "en")):
        assert all(cell_len(line) <= width for line in page(text, lang=lang, width=width).splitlines())
