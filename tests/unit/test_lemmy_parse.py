"""Posts and comments of Lemmy become records, whichever instance tells of them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.post import Post
from ingest.lemmy.parse import Kind, Read, parent_of, read_view
from tests.kit.ingest import NOON

PERSON = {
    "id": 7,
    "name": "Ada",
    "actor_id": "https://far.example/u/Ada",
    "display_name": "Ada L.",
    "bot_account": True,
}
POST: dict[str, Any] = {
    "id": 5, "ap_id": "https://far.example/post/900", "name": "Aurora Air is late", "body": "Gate **B**\n\nagain",
    "published": "2026-11-20T10:00:00.123456Z", "removed": False, "deleted": False,
}  # fmt: skip
COMMENT: dict[str, Any] = {
    "id": 34, "ap_id": "https://far.example/comment/77", "content": "a < b, and Aurora Air", "path": "0.12.34",
    "published": "2026-11-20T10:00:00.123456", "removed": False, "deleted": False,
}  # fmt: skip


def read(kind: Kind, inner: dict[str, Any], *, creator: Any = PERSON, parents: dict[int, str] | None = None) -> Read:
    view = {
        kind: inner, "creator": creator, "counts": {"upvotes": 6, "comments": 2, "child_count": 1, "score": 4},
        "community": {"name": "runway"}, **({"post": {"ap_id": POST["ap_id"]}} if kind == "comment" else {}),
    }  # fmt: skip
    return read_view(kind, json.dumps(view).encode(), source="lemmy", at=NOON, parents=parents or {})


def post_of(found: Read) -> Post:
    assert found.record is not None
    return found.record.post


def test_a_post_is_known_by_its_address_at_home() -> None:
    post = post_of(read("post", POST))
    assert (post.native_id, post.url) == ("https://far.example/post/900", "https://far.example/post/900")
    assert (post.title, post.text) == ("Aurora Air is late", "Gate **B**\n\nagain")
    assert post.created_at == datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)
    assert post.account == "lemmy:ada@far.example"
    assert (post.author.bot, post.author.followers) == (True, None)
    assert (post.engagement.likes, post.engagement.replies) == (6, 2)


def test_a_post_of_a_title_alone_is_its_text() -> None:
    post = post_of(read("post", {**POST, "body": None}))
    assert (post.title, post.text) == ("", "Aurora Air is late")


@pytest.mark.parametrize(
    ("path", "parents", "answers"),
    [
        ("0.34", {}, "https://far.example/post/900"),
        ("0.12.34", {12: "https://near.example/comment/3"}, "https://near.example/comment/3"),
        ("0.12.34", {}, "https://far.example/post/900"),
        ("", {}, "https://far.example/post/900"),
        ("0.x.34", {}, "https://far.example/post/900"),
    ],
)
def test_a_comment_names_what_it_answers(path: str, parents: dict[int, str], answers: str) -> None:
    post = post_of(read("comment", {**COMMENT, "path": path}, parents=parents))
    assert (post.reply_to, post.kind) == (answers, "comment")
    assert post.text == "a < b, and Aurora Air"


def test_times_without_a_zone_are_utc() -> None:
    assert post_of(read("comment", COMMENT)).created_at == post_of(read("post", POST)).created_at


def test_an_edit_is_another_version() -> None:
    edited = post_of(read("comment", {**COMMENT, "content": "Aurora Air", "updated": "2026-11-20T11:00:00Z"}))
    assert edited.version != post_of(read("comment", COMMENT)).version
    assert edited.edited_at == datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("gone", ["removed", "deleted"])
@pytest.mark.parametrize(("kind", "inner"), [("post", POST), ("comment", COMMENT)])
def test_removed_and_deleted_are_no_records(kind: Kind, inner: dict[str, Any], gone: str) -> None:
    found = read(kind, {**inner, gone: True})
    assert (found.record, found.letter, found.native_id) == (None, None, inner["ap_id"])


def test_pinned_posts_do_not_tell_how_far_a_list_goes() -> None:
    assert read("post", {**POST, "featured_community": True}).at is None
    assert read("post", POST).at is not None


@pytest.mark.parametrize(
    "bad", [{"published": "soon"}, {"ap_id": "javascript:alert(1)"}, {"id": "x"}, {"published": None}]
)
@pytest.mark.parametrize(("kind", "inner"), [("post", POST), ("comment", COMMENT)])
def test_what_cannot_be_read_is_a_dead_letter(kind: Kind, inner: dict[str, Any], bad: dict[str, Any]) -> None:
    found = read(kind, {**inner, **bad})
    assert found.record is None
    assert found.letter is not None
    assert (found.letter.reason, found.letter.where) == (f"bad_{kind}", kind)


def test_a_view_without_a_creator_is_a_dead_letter() -> None:
    assert read("post", POST, creator=None).letter is not None


def test_html_in_markdown_is_not_shown_as_tags() -> None:
    post = post_of(read("post", {**POST, "body": "one\ntwo <script>steal()</script><b>bold</b>"}))
    assert post.text == "one\ntwo bold"


def test_what_is_no_comment_answers_nothing() -> None:
    assert parent_of(b"{") == 0
