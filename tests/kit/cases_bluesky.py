"""The contract case of Bluesky: a Jetstream with posts, edits, other kinds of frames and broken ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path

from ingest.bluesky import BlueskySource, Config
from tests.kit.ingest import HOSTILE_TEXT, Clock, Failure, Rig, SourceCase
from tests.kit.streams import Jetstream, frame, serving

HOUR_AGO_US = 1_795_172_400_000_000
"""An hour before the kit's noon."""
ASKED = {"uri": "at://did:plc:x/app.bsky.feed.post/1", "cid": "bafyreib2rxk3rh6kzwq"}


def posts() -> list[dict[str, object] | bytes]:
    """Six posts, of which one claims to be of 1988, and what comes between."""
    times = iter(range(HOUR_AGO_US, HOUR_AGO_US + 10**9, 1_000_000))
    return [
        {"did": "did:plc:abc", "time_us": next(times), "kind": "identity", "identity": {"handle": "inna.example"}},
        frame(next(times), "a", text="Aurora Air is late", createdAt="2026-11-20T10:59:00Z", langs=["en-GB"]),
        frame(next(times), "b", text=HOSTILE_TEXT, createdAt="1988-01-01T00:00:00Z"),
        frame(next(times), "c", text="Aurora Air again", createdAt="yesterday"),
        b'{"did": "did:plc:abc", "time_us": "soon", "kind": "commit"}',
        frame(next(times), "d", text="", createdAt="2026-11-20T10:59:00Z"),
        frame(next(times), "e", text="Aurora Air, really", reply={"root": ASKED, "parent": ASKED}),
        {"did": "did:plc:x", "time_us": next(times), "kind": "account", "account": {"active": False}},
        frame(next(times), "f", words="not a post"),
        frame(next(times), "g", text="Aurora Air 1"),
        frame(next(times), "h", text="Aurora Air 2"),
    ]


@asynccontextmanager
async def _start(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock, jetstream, later = Clock(), Jetstream(), count()
    for one in posts():
        jetstream.publish(one)
    async with serving(jetstream):
        config = Config(kind="bluesky", name="sky", urls=(jetstream.url,), page_size=4)

        def make() -> BlueskySource:
            return BlueskySource(config, clock=clock, gather_seconds=0.1)

        def publish(number: int) -> list[str]:
            at = int(clock().timestamp() * 1e6)
            fresh = list(islice(later, number))
            for one in fresh:
                jetstream.publish(frame(at + one, f"later{one}", text=f"Aurora Air, later {one}"))
            return [f"at://did:plc:abc/app.bsky.feed.post/later{one}" for one in fresh]

        def fail(failure: Failure | None) -> None:
            jetstream.fail(failure)

        expected = {f"at://did:plc:abc/app.bsky.feed.post/{key}" for key in "abcegh"}
        yield Rig(make=make, clock=clock, expected=expected, unreadable=2, publish=publish, fail=fail)


CASES = (SourceCase(kind="bluesky", start=_start, config={"kind": "bluesky", "name": "sky"}, history=True),)
