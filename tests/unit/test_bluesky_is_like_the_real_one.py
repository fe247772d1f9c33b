"""The scripted Jetstream against Bluesky's own lexicons, as the package atproto has them."""

import json
from typing import Any

import pytest
from atproto import AtUri, models

from domain.post import Post
from ingest.bluesky.parse import read_frame, read_post
from tests.kit.cases_bluesky import HOUR_AGO_US, posts
from tests.kit.ingest import NOON
from tests.kit.streams import frame

Record = models.AppBskyFeedPost.Record
STRICT = {"strict_string_format": True}
HOSTILE = {"c", "f"}
"""A time that is none, and no text: what a client of somebody's own wrote."""


def scripted() -> dict[str, dict[str, Any]]:
    """The records of the contract case by their keys."""
    frames = [one for one in posts() if isinstance(one, dict) and isinstance(one.get("commit"), dict)]
    commits: list[Any] = [one["commit"] for one in frames]
    return {commit["rkey"]: commit["record"] for commit in commits}


def heard(**record: Any) -> Post:
    """What the connector makes of a record."""
    raw = json.dumps(frame(HOUR_AGO_US, "k", **record)).encode()
    post = read_post(read_frame(raw), source="sky", collected_at=NOON)
    assert post is not None
    return post


@pytest.mark.parametrize("key", sorted(scripted().keys() - HOSTILE))
def test_what_the_scripted_network_says_is_a_post_by_the_lexicon(key: str) -> None:
    record = Record.model_validate(scripted()[key], context=STRICT)
    assert record.py_type == "app.bsky.feed.post"


@pytest.mark.parametrize("key", sorted(HOSTILE))
def test_what_is_hostile_is_none_by_the_lexicon(key: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Record.model_validate(scripted()[key], context=STRICT)


def test_what_a_client_by_the_lexicon_writes_is_read_with_everything_it_says() -> None:
    told = models.ComAtprotoRepoStrongRef.Main(cid="bafyreib2rxk3rh6kzwq", uri="at://did:plc:x/app.bsky.feed.post/1")
    mention = models.AppBskyRichtextFacet.Mention(did="did:plc:aurora")
    written = Record(
        text="@aurora.example where is my bag?",
        created_at="2026-11-20T10:59:00.000Z",
        langs=["cs"],
        tags=["auroraair"],
        reply=models.AppBskyFeedPost.ReplyRef(parent=told, root=told),
        facets=[
            models.AppBskyRichtextFacet.Main(
                features=[mention], index=models.AppBskyRichtextFacet.ByteSlice(byte_start=0, byte_end=15)
            )
        ],
    )
    record = json.loads(written.model_dump_json(by_alias=True, exclude_none=True))
    post = read_post(
        read_frame(json.dumps(frame(HOUR_AGO_US, "k", **record)).encode()), source="sky", collected_at=NOON
    )
    assert post is not None
    assert (post.text, post.lang, post.reply_to, post.kind) == (written.text, "cs", told.uri, "comment")
    assert post.created_at.isoformat() == "2026-11-20T10:59:00+00:00"


def test_the_address_of_a_post_is_one_by_the_lexicon() -> None:
    post = read_post(
        read_frame(json.dumps(frame(HOUR_AGO_US, "k", text="x")).encode()), source="s", collected_at=NOON
    )
    assert post is not None
    address = AtUri.from_str(post.native_id)
    assert (address.hostname, address.collection, address.rkey) == ("did:plc:abc", "app.bsky.feed.post", "k")
