"""The contract case of Mastodon: an instance that streams by WebSocket and answers for its timelines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ingest.mastodon import Config, MastodonSource
from tests.kit.ingest import HOSTILE_TEXT, HTML_BOMB, SECRET, Clock, Rig, SourceCase, polite_client
from tests.kit.streams import Instance, serving, status

CONFIG: dict[str, Any] = {
    "kind": "mastodon", "name": "masto", "instance": "https://social.example", "tags": ["#AuroraAir"],
    "token": SECRET,
}  # fmt: skip


@asynccontextmanager
async def _start(folder: Path) -> AsyncIterator[Rig]:
    del folder  # nothing is kept in files
    clock, instance, later = Clock(), Instance(token=SECRET), count(200)
    instance.statuses = [
        *(status(number) for number in range(100, 110)),
        status(110, HOSTILE_TEXT),
        status(111, "<p>Aurora Air</p>" + HTML_BOMB),
        status(112) | {"account": None},
        status(113, created_at="soon"),
        status(114, visibility="private"),
    ]
    async with serving(instance), polite_client(clock) as client:
        config = Config(
            kind="mastodon", name="masto", instance=instance.url, tags=("AuroraAir",), token=SecretStr(SECRET)
        )

        def make() -> MastodonSource:
            return MastodonSource(config, client=client, clock=clock, gather_seconds=0.1)

        def publish(number: int) -> list[str]:
            fresh = [status(one) for one in islice(later, number)]
            for one in fresh:
                instance.publish(one)
            return [one["uri"] for one in fresh]

        expected = {status(number)["uri"] for number in range(100, 112)}
        yield Rig(make=make, clock=clock, expected=expected, unreadable=2, publish=publish, fail=instance.fail)


CASES = (SourceCase(kind="mastodon", start=_start, config=CONFIG, quiet=3, history=True),)
