"""A scripted search service that answers as the real one does: by time, newest first, never more than its limit."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ingest.hackernews import Config, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Asked, Told, scripted_server

FAILURES = {
    "busy": Told(429, headers={"retry-after": "7"}),
    "down": Told(500, b"<h1>oops</h1>"),
    "garbage": Told(200, b'{"hits": {"no": "list"}}', {"content-type": "application/json"}),
}


def story(number: int, at: float, title: str = "Aurora Air is late", text: str = "") -> dict[str, Any]:
    """A story as the search tells it."""
    return {
        "objectID": str(number), "created_at_i": int(at), "author": "ada", "title": title, "url": None,
        "story_text": text or None, "points": 3, "num_comments": 1, "_tags": ["story"],
    }  # fmt: skip


def comment(number: int, at: float, text: str) -> dict[str, Any]:
    """A comment as the search tells it."""
    return {
        "objectID": str(number), "created_at_i": int(at), "author": "bob", "comment_text": text, "parent_id": 1,
        "story_id": 1, "story_title": "Aurora Air is late", "points": None, "_tags": ["comment"],
    }  # fmt: skip


def search(hits: list[Any], *, limit: int) -> Callable[[Asked], Told]:
    """Answer questions about these hits; those without a time are found at any time."""

    def answer(asked: Asked) -> Told:
        found = re.fullmatch(r"created_at_i>=(\d+),created_at_i<(\d+)", asked.query["numericFilters"])
        assert found, asked.query
        start, end = int(found[1]), int(found[2])
        most = min(limit, int(asked.query["hitsPerPage"]))
        among = [hit for hit in hits if start <= _time(hit, start) < end]
        newest = sorted(among, key=lambda hit: -_time(hit, start))[:most]
        return Told(body=json.dumps({"hits": newest, "nbHits": len(among), "hitsPerPage": most}).encode())

    return answer


def _time(hit: Any, otherwise: int) -> int:
    return hit["created_at_i"] if isinstance(hit, dict) and isinstance(hit.get("created_at_i"), int) else otherwise


@asynccontextmanager
async def _start(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    now = int(NOON.timestamp())
    hits: list[Any] = [story(n, now - n * 900) for n in range(1, 60)]
    hits += [comment(100 + n, now - n, f"<p>Aurora Air &amp; me<p>{n}") for n in range(40)]
    hits += [comment(200, now - 5_000, HOSTILE_TEXT), comment(201, now - 5_000, "Aurora Air" + HTML_BOMB)]
    hits += [comment(202, now - 9, "Aurora Air " * 20_000), comment(203, now - 9, "nul \x00 Aurora Air")]
    expected = {hit["objectID"] for hit in hits}
    hits += [{"objectID": 7, "created_at_i": now - 60}, story(8, now - 60, title="")]
    async with scripted_server() as server, polite_client(clock) as client:
        server.answers["/api/search_by_date"] = search(hits, limit=20)
        config = Config(kind="hackernews", name="hn", api=server.at("/api"))

        def publish(count: int) -> list[str]:
            fresh = [comment(1_000 + len(hits) + n, clock().timestamp(), "Aurora Air again") for n in range(count)]
            hits.extend(fresh)
            return [hit["objectID"] for hit in fresh]

        def fail(failure: Failure | None) -> None:
            server.override = FAILURES[failure] if failure else None

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected=expected,
            unreadable=2,
            publish=publish,
            fail=fail,
        )


CASES = (SourceCase(kind="hackernews", start=_start, config={"kind": "hackernews"}, history=True),)
