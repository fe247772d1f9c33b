"""What differs between a Facebook page and an Instagram account to whoever looks at either again and again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.post import Origin, Record


class Place(Struct, frozen=True, kw_only=True):
    """A page or an account of one's own. `token` is its own token, if it has one; it never leaves the process."""

    network: str
    id: str
    handle: str = ""
    name: str = ""
    followers: int | None = None
    token: str = ""

    def __repr__(self) -> str:
        return f"Place({self.account!r})"

    @property
    def account(self) -> str:
        """How config writes it."""
        return f"{self.network}:{self.handle or self.id}".lower()

    @property
    def where(self) -> str:
        """How dead letters name it, so that they can be read again: `number handle`."""
        return f"{self.id} {self.handle or '-'}"


class Reading(Struct, frozen=True, kw_only=True):
    """The circumstances in which an object was read. `edge` is the list it stood in."""

    place: Place
    edge: str
    source: str
    at: datetime
    origin: Origin = "live"

    def letter(self, reason: str, detail: str, raw: bytes, *, about: str = "") -> DeadLetter:
        """Make a dead letter of an object that cannot be read."""
        where = f"{self.place.where} {self.edge} {about}".strip()
        return DeadLetter(
            source=self.source,
            stage="parse",
            reason=reason,
            detail=detail,
            where=where,
            raw=raw[:RAW_LIMIT],
            at=self.at,
        )


class Found(Struct, frozen=True, kw_only=True):
    """One object of a list: its id and when it was written (unix seconds), and what came of it.

    `outcome` is None where there is nothing to read (a photo alone) and where it is `hidden`. `comments` is how many
    it has, -1 where none are looked for. `more` is where the rest of the answers to it begins.
    """

    id: str = ""
    at: int = 0
    outcome: Record | DeadLetter | None = None
    hidden: bool = False
    comments: int = -1
    more: str = ""


class Edge(Struct, frozen=True, kw_only=True):
    """A list of a place. One that is `optional` may be refused to us; `since` is whether it takes a time."""

    name: str
    params: Mapping[str, str | int]
    optional: bool = False
    since: bool = False
    most: int = 100


class Wall(Protocol):
    """Reads the objects of one network."""

    network: str
    edges: tuple[Edge, ...]
    comments: Edge
    replies: Edge | None
    """Lists of an object: its comments, and the answers to a comment where they stand in a list of their own."""

    async def meet(self, target: str) -> Place:
        """Ask who a configured page or account is; raises a SourceError."""
        ...

    def post(self, raw: bytes, reading: Reading) -> Found:
        """Read an object of one of the `edges`."""
        ...

    def comment(self, raw: bytes, reading: Reading, *, under: str) -> list[Found]:
        """Read a comment under the post of that id, and the answers that came with it."""
        ...
