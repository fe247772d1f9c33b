"""The contract cases of Odnoklassniki: groups that are asked, and messages that are brought."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ingest.ok import Config, OkMessages, build
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, NOON, SECRET, Clock, Failure, Rig, SourceCase, polite_client
from tests.kit.scripted_http import Told
from tests.networks.ok import GROUP, Network, network

GROUPS: dict[str, Any] = {
    "kind": "ok", "groups": [GROUP], "application_key": "CAPPKEY", "session_secret_key": SECRET, "token": SECRET,
}  # fmt: skip
MESSAGES: dict[str, Any] = {
    "kind": "ok", "via": "messages", "groups": [GROUP], "name": "ok-9f2c47d1e8b35a60c4d7b2e1",
}  # fmt: skip


def fail_as(net: Network) -> Callable[[Failure | None], None]:
    """All failures that a contract case knows, as this network tells them."""

    def fail(failure: Failure | None) -> None:
        net.token = "another" if failure == "revoked" else SECRET
        down = Told(500, b"<h1>oops</h1>")
        told = {
            "busy": Told(429, b"", {"retry-after": "7"}),
            "down": down,
            "flaky": down,
            "garbage": Told(200, b'{"media_topics": {"no": "list"}, "comments": 7}'),
            "huge": Told(200, b" " * 11_000_000),
        }.get(failure or "")
        net.server.misbehave(told, share=0.3 if failure in {"flaky", "huge"} else 1.0)

    return fail


def fill(net: Network) -> set[str]:
    """Write topics and comments of the last hours, and what cannot be read; return the readable."""
    start, late = NOON - timedelta(hours=9), NOON - timedelta(minutes=30)
    written = set()
    for number in range(30):
        at = start + timedelta(minutes=10 * number)
        topic = net.topic(at, f"Aurora Air: рейс {number}")
        written.add(f"{GROUP}/topic/{topic}")
        for reply in range(3):
            written.add(f"{GROUP}/topic/{topic}/" + net.comment(topic, at + timedelta(minutes=reply), "Aurora Air?"))
    busy = net.topic(late, HOSTILE_TEXT)
    texts = [HTML_BOMB.partition("<script")[0], "Aurora Air " * 20_000, "nul \x00 Aurora Air", "half \ud800"]
    texts += [f"Aurora Air {number}" for number in range(40)]
    written |= {f"{GROUP}/topic/{busy}/" + net.comment(busy, late, text) for text in texts}
    written.add(f"{GROUP}/topic/{busy}")
    net.topic(NOON - timedelta(days=400), "Aurora Air: the rules of this group", pinned=True)
    net.topic(late, "")
    net.topics[GROUP].append({"id": "7", "created_ms": "soon"})
    net.comment(busy, late, "Aurora Air of no time", date="вчера")
    return written


@asynccontextmanager
async def _groups(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    async with network(token=SECRET, secret=SECRET) as net, polite_client(clock) as client:
        expected = fill(net)
        net.size = 20
        config = Config.model_validate({**GROUPS, "api": net.server.url, "requests_a_minute": 60_000})

        def publish(count: int) -> list[str]:
            topic = net.topic(clock(), "Aurora Air again")
            found = [net.comment(topic, clock(), f"Aurora Air {number}") for number in range(count - 1)]
            return [f"{GROUP}/topic/{topic}", *(f"{GROUP}/topic/{topic}/{one}" for one in found)]

        yield Rig(
            make=lambda: build(config, client=client, clock=clock),
            clock=clock,
            expected=expected,
            unreadable=2,
            publish=publish,
            fail=fail_as(net),
            edit=lambda native_id: net.edit(native_id, "Aurora Air, on second thoughts"),
            delete=net.delete,
        )


def message(number: int, at: datetime, text: str = "", **other: Any) -> bytes:
    """What the network brings."""
    return json.dumps({
        "webhookType": "MESSAGE_CREATED", "sender": {"user_id": f"user:{number}", "name": "Ада"},
        "recipient": {"chat_id": "chat:C3e"},
        "message": {"text": text or f"Aurora Air, where is bag {number}?", "seq": number, "mid": f"mid:C3e.{number}"},
        "timestamp": int(at.timestamp() * 1_000), **other,
    }).encode()  # fmt: skip


@asynccontextmanager
async def _messages(_: Path) -> AsyncIterator[Rig]:
    clock = Clock()
    sending: set[asyncio.Task[Any]] = set()
    made: list[OkMessages] = []
    numbers = itertools.count(100)

    def send(source: OkMessages, body: bytes) -> None:
        sending.add(asyncio.ensure_future(source.receive({}, body)))

    def make() -> OkMessages:
        source = OkMessages(Config.model_validate(MESSAGES), clock=clock, idle_wait=0.05)
        for number in range(3):
            send(source, message(number, clock(), HOSTILE_TEXT if number == 1 else ""))
        send(source, b'{"webhookType": "MESSAGE_CREATED", "message": {"text": "from nobody"}}')
        made.append(source)
        return source

    def publish(count: int) -> list[str]:
        fresh = [next(numbers) for _ in range(count)]
        for number in fresh:
            send(made[-1], message(number, clock()))
        return [f"mid:C3e.{number}" for number in fresh]

    yield Rig(
        make=make, clock=clock, expected={f"mid:C3e.{number}" for number in range(3)}, unreadable=1, publish=publish
    )
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


CASES = (
    SourceCase(
        kind="ok",
        way="groups",
        start=_groups,
        config=GROUPS,
        quiet=9,
        key=True,
        edits=True,
        deletions=True,
        history=True,
    ),
    SourceCase(kind="ok", way="messages", start=_messages, config=MESSAGES, replays=False, http=False, quiet=2),
)
