"""The contract case of webhooks: callers that send signed posts."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from ingest.webhook import Config, WebhookSource
from tests.kit.ingest import HOSTILE_TEXT, SECRET, Clock, Rig, SourceCase

CONFIG: dict[str, Any] = {"kind": "webhook", "name": "partner", "secret": SECRET}


def signed(body: bytes, clock: Clock, *, delivery: str, secret: str | bytes = SECRET.encode()) -> dict[str, str]:
    """Headers of a delivery as the Standard Webhooks library makes them."""
    now = clock()
    return {
        "Content-Type": "application/json",
        "Webhook-Id": delivery,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(delivery, now, body.decode()),
    }


def post(number: int, **other: Any) -> dict[str, Any]:
    """One good post."""
    return {"id": f"w{number}", "text": f"Aurora Air gate {number} is closed", "created_at": 1_763_600_000, **other}


@asynccontextmanager
async def _start(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock = Clock()
    sending: set[asyncio.Task[Any]] = set()
    made: list[WebhookSource] = []
    later = count(100)

    def send(source: WebhookSource, posts: list[dict[str, Any]]) -> None:
        body = json.dumps(posts).encode()

        async def deliver() -> None:
            await source.receive(signed(body, clock, delivery=f"msg_{posts[0]['id']}"), body)

        sending.add(asyncio.ensure_future(deliver()))

    def make() -> WebhookSource:
        source = WebhookSource(Config.model_validate(CONFIG), clock=clock, idle_wait=0.05)
        send(source, [post(0), post(1, text=HOSTILE_TEXT)])
        send(source, [post(2)])
        made.append(source)
        return source

    def publish(number: int) -> list[str]:
        fresh = list(islice(later, number))
        for one in fresh:
            send(made[-1], [post(one)])
        return [f"w{one}" for one in fresh]

    yield Rig(make=make, clock=clock, expected={"w0", "w1", "w2"}, publish=publish)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


CASES = (SourceCase(kind="webhook", start=_start, config=CONFIG, replays=False, http=False, quiet=2),)
