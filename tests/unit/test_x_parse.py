"""What X tells of a post, and what becomes of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.errors import Refused
from domain.post import Post
from ingest.x import Config
from ingest.x.parse import Context, Person, read_person, read_post, read_tweet
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON
from tests.networks.x import snowflake

ADA = Person("ada", "Ada L.", 120, verified=False, day=1)
BRAND = Person("AuroraAir", "Aurora Air", 9_000, verified=True, day=1)
CONTEXT = Context(source="x", at=NOON, people={"7": ADA, "9": BRAND}, own=frozenset({"auroraair"}))
FIRST = snowflake(NOON - timedelta(minutes=20))
SECOND = snowflake(NOON - timedelta(minutes=5))


def told(**other: Any) -> dict[str, Any]:
    """A post with the fields that we ask for."""
    return {
        "id": FIRST, "text": "Aurora Air is late", "created_at": "2026-11-20T11:40:00.000Z", "author_id": "7",
        "lang": "en", "edit_history_tweet_ids": [FIRST],
        "public_metrics": {
            "retweet_count": 1, "reply_count": 2, "like_count": 3, "quote_count": 4, "impression_count": 50,
        },
        **other,
    }  # fmt: skip


def read(known: Context = CONTEXT, /, **other: Any) -> Post:
    raw = json.dumps(told(**other)).encode()
    return read_post(read_tweet(raw), raw, known).post


def test_a_post_is_read_whole() -> None:
    post = read()
    assert (post.network, post.native_id, post.version, post.kind) == ("x", FIRST, FIRST, "post")
    assert (post.text, post.lang, post.url) == ("Aurora Air is late", "en", f"https://x.com/ada/status/{FIRST}")
    assert post.created_at == datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
    assert (post.account, post.author.name, post.author.followers, post.author.verified) == (
        "x:ada", "Ada L.", 120, False,
    )  # fmt: skip
    told_of = post.engagement
    assert (told_of.likes, told_of.reposts, told_of.replies, told_of.views, told_of.as_of) == (3, 1, 2, 50, NOON)
    assert (post.reply_to, post.repost_of, post.addressed, post.edited_at) == ("", "", "", None)


def test_counters_that_are_not_told_are_absent_not_nought() -> None:
    told_of = read(public_metrics=None).engagement
    assert (told_of.likes, told_of.reposts, told_of.replies, told_of.views) == (None, None, None, None)


def test_an_author_that_is_not_known_is_a_number() -> None:
    post = read(author_id="404")
    assert (post.account, post.author.followers) == ("x:404", None)
    assert post.url == f"https://x.com/i/status/{FIRST}"


@pytest.mark.parametrize("names", ["tweet", "post"])
def test_an_edit_keeps_the_id_of_its_first_version(names: str) -> None:
    history: dict[str, Any] = {"edit_history_tweet_ids": None, f"edit_history_{names}_ids": [FIRST, SECOND]}
    post = read(id=SECOND, created_at="2026-11-20T11:55:00Z", **history)
    assert (post.native_id, post.version) == (FIRST, SECOND)
    assert (post.created_at, post.edited_at) == (NOON - timedelta(minutes=20), NOON - timedelta(minutes=5))


@pytest.mark.parametrize("names", ["tweets", "posts"])
@pytest.mark.parametrize(
    ("how", "kind", "reply_to", "repost_of"),
    [("replied_to", "comment", "55", ""), ("quoted", "post", "", "55"), ("retweeted", "repost", "", "55")],
)
def test_what_it_refers_to(names: str, how: str, kind: str, reply_to: str, repost_of: str) -> None:
    referred: dict[str, Any] = {f"referenced_{names}": [{"type": how, "id": "55"}]}
    post = read(**referred)
    assert (post.kind, post.reply_to, post.repost_of) == (kind, reply_to, repost_of)


def test_a_reply_to_an_edited_post_leads_to_its_first_version() -> None:
    context = Context(source="x", at=NOON, natives={"55": "50"})
    assert read(context, referenced_tweets=[{"type": "replied_to", "id": "55"}]).reply_to == "50"


@pytest.mark.parametrize("name", ["note_tweet", "note_post"])
def test_a_long_post_is_read_to_its_end(name: str) -> None:
    note: dict[str, Any] = {name: {"text": "Aurora Air, the whole story"}}
    assert read(text="Aurora Air…", **note).text.endswith("whole story")


def test_signs_of_html_are_signs_again_and_lines_stay_lines() -> None:
    assert read(text="Aurora &amp; Air\n3 &lt; 4 &gt; 2\nend").text == "Aurora & Air\n3 < 4 > 2\nend"
    assert read(text="no signs\nat all").text == "no signs\nat all"


@pytest.mark.parametrize(
    ("code", "lang"),
    [("ru", "ru"), ("und", ""), ("zxx", ""), ("qme", ""), ("in", "id"), ("iw", "he"), (None, ""), (7, "")],
)
def test_languages(code: Any, lang: str) -> None:
    assert read(lang=code).lang == lang


MENTION = {"mentions": [{"start": 0, "end": 10, "username": "AuroraAir", "id": "9"}]}


def test_what_mentions_or_answers_the_brand_is_addressed_to_it() -> None:
    assert read(entities=MENTION).addressed == "x:auroraair"
    assert read(in_reply_to_user_id="9").addressed == "x:auroraair"
    assert read(in_reply_to_user_id="7").addressed == ""
    assert read(entities={"mentions": [{"username": "somebody"}, "odd", {"username": 7}]}).addressed == ""
    assert read(entities={"mentions": "odd"}).addressed == ""


def test_the_brands_own_posts_and_retweets_are_addressed_to_nobody() -> None:
    own = read(author_id="9", entities=MENTION)
    assert (own.account, own.addressed) == ("x:auroraair", "")
    assert read(entities=MENTION, referenced_tweets=[{"type": "retweeted", "id": "55"}]).addressed == ""


def test_hostile_texts_come_through_as_text() -> None:
    assert "\u202e" in read(text=HOSTILE_TEXT).text
    assert "<script" not in read(text=f"Aurora Air{HTML_BOMB}").text
    raw = json.dumps(told(text="half \ud800 letter")).encode()
    assert read_post(read_tweet(raw), raw, CONTEXT).post.text.startswith("half")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"7", "bad_post"),
        (b"{", "bad_post"),
        (b'{"text": "no id"}', "bad_post"),
        (json.dumps(told(id="../1")).encode(), "bad_post"),
        (json.dumps(told(edit_history_tweet_ids=["one"])).encode(), "bad_post"),
        (json.dumps(told(created_at="soon")).encode(), "bad_date"),
        (json.dumps(told(created_at=None)).encode(), "bad_date"),
        (json.dumps(told(text="  ")).encode(), "no_text"),
        (json.dumps(told(text=None)).encode(), "no_text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        read_post(read_tweet(raw), raw, CONTEXT)
    assert caught.value.reason == reason


def test_accounts_are_read_as_far_as_they_are_told() -> None:
    assert read_person(b'{"id": "7", "username": "ada"}', 5) == ("7", Person("ada", "", None, None, 5))
    assert read_person(b'{"id": "7"}', 5) is None
    assert read_person(b"[]", 5) is None


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"every": 30}, "every has no meaning"),
        ({"via": "search", "rule_length": 500}, "rule_length has no meaning"),
        ({"queries": ["acme"], "filter": "lang:ru"}, "filter is added"),
        ({"queries": ["a" * 1_025]}, "no query of more than 1024"),
        ({"via": "search", "queries": ["a" * 600]}, "no query of more than 512"),
        ({"queries": [" "]}, "empty"),
        ({"api": "ftp://x"}, "not an http"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Config.model_validate({"kind": "x", "token": "t", **config})
