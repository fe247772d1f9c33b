"""What a source is to the runtime: pages of posts and a cursor to resume from."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.post import Record


class Page(Struct, frozen=True, kw_only=True):
    """What one fetch brought.

    `cursor` is where to go on once these records are durable: JSON bytes of the source's own struct, opaque to all
    others. `wait` is how many seconds the source asks for before the next fetch. `exhausted` ends a finite source.
    `troubles` are sentences about parts of the source that failed while the rest went on (one feed of several).
    """

    records: list[Record]
    cursor: bytes
    dead_letters: list[DeadLetter] = []
    wait: float = 0.0
    exhausted: bool = False
    troubles: list[str] = []


class Source(Protocol):
    """A configured connector. Holds connections, never progress: progress is the cursor.

    `fetch` may be cancelled at any await and called again with the same or an older cursor: it then brings the same
    posts again, which is harmless. It raises RetryLater, SourceStopped or SourceMisconfigured, nothing else on
    purpose; a record it cannot read becomes a dead letter in the page, never an exception.
    """

    @property
    def name(self) -> str:
        """The configured name, unique."""
        ...

    @property
    def finite(self) -> bool:
        """Whether it ends by itself (a file, a recorded stream)."""
        ...

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page after `cursor` (None: from the beginning). A stream returns after at most ~1 s."""
        ...

    async def committed(self, cursor: bytes) -> None:
        """Take note that everything up to `cursor` is durable (a webhook answers its callers now)."""
        ...

    async def check(self) -> str:
        """Reach the source once; return a sentence on what was found, raise a SourceError otherwise."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Historic(Protocol):
    """A source whose network gives what was written before we listened."""

    def history(self, since: datetime, *, name: str) -> Source:
        """A finite source called `name`, of what was written from `since` on, within the same limits.

        Its posts are of origin `backfill`. Its cursors are its own.
        """
        ...


@runtime_checkable
class Rereads(Protocol):
    """A source that can read a single record again from a dead letter's raw bytes."""

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read it; a dead letter again if it is still wrong."""
        ...
