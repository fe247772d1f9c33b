"""What a network has to offer for being walked: listings of what was written, newest first, and single posts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater
from domain.post import Record
from ingest.cursors import write_cursor
from ingest.source import Page

MOST_ASKED = 20
"""Posts asked for one by one at once."""
_MOST_STEPS = 4


class Known(Struct, frozen=True, array_like=True):
    """Where a post was found, how the network is asked for it alone, and its order there: higher is newer."""

    target: str
    ask: str
    order: int = 0


class Lead(Struct, frozen=True):
    """A post that was found and has yet to be asked for, written at `at` (unix seconds)."""

    native_id: str
    known: Known
    at: int


class Slice(Struct, frozen=True, kw_only=True):
    """One page of a listing.

    `beyond` is told if the walk goes on behind this page: that something there is left out. `known` says by native id
    how each record is asked for alone, `gone` are posts that the page says are deleted. `oldest` and `newest` are
    times (unix seconds) of those that are not pinned, None where the page has none; `low` is the lowest order that
    the page reached. `place` is where the listing goes on, empty at its end.
    """

    records: list[Record] = []
    letters: list[DeadLetter] = []
    beyond: list[DeadLetter] = []
    leads: list[Lead] = []
    known: dict[str, Known] = {}
    gone: list[str] = []
    oldest: int | None = None
    newest: int | None = None
    low: int | None = None
    place: str = ""


class Listing(Protocol):
    """What a network has to offer for being walked."""

    @property
    def network(self) -> str:
        """Of its posts."""
        ...

    @property
    def targets(self) -> Sequence[str]:
        """The names of its listings."""
        ...

    @property
    def covers(self) -> bool:
        """Whether a page shows all that was written between its first and its last post, as it is now."""
        ...

    async def page(self, target: str, place: str, known: Mapping[str, Known]) -> Slice:
        """Bring the page at a place (empty: the newest); raises SourceError."""
        ...

    async def one(self, known: Known) -> Record | DeadLetter | None:
        """Ask for one post; None when the network says that it is gone.

        Raises SourceError, or KeyError when the network does not tell.
        """
        ...


P = TypeVar("P", bound=Struct)


async def in_steps(at: P, step: Callable[[P], Awaitable[tuple[Page, P]]]) -> Page:
    """Take steps until one brings something or asks for rest, a few at most.

    What was reached is kept when a later step fails for now: the next call meets the failure again, if it still is.
    """
    page, at = await step(at)
    for _ in range(_MOST_STEPS):
        if page.records or page.dead_letters or page.troubles or page.wait or page.exhausted:
            break
        try:
            page, at = await step(at)
        except RetryLater:
            break
    return replace(page, cursor=write_cursor(at))


class Untold(Struct, frozen=True):
    """The network does not say whether a post is there."""


async def ask_for(listing: Listing, wanted: Mapping[str, Known]) -> dict[str, Record | DeadLetter | Untold | None]:
    """Ask for the first few, one by one; those before a failure count. None are gone."""
    told: dict[str, Record | DeadLetter | Untold | None] = {}
    for native_id, how in list(wanted.items())[:MOST_ASKED]:
        try:
            told[native_id] = await listing.one(how)
        except KeyError:
            told[native_id] = Untold()
        except RetryLater:
            if not told:
                raise
            break
    return told


def written(record: Record) -> int:
    """When it was written, in unix seconds."""
    return int(record.post.created_at.timestamp())
