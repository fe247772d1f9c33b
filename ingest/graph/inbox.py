"""Webhooks of Meta: one request holds up to a thousand changes of several pages; each change is read on its own.

Answered 200 once all of it is durable. Anything else makes Meta send it again, for a day and a half.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import RetryLater, SourceStopped
from domain.post import Record
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT, Answer, Deliveries, problem
from ingest.graph.answers import decode
from ingest.graph.config import GraphConfig
from ingest.graph.signed import challenge, is_signed
from ingest.graph.tokens import TokenWatch, told
from ingest.source import Page

log = structlog.get_logger("tocsin.graph")

_TRY_AGAIN = 60


class Change(Struct):
    """One change: which field of the object it concerns, and what happened."""

    field: str
    value: msgspec.Raw


class Entry(Struct):
    """What happened to one page or account; `time` is when Meta says so."""

    id: str | int = ""
    time: int | float = 0
    changes: list[Change] = []
    messaging: list[msgspec.Raw] = []


class _Body(Struct):
    object: str
    entry: list[msgspec.Raw]


Outcome = Record | DeadLetter


class Changes(Protocol):
    """Reads the changes of one network. `object` is what Meta calls it."""

    object: str

    async def read(self, entry: Entry) -> list[Outcome]:
        """Read all changes of one entry; raises RetryLater or SourceStopped where it must ask and cannot."""
        ...

    def reread(self, letter: DeadLetter) -> Outcome:
        """Read a single change again."""
        ...


class InboxSource:
    """Takes what Meta sends to /webhooks/NAME."""

    finite = False

    def __init__(
        self,
        config: GraphConfig,
        name: str,
        changes: Changes,
        *,
        watch: TokenWatch | None,
        wanted: tuple[str, ...],
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        self.name = name
        self._changes, self._watch, self._wanted, self._clock = changes, watch, wanted, clock
        self._secret = config.app_secret.get_secret_value() if config.app_secret else ""
        self._verify_token = config.verify_token.get_secret_value() if config.verify_token else ""
        self._deliveries = Deliveries(name, most=config.waiting_posts, commit_wait=commit_wait, idle_wait=idle_wait)
        self._day = ""
        self._stopped: SourceStopped | None = None

    def __repr__(self) -> str:
        return f"InboxSource(name={self.name!r}, object={self._changes.object!r})"

    def challenge(self, query: Mapping[str, str]) -> Answer:
        """Answer Meta's question whether the address is ours."""
        return challenge(query, self._verify_token)

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery: 200 once it is durable; 401 for a wrong signature; 429 and 503 to have it sent again."""
        if not is_signed({name.lower(): value for name, value in headers.items()}, body, self._secret):
            return problem(401, "the signature does not match the body and the app's secret")
        try:
            outcomes = await self._read(body)
        except RetryLater as error:
            log.warning("a delivery is not taken yet", source=self.name, why=str(error))
            return problem(503, "what this delivery speaks of cannot be read yet", retry_after=_TRY_AGAIN)
        except SourceStopped as error:
            self._stopped = error
            return problem(503, "what this delivery speaks of cannot be read yet", retry_after=_TRY_AGAIN)
        records = [one for one in outcomes if isinstance(one, Record)]
        letters = [one for one in outcomes if isinstance(one, DeadLetter)]
        refused = await self._deliveries.store(sha256(body).hexdigest()[:16], records, letters)
        return refused or (200, {"content-type": "text/plain"}, b"ok")

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring deliveries not yet committed; raises SourceStopped once the token is refused."""
        if self._stopped is not None:
            raise self._stopped
        page = await self._deliveries.fetch(cursor)
        if self._watch is None:
            return page
        try:
            self._day, sentence = await self._watch.daily(self._day)
        except RetryLater as error:
            self._day, sentence = self._clock().date().isoformat(), f"the end of the token is not known: {error}"
        return msgspec.structs.replace(page, troubles=[sentence]) if sentence else page

    async def committed(self, cursor: bytes) -> None:
        """Answer the callers whose posts are durable now."""
        await self._deliveries.committed(cursor)

    async def check(self) -> str:
        """Say where deliveries are expected, and what the token is where there is one."""
        expected = f"signed deliveries are taken at POST /webhooks/{self.name}"
        if self._watch is None:
            return f"{expected}; no token, so nothing is asked"
        return f"{expected}; {told(await self._watch.look(), self._wanted, self._clock())}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """See `ingest.source.Rereads`."""
        return self._changes.reread(letter)

    async def aclose(self) -> None:
        """Let callers still waiting go, to come again."""
        await self._deliveries.aclose()

    async def _read(self, body: bytes) -> list[Outcome]:
        try:
            found = decode(body, _Body)
        except ValueError as error:
            return [self._letter("bad_body", f"the delivery is not in Meta's format: {error}", body)]
        if found.object != self._changes.object:
            sentence = f"the delivery is about {found.object!r}: subscribe {self._changes.object!r} to this address"
            return [self._letter("wrong_object", sentence, body)]
        outcomes: list[Outcome] = []
        for raw in found.entry:
            try:
                entry = decode(bytes(raw), Entry)
            except ValueError as error:
                outcomes.append(self._letter("bad_entry", f"not an entry: {error}", bytes(raw)))
            else:
                outcomes += await self._changes.read(entry)
        return outcomes

    def _letter(self, reason: str, detail: str, raw: bytes) -> DeadLetter:
        return DeadLetter(
            source=self.name, stage="fetch", reason=reason, detail=detail, where="webhook", raw=raw[:RAW_LIMIT],
            at=self._clock(),
        )  # fmt: skip
