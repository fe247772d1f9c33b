"""Looks at feeds, each in its own rhythm; one that fails never stops the others."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct

from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from ingest.ago import ago
from ingest.backoff import Backoff
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.rss.config import Config
from ingest.rss.entry import Feed
from ingest.rss.look import FeedReader, Look, Place
from ingest.source import Page

AT_ONCE = 8
"""Feeds that one fetch looks at."""


class Progress(Struct):
    """Where the source stands, by hash of the configured address: addresses may hold tokens."""

    feeds: dict[str, Place] = {}


class _Rest(Struct, frozen=True):
    """Why a feed is left alone, and until when (None: until the next start)."""

    error: SourceError
    until: datetime | None


class RssSource:
    """RSS, Atom and JSON Feed."""

    finite = False

    def __init__(self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> None:
        random = Random()  # noqa: S311  # jitter, not a secret
        self.name = config.name
        self._feeds = config.feeds
        self._clock = clock
        self._reader = FeedReader(config, client=client, clock=clock, random=random)
        self._backoffs = {feed: Backoff(random) for feed in config.feeds}
        self._resting: dict[str, _Rest] = {}

    def __repr__(self) -> str:
        return f"RssSource(name={self.name!r}, feeds={len(self._feeds)})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Look at the feeds that are due; raises only when every feed fails."""
        progress = read_cursor(cursor, Progress, source=self.name)
        now = self._clock()
        due = [feed for feed in self._awake(now) if _place(progress, feed).next_at <= now][:AT_ONCE]
        looks = await asyncio.gather(*(self._look(feed, _place(progress, feed)) for feed in due))
        if len(self._resting) == len(self._feeds):
            raise self._verdict()
        places = {_key(feed): look.place for feed, look in zip(due, looks, strict=True)}
        after = Progress({_key(feed): _place(progress, feed) for feed in self._feeds} | places)
        return Page(
            records=[record for look in looks for record in look.records],
            dead_letters=[letter for look in looks for letter in look.dead_letters],
            troubles=[look.trouble for look in looks if look.trouble],
            cursor=write_cursor(after),
            wait=self._wait(after),
        )

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: feeds are read, not delivered."""

    async def check(self) -> str:
        """Read every feed once; raises SourceMisconfigured when one of them cannot be read."""
        found = await asyncio.gather(*(self._whole(feed) for feed in self._feeds))
        feeds = [feed for feed in found if isinstance(feed, Feed)]
        failures = [sentence for sentence in found if isinstance(sentence, str)]
        if failures:
            raise SourceMisconfigured(f"{len(failures)} of {len(found)} feeds cannot be read: {'; '.join(failures)}")
        dates = [date for feed in feeds for entry in feed.entries if (date := entry.published or entry.updated)]
        newest = f"newest {ago(max(dates), self._clock())}" if dates else "none of them dated"
        entries = sum(len(feed.entries) for feed in feeds)
        return f"{_count(len(feeds), 'feed')} reachable: {_count(entries, 'entry', 'entries')}, {newest}"

    async def aclose(self) -> None:
        """Nothing is held: the client belongs to the application."""

    async def _whole(self, feed: str) -> Feed | str:
        try:
            return await self._reader.whole(feed)
        except SourceError as error:
            return f"{self._reader.label(feed)}: {error}"

    async def _look(self, feed: str, place: Place) -> Look:
        """Look at one feed; a failure puts that feed alone to rest."""
        try:
            look = await self._reader.look(feed, place)
        except RetryLater as error:
            delay = self._backoffs[feed].next_delay() if error.after is None else error.after
            self._resting[feed] = _Rest(error, self._clock() + timedelta(seconds=delay))
        except (SourceStopped, SourceMisconfigured) as error:
            self._resting[feed] = _Rest(error, None)
        else:
            self._backoffs[feed].reset()
            return look
        return Look(place, trouble=f"{self._reader.label(feed)}: {self._resting[feed].error}")

    def _awake(self, now: datetime) -> list[str]:
        for feed, rest in list(self._resting.items()):
            if rest.until is not None and rest.until <= now:
                del self._resting[feed]
        return [feed for feed in self._feeds if feed not in self._resting]

    def _verdict(self) -> SourceError:
        """What to tell the runtime when no feed works: come back when the first may, or stop for good."""
        ends = [rest.until for rest in self._resting.values() if rest.until is not None]
        sentence = "; ".join(f"{self._reader.label(feed)}: {rest.error}" for feed, rest in self._resting.items())
        if ends:
            return RetryLater(sentence, after=max(0.0, (min(ends) - self._clock()).total_seconds()))
        refused = any(isinstance(rest.error, SourceStopped) for rest in self._resting.values())
        return SourceStopped(sentence) if refused else SourceMisconfigured(sentence)

    def _wait(self, progress: Progress) -> float:
        """Seconds until the first feed is due."""
        rests = {feed: rest.until for feed, rest in self._resting.items()}
        times = [
            max(place.next_at, rests.get(feed) or place.next_at)
            for feed in self._feeds
            if (place := _place(progress, feed)) and not (feed in rests and rests[feed] is None)
        ]
        return max(0.0, (min(times) - self._clock()).total_seconds())


def _key(feed: str) -> str:
    return stable_id(feed)[:16]


def _place(progress: Progress, feed: str) -> Place:
    return progress.feeds.get(_key(feed), Place())


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
