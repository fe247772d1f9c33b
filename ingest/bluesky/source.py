"""The `bluesky` source: reads Jetstream, resumes by time, changes the server when one fails."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import structlog
from msgspec import Struct, structs

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Record
from ingest.bluesky.config import Config
from ingest.bluesky.parse import COLLECTION, Frame, read_frame, read_post, uri
from ingest.cursors import read_cursor, write_cursor
from ingest.source import Page, Source
from ingest.websocket import LARGEST_FRAME, HandshakeRefused, WebSocket, open_websocket, site

if TYPE_CHECKING:
    from ingest.http import PoliteClient

log = structlog.get_logger("tocsin.bluesky")

GATHER_SECONDS = 0.5
"""How long a fetch listens."""
CHECK_SECONDS = 5.0
REWIND = timedelta(seconds=5)
"""Servers keep their own clocks: after a change of server this much is read again."""
LOOK_BACK = timedelta(hours=36)
"""Servers keep so much; what is older they leave out without saying so."""

_BUSY_OR_DOWN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_CLIENT_ERROR = 400


class At(Struct, frozen=True, omit_defaults=True):
    """The last event that was read: its `time_us` on the server `url`."""

    time_us: int = 0
    url: str = ""


class BlueskySource:
    """Deleted accounts are not followed up: their posts' own deletions come, others stay until they are forgotten."""

    finite = False

    def __init__(
        self, config: Config, *, clock: Callable[[], datetime], gather_seconds: float = GATHER_SECONDS
    ) -> None:
        self._config, self._clock, self._gather_seconds = config, clock, gather_seconds
        self._socket: WebSocket | None = None
        self._url = config.urls[0]
        self._given: bytes | None = b""
        self._frames: list[bytes] = []

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what came within half a second, at most a page."""
        if cursor != self._given:
            await self._hang_up()
            self._given = cursor
        at = read_cursor(cursor, At, source=self.name)
        if self._socket is None:
            self._socket = await self._connect(at)
        try:
            await self._socket.gather(self._frames, most=self._config.page_size, seconds=self._gather_seconds)
        except RetryLater:
            await self._hang_up()
            self._url = self._next(self._url)
            raise
        page = self._page(at)
        self._frames.clear()
        self._given = page.cursor
        return page

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: the server goes by our cursor."""

    async def check(self) -> str:
        """Connect to the first server that answers and wait for an event."""
        socket = await self._connect(At())
        frames: list[bytes] = []
        try:
            await socket.gather(frames, most=1, seconds=CHECK_SECONDS)
        finally:
            await socket.close()
        heard = "posts are coming" if frames else f"connected, but silent for {CHECK_SECONDS:g} s"
        return f"{site(self._url)}: {heard}"

    def history(self, since: datetime, *, name: str) -> Source:
        """See `ingest.source.Historic`: at most the 36 hours that the servers keep."""
        from ingest.bluesky.past import PastSource  # it is made of this one

        return PastSource(self._config, clock=self._clock, since=since, name=name, patience=10 * self._gather_seconds)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused frame again."""
        now = self._clock()
        try:
            post = read_post(read_frame(letter.raw), source=self.name, collected_at=now)
        except Refused as refused:
            return structs.replace(letter, reason=refused.reason, detail=refused.detail, at=now)
        if post is None:
            return structs.replace(letter, reason="no_post", detail="the frame is about no post with words", at=now)
        return Record(post=post, raw=letter.raw)

    async def aclose(self) -> None:
        """Hang up."""
        await self._hang_up()
        self._given = b""

    async def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        self._frames.clear()
        if socket is not None:
            await socket.close()

    def _next(self, url: str) -> str:
        urls = self._config.urls
        return urls[(urls.index(url) + 1) % len(urls)]

    async def _connect(self, at: At) -> WebSocket:
        """Try each server once; when all fail, raise what may get better if anything may."""
        errors: list[SourceError] = []
        for _ in self._config.urls:
            try:
                return await open_websocket(self._address(at), clock=self._clock)
            except SourceError as error:
                errors.append(_judged(error, site(self._url)))
                self._url = self._next(self._url)
        raise next((error for error in errors if isinstance(error, RetryLater)), errors[0])

    def _address(self, at: At) -> str:
        asked = {"wantedCollections": COLLECTION, "maxMessageSizeBytes": str(LARGEST_FRAME)}
        if at.time_us:
            rewind = 0 if at.url == self._url else int(REWIND / timedelta(microseconds=1))
            asked["cursor"] = str(max(at.time_us - rewind, 1))
            behind = self._clock().timestamp() - at.time_us / 1e6
            if behind > LOOK_BACK.total_seconds():
                log.warning("a gap: the servers do not keep posts that long", source=self.name, hours=behind // 3600)
        return f"{self._url}?{urlencode(asked)}"

    def _page(self, at: At) -> Page:
        now = self._clock()
        records: list[Record] = []
        letters: list[DeadLetter] = []
        time_us = at.time_us
        for raw in self._frames:
            frame: Frame | None = None
            try:
                frame = read_frame(raw)
                time_us = frame.time_us
                post = read_post(frame, source=self.name, collected_at=now)
            except Refused as refused:
                letters.append(self._letter(refused, frame, raw, now))
            else:
                if post is not None:
                    records.append(Record(post=post, raw=raw))
        after = At(time_us, self._url) if time_us != at.time_us else at
        return Page(records=records, cursor=write_cursor(after), dead_letters=letters)

    def _letter(self, refused: Refused, frame: Frame | None, raw: bytes, now: datetime) -> DeadLetter:
        return DeadLetter(
            source=self.name,
            stage="fetch",
            reason=refused.reason,
            detail=refused.detail,
            where=(uri(frame) if frame else "") or "jetstream frame",
            raw=raw[:RAW_LIMIT],
            at=now,
        )


def _judged(error: SourceError, where: str) -> SourceError:
    """Decide what a refused handshake means for this source."""
    if not isinstance(error, HandshakeRefused):
        return error
    if error.status in {401, 403}:
        return SourceStopped(f"{where} refuses us ({error.status}); choose other `urls`")
    if _CLIENT_ERROR <= error.status < _SERVER_ERROR and error.status not in _BUSY_OR_DOWN:
        return SourceMisconfigured(f"{where} is no Jetstream server ({error.status}); check `urls`")
    return error


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> BlueskySource:  # noqa: ARG001  # a WebSocket, not HTTP
    """Make the source of a configuration."""
    return BlueskySource(config, clock=clock)
