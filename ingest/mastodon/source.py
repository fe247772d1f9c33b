"""The `mastodon` source: streams where the server does, polls where it does not, and fills the gaps by polling."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import structlog
from msgspec import Struct, structs

from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater, SourceError
from domain.post import Post, Record
from ingest.cursors import read_cursor, write_cursor
from ingest.guard import Guard
from ingest.history import History
from ingest.http import PoliteClient
from ingest.mastodon.channels import Channel
from ingest.mastodon.config import Config
from ingest.mastodon.feeds import Event, Feed
from ingest.mastodon.parse import deletion, order, read_status, refusal, status_id
from ingest.mastodon.past import Timelines
from ingest.mastodon.server import Server, Unsupported
from ingest.source import Page

log = structlog.get_logger("tocsin.mastodon")

GATHER_SECONDS = 0.5
"""How long a fetch listens."""
REMEMBERED = 1_000
"""Statuses whose uri is known by the server's own id. A deletion names only that id: one of an older status is passed
over, and its mentions stay until they are forgotten."""
FAILURES = 3
"""Streams that break off in a row without an event, before the next way is taken."""
STREAM_AGAIN = timedelta(hours=1)
"""After so long of polling, streaming is tried again."""

_LONGEST_ID = 64
_LONGEST_URI = 2_000

Way = Literal["websocket", "events", "polling"]
_NEXT: dict[Way, Way] = {"websocket": "events", "events": "polling", "polling": "polling"}


class _Cursor(Struct, frozen=True, omit_defaults=True):
    """The latest status id by channel, and the uris of the latest statuses by id, oldest first."""

    last: dict[str, str] = {}
    uris: dict[str, str] = {}


class _Batch:
    """A page in the making."""

    def __init__(self, at: _Cursor) -> None:
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.last, self.uris = dict(at.last), dict(at.uris)
        self.unknown = 0

    def page(self, *, wait: float = 0.0) -> Page:
        latest = dict(list(self.uris.items())[-REMEMBERED:])
        cursor = write_cursor(_Cursor(self.last, latest))
        return Page(records=self.records, cursor=cursor, dead_letters=self.letters, wait=wait)


class MastodonSource:
    """Edits and deletions that happen while we are not connected are not told to us later."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        guard: Guard | None = None,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._config, self._clock, self._gather_seconds = config, clock, gather_seconds
        self._server = Server(config, client=client, clock=clock, guard=guard or Guard())
        self._channels = config.channels()
        self._keys = {channel.key for channel in self._channels}
        self._way: Way = "websocket"
        self._failures = 0
        self._polling_since = clock()
        self._feed: Feed | None = None
        self._unfilled: list[Channel] = []
        self._events: list[Event] = []
        self._given: bytes | None = b""

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what was missed, a timeline page at a time, then what happens."""
        if cursor != self._given:
            await self._hang_up()
            self._given = cursor
        at = read_cursor(cursor, _Cursor, source=self.name)
        try:
            page = await self._page(at)
        except Unsupported:
            await self._take_next_way()
            page = _Batch(at).page()
        self._events.clear()
        self._given = page.cursor
        return page

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: timelines go by our cursor."""

    async def check(self) -> str:
        """Ask the instance who it is and for one status of every channel."""
        streaming = await self._server.streaming()
        for channel in self._channels:
            await self._server.timeline(channel, limit=1)
        version = f" ({self._server.version})" if self._server.version else ""
        return f"{self._server.host}{version} answers for {len(self._channels)} channels; it streams at {streaming}"

    def history(self, since: datetime, *, name: str) -> History:
        """See `ingest.source.Historic`: as far back as the instance's timelines go."""
        timelines = Timelines(self._server, self._config, source=name, clock=self._clock)
        return History(timelines, name=name, since=since, check=self.check)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused status again."""
        batch = _Batch(_Cursor())
        self._take(Event("", "update", letter.raw), batch)
        if batch.records:
            return batch.records[0]
        return batch.letters[0] if batch.letters else structs.replace(letter, detail="the status has no public words")

    async def aclose(self) -> None:
        """Hang up."""
        await self._hang_up()
        self._given = b""

    async def _page(self, at: _Cursor) -> Page:
        if self._way == "polling" and self._clock() - self._polling_since > STREAM_AGAIN:
            await self._hang_up()
            self._way = "websocket"
        if self._feed is None and self._way != "polling":
            self._feed = await self._opened()
            self._unfilled = list(self._channels)
        if self._unfilled:
            return await self._fill(self._unfilled[0], at)
        if self._feed is None:
            self._unfilled = list(self._channels)
            return _Batch(at).page(wait=self._config.poll_seconds)
        await self._listen(self._feed)
        batch = _Batch(at)
        for event in self._events:
            self._take(event, batch)
        if batch.unknown:
            log.info("deletions of posts that were never heard or long ago", source=self.name, count=batch.unknown)
        return batch.page()

    async def _opened(self) -> Feed:
        try:
            if self._way == "websocket":
                return await self._server.open_socket(self._channels)
            return await self._server.open_events(self._channels)
        except RetryLater as error:
            self._count_failure(error)
            raise

    async def _listen(self, feed: Feed) -> None:
        try:
            await feed.gather(self._events, most=self._config.page_size, seconds=self._gather_seconds)
        except SourceError as error:
            await self._hang_up()
            if not isinstance(error, RetryLater):
                raise Unsupported from None
            self._count_failure(error)
            raise
        if self._events:
            self._failures = 0

    def _count_failure(self, error: SourceError) -> None:
        """A server that asks for patience is left in peace; one that keeps hanging up is taken another way."""
        if isinstance(error, RetryLater) and error.after is None:
            self._failures += 1
        if self._failures >= FAILURES:
            raise Unsupported from None

    async def _take_next_way(self) -> None:
        await self._hang_up()
        self._way, self._failures = _NEXT[self._way], 0
        self._polling_since = self._clock()
        if self._way == "polling":
            self._unfilled = list(self._channels)
        log.info("the server does not stream that way", source=self.name, trying=self._way)

    async def _fill(self, channel: Channel, at: _Cursor) -> Page:
        """Bring the statuses right after the last one known; the first time, the latest."""
        last = at.last.get(channel.key, "")
        statuses = sorted(await self._server.timeline(channel, after=last), key=lambda one: order(status_id(one)))
        batch = _Batch(at)
        for status in statuses:
            self._take_status(status, msgspec.json.encode(status), channel.key, batch)
        if not last or batch.last.get(channel.key, "") == last:
            self._unfilled.pop(0)
        return batch.page()

    def _take(self, event: Event, batch: _Batch) -> None:
        if event.event == "delete":
            uri = batch.uris.get(event.payload.decode("utf-8", "replace").strip().strip('"'))
            if uri is None:
                batch.unknown += 1
            else:
                gone = deletion(uri, source=self.name, collected_at=self._clock())
                batch.records.append(Record(post=gone, raw=event.payload))
        elif event.event in {"update", "status.update"}:
            try:
                status = msgspec.json.decode(event.payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self._refuse(Refused("bad_json", f"broken JSON: {error}"), event.payload, "", batch)
                return
            edit = event.event == "status.update"
            channel = event.channel if event.channel in self._keys and not edit else ""
            self._take_status(status, event.payload, channel, batch, edit=edit)
        elif event.event == "error":
            raise Unsupported
        elif not event.event:
            self._refuse(Refused("bad_frame", "the frame is no JSON event"), event.payload, "", batch)

    def _take_status(self, status: object, raw: bytes, channel: str, batch: _Batch, *, edit: bool = False) -> None:
        known_by = status_id(status)[:_LONGEST_ID]
        if known_by and channel and order(known_by) > order(batch.last.get(channel, "")):
            batch.last[channel] = known_by
        try:
            post: Post | None = read_status(
                status,
                host=self._server.host,
                source=self.name,
                collected_at=self._clock(),
                known=batch.uris,
                respect_opt_out=self._config.respect_opt_out,
                edit=edit,
            )
        except Refused as refused:
            self._refuse(refused, raw, known_by, batch)
            return
        if post is not None:
            batch.records.append(Record(post=post, raw=raw))
            if len(post.native_id) <= _LONGEST_URI:
                batch.uris[known_by] = post.native_id

    def _refuse(self, refused: Refused, raw: bytes, known_by: str, batch: _Batch) -> None:
        where = f"{self._server.host} {known_by or 'stream'}"
        batch.letters.append(refusal(refused, raw, where, source=self.name, at=self._clock()))

    async def _hang_up(self) -> None:
        feed, self._feed = self._feed, None
        self._events.clear()
        self._unfilled = []
        if feed is not None:
            await feed.close()


def build(config: Config, *, client: PoliteClient, clock: Callable[[], datetime]) -> MastodonSource:
    """Make the source of a configuration."""
    return MastodonSource(config, client=client, clock=clock)
