"""How the reviews of apps are read, whichever shop shows them: newest change first.

Now and then all of the last days are read again: counters, the brand's replies and deletions move nothing to the top.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.cursors import read_cursor, write_cursor
from ingest.markup import clean, plain_text
from ingest.passes import Reading, StaleToken, begin, is_letter, unheard
from ingest.recent import Recent, deletion, news, remembered
from ingest.source import Page

REPLY = "_reply"
"""What is put behind a review's id to name the brand's own reply to it."""
MOST = 3_000
"""Reviews that are remembered, of all listings together."""
WHOLE_EVERY = 3_600
"""Seconds after which all that is remembered is read again."""
BARRED = 3_600
"""Seconds after which a listing that is refused is tried again."""
HOUR = 3_600

_STEPS = 20
_HOURS = 3_600


class Unavailable(Exception):
    """One listing cannot be read; the others may be. `refused`: because of rights, not because it is not there."""

    def __init__(self, sentence: str, *, refused: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.refused = sentence, refused


class Listed(Struct, frozen=True):
    """One page of a listing: raw reviews, where it goes on, and how many seconds the shop wants to be left alone."""

    reviews: list[bytes]
    token: str = ""
    rest: float = 0.0


class Shop(Protocol):
    """What a shop answers. Its methods raise Unavailable, StaleToken and the errors of a source."""

    network: str
    hourly: int
    """Questions that may be asked in an hour; 0 where the shop says so itself."""
    tells_gone: bool
    """Whether one review can be asked for alone."""

    @property
    def listings(self) -> Sequence[str]:
        """What is read apart from each other: apps, or an app in a country."""
        ...

    async def page(self, listing: str, token: str) -> Listed:
        """Bring a page, newest change first; the first one for an empty token."""
        ...

    async def gone(self, listing: str, native_id: str) -> bool:
        """Whether a review is there no more."""
        ...

    def read(self, raw: bytes, listing: str, *, source: str, at: datetime) -> list[Record | DeadLetter]:
        """Read a review, and the brand's reply to it; nothing for what is no review."""
        ...

    async def check(self) -> str:
        """Say who we are there and what can be read."""
        ...


class Timing(Struct, frozen=True, kw_only=True):
    """How often to look (seconds), how far back the first time and again and again (hours)."""

    every: float
    backlog_hours: float
    refresh_hours: float


class Listing(Struct, omit_defaults=True):
    """How far a listing is read. Times are unix seconds.

    `missing` are the remembered reviews that the present reading of all has not shown yet, `doubtful` those that it
    did not show at all.
    """

    start: int = 0
    done: int = 0
    looked: int = 0
    whole: int = 0
    barred: int = 0
    reading: Reading | None = None
    all: bool = False
    missing: list[str] = []
    doubtful: list[str] = []
    recent: Recent = {}


class Progress(Struct, omit_defaults=True):
    """How far every listing is read, and when questions were asked in the last hour."""

    listings: dict[str, Listing] = {}
    asked: list[int] = []


class ReviewSource:
    """Reviews of a shop's apps; with `since`, only those that were written from then on, once."""

    def __init__(
        self, name: str, shop: Shop, timing: Timing, *, clock: Callable[[], datetime], since: datetime | None = None
    ) -> None:
        self.name = name
        self.finite = since is not None
        self._shop, self._timing, self._clock, self._since = shop, timing, clock, since
        self._most = MOST // max(len(shop.listings), 1)
        self._asked: list[int] = []

    def __repr__(self) -> str:
        return f"ReviewSource(name={self.name!r}, network={self._shop.network!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page of reviews that holds anything new; an empty one when all was read."""
        progress = read_cursor(cursor, Progress, source=self.name)
        listings = {name: progress.listings.get(name, Listing()) for name in self._shop.listings}
        self._asked = self._asked or progress.asked
        page = _Batch()
        for step in range(_STEPS):
            name = self._due(listings)
            if name is None:
                break
            try:
                await self._step(name, listings[name], page)
            except RetryLater:
                if not step:
                    raise
                break
            self._stop_where_nothing_is_left(listings, page)
            if page.records or page.letters or page.troubles or page.rest:
                break
        over = self.finite and all(one.done or one.barred for one in listings.values())
        return Page(
            records=page.records,
            dead_letters=page.letters,
            troubles=page.troubles,
            cursor=write_cursor(Progress(listings, self._asked)),
            wait=0.0 if over else max(self._wait(listings), page.rest),
            exhausted=over,
        )

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: the shop is read, it does not deliver."""

    async def check(self) -> str:
        """Ask the shop once for each app."""
        return await self._shop.check()

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused review again."""
        found = self._shop.read(letter.raw, letter.where, source=self.name, at=self._clock())
        return found[0] if found else letter

    def history(self, since: datetime, *, name: str) -> "ReviewSource":
        """Read what was written from `since` on, as far back as the shop tells."""
        return ReviewSource(name, self._shop, self._timing, clock=self._clock, since=since)

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    def _due(self, listings: dict[str, Listing]) -> str | None:
        """The listing to go on with: one that was begun, else the one that waits longest."""
        now = self._now()
        waiting = [name for name, one in listings.items() if self._next(one) <= now]
        begun = [name for name in waiting if listings[name].reading or listings[name].doubtful]
        return next(iter(begun), None) or min(waiting, key=lambda name: listings[name].looked, default=None)

    def _next(self, one: Listing) -> float:
        if self.finite and (one.done or one.barred):
            return float("inf")
        busy = one.reading or one.doubtful or not one.done
        return max(one.barred, 0 if busy else one.looked + self._timing.every)

    def _wait(self, listings: dict[str, Listing]) -> float:
        return max(min(self._next(one) for one in listings.values()) - self._now(), 0.0)

    async def _step(self, name: str, one: Listing, page: "_Batch") -> None:
        self._count()
        try:
            if one.doubtful and not one.reading:
                await self._ask_for(name, one, page)
                return
            await self._read_on(name, one, page)
        except Unavailable as error:
            one.barred, one.reading, one.doubtful = self._now() + BARRED, None, []
            page.troubles.append(error.sentence)
            page.refused |= error.refused
        except StaleToken:
            one.reading = None

    async def _read_on(self, name: str, one: Listing, page: "_Batch") -> None:
        reading = one.reading = one.reading or self._begin(one)
        listed = await self._shop.page(name, reading.token)
        now = self._clock()
        found = [self._shop.read(raw, name, source=self.name, at=now) for raw in listed.reviews]
        self._take(found, one, reading, page)
        page.rest = listed.rest
        reviews = [read[0] for read in found if read]
        last = next((_written(review) for review in reversed(reviews) if isinstance(review, Record)), None)
        if listed.token and reviews and (last is None or last >= reading.stop):
            one.reading = replace(reading, token=listed.token)
        else:
            one.done, one.looked, one.reading = reading.began, self._now(), None
            one.doubtful, one.missing = one.missing, []

    def _begin(self, one: Listing) -> Reading:
        now = self._now()
        keep = self._keep(now)
        one.barred = 0
        one.start = one.start or (
            int(self._since.timestamp()) if self._since else now - int(self._timing.backlog_hours * _HOURS)
        )
        reading = begin(now, start=one.start, done=one.done, keep=keep, recent=one.recent, most=self._most)
        if one.done and now - one.whole >= max(WHOLE_EVERY, self._timing.every):
            one.whole = now
            reading = replace(reading, stop=reading.since)
            one.missing = (
                [
                    key
                    for key, known in one.recent.items()
                    if known.at >= reading.since and not is_letter(key) and not key.endswith(REPLY)
                ]
                if self._shop.tells_gone
                else []
            )
        elif not one.done:
            one.whole = now
        return reading

    def _take(self, found: list[list[Record | DeadLetter]], one: Listing, reading: Reading, page: "_Batch") -> None:
        now = self._clock()
        letters = [letter for read in found for letter in read if isinstance(letter, DeadLetter)]
        heard: list[Record] = []
        shown: set[str] = set()
        for read in found:
            records = [record for record in read if isinstance(record, Record)]
            shown |= {record.post.native_id for record in records}
            heard += [_settled(record, one.recent) for record in records if _written(record) >= reading.since]
            heard += self._withdrawn(records, one.recent)
        one.missing = [key for key in one.missing if key not in shown]
        self._give(news(heard, one.recent), one, page)
        page.letters += unheard(letters, one.recent, int(now.timestamp()))

    def _withdrawn(self, records: list[Record], recent: Recent) -> Iterable[Record]:
        """The brand's reply that was there and is not any more."""
        for review in records[:1] if len(records) == 1 else []:
            reply = review.post.native_id + REPLY
            if reply in recent:
                yield deletion(self._shop.network, reply, source=self.name, at=self._clock(), raw=review.raw)

    async def _ask_for(self, name: str, one: Listing, page: "_Batch") -> None:
        doubtful = one.doubtful[0]
        gone = await self._shop.gone(name, doubtful)
        one.doubtful = one.doubtful[1:]
        if gone:
            lost = [key for key in (doubtful, doubtful + REPLY) if key in one.recent]
            now = self._clock()
            self._give([deletion(self._shop.network, key, source=self.name, at=now) for key in lost], one, page)

    def _give(self, records: list[Record], one: Listing, page: "_Batch") -> None:
        if self.finite:
            records = [replace(record, post=replace(record.post, origin="backfill")) for record in records]
        page.records += records
        keep = datetime.fromtimestamp(self._keep(self._now()), UTC)
        one.recent = remembered(one.recent, records, since=keep, most=self._most)

    def _stop_where_nothing_is_left(self, listings: dict[str, Listing], page: "_Batch") -> None:
        """One listing that cannot be read is a trouble; all of them are the end."""
        now = self._now()
        if page.troubles and all(one.barred > now for one in listings.values()):
            order = SourceStopped if page.refused else SourceMisconfigured
            raise order(page.troubles[-1])

    def _count(self) -> None:
        """Take one of the questions that an hour allows."""
        if not self._shop.hourly:
            return
        now = self._now()
        self._asked = [at for at in self._asked if at > now - HOUR]
        if len(self._asked) >= self._shop.hourly:
            after = self._asked[0] + HOUR - now
            raise RetryLater(f"{self._shop.network}: {self._shop.hourly} questions an hour are asked", after=after)
        self._asked.append(now)

    def _keep(self, now: int) -> int:
        return now - int(self._timing.refresh_hours * _HOURS)

    def _now(self) -> int:
        return int(self._clock().timestamp())


class _Batch:
    """A page in the making."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.troubles: list[str] = []
        self.refused = False
        self.rest = 0.0


def typed(text: str) -> str:
    """Text as somebody typed it: it is taken for HTML only where it closes a tag."""
    return plain_text(text) if "</" in text else clean(text).strip()


def own_reply(review: Post, text: str, *, account: str, at: datetime, version: str) -> Post:
    """The brand's reply to a review, written by the app's own account."""
    return replace(
        review,
        native_id=review.native_id + REPLY,
        text=text,
        title="",
        created_at=at,
        edited_at=None,
        version=version,
        kind="comment",
        author=replace(review.author, id=account, name=account, handle=account, url=""),
        engagement=type(review.engagement)(),
        reply_to=review.native_id,
        addressed="",
        rating=None,
        lang="",
    )


def _written(record: Record) -> int:
    return int(record.post.created_at.timestamp())


def _settled(record: Record, recent: Recent) -> Record:
    """A review that was changed keeps the time at which it was first seen."""
    known, post = recent.get(record.post.native_id), record.post
    if known is None or known.at >= int(post.created_at.timestamp()):
        return record
    created = datetime.fromtimestamp(known.at, UTC)
    return replace(record, post=replace(post, created_at=created, edited_at=post.created_at))
