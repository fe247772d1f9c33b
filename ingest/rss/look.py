"""One look at one feed: ask politely, read what comes, keep what is new."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, RetryLater, SourceMisconfigured, SourceStopped
from domain.ids import stable_id
from domain.post import Record
from ingest.addresses import same_site, site
from ingest.bounded import AnswerTooLarge
from ingest.http import Answer, PoliteClient
from ingest.rss.config import Config
from ingest.rss.entry import Feed, Unreadable
from ingest.rss.parse import read_feed
from ingest.rss.posts import Reading, records
from ingest.rss.schedule import max_age, next_interval
from ingest.rss.websub import discover

_ACCEPTED = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.8"
_NOT_MODIFIED, _NOT_FOUND, _GONE = 304, 404, 410
_MISSING_SECONDS = 3_600.0
_SPARE_SEEN = 100
_JITTER = 0.1

BEGINNING = datetime.min.replace(tzinfo=UTC)


class Place(Struct, frozen=True, omit_defaults=True):
    """Where one feed stands. `seen` maps hashes of ids to hashes of versions of the entries it held lately.

    `interval` is in seconds, `moved` the address it has moved to for good, `read` whether it was ever read. `hub`
    tells of its news and knows it as `topic`, where pushes are wanted.
    """

    etag: str = ""
    modified: str = ""
    moved: str = ""
    read: bool = False
    next_at: datetime = BEGINNING
    interval: float = 0.0
    seen: dict[str, str] = {}
    hub: str = ""
    topic: str = ""


class Look(Struct, frozen=True):
    """What one look brought, and where the feed stands after it."""

    place: Place
    records: list[Record] = []
    dead_letters: list[DeadLetter] = []
    trouble: str = ""


class FeedReader:
    """Looks at feeds of one configured source."""

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], random: Random
    ) -> None:
        self._config = config
        self._client = client
        self._clock = clock
        self._random = random

    async def look(self, feed: str, place: Place) -> Look:
        """Bring what is new since `place`; raises a SourceError when the feed gives no answer to use.

        An answer that is no feed, or an endless one, becomes a dead letter, and the feed is asked again later.
        """
        try:
            answer = await self._ask(feed, place)
        except AnswerTooLarge as error:
            return self._refused(feed, place, Refused("too_large", str(error)), error.head)
        place = replace(place, moved=answer.moved or (place.moved if answer.url == place.moved else ""))
        if answer.status == _NOT_MODIFIED:
            return Look(self._later(place, news=False, asked=max_age(answer.headers)))
        try:
            found = await _read(answer)
        except Refused as refused:
            return self._refused(feed, place, refused, answer.body)
        return self._news(feed, place, answer, found)

    async def whole(self, feed: str) -> Feed:
        """Read everything the feed holds now; raises a SourceError when it cannot be read."""
        try:
            return await _read(await self._ask(feed, Place()))
        except Refused as refused:
            raise SourceMisconfigured(refused.detail) from None

    async def pushed(self, feed: str, body: bytes, *, content_type: str) -> Look:
        """Read what a hub sent of a feed: the same posts in the same versions as a look would give."""
        try:
            found = await asyncio.to_thread(read_feed, body, content_type=content_type, url=feed)
        except Refused as refused:
            unread = Unreadable(reason=refused.reason, detail=refused.detail, where="pushed", raw=body[:RAW_LIMIT])
            return Look(Place(), [], [self._letter(feed, unread)])
        letters = [self._letter(feed, unread) for unread in found.unreadable]
        return Look(Place(), records(found, self._reading(feed, history_before=None)), letters)

    def label(self, feed: str) -> str:
        """Name a feed by its number in config and its site; the rest of the address may hold a token."""
        return f"feed {self._config.feeds.index(feed) + 1} ({site(feed)})"

    async def _ask(self, feed: str, place: Place) -> Answer:
        headers = {"accept": _ACCEPTED}
        if place.etag:
            headers["if-none-match"] = place.etag
        if place.modified:
            headers["if-modified-since"] = place.modified
        try:
            answer = await self._get(place.moved or feed, headers, outside=not same_site(feed, place.moved or feed))
        except (SourceStopped, SourceMisconfigured):
            if not place.moved:
                raise
            answer = await self._get(feed, headers, outside=False)  # the new address has died; the old one may live
        if answer.status == _GONE:
            raise SourceStopped(
                f"{site(feed)} says that this feed is gone for good (410): take it out of tocsin.toml"
            )
        if answer.status == _NOT_FOUND and place.read:
            raise RetryLater(f"{site(feed)} does not find a feed that it had before (404)", after=_MISSING_SECONDS)
        if answer.status == _NOT_FOUND:
            raise SourceMisconfigured(f"{site(feed)} has no such feed (404): check the address")
        return answer

    async def _get(self, address: str, headers: dict[str, str], *, outside: bool) -> Answer:
        accepted = (_NOT_MODIFIED, _NOT_FOUND, _GONE)
        return await self._client.get(address, headers=headers, outside=outside, accept_status=accepted)

    def _news(self, feed: str, place: Place, answer: Answer, found: Feed) -> Look:
        now = self._clock()
        before = None if place.read else now - timedelta(hours=self._config.backlog_hours)
        reading = self._reading(feed, history_before=before)
        held = {short(r.post.native_id): (r.post.version[:12], r) for r in records(found, reading)}
        refused = {short(u.reason, u.raw.hex()): u for u in found.unreadable}
        fresh = [record for key, (version, record) in held.items() if place.seen.get(key) != version]
        letters = [self._letter(feed, unread) for key, unread in refused.items() if key not in place.seen]
        seen = {key: version for key, (version, _) in held.items()} | dict.fromkeys(refused, "")
        place = replace(
            place,
            etag=_header(answer, "etag"),
            modified=_header(answer, "last-modified"),
            read=True,
            seen=_remember(place.seen, seen),
        )
        if self._config.public_url:
            hub, topic = discover(answer, found)
            place = replace(place, hub=hub, topic=topic)
        asked = max(found.pause, max_age(answer.headers))
        return Look(self._later(place, news=bool(fresh), asked=asked), fresh, letters)

    def _reading(self, feed: str, *, history_before: datetime | None) -> Reading:
        return Reading(
            address=feed,
            source=self._config.name,
            network=self._config.network,
            lang=self._config.lang,
            collected_at=self._clock(),
            history_before=history_before,
        )

    def _refused(self, feed: str, place: Place, refused: Refused, body: bytes) -> Look:
        """Keep what could not be read as a dead letter, once; the feed's place stays as it was."""
        unread = Unreadable(reason=refused.reason, detail=refused.detail, where="", raw=body[:RAW_LIMIT])
        key = short(unread.reason, unread.raw.hex())
        letters = [] if key in place.seen else [self._letter(feed, unread)]
        place = replace(place, seen=_remember(place.seen, {key: ""}))
        return Look(self._later(place, news=False, asked=0.0), [], letters, f"{self.label(feed)}: {refused.detail}")

    def _letter(self, feed: str, unread: Unreadable) -> DeadLetter:
        return DeadLetter(
            source=self._config.name,
            stage="parse",
            reason=unread.reason,
            detail=unread.detail,
            where=f"{self.label(feed)} {unread.where}".strip(),
            raw=unread.raw[:RAW_LIMIT],
            at=self._clock(),
        )

    def _later(self, place: Place, *, news: bool, asked: float) -> Place:
        interval = next_interval(place.interval, news=news, every=self._config.every, asked=asked)
        spread = 1.0 if self._config.every is not None else self._random.uniform(1, 1 + _JITTER)
        return replace(place, interval=interval, next_at=self._clock() + timedelta(seconds=interval * spread))


async def _read(answer: Answer) -> Feed:
    content_type = answer.headers.get("content-type", "")
    return await asyncio.to_thread(read_feed, answer.body, content_type=content_type, url=answer.url)


def short(*parts: str) -> str:
    """How ids and versions are kept in a cursor."""
    return stable_id(*parts)[:12]


def _header(answer: Answer, name: str) -> str:
    """Return a validator as given, unless it could not be sent back."""
    given = answer.headers.get(name, "")
    return given if given.isascii() else ""


def _remember(before: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """Keep what the feed holds now, and some of what it held: feeds take entries out and put them back."""
    older = [(key, version) for key, version in before.items() if key not in now]
    spare = len(now) + _SPARE_SEEN
    return dict(older[-spare:]) | now
