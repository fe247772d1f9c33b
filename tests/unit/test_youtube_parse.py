"""Threads, comments and videos of YouTube, read without trust."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.post import Post, Record
from ingest.youtube.config import Config
from ingest.youtube.parse import Context, Thread, Video, read_comment, read_thread, read_upload, read_video
from tests.kit.ingest import NOON

CONTEXT = Context(source="yt", at=NOON, accounts={"UCaurora": "AuroraAir"})


def comment(**said: Any) -> dict[str, Any]:
    snippet = {
        "textDisplay": "acme broke <3", "authorDisplayName": "@inna", "authorChannelId": {"value": "UC1"},
        "authorChannelUrl": "http://www.youtube.com/@inna", "likeCount": 3, "channelId": "UCaurora",
        "videoId": "vid1", "publishedAt": "2026-11-01T10:00:00Z", "updatedAt": "2026-11-01T10:00:00Z", **said,
    }  # fmt: skip
    return {"id": "UgxA", "snippet": snippet}


def post_of(told: dict[str, Any], **other: Any) -> Post:
    found = read_comment(json.dumps(told).encode(), CONTEXT, **other)
    assert isinstance(found, Record)
    return found.post


def test_a_comment_is_a_post_with_its_place_author_and_likes() -> None:
    post = post_of(comment(), replies=2)
    assert (post.network, post.native_id, post.kind, post.text) == ("youtube", "UgxA", "comment", "acme broke <3")
    assert post.created_at == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert (post.author.handle, post.author.name, post.author.id) == ("inna", "@inna", "UC1")
    assert (post.engagement.likes, post.engagement.replies, post.engagement.as_of) == (3, 2, NOON)
    assert (post.addressed, post.edited_at) == ("youtube:auroraair", None)


def test_an_edit_is_a_later_update_and_another_version_and_likes_are_not() -> None:
    first = post_of(comment())
    edited = post_of(comment(textDisplay="acme works", updatedAt="2026-11-02T10:00:00Z"))
    assert edited.edited_at == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert edited.version != first.version
    assert post_of(comment(likeCount=99)).version == first.version


def test_an_author_without_a_handle_is_known_by_the_channel() -> None:
    post = post_of(comment(authorDisplayName="Inna K"))
    assert (post.author.handle, post.account) == ("", "youtube:uc1")


def test_a_reply_without_a_parent_is_known_by_its_id() -> None:
    told = {**comment(), "id": "UgxA.b7"}
    assert post_of(told).reply_to == "UgxA"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (7, "bad_comment"),
        ({"id": "x"}, "bad_comment"),
        (comment(publishedAt="soon"), "bad_comment"),
        (comment(publishedAt="2026-11-01T10:00:00"), "bad_comment"),
        (comment(textDisplay=None), "bad_comment"),
        (comment(textDisplay=" \n"), "no_text"),
        ({**comment(), "id": ""}, "no_text"),
    ],
)
def test_what_is_no_comment_is_a_dead_letter(told: Any, reason: str) -> None:
    found = read_comment(json.dumps(told).encode(), CONTEXT)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.stage, found.where) == (reason, "parse", "comments")


def test_a_thread_whose_first_comment_cannot_be_read_still_has_replies() -> None:
    told = {
        "id": "UgxA",
        "snippet": {"videoId": "vid1", "channelId": "UCaurora", "totalReplyCount": 1, "topLevelComment": {"id": 5}},
        "replies": {"comments": [{**comment(parentId="UgxA"), "id": "UgxA.b"}]},
    }
    thread = read_thread(json.dumps(told).encode(), CONTEXT)
    assert isinstance(thread, Thread)
    assert isinstance(thread.top, DeadLetter)
    assert [one.post.reply_to for one in thread.replies if isinstance(one, Record)] == ["UgxA"]


def test_a_video_is_a_post_of_its_channel_and_no_comments_are_not_nought() -> None:
    said = {
        "publishedAt": "2026-11-01T10:00:00Z", "channelId": "UCaurora", "title": "Gate & more", "description": "New",
        "channelTitle": "Aurora Air",
    }  # fmt: skip
    video = read_video(
        json.dumps({"id": "vid1", "snippet": said, "statistics": {"viewCount": "7"}}).encode(), CONTEXT
    )
    assert isinstance(video, Video)
    assert video.comments is None
    assert isinstance(video.post, Record)
    post = video.post.post
    assert (post.native_id, post.title, post.text, post.account) == (
        "video/vid1",
        "Gate & more",
        "New",
        "youtube:auroraair",
    )
    assert (post.engagement.views, post.engagement.likes, post.addressed) == (7, None, "")


def test_a_private_video_in_a_playlist_has_no_time() -> None:
    assert read_upload(b'{"contentDetails": {"videoId": "v"}}', CONTEXT) == ("v", None)
    assert isinstance(read_upload(b'{"contentDetails": 7}', CONTEXT), DeadLetter)


FIELDS = st.sampled_from(["id", "snippet", "textDisplay", "publishedAt", "topLevelComment"])
NESTED = st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(FIELDS, inner))


@given(st.binary(max_size=200) | NESTED.map(lambda told: json.dumps(told).encode()))
def test_nothing_that_is_sent_breaks_the_reader(raw: bytes) -> None:
    for read in (read_comment, read_thread, read_video, read_upload):
        read(raw, CONTEXT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": ["Aurora Air"]},
        {"channels": ["https://www.youtube.com/@auroraair"]},
        {"videos": ["https://youtu.be/x"]},
        {"search": False},
        {"api": "youtube"},
        {"daily_units": 1},
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"kind": "youtube", "token": "x", **wrong})


def test_handles_are_written_with_or_without_their_sign_and_in_any_case() -> None:
    config = Config.model_validate(
        {
            "kind": "youtube",
            "token": "x",
            "channels": ["AuroraAir", "@auroraair", "UCaurora000000000000000a"],
        }
    )
    assert config.channels == ("@auroraair", "UCaurora000000000000000a")
