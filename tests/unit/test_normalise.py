"""What becomes of the texts and figures that networks send."""

import unicodedata
from typing import Any

import pytest
from msgspec.structs import replace

from domain.errors import Refused
from domain.post import Author, Engagement, Post
from processors.normalise import TEXT_LIMIT, normalise
from tests.kit.stores import at, post


def text_of(text: str) -> str:
    (cleaned,) = normalise(post(text=text))
    return cleaned.text


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("  Aurora   Air \t late  ", "Aurora Air late"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("one \n\n \n\n two", "one\n\ntwo"),
        ("nul\x00 bell\x07 del\x7f c1\x9b31m", "nul bell del c131m"),
        ("\u202emoc.live\u202c \u2066x\u2069", "moc.live x"),
        ("Auro\u200bra A\u00adir\ufeff", "Aurora Air"),
        ("e\u0301te\u0301", "été"),
        ("half \ud83d whole \ud83d\ude80", "half whole 🚀"),
        ("family 👨‍👩‍👧 ok", "family 👨‍👩‍👧 ok"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\u200db\u200cc\u200d", "abc"),
        ("می\u200c\u200c\u200cخواهم", "می‌خواهم"),
        ("flag 🏴\U000e0067\U000e0062\U000e007f", "flag 🏴"),
        ("non\u00a0breaking\u3000wide", "non breaking wide"),
        ("hidden\u115f\u3164 fillers", "hidden fillers"),
    ],
)
def test_a_text_is_made_readable(raw: str, kept: str) -> None:
    assert text_of(raw) == kept


def test_a_long_text_keeps_its_head() -> None:
    kept = text_of("word " * 100_000)
    assert len(kept) <= TEXT_LIMIT
    assert kept.startswith("word word")
    assert not kept.endswith(" ")


def test_titles_and_names_are_one_line_of_sane_length() -> None:
    author = Author(id="7" * 999, name="Anna\nB\x00.", handle="\u202eanna" * 99, url="https://example.org/anna")
    (cleaned,) = normalise(post(title="One\n two" + "x" * 9_999, author=author))
    assert cleaned.title.startswith("One two")
    assert len(cleaned.title) == 500
    assert cleaned.author.name == "Anna B."
    assert len(cleaned.author.id) == len(cleaned.author.handle) == 200
    assert cleaned.author.url == "https://example.org/anna"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("https://example.org/a?b=1", "https://example.org/a?b=1"),
        ("http://пример.рф/путь", "http://пример.рф/путь"),
        (" https://example.org/a b\u202e ", "https://example.org/a%20b"),
        ("HTTPS://EXAMPLE.ORG/", "HTTPS://EXAMPLE.ORG/"),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("//example.org/x", ""),
        ("example.org", ""),
        ("http://[::1", ""),
        ("https:///nothing", ""),
        ("https://example.org/" + "x" * 3_000, ""),
    ],
)
def test_a_url_is_of_the_web_or_dropped(raw: str, kept: str) -> None:
    (cleaned,) = normalise(post(url=raw, author=Author(url=raw)))
    assert (cleaned.url, cleaned.author.url) == (kept, kept)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("en", "en"), ("en-US", "en"), ("EN_us", "en"), ("rus", "ru"), ("kz", "kk"), ("cz", "cs"), ("ara", "ar"),
        ("zxx", ""), ("und", ""), ("", ""), ("english", ""), ("1x", ""), ("рус", ""), ("  cs ", "cs"),
    ],
)  # fmt: skip
def test_a_language_is_an_iso_639_1_code_or_unknown(raw: str, kept: str) -> None:
    assert normalise(post(lang=raw))[0].lang == kept


def test_impossible_numbers_are_unknown_and_zero_is_zero() -> None:
    engagement = Engagement(likes=-1, reposts=0, replies=10**15, views=7, as_of=at(1))
    (cleaned,) = normalise(post(author=Author(followers=-5), engagement=engagement, rating=-1))
    assert cleaned.engagement == Engagement(reposts=0, views=7, as_of=at(1))
    assert cleaned.author.followers is None
    assert cleaned.rating is None
    assert normalise(post(rating=5))[0].rating == 5


def test_the_network_is_lower_case_and_the_post_stays_the_same_post() -> None:
    raw = post(network="VK")
    (cleaned,) = normalise(raw)
    assert cleaned.network == "vk"
    assert cleaned.id == raw.id


def test_an_absent_version_is_the_hash_of_the_text_as_it_came() -> None:
    raw = post(text="  Aurora\u200b Air  ", version="")
    (cleaned,) = normalise(raw)
    assert cleaned.version == raw.stamp
    assert cleaned.version != cleaned.stamp or cleaned.version
    assert normalise(replace(raw, text="other"))[0].version != cleaned.version
    assert normalise(post(version="7"))[0].version == "7"


def test_times_and_references_stay_as_they_are() -> None:
    raw = post(created_at=at(-60 * 24 * 365 * 40), reply_to="5", repost_of="6", edited_at=at(1), kind="repost")
    (cleaned,) = normalise(raw)
    assert replace(cleaned, version=raw.version) == raw


@pytest.mark.parametrize("text", ["", "  \n ", "\u200b\u202e", "\x00\ud800"])
def test_a_post_with_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        normalise(post(text=text))
    assert refusal.value.reason == "no_text"


def test_a_title_is_enough_and_a_deletion_needs_no_text() -> None:
    assert normalise(post(text="", title="Aurora Air grounded"))[0].title == "Aurora Air grounded"
    assert normalise(post(text="", deleted=True))[0].deleted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"native_id": ""}, "no_id"),
        ({"network": ""}, "no_id"),
        ({"native_id": "\ud800"}, "bad_id"),
        ({"network": "v\x00k"}, "bad_id"),
        ({"version": "\udfff"}, "bad_id"),
    ],
)
def test_a_post_without_a_usable_identity_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        normalise(replace(post(), **fields))
    assert refusal.value.reason == reason


def test_a_clean_post_comes_out_as_it_went_in() -> None:
    clean: Post = post(text="Рейс Aurora Air задержали на 3 часа 😡", url="https://example.org/1", lang="ru")
    assert normalise(clean) == [clean]
    assert unicodedata.is_normalized("NFC", clean.text)
