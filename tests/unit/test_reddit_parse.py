"""What Reddit tells of a post or a comment, and what becomes of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from domain.brand import Brand
from domain.post import Post
from ingest.reddit import Config
from ingest.reddit.parse import Found, own_of, read_thing
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON

OWN = own_of([Brand(name="Aurora Air", query="aurora", accounts=("reddit:AuroraAir", "reddit:r/auroraair", "vk:a"))])


def link(**other: Any) -> dict[str, Any]:
    """A post."""
    return {"kind": "t3", "data": {
        "id": "abc", "name": "t3_abc", "title": "Aurora Air is late", "selftext": "Two hours", "author": "ada",
        "author_fullname": "t2_7", "subreddit": "travel", "created_utc": 1_795_176_000.0, "edited": False, "score": 5,
        "num_comments": 2, "permalink": "/r/travel/comments/abc/aurora/", "over_18": False, **other,
    }}  # fmt: skip


def comment(**other: Any) -> dict[str, Any]:
    """A comment."""
    return {"kind": "t1", "data": {
        "id": "def", "name": "t1_def", "body": "Same here", "author": "bob", "author_fullname": "t2_8",
        "subreddit": "travel", "created_utc": 1_795_176_060, "edited": False, "score": 1, "link_id": "t3_abc",
        "parent_id": "t3_abc", "permalink": "/r/travel/comments/abc/_/def/", "link_author": "ada", **other,
    }}  # fmt: skip


def found(told: Any) -> Found:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return read_thing(raw, source="reddit", at=NOON, own=OWN)


def read(told: Any) -> Post:
    record = found(told).record
    assert record is not None
    return record.post


def test_a_post_is_read_whole() -> None:
    post = read(link())
    assert (post.network, post.native_id, post.kind) == ("reddit", "t3_abc", "post")
    assert (post.title, post.text) == ("Aurora Air is late", "Two hours")
    assert post.created_at == datetime.fromtimestamp(1_795_176_000, UTC)
    assert post.url == "https://www.reddit.com/r/travel/comments/abc/aurora/"
    assert (post.account, post.author.id, post.author.followers) == ("reddit:ada", "t2_7", None)
    assert (post.engagement.likes, post.engagement.replies, post.engagement.views) == (5, 2, None)
    assert (post.reply_to, post.repost_of, post.addressed, post.edited_at) == ("", "", "", None)


def test_a_comment_answers_what_it_stands_under() -> None:
    assert (read(comment()).kind, read(comment()).reply_to) == ("comment", "t3_abc")
    assert read(comment(parent_id="t1_xyz")).reply_to == "t1_xyz"
    assert read(comment(parent_id=None)).reply_to == "t3_abc"


def test_a_crosspost_is_a_repost() -> None:
    post = read(link(crosspost_parent="t3_first"))
    assert (post.kind, post.repost_of) == ("repost", "t3_first")


def test_a_link_without_words_is_its_title() -> None:
    assert read(link(selftext="")).wording == "Aurora Air is late"


def test_an_edit_changes_the_version_and_a_score_does_not() -> None:
    before, after = read(link()), read(link(selftext="Three hours", edited=1_795_176_600.0))
    assert before.version != after.version
    assert after.edited_at == datetime.fromtimestamp(1_795_176_600, UTC)
    assert read(link(score=900)).version == before.version
    assert read(link(edited=True)).edited_at is None, "very old edits carry no time"


@pytest.mark.parametrize(
    "told",
    [
        link(selftext="[deleted]", author="[deleted]"),
        link(selftext="[removed]"),
        link(removed_by_category="moderator"),
        comment(body="[deleted]", author="[deleted]"),
        comment(body=" [removed] "),
    ],
)
def test_what_was_taken_away_has_no_record_and_no_letter(told: dict[str, Any]) -> None:
    one = found(told)
    assert (one.record, one.letter, one.name) == (None, None, told["data"]["name"])


def test_a_post_whose_author_left_is_still_a_post() -> None:
    assert read(link(author="[deleted]", author_fullname=None)).account == "reddit:"


def test_markdown_becomes_text() -> None:
    text = "**Aurora** [Air](https://example.org/a_b) said:\n\n> wait & see\n\nI < 3 hours"
    assert read(link(selftext=text)).text == "Aurora Air said:\nwait & see\nI < 3 hours"


@pytest.mark.parametrize(
    ("told", "addressed"),
    [
        (link(subreddit="AuroraAir"), "reddit:r/auroraair"),
        (link(subreddit="u_AuroraAir"), "reddit:auroraair"),
        (link(selftext="what do you say, u/AuroraAir?"), "reddit:auroraair"),
        (link(title="/u/auroraair where is my bag"), "reddit:auroraair"),
        (comment(link_author="AuroraAir"), "reddit:auroraair"),
        (comment(link_author="AuroraAir", parent_id="t1_x"), ""),
        (link(author="AuroraAir", subreddit="AuroraAir"), ""),
        (link(selftext="see example.org/u/auroraair"), ""),
        (link(selftext="u/somebody"), ""),
    ],
)
def test_whom_it_asks_for_an_answer(told: dict[str, Any], addressed: str) -> None:
    assert read(told).addressed == addressed


def test_hostile_texts_come_through_as_text() -> None:
    assert "\u202e" in read(link(selftext=HOSTILE_TEXT)).text
    assert "<script" not in read(comment(body=f"Aurora Air{HTML_BOMB}")).text
    assert read(comment(body="half \ud800 letter")).text.startswith("half")
    assert read(comment(body="Aurora Air [" * 20_000)).text.startswith("Aurora Air [")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (b"7", "bad_thing"),
        (b"\xff", "bad_thing"),
        ({"kind": "more", "data": {"children": []}}, "bad_thing"),
        ({"kind": "t3", "data": {"title": "no name"}}, "bad_thing"),
        (link(name="t1_abc"), "bad_thing"),
        (link(name="t3_../x"), "bad_thing"),
        (link(created_utc=-1e30), "bad_date"),
        (link(created_utc=7), "bad_date"),
        (link(title="", selftext=None), "no_text"),
        (comment(body=None), "no_text"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_a_reason(told: Any, reason: str) -> None:
    letter = found(told).letter
    assert letter is not None
    assert letter.reason == reason


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"search": False}, "name at least one"),
        ({"subreddits": ["r/travel", "no way"]}, "names of subreddits"),
        ({"username": "a b"}, "name of a Reddit account"),
        ({"api": "reddit"}, "not an http"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    given = {"kind": "reddit", "client_id": "app", "client_secret": "s", "username": "ada", **settings}
    with pytest.raises(ValidationError, match=sentence):
        Config.model_validate(given)


def test_names_may_be_written_as_people_write_them() -> None:
    config = Config.model_validate(
        {
            "kind": "reddit", "client_id": "app", "client_secret": "s", "username": "/u/ada",
            "subreddits": ["r/Travel", "/r/flying/", "travel"],
        }
    )  # fmt: skip
    assert (config.username, config.subreddits) == ("ada", ("travel", "flying"))


def test_the_age_of_a_thing_is_its_own() -> None:
    assert found(link()).at == 1_795_176_000
    assert found(link(stickied=True)).pinned
