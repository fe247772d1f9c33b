"""What the HTTP side needs from the rest: the store, the state of the process, the webhook sources."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from domain.act import AnyAct
from domain.explanation import Explanation
from domain.incident import Incident, IncidentStatus
from domain.mention import Mention, MentionQuery


class Share(Protocol):
    """One brand's counts; the store's StatRow is one."""

    @property
    def brand(self) -> str:
        """Name."""
        ...

    @property
    def mentions(self) -> int:
        """How many in the period."""
        ...

    @property
    def sentiments(self) -> dict[str, int]:
        """Counts by sentiment."""
        ...

    @property
    def urgencies(self) -> dict[str, int]:
        """Counts by urgency."""
        ...

    @property
    def themes(self) -> dict[str, int]:
        """Counts by theme."""
        ...

    @property
    def networks(self) -> dict[str, int]:
        """Counts by network."""
        ...

    @property
    def langs(self) -> dict[str, int]:
        """Counts by language."""
        ...

    @property
    def answered(self) -> int:
        """How many the brand's own account replied to."""
        ...

    @property
    def response_seconds(self) -> float | None:
        """Half of these waited no longer for the first reply."""
        ...


class Reader(Protocol):
    """The reading half of a store. Methods block and are called from worker threads."""

    def mention(self, mention_id: str) -> Mention | None:
        """One mention."""
        ...

    def search(self, query: MentionQuery) -> list[Mention]:
        """Mentions, newest first; raises QueryError for a query that cannot be read."""
        ...

    def count(self, query: MentionQuery) -> int:
        """How many there are without the limit."""
        ...

    def stats(self, query: MentionQuery) -> Sequence[Share]:
        """Per brand, most mentions first."""
        ...

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """Latest update first."""
        ...

    def incident(self, incident_id: str) -> Incident | None:
        """One of them."""
        ...


class Desk(Reader, Protocol):
    """Where people act: the reading half of a store, and the one way to write that is safe from any thread."""

    def keep(self, act: AnyAct) -> None:
        """Store an act durably; one whose id is known already changes nothing."""
        ...


Explain = Callable[[Mention], Explanation]
"""Asks the model why it judges a mention as it does; takes up to seconds. Raises ModelError."""


class SourceState(Struct, frozen=True, kw_only=True):
    """How one source stands. `silence` says that it is strange that nothing comes."""

    state: str
    detail: str = ""
    silence: str = ""
    last_post_at: datetime | None = None


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether the process does its work. No `problems`: it is ready."""

    sources: dict[str, SourceState] = {}
    problems: list[str] = []


@runtime_checkable
class Inbox(Protocol):
    """A webhook source: takes a request in and answers it once the posts are durable."""

    async def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Verify, queue, wait for the commit; return status, headers and body of the answer."""
        ...


@runtime_checkable
class Challenged(Protocol):
    """An inbox whose network asks, before it sends anything, whether the address is really ours."""

    def challenge(self, query: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Answer the GET request; return status, headers and body."""
        ...
