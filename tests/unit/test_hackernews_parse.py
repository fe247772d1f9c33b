"""Hits of the Hacker News search, read without trust."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater
from domain.post import Post, Record
from ingest.hackernews.parse import read_answer, read_hit
from tests.kit.cases_hackernews import comment, story
from tests.kit.ingest import NOON


def read(hit: Any) -> Record | DeadLetter:
    return read_hit(json.dumps(hit).encode(), source="hn", at=NOON)


def post_of(hit: Any) -> Post:
    found = read(hit)
    assert isinstance(found, Record)
    return found.post


def test_a_story_is_a_post_with_its_title_counters_and_permalink() -> None:
    post = post_of(story(41, NOON.timestamp(), "Aurora Air &amp; the fog", "Why <i>now</i>?<p>Anyone?"))
    assert (post.network, post.native_id, post.kind) == ("hackernews", "41", "post")
    assert (post.title, post.text) == ("Aurora Air & the fog", "Why now?\nAnyone?")
    assert (post.created_at, post.collected_at) == (NOON, NOON)
    assert post.url == "https://news.ycombinator.com/item?id=41"
    assert (post.author.handle, post.author.url) == ("ada", "https://news.ycombinator.com/user?id=ada")
    assert (post.engagement.likes, post.engagement.replies, post.engagement.as_of) == (3, 1, NOON)


def test_a_comment_answers_its_parent_and_does_not_wear_the_storys_title() -> None:
    post = post_of(comment(42, NOON.timestamp(), "Aurora &#x27;Air&#x27;"))
    assert (post.kind, post.reply_to, post.title, post.text) == ("comment", "1", "", "Aurora 'Air'")
    assert post.engagement.likes is None, "what is not told is not zero"


def test_an_edit_is_a_new_version_and_new_points_are_not() -> None:
    first = post_of(comment(42, 1, "late"))
    assert post_of({**comment(42, 1, "late"), "points": 99}).version == first.version
    assert post_of(comment(42, 1, "very late")).version != first.version


@pytest.mark.parametrize(
    ("hit", "reason"),
    [
        (7, "bad_hit"),
        ({"objectID": "1"}, "bad_hit"),
        ({"objectID": 1, "created_at_i": 1}, "bad_hit"),
        ({"objectID": "1", "created_at_i": 10**20, "title": "x"}, "bad_hit"),
        ({"objectID": "1", "created_at_i": 1, "title": None}, "no_text"),
        ({"objectID": "", "created_at_i": 1, "title": "x"}, "no_text"),
    ],
)
def test_a_hit_that_cannot_be_read_is_a_dead_letter(hit: Any, reason: str) -> None:
    letter = read(hit)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.source, json.loads(letter.raw)) == (reason, "hn", hit)


@given(
    st.dictionaries(
        st.sampled_from(["objectID", "created_at_i", "author", "title", "comment_text", "points", "parent_id"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.lists(st.none(), max_size=1),
    )
)
def test_no_hit_is_strange_enough_to_fail(hit: dict[str, Any]) -> None:
    assert isinstance(read(hit), Record | DeadLetter)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"hits": 1}', b'{"hits": [', b"\xff", b"[" * 100_000])
def test_an_answer_that_is_garbage_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(RetryLater):
        read_answer(body)
