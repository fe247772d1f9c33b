"""Feeds whose hubs tell of their news (WebSub), and that are looked at now and then all the same."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Literal
from urllib.parse import urlencode

import structlog
from msgspec import Struct
from msgspec.structs import replace

from domain.errors import SourceError
from domain.post import Record
from ingest.addresses import same_site
from ingest.cursors import read_cursor, write_cursor
from ingest.deliveries import COMMIT_WAIT, IDLE_WAIT, Answer, Deliveries, problem
from ingest.http import PoliteClient
from ingest.markup import clean
from ingest.rss.config import Config
from ingest.rss.look import BEGINNING, FeedReader, Place, short
from ingest.rss.source import Progress, RssSource
from ingest.rss.websub import callback, is_signed, key_of, secret_of, was_asked
from ingest.source import Page

log = structlog.get_logger("tocsin.rss")

RENEWED_AT = 0.9
"""Part of a lease after which it is asked for again."""
UNANSWERED = timedelta(hours=1)
"""After so long a hub that has not come back to us is asked again."""
DENIED = timedelta(days=7)
"""After so long a hub that denied us is asked again."""

_AT_ONCE = 8
_REMEMBERED = 1_000
_LONGEST_REASON = 200
_LONGEST_LEASE = 366 * 86_400.0
_POLLED_AGAIN = 300.0


class Subscription(Struct, frozen=True, omit_defaults=True):
    """How it stands with the hub of one feed: it tells us `until` then, or not (None); at `ask_at` it is asked."""

    hub: str
    topic: str
    ask_at: datetime
    until: datetime | None = None


class Pushed(Progress, omit_defaults=True):
    """The cursor of a source without hubs, and: subscriptions by feed, deliveries, versions of what was brought."""

    hubs: dict[str, Subscription] = {}  # noqa: RUF012  # a struct copies it
    delivered: str = ""
    brought: dict[str, str] = {}  # noqa: RUF012  # the same


class _Told(Struct, frozen=True):
    """What a hub said, and when: it tells us for so many seconds, or it does not."""

    mode: Literal["subscribe", "denied"]
    topic: str
    at: datetime
    lease: float = 0.0
    reason: str = ""


class PushedSource:
    """Asks hubs, takes what they send, and lets `feeds` look rarely at what is told anyway."""

    finite = False

    def __init__(
        self,
        config: Config,
        feeds: RssSource,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        commit_wait: float = COMMIT_WAIT,
        idle_wait: float = IDLE_WAIT,
    ) -> None:
        self.name = config.name
        self._config, self._feeds, self._client, self._clock = config, feeds, client, clock
        self._secret = config.secret.get_secret_value() if config.secret else ""
        self._keys = {key_of(feed): feed for feed in config.feeds}
        self._signs = {feed: secret_of(self._secret, feed) for feed in config.feeds}
        random = Random()  # noqa: S311  # jitter, not a secret
        self._reader = FeedReader(config, client=client, clock=clock, random=random)
        self._deliveries = Deliveries(
            config.name, most=config.waiting_posts, commit_wait=commit_wait, idle_wait=idle_wait
        )
        self._told: dict[str, _Told] = {}
        self._look_at = BEGINNING

    def __repr__(self) -> str:
        return f"PushedSource(name={self.name!r}, feeds={len(self._keys)})"

    def challenge(self, query: Mapping[str, str]) -> Answer:
        """Answer a hub that asks whether we asked: its challenge back if we did, else 404."""
        mode, topic = query.get("hub.mode", ""), query.get("hub.topic", "")
        key = query.get("feed", "")
        feed = self._keys.get(key)
        proof = query.get("proof", "")
        if feed is None or not was_asked(self._secret, feed=feed, topic=topic, proof=proof):
            return problem(404, "nobody here asked for that")
        if mode == "denied":
            self._told[key] = _Told(
                "denied", topic, self._clock(), reason=clean(query.get("hub.reason", ""))[:_LONGEST_REASON]
            )
            return 200, {"content-type": "text/plain"}, b""
        if mode != "subscribe":
            return problem(404, "nobody here asked for that")
        lease = query.get("hub.lease_seconds", "")
        seconds = float(lease) if lease.isascii() and lease.isdigit() else float(self._config.lease_seconds)
        self._told[key] = _Told("subscribe", topic, self._clock(), lease=min(seconds, _LONGEST_LEASE))
        headers = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
        return 200, headers, query.get("hub.challenge", "").encode("utf-8", "replace")

    async def receive(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a delivery: 202 once its posts are durable, and for a wrong signature, which is passed over."""
        named = {name.lower(): value for name, value in headers.items()}
        signature = named.get("x-hub-signature", "")
        feed = next((one for one, secret in self._signs.items() if is_signed(signature, body, secret)), None)
        if feed is None:
            log.warning("a delivery with a wrong signature was passed over", source=self.name)
            return 202, {"content-type": "text/plain"}, b""
        look = await self._reader.pushed(feed, body, content_type=named.get("content-type", ""))
        delivery = sha256(key_of(feed).encode() + body).hexdigest()[:16]
        refused = await self._deliveries.store(delivery, look.records, look.dead_letters)
        return refused or (202, {"content-type": "text/plain"}, b"")

    async def fetch(self, cursor: bytes | None) -> Page:
        """Look at what is due, ask hubs, bring what was sent; an empty page when nothing comes within a second."""
        progress = read_cursor(cursor, Pushed, source=self.name)
        now, heard = self._clock(), dict(self._told)
        troubles = self._hear(heard, progress, now)
        looked = await self._look(progress, now)
        page = replace(looked, troubles=troubles + looked.troubles + await self._ask(progress, now))
        if not (page.records or page.dead_letters or page.troubles):
            page = await self._deliveries.fetch(progress.delivered.encode() or None)
            progress.delivered = page.cursor.decode()
            page = replace(page, records=[record for record in page.records if self._is_news(record, progress)])
        self._told = {key: said for key, said in self._told.items() if heard.get(key) is not said}
        return replace(page, cursor=write_cursor(progress), wait=0.0)

    async def committed(self, cursor: bytes) -> None:
        """Answer the hubs whose posts are durable now."""
        delivered = read_cursor(cursor, Pushed, source=self.name).delivered
        if delivered:
            await self._deliveries.committed(delivered.encode())

    async def check(self) -> str:
        """Read every feed once; say where hubs are to call."""
        return f"{await self._feeds.check()}; hubs are answered at /webhooks/{self.name}"

    async def aclose(self) -> None:
        """Let hubs still waiting go, to come again."""
        await self._deliveries.aclose()

    def _hear(self, heard: Mapping[str, _Told], progress: Pushed, now: datetime) -> list[str]:
        """Take down what hubs have said meanwhile; a feed that is no longer told of is looked at soon."""
        troubles = []
        for key, said in heard.items():
            place = progress.feeds.get(key, Place())
            known = progress.hubs.get(key) or Subscription(place.hub, said.topic, now)
            if said.mode == "subscribe" and known.topic == said.topic:
                until = said.at + timedelta(seconds=said.lease)
                ask_at = said.at + timedelta(seconds=said.lease * RENEWED_AT)
                progress.hubs[key] = replace(known, until=until, ask_at=ask_at)
            elif said.mode == "denied":
                progress.hubs[key] = replace(known, until=None, ask_at=now + DENIED)
                progress.feeds[key] = replace(place, next_at=min(place.next_at, now))
                self._look_at = now
                why = f" ({said.reason})" if said.reason else ""
                troubles.append(f"{self._label(key)}: its hub denies us{why}; it is looked at as before")
        for key, known in progress.hubs.items():
            if known.until is not None and known.until <= now and key in self._keys:
                progress.hubs[key] = replace(known, until=None)
                place = progress.feeds.get(key, Place())
                progress.feeds[key] = replace(place, next_at=min(place.next_at, now))
                self._look_at = now
                troubles.append(f"{self._label(key)}: its hub tells us no longer; it is looked at as before")
        return troubles

    async def _look(self, progress: Pushed, now: datetime) -> Page:
        """Look at the feeds that are due. Where a hub tells us, a failure of all feeds is a trouble, no error."""
        nothing = Page(records=[], cursor=b"")
        if now < self._look_at:
            return nothing
        try:
            page = await self._feeds.fetch(write_cursor(Progress(progress.feeds)))
        except SourceError as error:
            if not any(known.until for known in progress.hubs.values()):
                raise
            after = getattr(error, "after", None) or _POLLED_AGAIN
            self._look_at = now + timedelta(seconds=after)
            return replace(nothing, troubles=[str(error)])
        before, progress.feeds = progress.feeds, read_cursor(page.cursor, Progress, source=self.name).feeds
        rarely = now + timedelta(seconds=self._config.pushed_every)
        for key, known in progress.hubs.items():
            place = progress.feeds.get(key)
            if place is not None and known.until and place != before.get(key):
                progress.feeds[key] = replace(place, next_at=max(place.next_at, rarely))
        self._look_at = now + timedelta(seconds=page.wait)
        fresh = []
        for record in page.records:
            name = short(record.post.native_id)
            if progress.brought.pop(name, None) != record.post.version[:12]:
                fresh.append(record)
        return replace(page, records=fresh)

    async def _ask(self, progress: Pushed, now: datetime) -> list[str]:
        """Subscribe where a hub was found, again before the lease ends, and where it or its topic has changed."""
        troubles, asked = [], 0
        for key, feed in self._keys.items():
            place, known = progress.feeds.get(key, Place()), progress.hubs.get(key)
            # One that another process has asked is known by its question only.
            same = known is not None and known.topic == place.topic and known.hub in {"", place.hub}
            if not place.hub or asked >= _AT_ONCE or (known is not None and same and now < known.ask_at):
                continue
            asked += 1
            until = known.until if known is not None and same else None
            progress.hubs[key] = Subscription(place.hub, place.topic, now + UNANSWERED, until)
            try:
                await self._subscribe(feed, place)
            except SourceError as error:
                troubles.append(f"{self._label(key)}: its hub cannot be asked: {error}")
        return troubles

    async def _subscribe(self, feed: str, place: Place) -> None:
        wanted = {
            "hub.mode": "subscribe",
            "hub.topic": place.topic,
            "hub.callback": callback(self._config.public_url, self.name, self._secret, feed=feed, topic=place.topic),
            "hub.secret": self._signs[feed],
            "hub.lease_seconds": str(self._config.lease_seconds),
        }
        await self._client.request(
            "POST",
            place.hub,
            headers={"content-type": "application/x-www-form-urlencoded"},
            content=urlencode(wanted).encode(),
            outside=not same_site(feed, place.hub),
        )

    def _is_news(self, record: Record, progress: Pushed) -> bool:
        """Whether this was not given before, and remember it; the same post may be looked at and be brought."""
        name, version = short(record.post.native_id), record.post.version[:12]
        known = [progress.brought[name]] if name in progress.brought else []
        known = known or [place.seen[name] for place in progress.feeds.values() if name in place.seen]
        progress.brought.pop(name, None)
        progress.brought[name] = version
        for old in list(progress.brought)[:-_REMEMBERED]:
            del progress.brought[old]
        return version not in known

    def _label(self, key: str) -> str:
        return self._reader.label(self._keys[key])
