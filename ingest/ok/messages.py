"""The `ok` source, via messages: what people write to a group, brought by the network to our address.

Odnoklassniki signs nothing. Whoever knows the address can write to it: the source's name in it is the secret.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.ids import stable_id
from domain.post import Record
from ingest.deliveries import IDLE_WAIT, Answer, Deliveries, problem
from ingest.lenient import UNREADABLE, decode
from ingest.ok.config import Config
from ingest.ok.parse import Context, read_message
from ingest.source import Page

COMMIT_WAIT = 4.0
"""Seconds: the network waits five for its answer, and repeats what was not answered in time."""
MOST_WAITING = 5_000

_CREATED = "MESSAGE_CREATED"


class _Hook(Struct, rename={"kind": "webhookType"}):
    kind: str = _CREATED


class OkMessages:
    """Messages to one group."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        self.name = config.name
        self._group, self._clock = config.groups[0], clock
        self._deliveries = Deliveries(config.name, most=MOST_WAITING, commit_wait=commit_wait, idle_wait=idle_wait)

    def __repr__(self) -> str:
        return f"OkMessages(group={self._group!r})"

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002  # nothing in them tells who asks
        """Answer 200 once the message is durable, was before, or is none; 400 for what is no JSON object."""
        try:
            hook = decode(body, _Hook)
        except UNREADABLE:
            return problem(400, "this is not what Odnoklassniki sends")
        if hook.kind != _CREATED:
            return _taken()
        read = read_message(body, self._group, Context(source=self.name, at=self._clock()))
        if read is None:
            return _taken()
        if isinstance(read, DeadLetter):
            return await self._deliveries.store(sha256(body).hexdigest()[:32], [], [read]) or _taken()
        delivery = stable_id(read.post.native_id, read.post.version)
        return await self._deliveries.store(delivery, [read]) or _taken()

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; an empty page when none comes within a second."""
        return await self._deliveries.fetch(cursor)

    async def committed(self, cursor: bytes) -> None:
        """Answer the network for the messages that are durable now."""
        await self._deliveries.committed(cursor)

    async def check(self) -> str:
        """Say where messages are expected; nothing outside can be asked."""
        return (
            f"messages to group {self._group} are taken at POST /webhooks/NAME, NAME being this source's name: "
            "whoever knows it can write to it, as Odnoklassniki signs nothing"
        )

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused message again."""
        return read_message(letter.raw, self._group, Context(source=self.name, at=self._clock())) or letter

    async def aclose(self) -> None:
        """Let the network go, to come again."""
        await self._deliveries.aclose()


def _taken() -> Answer:
    return 200, {"content-type": "application/json"}, msgspec.json.encode({"success": True})
