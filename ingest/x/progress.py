"""Where a source of X stands: what of the past has yet to be read, what was given, whom it knows, what it spent."""

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.ids import stable_id
from domain.post import Record
from ingest import relook
from ingest.cursors import write_cursor
from ingest.recent import Seen, horizon, remembered, seen
from ingest.source import Page
from ingest.x.parse import Person, earlier
from ingest.x.spending import Bill

MOST_POSTS = 1_500
"""Posts remembered."""
MOST_PEOPLE = 1_000
"""Accounts remembered."""
MOST_REFUSED = 200
"""Dead letters remembered."""
SHORT = 12
"""Characters of a hash that are kept."""
OVERLAP = 60
"""Seconds before the newest known post that are read again: the index of the search lags, the stream is unsorted."""

_SHORTEST_MEMORY = 24.0


class Stretch(Struct, frozen=True, array_like=True):
    """What is to be searched, newest first: after the id `since`, else after `start` (unix seconds).

    `token` is where its next page begins, `newest` the newest id of its first page.
    """

    since: str = ""
    start: int = 0
    token: str = ""
    newest: str = ""


class Place(Struct, frozen=True, array_like=True):
    """A query: all up to the id `until` was read or lies in `stretches`. `daily` is how many posts a day it finds."""

    until: str = ""
    stretches: tuple[Stretch, ...] = ()
    daily: float = -1.0


class Known(Struct, frozen=True, array_like=True):
    """A post that was given: the id of its latest version, and the day (an ordinal) on which it was last paid for."""

    seen: Seen
    latest: str
    paid: int


class Progress(Struct, omit_defaults=True):
    """The cursor. `heard` is the newest id that the stream brought; `asking` are native ids to be looked at again."""

    places: dict[str, Place] = {}
    heard: str = ""
    known: dict[str, Known] = {}
    people: dict[str, Person] = {}
    bill: Bill = Bill()
    refused: list[str] = []
    looked: list[int] = []
    asking: list[str] = []


class Turn:
    """One fetch: the progress as it changes, and what will be on its page."""

    def __init__(self, progress: Progress, now: datetime, *, memory_hours: float) -> None:
        self.now = now
        self.day = now.astimezone(UTC).toordinal()
        self.places, self.heard = dict(progress.places), progress.heard
        self.known, self.people = dict(progress.known), dict(progress.people)
        self.bill, self.asking, self.refused = progress.bill, list(progress.asking), list(progress.refused)
        self.looked = progress.looked or relook.fresh(int(now.timestamp()))
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []
        self._since = horizon(now, max(memory_hours, _SHORTEST_MEMORY))

    @property
    def found(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.records or self.letters or self.troubles)

    def begin(self, queries: Sequence[str], *, start: int, everything: bool) -> None:
        """Plan what of each query has yet to be searched: from where it is known to now, a new one from `start` on.

        `everything` is whether all up to `heard` was brought by the stream too.
        """
        kept: dict[str, Place] = {}
        for query in queries:
            place = self.places.get(key_of(query), Place())
            if not any(not stretch.token for stretch in place.stretches):
                until = later(place.until, self.heard) if everything and key_of(query) in self.places else place.until
                fresh = Stretch(since=earlier(until, OVERLAP)) if until else Stretch(start=start)
                place = replace(place, stretches=(*place.stretches, fresh))
            kept[key_of(query)] = place
        self.places = kept

    def pending(self, queries: Sequence[str]) -> str:
        """The first query of which something has yet to be searched, or nothing."""
        return next((one for one in queries if self.places.get(key_of(one), Place()).stretches), "")

    def remember(self, record: Record) -> None:
        """Keep what was given."""
        post = record.post
        self.known[post.native_id] = Known(seen(post), post.version, self.day)

    def forget(self) -> None:
        """Let go of what is too old or too much."""
        recent = {native_id: known.seen for native_id, known in self.known.items()}
        kept = remembered(recent, (), since=self._since, most=MOST_POSTS)
        self.known = {native_id: self.known[native_id] for native_id in kept}

    def changed(self, record: Record) -> bool:
        """Whether a post is news: not known, or in a later version, or with other counters."""
        known = self.known.get(record.post.native_id)
        if known is None or known.seen == seen(record.post):
            return known is None
        return later(known.latest, record.post.version) == record.post.version

    def paid(self, record: Record) -> None:
        """Note that a post was paid for today, though it brought nothing new."""
        known = self.known[record.post.native_id]
        if known.latest == record.post.version:
            self.known[record.post.native_id] = replace(known, paid=self.day)

    def page(self, *, wait: float = 0.0, exhausted: bool = False) -> Page:
        """All of it, the oldest post first."""
        progress = Progress(
            places=self.places,
            heard=self.heard,
            known=self.known,
            people=dict(list(self.people.items())[-MOST_PEOPLE:]),
            bill=self.bill,
            refused=self.refused[-MOST_REFUSED:],
            looked=self.looked,
            asking=self.asking,
        )
        return Page(
            records=sorted(self.records, key=lambda record: record.post.created_at),
            dead_letters=self.letters,
            cursor=write_cursor(progress),
            wait=wait,
            exhausted=exhausted,
            troubles=self.troubles,
        )


def key_of(query: str) -> str:
    """How a query is called in the cursor."""
    return stable_id(query)[:SHORT]


def later(one: str, other: str) -> str:
    """The later of two ids; an empty one is the earliest."""
    return max(one, other, key=lambda number: (len(number), number))
