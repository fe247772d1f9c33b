"""The contract cases of Facebook: a page that is looked at, and one whose changes Meta brings."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from ingest.facebook import Config, build
from ingest.facebook.pushed import webhook_source
from ingest.graph.inbox import InboxSource
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, SECRET, Clock, Rig, SourceCase, polite_client
from tests.kit.scripted_http import ScriptedServer, scripted_server
from tests.networks.facebook import PAGE, Facebook, Thing, body, change, minutes_ago
from tests.networks.graph import APP_ID, APP_SECRET, VERIFY_TOKEN, signed

POLLED: dict[str, Any] = {
    "kind": "facebook", "name": "pages", "pages": ["auroraair"], "token": SECRET, "app_id": APP_ID,
    "app_secret": APP_SECRET,
}  # fmt: skip
PUSHED: dict[str, Any] = {
    "kind": "facebook", "name": "pushed", "via": "webhook", "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN,
    "token": SECRET,
}  # fmt: skip


def page_of_all_sorts(server: ScriptedServer) -> Facebook:
    """A page with everything that can stand on one."""
    network = Facebook(server, secret=APP_SECRET, page_size=3)
    network.feed = [
        *(Thing(f"{PAGE}_{n}", f"Aurora Air says {n}", minutes_ago(n * 20), by=PAGE) for n in range(1, 6)),
        Thing(f"{PAGE}_6", "I am stranded, Aurora Air", minutes_ago(200)),
        Thing(f"{PAGE}_7", HOSTILE_TEXT, minutes_ago(210)),
        Thing(f"{PAGE}_8", "Aurora Air" + HTML_BOMB, minutes_ago(220)),
        Thing(f"{PAGE}_9", "", minutes_ago(230), by=PAGE),
        Thing(f"{PAGE}_10", "odd", minutes_ago(240), raw={"id": 7}),
    ]
    network.pinned = f"{PAGE}_6"
    network.tagged = [Thing("42_70", "Flying with @Aurora Air", minutes_ago(50))]
    network.ratings = [
        Thing("900", "Never again", minutes_ago(60), by="43", word="NEGATIVE"),
        Thing("901", "", minutes_ago(70), by="44", word="POSITIVE"),
        Thing("902", "odd", minutes_ago(80), by="45", raw={"created_time": "yesterday"}),
    ]
    network.comments = [
        *(
            Thing(f"1_{n}", f"Aurora Air, where is my bag {n}", minutes_ago(n), under=f"{PAGE}_1")
            for n in range(1, 9)
        ),
        Thing("1_20", "We are looking for it", minutes_ago(0.5), by=PAGE, under=f"{PAGE}_1", answers="1_2"),
        Thing("9_1", "Nice photo, Aurora Air \x00", minutes_ago(100), under=f"{PAGE}_9"),
        Thing("9_2", "odd", minutes_ago(101), under=f"{PAGE}_9", raw={"message": {"no": "text"}}),
        Thing("9_3", "Hidden", minutes_ago(102), under=f"{PAGE}_9", hidden=True),
    ]
    return network


EXPECTED = {
    *(f"{PAGE}_{n}" for n in range(1, 9)), "42_70", "900", "901", *(f"1_{n}" for n in range(1, 9)), "1_20", "9_1",
}  # fmt: skip


@asynccontextmanager
async def _pages(_: Path) -> AsyncIterator[Rig]:
    clock, numbers = Clock(), count(1_000)
    async with scripted_server() as server, polite_client(clock) as client:
        network = page_of_all_sorts(server)
        config = Config.model_validate({**POLLED, "api": server.url, "calls_per_hour": 1_000_000})

        def publish(number: int) -> list[str]:
            fresh = [Thing(f"1_{n}", "Aurora Air again", clock(), under=f"{PAGE}_1") for n in islice(numbers, number)]
            network.comments += fresh
            network.page_size = max(network.page_size, len(network.comments) // 20)  # there may be thousands
            return [thing.id for thing in fresh]

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected=set(EXPECTED),
            unreadable=3,
            publish=publish,
            fail=network.fail,
            edit=network.edit,
            delete=network.delete,
        )


@asynccontextmanager
async def _webhook(_: Path) -> AsyncIterator[Rig]:
    clock, numbers = Clock(), count(1_000)
    sending: set[asyncio.Task[Any]] = set()
    made: list[InboxSource] = []
    async with scripted_server() as server, polite_client(clock) as client:
        network = page_of_all_sorts(server)
        config = Config.model_validate({**PUSHED, "api": server.url, "calls_per_hour": 1_000_000})

        def send(source: InboxSource, *changes: dict[str, Any]) -> None:
            raw = json.dumps(body(*changes)).encode()
            sending.add(asyncio.ensure_future(source.receive(signed(raw), raw)))

        def make() -> InboxSource:
            source = webhook_source(config, client=client, clock=clock, idle_wait=0.2)
            things = [one for one in (*network.feed, *network.comments) if one.raw is None and not one.hidden]
            send(
                source, *(change(one) for one in things), {"field": "feed", "value": {"item": "comment", "verb": []}}
            )
            made.append(source)
            return source

        def publish(number: int) -> list[str]:
            fresh = [f"1_{n}" for n in islice(numbers, number)]
            for one in fresh:
                send(made[-1], change(Thing(one, "Aurora Air again", clock(), under=f"{PAGE}_1")))
            return fresh

        def edit(name: str) -> None:
            network.edit(name)
            send(made[-1], change(network.thing(name), "edited"))

        def delete(name: str) -> None:
            send(made[-1], change(network.thing(name), "remove", message=None))
            network.delete(name)

        yield Rig(
            make=make,
            clock=clock,
            expected=EXPECTED - {"42_70", "900", "901"},
            unreadable=1,
            publish=publish,
            edit=edit,
            delete=delete,
        )
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


CASES = (
    SourceCase(
        kind="facebook", way="pages", start=_pages, config=POLLED, key=True, edits=True, deletions=True, history=True
    ),
    SourceCase(
        kind="facebook", way="webhook", start=_webhook, config=PUSHED, replays=False, http=False, quiet=2, key=True,
        edits=True, deletions=True,
    ),
)  # fmt: skip
