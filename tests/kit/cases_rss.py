"""Three feeds, one of each format, on one scripted site."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

from ingest.rss import Config, build
from ingest.rss.pushed import PushedSource
from ingest.rss.source import RssSource
from tests.kit.feeds import Story, atom, json_feed, rss
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told, scripted_server
from tests.networks.websub import Hub, links

SHOWN = 300
"""Stories that a feed shows, the newest first."""
FAILURES = {
    "busy": Told(429, headers={"retry-after": "7"}),
    "down": Told(500, b"<h1>oops</h1>"),
    "garbage": Told(200, b"\x00\xff not a feed \x1b", {"content-type": "application/octet-stream"}),
}


def _stories(kind: str, most: int) -> list[Story]:
    hours = [
        Story(f"{kind}-{n}", f"Aurora Air {n}", f"<p>Late &amp; cold, no {n}</p>", NOON - timedelta(hours=n))
        for n in range(most)
    ]
    return [
        *hours,
        Story(f"{kind}-undated", "Undated", "Aurora Air without a date"),
        Story(f"{kind}-1988", "Old", "Aurora Air in the past", NOON.replace(year=1988)),
        Story(f"{kind}-2099", "New", "Aurora Air in the future", NOON.replace(year=2099)),
        Story(f"{kind}-hostile", "Hostile", HOSTILE_TEXT, NOON),
        Story(f"{kind}-bomb", "Bomb", HTML_BOMB, NOON),
        Story(f"{kind}-huge", "Huge", "Aurora Air " * 20_000, NOON),
    ]


def _native_ids(stories: dict[str, list[Story]]) -> set[str]:
    host = "127.0.0.1"
    return {f"{host}{path}#{story.id}" for path, told in stories.items() for story in told}


@asynccontextmanager
async def _start(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    async with scripted_server() as server, polite_client(clock) as client:
        stories = {path: _stories(path.strip("/"), 5) for path in ("/rss", "/atom", "/json")}
        unreadable = [{"id": "x", "title": 7}, "no object", {"id": "empty"}, {"id": "nul", "content_text": ""}]
        server.answers["/rss"] = lambda _: Told(body=rss(stories["/rss"], body="<item><guid>empty</guid></item>"))
        server.answers["/atom"] = lambda _: Told(body=atom(stories["/atom"]))
        server.answers["/json"] = lambda _: Told(body=json_feed(stories["/json"], items=unreadable))
        config = Config(
            kind="rss",
            name="runway",
            urls=tuple(f"{server.at(path)}?token={SECRET}" for path in stories),
            network="news",
        )
        published = count()

        def publish(number: int) -> list[str]:
            fresh = [
                Story(f"later-{next(published)}", "Aurora Air again", "<b>more</b>", clock()) for _ in range(number)
            ]
            stories["/atom"] = (fresh + stories["/atom"])[:SHOWN]
            return [f"127.0.0.1/atom#{story.id}" for story in fresh]

        def fail(failure: Failure | None) -> None:
            server.override = FAILURES[failure] if failure else None

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected=_native_ids(stories),
            unreadable=len(unreadable) + 1,
            publish=publish,
            fail=fail,
        )


PUSHED = {"kind": "rss", "public_url": "https://listen.aurora.example", "secret": SECRET}


@asynccontextmanager
async def _told(_: Path) -> AsyncIterator[Rig]:
    clock, published = Clock(), count()
    async with scripted_server() as server, polite_client(clock) as client:
        hub = Hub(server)
        stories, topic = _stories("told", 5), server.at("/told")
        server.answers["/told"] = lambda _: Told(body=rss(stories, channel=links(hub="/hub", topic=topic)))
        config = Config.model_validate({**PUSHED, "name": "pushed", "url": f"{topic}?token={SECRET}"})

        def make() -> PushedSource:
            feeds = RssSource(config, client=client, clock=clock)
            source = PushedSource(config, feeds, client=client, clock=clock, idle_wait=0.1)
            hub.door = source
            return source

        def publish(number: int) -> list[str]:
            fresh = [Story(f"later-{next(published)}", "Aurora Air again", "more", clock()) for _ in range(number)]
            stories[:0] = fresh
            hub.publish(topic, rss(fresh, body="<item><guid>empty</guid></item>"))
            return [f"127.0.0.1/told#{story.id}" for story in fresh]

        def fail(failure: Failure | None) -> None:
            server.override = FAILURES[failure] if failure else None

        yield Rig(make=make, clock=clock, expected=_native_ids({"/told": stories}), publish=publish, fail=fail)
        await hub.aclose()


CASES = (
    SourceCase(
        kind="rss",
        start=_start,
        config={"kind": "rss", "url": f"https://reader:{SECRET}@news.aurora.example/feed?token={SECRET}"},
    ),
    SourceCase(
        kind="rss",
        way="pushed",
        start=_told,
        config={**PUSHED, "url": f"https://reader:{SECRET}@news.aurora.example/feed?token={SECRET}"},
    ),
)
