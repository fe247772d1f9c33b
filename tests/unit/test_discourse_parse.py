"""A post of Discourse becomes a record, or a deletion, or a dead letter, or nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.dead_letter import DeadLetter
from domain.post import Post, Record
from ingest.discourse.parse import Gone, Place, Read, Silent, read_post
from tests.kit.ingest import NOON

PLACE = Place(host="forum.example", url="https://forum.example")
POST: dict[str, Any] = {
    "id": 77, "topic_id": 12, "post_number": 3, "username": "Ada", "name": "Ada L.", "topic_slug": "late-again",
    "topic_title": "Late again", "created_at": "2026-11-20T10:00:00.000Z", "updated_at": "2026-11-20T10:30:00.000Z",
    "cooked": "<p>Aurora&nbsp;Air is <b>late</b></p>", "version": 1, "reply_count": 2, "reads": 9,
    "actions_summary": [{"id": 2, "count": 5}, {"id": 3, "count": 1}],
}  # fmt: skip


def read(place: Place = PLACE, title: str = "", **other: Any) -> Read:
    return read_post(json.dumps({**POST, **other}).encode(), place=place, source="forum", at=NOON, title=title)


def post_of(place: Place = PLACE, title: str = "", **other: Any) -> Post:
    found = read(place, title, **other)
    assert isinstance(found, Record)
    return found.post


def test_a_reply_names_what_it_answers() -> None:
    post = post_of(reply_to_post_number=2)
    assert (post.native_id, post.reply_to, post.kind) == ("forum.example/12/3", "forum.example/12/2", "comment")
    assert post.text == "Aurora Air is late"
    assert post.title == "", "a topic's title is its first post's, else every reply would speak of the brand"
    assert post.url == "https://forum.example/t/late-again/12/3"
    assert post.account == "discourse:ada@forum.example"
    assert post.author.url == "https://forum.example/u/Ada"
    assert (post.engagement.likes, post.engagement.replies, post.engagement.views) == (5, 2, 9)
    assert post.edited_at is None


def test_a_reply_to_nobody_answers_the_topic() -> None:
    assert post_of().reply_to == "forum.example/12/1"


def test_the_first_post_has_the_title_wherever_it_is_heard() -> None:
    listed, alone = post_of(post_number=1), post_of(post_number=1, topic_title=None, title="Late again")
    assert (listed.title, listed.kind, listed.reply_to) == ("Late again", "post", "")
    assert (listed.native_id, listed.version) == (alone.native_id, alone.version)


def test_an_edit_is_another_version_and_counters_are_not() -> None:
    assert post_of(reads=100, reply_count=7).version == post_of().version
    edited = post_of(cooked="<p>Aurora Air was on time</p>", version=2)
    assert edited.version != post_of().version
    assert edited.edited_at == datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


def test_a_forum_that_belongs_to_somebody_is_written_to_them() -> None:
    owned = Place(host="forum.example", url="https://forum.example", owner="AcmeHelp")
    assert post_of(owned).addressed == "discourse:acmehelp@forum.example"
    assert post_of(owned, username="acmehelp").addressed == ""
    assert post_of(owned, username="acmehelp").account == "discourse:acmehelp@forum.example"
    assert post_of().addressed == ""


def test_likes_are_nought_when_nobody_liked_and_unknown_when_nothing_is_told() -> None:
    assert post_of(actions_summary=[]).engagement.likes == 0
    assert post_of(actions_summary=None).engagement.likes is None


@pytest.mark.parametrize("gone", [{"user_deleted": True}, {"deleted_at": "2026-11-20T11:00:00Z"}, {"hidden": True}])
def test_deleted_and_hidden_posts_are_gone(gone: dict[str, Any]) -> None:
    assert read(**gone) == Gone("forum.example/12/3")


@pytest.mark.parametrize("silent", [{"post_type": 3}, {"post_type": 4}, {"cooked": "<img src='a.png'>"}])
def test_notes_of_the_forum_whispers_and_bare_pictures_say_nothing(silent: dict[str, Any]) -> None:
    assert isinstance(read(**silent), Silent)


@pytest.mark.parametrize("bad", [{"id": "x"}, {"created_at": "soon"}, {"created_at": "2026-11-20T10:00:00"}])
def test_what_cannot_be_read_is_a_dead_letter(bad: dict[str, Any]) -> None:
    found = read(**bad)
    assert isinstance(found, DeadLetter)
    assert (found.stage, found.where) == ("parse", "forum.example")


def test_a_clock_that_runs_ahead_is_not_believed() -> None:
    assert post_of(created_at="2031-01-01T00:00:00Z").created_at == NOON
