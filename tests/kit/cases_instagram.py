"""The contract cases of Instagram: media that are looked at, hashtags, and what Meta brings."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from ingest.graph.inbox import InboxSource
from ingest.instagram import Config, build
from ingest.instagram.pushed import webhook_source
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, SECRET, Clock, Rig, SourceCase, polite_client
from tests.kit.scripted_http import ScriptedServer, scripted_server
from tests.networks.facebook import Thing, minutes_ago
from tests.networks.graph import APP_ID, APP_SECRET, VERIFY_TOKEN, signed
from tests.networks.instagram import HANDLE, USER, Instagram, body, comment_change, mention_change

_KEYS: dict[str, Any] = {"kind": "instagram", "token": SECRET, "app_id": APP_ID, "app_secret": APP_SECRET}
MEDIA: dict[str, Any] = {**_KEYS, "name": "media", "users": [USER]}
TAGS: dict[str, Any] = {**_KEYS, "name": "tags", "via": "hashtags", "users": [USER], "tags": ["#AuroraAir", "fog"]}
PUSHED: dict[str, Any] = {**_KEYS, "name": "pushed", "via": "webhook", "verify_token": VERIFY_TOKEN}
_FREELY = {"calls_per_hour": 1_000_000}


def account_of_all_sorts(server: ScriptedServer, clock: Clock) -> Instagram:
    """An account with everything that can stand on one, and what others wrote about it."""
    network = Instagram(server, secret=APP_SECRET, page_size=3, clock=clock)
    network.media = [
        *(Thing(f"{n}", f"Aurora Air shows {n}", minutes_ago(n * 30), by=HANDLE) for n in range(1, 6)),
        Thing("6", "", minutes_ago(170), by=HANDLE),
        Thing("7", HOSTILE_TEXT, minutes_ago(180), by=HANDLE),
        Thing("8", "odd", minutes_ago(190), by=HANDLE, raw={"timestamp": None}),
    ]
    network.hides_likes = {"2"}
    network.comments = [
        *(Thing(f"1{n}", f"Aurora Air, where is my bag {n}", minutes_ago(n), "inna", "1") for n in range(10, 18)),
        *(Thing(f"2{n}", f"@inna same here {n}", minutes_ago(n - 9.5), "ayla", "1", "112") for n in range(10, 15)),
        Thing("300", "We are looking for it", minutes_ago(0.2), HANDLE, "1", "111"),
        Thing("301", "Aurora Air" + HTML_BOMB, minutes_ago(40), "petr", "6"),
        Thing("302", "odd", minutes_ago(41), "petr", "6", raw={"text": 7}),
        Thing("303", "Hidden", minutes_ago(42), "petr", "6", hidden=True),
    ]
    network.elsewhere = [
        Thing("500", "Stranded again, @auroraair", minutes_ago(3), "dana"),
        Thing("501", "@auroraair please answer", minutes_ago(2), "dana", "777"),
    ]
    network.tags = {"auroraair": "9001", "fog": "9002"}
    network.tagged = {
        "auroraair": [
            *(Thing(f"{n}", f"Day {n} with #auroraair", minutes_ago(n)) for n in range(600, 620)),
            Thing("620", HOSTILE_TEXT, minutes_ago(30)),
            Thing("621", "", minutes_ago(31)),
            Thing("622", "odd", minutes_ago(32), raw={"timestamp": "yesterday"}),
            Thing("623", "too old", minutes_ago(25 * 60)),
        ],
        "fog": [
            Thing("601", "Day 601 with #auroraair", minutes_ago(601)),
            Thing("630", "Aurora Air" + HTML_BOMB, minutes_ago(33)),
        ],
    }
    return network


COMMENTS = {*(f"1{n}" for n in range(10, 18)), *(f"2{n}" for n in range(10, 15)), "300", "301"}


@asynccontextmanager
async def _media(_: Path) -> AsyncIterator[Rig]:
    clock, numbers = Clock(), count(1_000)
    async with scripted_server() as server, polite_client(clock) as client:
        network = account_of_all_sorts(server, clock)
        config = Config.model_validate({**MEDIA, **_FREELY, "api": server.url})

        def publish(number: int) -> list[str]:
            fresh = [Thing(f"{n}", "Aurora Air again", clock(), "inna", "1", "117") for n in islice(numbers, number)]
            network.comments += fresh
            network.page_size = max(network.page_size, len(network.comments) // 20)  # there may be thousands
            return [thing.id for thing in fresh]

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected={"1", "2", "3", "4", "5", "7", *COMMENTS},
            unreadable=2,
            publish=publish,
            fail=network.fail,
            edit=network.edit,
            delete=network.delete,
        )


@asynccontextmanager
async def _hashtags(_: Path) -> AsyncIterator[Rig]:
    clock, numbers = Clock(), count(1_000)
    async with scripted_server() as server, polite_client(clock) as client:
        network = account_of_all_sorts(server, clock)
        config = Config.model_validate({**TAGS, **_FREELY, "api": server.url, "most_pages": 200})

        def publish(number: int) -> list[str]:
            fresh = [Thing(f"{n}", "Aurora Air once more #fog", clock()) for n in islice(numbers, number)]
            network.tagged["fog"] += fresh
            network.page_size = max(network.page_size, len(network.tagged["fog"]) // 20)  # there may be thousands
            return [thing.id for thing in fresh]

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected={*(f"{n}" for n in range(600, 621)), "630"},
            unreadable=1,
            publish=publish,
            fail=network.fail,
            edit=network.edit,
        )


@asynccontextmanager
async def _webhook(_: Path) -> AsyncIterator[Rig]:
    clock, numbers = Clock(), count(1_000)
    sending: set[asyncio.Task[Any]] = set()
    made: list[InboxSource] = []
    async with scripted_server() as server, polite_client(clock) as client:
        network = account_of_all_sorts(server, clock)
        config = Config.model_validate({**PUSHED, **_FREELY, "api": server.url})

        def send(source: InboxSource, *changes: dict[str, Any]) -> None:
            raw = json.dumps(body(*changes)).encode()
            sending.add(asyncio.ensure_future(source.receive(signed(raw), raw)))

        def make() -> InboxSource:
            source = webhook_source(config, client=client, clock=clock, idle_wait=0.3)
            comments = [one for one in network.comments if one.raw is None and not one.hidden]
            send(source, *(comment_change(one) for one in comments), {"field": "comments", "value": {"id": []}})
            send(source, mention_change("500"), mention_change("777", "501"), mention_change("404"))
            made.append(source)
            return source

        def publish(number: int) -> list[str]:
            fresh = [Thing(f"{n}", "Aurora Air again", clock(), "inna", "1") for n in islice(numbers, number)]
            for one in fresh:
                send(made[-1], comment_change(one))
            return [one.id for one in fresh]

        yield Rig(make=make, clock=clock, expected={*COMMENTS, "500", "501"}, unreadable=1, publish=publish)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


CASES = (
    SourceCase(
        kind="instagram", way="media", start=_media, config=MEDIA, key=True, edits=True, deletions=True, history=True
    ),
    SourceCase(kind="instagram", way="hashtags", start=_hashtags, config=TAGS, key=True, edits=True),
    SourceCase(
        kind="instagram", way="webhook", start=_webhook, config=PUSHED, replays=False, http=False, quiet=3, key=True
    ),
)
