"""How a forum is polled: from its newest page down to where it is known, and again for what changed since.

A forum lists what was written newest first. Each look walks down one or more such listings, a page a step, and now
and then further down, to find edits, counters and deletions of what it gave.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest import relook
from ingest.cursors import read_cursor
from ingest.listing import MOST_ASKED, Known, Listing, Slice, ask_for, in_steps, written
from ingest.recent import Recent, deletion, horizon, news, remembered
from ingest.source import Page

MOST_REMEMBERED = 2_000
OVERLAP = 120
"""Seconds that a look goes behind the newest post of the last one: clocks and indexes are not exact."""

_MOST_AGAIN = 200
_MOST_REFUSED = 500


class Walk(Struct):
    """A look under way: `left` are the targets still to be read, the first of them from `place` on.

    It is read down to `until` (unix seconds); `low` is the order it was read down to, `top` the newest seen. `hours`
    is how far back it looks again at what is known, 0 for news alone. `bad` counts targets that could not be read.
    """

    left: list[str]
    hours: float = 0.0
    place: str = ""
    until: int = 0
    low: int = 0
    top: int = 0
    bad: int = 0


class Progress(Struct):
    """`upto` is the newest post read by target; `asking` are posts to be asked for one by one before the look ends.

    `again` are those to be asked for again, a few at the end of each look: they are not to keep what is new waiting.
    """

    upto: dict[str, int] = {}
    recent: Recent = {}
    known: dict[str, Known] = {}
    refused: dict[str, int] = {}
    looked: list[int] = []
    asking: dict[str, Known] = {}
    again: dict[str, Known] = {}
    walk: Walk | None = None


class Walker:
    """The polling half of a source."""

    def __init__(
        self,
        listing: Listing,
        *,
        name: str,
        clock: Callable[[], datetime],
        every: float,
        backlog_hours: float,
        refresh_hours: float,
        most: int = MOST_REMEMBERED,
    ) -> None:
        self._listing, self._name, self._clock = listing, name, clock
        self._every, self._backlog, self._refresh, self._most = every, backlog_hours, refresh_hours, most

    async def fetch(self, cursor: bytes | None) -> Page:
        """Take steps until one brings something, a few at most; rest when a look has ended."""
        return await in_steps(read_cursor(cursor, Progress, source=self._name), self._step)

    async def _step(self, at: Progress) -> tuple[Page, Progress]:
        now = self._clock()
        if at.walk is None:
            at = self._begin(at, int(now.timestamp()))
        if at.asking:
            return await self._ask(at, now)
        walk = at.walk
        if walk is None or not walk.left:
            return Page(records=[], cursor=b"", wait=self._every), replace(at, walk=None)
        try:
            found = await self._listing.page(walk.left[0], walk.place, at.known)
        except SourceMisconfigured as error:
            if walk.bad + 1 >= len(self._listing.targets):
                raise
            return self._after_target(at, replace(walk, bad=walk.bad + 1), now, troubles=[str(error)])
        return self._take(found, at, walk, now)

    def _begin(self, at: Progress, now: int) -> Progress:
        looked = at.looked or relook.fresh(now)
        walk = Walk(left=list(self._listing.targets), hours=relook.due(looked, now, most=self._refresh))
        return replace(at, looked=looked, walk=self._enter(walk, at, now))

    def _enter(self, walk: Walk, at: Progress, now: int) -> Walk:
        """Say how far down the first target that is left is to be read."""
        walk = replace(walk, left=[target for target in walk.left if target in self._listing.targets])
        if not walk.left:
            return walk
        known = at.upto.get(walk.left[0])
        until = now - int(self._backlog * 3_600) if known is None else known - OVERLAP
        if walk.hours and self._listing.covers:
            oldest = min((seen.at for seen in at.recent.values()), default=now) if len(at.recent) >= self._most else 0
            until = min(until, max(int(now - walk.hours * 3_600), oldest))
        return replace(walk, place="", until=until, low=0, top=0)

    def _take(self, found: Slice, at: Progress, walk: Walk, now: datetime) -> tuple[Page, Progress]:
        """Give what is new in a page, and go on to the next one or the next target."""
        unix, target = int(now.timestamp()), walk.left[0]
        told = [one for one in found.records if one.post.native_id in at.recent or written(one) >= walk.until]
        records = sorted(news(told, at.recent), key=written)
        records += [self._gone(one, now) for one in found.gone if one in at.recent]
        goes_on = bool(found.place) and (found.oldest is None or found.oldest >= walk.until)
        told_of = [*found.letters, *(found.beyond if goes_on else ())]
        letters = [letter for letter in told_of if letter.id[:12] not in at.refused]
        leads = {
            lead.native_id: lead.known
            for lead in found.leads
            if lead.at >= walk.until and lead.native_id not in at.recent and lead.native_id not in at.refused
        }
        asking = {**self._absent(found, at, walk), **leads}
        walk = replace(
            walk,
            place=found.place,
            top=max(walk.top, min(found.newest or 0, unix)),
            low=walk.low if found.low is None else found.low,
        )
        at = replace(at, asking=asking, walk=walk)
        after = self._remember(at, records, {**at.known, **found.known}, [letter.id[:12] for letter in letters], now)
        if goes_on:
            return Page(records=records, dead_letters=letters, cursor=b""), after
        after.upto = {**after.upto, target: max(at.upto.get(target, walk.until), walk.top)}
        page, after = self._after_target(after, walk, now)
        return replace(page, records=records, dead_letters=letters), after

    def _after_target(
        self, at: Progress, walk: Walk, now: datetime, *, troubles: Sequence[str] = ()
    ) -> tuple[Page, Progress]:
        """Go on to the next target, or end the look."""
        unix = int(now.timestamp())
        walk = self._enter(replace(walk, left=walk.left[1:]), at, unix)
        if not walk.left:
            at = self._look_again(at, walk, unix)
        over = not walk.left and not at.asking
        page = Page(records=[], cursor=b"", wait=self._every if over else 0.0, troubles=list(troubles))
        return page, replace(at, walk=None if over else walk)

    def _look_again(self, at: Progress, walk: Walk, now: int) -> Progress:
        """Ask for the next few of what is known, one by one, where no page shows all of that: the newest first."""
        again, looked = at.again, at.looked
        if walk.hours:
            looked = relook.done(at.looked, now, walk.hours, most=self._refresh)
            if not self._listing.covers:
                since = now - walk.hours * 3_600
                young = sorted(((seen.at, one) for one, seen in at.recent.items() if seen.at >= since), reverse=True)
                again = {one: at.known[one] for _, one in young[:_MOST_AGAIN] if one in at.known}
        few = dict(list(again.items())[:MOST_ASKED])
        rest = {one: how for one, how in again.items() if one not in few}
        return replace(at, looked=looked, asking={**at.asking, **few}, again=rest)

    def _absent(self, found: Slice, at: Progress, walk: Walk) -> dict[str, Known]:
        """What is known and should have been on this page: it is to be asked for alone."""
        if not (walk.hours and self._listing.covers) or found.low is None:
            return {}
        shown = found.known.keys() | set(found.gone)
        upper = walk.low or float("inf")
        return {
            one: how
            for one, how in at.known.items()
            if how.target == walk.left[0] and found.low < how.order < upper and one not in shown
        }

    async def _ask(self, at: Progress, now: datetime) -> tuple[Page, Progress]:
        """Ask for the next few posts that are to be asked for one by one."""
        records: list[Record] = []
        letters: list[DeadLetter] = []
        known, refused = dict(at.known), list[str]()
        asked = await ask_for(self._listing, at.asking)
        for native_id, found in asked.items():
            if isinstance(found, Record):
                records.append(found)
                known[found.post.native_id] = at.asking[native_id]
            elif isinstance(found, DeadLetter):
                refused.append(native_id)
                letters += [] if native_id in at.refused else [found]
            elif found is None and native_id in at.recent:
                records.append(self._gone(native_id, now))
        records = sorted(news(records, at.recent), key=written)
        after = self._remember(at, records, known, refused, now)
        after.asking = {one: how for one, how in at.asking.items() if one not in asked}
        return Page(records=records, dead_letters=letters, cursor=b""), after

    def _remember(
        self, at: Progress, records: list[Record], known: dict[str, Known], refused: list[str], now: datetime
    ) -> Progress:
        unix = int(now.timestamp())
        reached = dict(at.upto)
        if at.walk and at.walk.left and at.walk.top:
            reached.setdefault(at.walk.left[0], at.walk.top)
        newest = min(reached.values(), default=unix) - OVERLAP  # of a quiet listing the last post stays known
        since = min(horizon(now, self._refresh), datetime.fromtimestamp(newest, now.tzinfo))
        recent = remembered(at.recent, records, since=since, most=self._most)
        kept = {**at.refused, **dict.fromkeys(refused, unix)}
        return replace(
            at,
            recent=recent,
            known={one: how for one, how in known.items() if one in recent},
            refused=dict(list(kept.items())[-_MOST_REFUSED:]),
        )

    def _gone(self, native_id: str, now: datetime) -> Record:
        return deletion(self._listing.network, native_id, source=self._name, at=now)
