"""Where a polled source of VK stands: what is still to be asked, what was given, what is due. All of it is cursor.

Times are unix seconds.
"""

from collections.abc import Collection
from math import log
from typing import Literal

from msgspec import Struct

from ingest.budget import Spent
from ingest.recent import Recent

MOST_REMEMBERED = 2_000
"""Posts and comments that are known again."""
MOST_TALKS = 4_000
"""Posts whose comments are followed."""

_BACK = 100
_STEADY, _FIRST_STEP, _STEPS = 3_600, 300, 12

Ask = Literal["wall", "comments", "thread", "posts", "end", "news", "found"]


class Wall(Struct, omit_defaults=True):
    """A wall, or a query on a wall. Posts up to id `last` were given, of those written from `since` on.

    `owner` is whose it is, 0 before VK said so, and `handle` what VK calls that; the wall was looked at when it was
    `looked` and is again at `due`.
    """

    since: int
    last: int = 0
    owner: int = 0
    handle: str = ""
    looked: int = 0
    due: int = 0
    done: bool = False


class Query(Struct, omit_defaults=True):
    """A query to all of VK: what was written before `at` is read, the next slice is `span` seconds long."""

    at: int
    span: int
    due: int = 0
    done: bool = False


class Talk(Struct, array_like=True):
    """The comments under a post: when they were thought of, when the latest was written, how many VK showed then.

    Comments up to id `last` were given. A count of -1: they are not for us.
    """

    at: int
    news: int = 0
    count: int = 0
    last: int = 0


class Job(Struct, omit_defaults=True):
    """A call that is to be made, and what the calls of its chain before it have brought.

    `of` is the wall or query it belongs to. `top` and `low` are the largest and smallest id seen so far; `want` is
    how many unseen comments are expected, `found` how many were there, the latest of them written at `news`; `whole`
    means that all are looked at again, and `left` holds the remembered comments that were not there yet. `ids` are
    posts to be looked at again.
    """

    ask: Ask
    of: str = ""
    owner: int = 0
    post: int = 0
    comment: int = 0
    offset: int = 0
    after: str = ""
    start: int = 0
    end: int = 0
    top: int = 0
    low: int = 0
    shown: int = 0
    want: int = 0
    found: int = 0
    news: int = 0
    whole: bool = False
    left: list[int] = []
    ids: list[str] = []

    @property
    def chain(self) -> tuple[str, int, int]:
        """The same for all calls on one question."""
        kind = {"thread": "comments", "end": "comments"}.get(self.ask, self.ask)
        return f"{kind} {self.of}", self.owner, self.post

    def unbroken(self, ids: list[int]) -> bool:
        """Whether a page follows on the one before: what was deleted meanwhile may have pulled some past us."""
        return not (self.low and self.offset and ids) or max(ids) >= self.low

    def back(self) -> "Job":
        """Ask for what lies before."""
        self.offset = max(self.offset - _BACK, 0)
        return self


class Progress(Struct, omit_defaults=True):
    """The cursor."""

    started: int = 0
    looked: int = 0
    walls: dict[str, Wall] = {}
    queries: dict[str, Query] = {}
    talks: dict[str, Talk] = {}
    recent: Recent = {}
    jobs: list[Job] = []
    spent: dict[str, Spent] = {}

    def keep(self, names: Collection[str]) -> None:
        """Forget the walls and queries that are configured no more."""
        self.walls = {name: wall for name, wall in self.walls.items() if name in names}
        self.queries = {name: query for name, query in self.queries.items() if name in names}
        self.jobs = [job for job in self.jobs if not job.of or job.of in names]


def due_again(written: int, looked: int, now: int) -> bool:
    """Whether a post is to be looked at again: every 5 minutes in its first hour, then each time it is 1/12 older."""
    return _looks(now - written) > _looks(looked - written)


def _looks(age: int) -> int:
    if age < _STEADY:
        return max(age, 0) // _FIRST_STEP
    return _STEPS + int(log(age / _STEADY) / log(1 + 1 / _STEPS))
