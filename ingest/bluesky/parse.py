"""One Jetstream frame to a post, a deletion or nothing."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from domain.errors import Refused
from domain.post import Author, Post
from ingest.records.times import read_time
from ingest.records.values import language

COLLECTION = "app.bsky.feed.post"
FIRST_POSTS = datetime(2022, 1, 1, tzinfo=UTC)
"""A post that claims to be older than the network is dated by when it was heard."""
CLOCK_SKEW = timedelta(minutes=5)

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,2000}")
_KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_LATEST_TIME_US = 4_102_444_800_000_000


class Commit(Struct, frozen=True):
    """What an author did to a record."""

    operation: str
    collection: str
    rkey: str
    cid: str = ""
    record: msgspec.Raw = msgspec.Raw(b"null")


class Frame(Struct, frozen=True):
    """One event. `time_us` is the server's clock and the cursor; identity and account events have no commit."""

    did: str
    time_us: int
    kind: str
    commit: Commit | None = None


_FRAMES = msgspec.json.Decoder(Frame)


def read_frame(raw: bytes) -> Frame:
    """Decode a frame; raises Refused."""
    try:
        frame = _FRAMES.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("bad_frame", f"not a Jetstream frame: {error}") from error
    if not 0 < frame.time_us < _LATEST_TIME_US:
        raise Refused("bad_frame", "the frame's time_us is not a time in microseconds")
    if not _DID.fullmatch(frame.did) or not _KEY.fullmatch(frame.commit.rkey if frame.commit else "none"):
        raise Refused("bad_frame", "the frame's did or rkey is not one")
    return frame


def uri(frame: Frame) -> str:
    """Return the post's at:// address, empty when the frame is not about a post."""
    commit = frame.commit
    if commit is None or commit.collection != COLLECTION:
        return ""
    return f"at://{frame.did}/{commit.collection}/{commit.rkey}"


def read_post(frame: Frame, *, source: str, collected_at: datetime) -> Post | None:
    """Return the post of a frame; None when it is about something else or nothing was said. Raises Refused.

    An edit that takes all words away is a deletion of them.
    """
    native_id, commit = uri(frame), frame.commit
    if not native_id or commit is None or commit.operation not in {"create", "update", "delete"}:
        return None
    observed = datetime.fromtimestamp(frame.time_us / 1e6, UTC)
    record = {} if commit.operation == "delete" else _record(commit)
    text = _text(record)
    if not text and commit.operation == "create":
        return None
    author = Author(id=frame.did, url=f"https://bsky.app/profile/{frame.did}")
    if not text:
        return Post(
            network="bluesky",
            native_id=native_id,
            text="",
            created_at=observed,
            observed_at=observed,
            collected_at=collected_at,
            source=source,
            author=author,
            deleted=True,
        )
    parent = _dict(_dict(record.get("reply")).get("parent")).get("uri")
    langs = record.get("langs")
    return Post(
        network="bluesky",
        native_id=native_id,
        text=text,
        created_at=_written(record.get("createdAt"), observed),
        observed_at=observed,
        collected_at=collected_at,
        edited_at=observed if commit.operation == "update" else None,
        source=source,
        version=commit.cid,
        kind="comment" if parent else "post",
        url=f"https://bsky.app/profile/{frame.did}/post/{commit.rkey}",
        author=author,
        lang=language(langs[0] if isinstance(langs, list) and langs else None, ""),
        reply_to=parent if isinstance(parent, str) else "",
    )


def _record(commit: Commit) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(commit.record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("bad_record", f"the record is broken: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise Refused("bad_record", "the record has no text field")
    return record


def _text(record: Mapping[str, Any]) -> str:
    """Return what was written; of a post without words, what its pictures show or its link is called."""
    text = record.get("text", "").strip()
    if text:
        return str(text)
    embed = _dict(record.get("embed"))
    images = embed.get("images")
    shown = [_dict(image).get("alt") for image in images] if isinstance(images, list) else []
    shown.append(_dict(embed.get("external")).get("title"))
    return "\n".join(words.strip() for words in shown if isinstance(words, str) and words.strip())


def _written(claim: Any, observed: datetime) -> datetime:
    """Return the author's claim where it can be true, else when the network heard of it."""
    try:
        written = read_time(claim, UTC) if isinstance(claim, str) else observed
    except ValueError:
        return observed
    return written if FIRST_POSTS <= written <= observed + CLOCK_SKEW else observed


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
