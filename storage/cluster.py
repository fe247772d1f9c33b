"""What the cluster's processes remember of a post and of a brand, each in one document of its own.

A process may be killed between any two steps and another may take its work over, so each state says what it has seen:
a record at or below that place changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct, field

from domain.mention import Mention
from domain.post import Post
from storage.store import Commit

_FIRST_YEAR = 2000


class Origin(Struct, frozen=True, array_like=True):
    """Where a post's record stood: `offset` in its `line`, `place` in the record.

    A line is a topic, a partition and which topic of that name it is (`posts-3.f81d4fae`).

    Origins of one line are ordered by (offset, place); those of different lines are not.
    """

    line: str
    offset: int
    place: int = 0


class Known(Struct, frozen=True, kw_only=True):
    """A post as it was last passed on: its version, and its mentions as they were heard, with those deleted since.

    `origin` is the record it came from; `earlier` are the last ones of other lines, for a post may come both live and
    in a backfill. `revision` rises by one with every version passed on, whichever line it came from.
    """

    version: str
    origin: Origin
    month: str
    mentions: tuple[Mention, ...] = ()
    revision: int = 1
    earlier: tuple[Origin, ...] = ()

    def heard(self, origin: Origin) -> bool:
        """Whether the record at `origin` was passed on already: it is at or below the last one of its line."""
        return any(
            (origin.offset, origin.place) <= (seen.offset, seen.place)
            for seen in (self.origin, *self.earlier)
            if seen.line == origin.line
        )

    def followed(self, *, version: str, origin: Origin, mentions: Sequence[Mention]) -> "Known":
        """The post after one more version of it; it stays in its month."""
        earlier = tuple(seen for seen in (self.origin, *self.earlier) if seen.line != origin.line)
        return Known(
            version=version, origin=origin, month=self.month, mentions=tuple(mentions),
            revision=self.revision + 1, earlier=earlier,
        )  # fmt: skip


class BrandState(Struct, kw_only=True):
    """Where the folds of one brand stand, with the place in every line that they have seen.

    `sequence` is the number of the last event told, `seen` maps a line to the last (offset, place) of it. `pending`
    is what the last turn decided and nobody has confirmed as stored; it holds no mentions, posts, states or cursors.
    `turn` rises by one every time the state is saved.
    """

    brand: str
    sequence: int = 0
    seen: dict[str, tuple[int, int]] = {}
    folds: dict[str, bytes] = {}
    pending: Commit = field(default_factory=Commit)
    turn: int = 0


class Versioned(Struct, frozen=True, kw_only=True, gc=False):
    """A mention to be indexed: the highest `version` of an id stays, `month` (`2026-11`) says where it lives."""

    mention: Mention
    version: int
    month: str


def month_of(post: Post) -> str:
    """The month (`2026-11`, UTC) that a post's mentions are kept under, fixed when they are first written.

    It is the author's claim, but no later than its collection, and all before 2000 are one month: a lying clock makes
    no index of its own.
    """
    written = min(post.created_at, post.collected_at)
    return f"{written.year:04}-{written.month:02}" if written.year >= _FIRST_YEAR else f"{_FIRST_YEAR - 1}-12"


def month_start(month: str) -> datetime:
    """The first moment of a month; raises ValueError for what is none."""
    return datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
