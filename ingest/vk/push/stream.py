"""The Streaming API as a source: what is written in public with the brands' words, as it is written.

VK keeps nothing for who does not listen: what is written while the stream is down is lost to it, and that is told.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct, structs

from domain.brand import Brand
from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater, SourceMisconfigured
from domain.ids import stable_id
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.vk.api import VkApi, decode
from ingest.vk.config import Config
from ingest.vk.parse import refused
from ingest.vk.push.host import BAD_KEY, Host, StreamRefused, address, refusal
from ingest.vk.push.joined import Names
from ingest.vk.push.rules import PREFIX, Steps, rules
from ingest.vk.push.told import ERROR, EVENT, SERVICE, Event, Frame, people_of, read_event, read_frame, to_post
from ingest.websocket import WebSocket

GATHER_SECONDS = 0.5
"""How long a fetch listens."""
PAGE_EVENTS = 200
PLACE_EVERY = 60
"""Seconds after which a silent stream writes down that it listened."""

_RECONNECT_SOON = 3000
_SAMPLE = "on VK's free level the stream is at most 1 % of what is public, so counts from it are of a sample"


class _Place(Struct, frozen=True, omit_defaults=True):
    """Pages up to number `page` are durable; at `heard` (unix seconds) the stream was listened to."""

    page: int = 0
    heard: int = 0


class _Server(Struct):
    endpoint: str
    key: str


class StreamSource:
    """Public posts and comments as they are written: on VK's free level at most one in a hundred."""

    finite = False

    def __init__(
        self,
        config: Config,
        *,
        client: PoliteClient,
        clock: Callable[[], datetime],
        brands: Sequence[Brand] = (),
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        if config.token is None:
            raise SourceMisconfigured('vk: via = "stream" needs `token`')
        token = config.token.get_secret_value()
        self._config, self._client, self._clock = config, client, clock
        self._gather_seconds = gather_seconds
        self._limiter_key = f"vk:stream:{stable_id('vk', token)[:16]}"
        self._api = VkApi(client, token=token, clock=clock, api=config.api, version=config.version, rate=config.rate)
        self._names = Names(self._api, clock=clock, site=config.site)
        self._rules = rules(() if config.queries else brands, config.queries)
        self._host: Host | None = None
        self._steps: Steps | None = None
        self._socket: WebSocket | None = None
        self._opening: asyncio.Task[WebSocket] | None = None
        self._proven = False
        self._heard_at: datetime | None = None
        self._frames: list[bytes] = []
        self._given: list[tuple[int, Page]] = []
        self._troubles: list[str] = []

    def __repr__(self) -> str:
        return f"StreamSource(name={self.name!r})"

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring what came within half a second; first what was given before and is not in `cursor`."""
        place = read_cursor(cursor, _Place, source=self.name)
        for number, page in self._given:
            if number > place.page:
                return page
        if not self._frames:
            await self._hear(place)
        page, after = await self._page(place)
        self._frames.clear()
        if after.page > place.page:
            self._given.append((after.page, page))
        return page

    async def committed(self, cursor: bytes) -> None:
        """Forget what is durable."""
        at = read_cursor(cursor, _Place, source=self.name)
        self._given = [(number, page) for number, page in self._given if number > at.page]

    async def check(self) -> str:
        """Ask for the streaming host and the rules that it holds for this token."""
        host = await self._found()
        held = await host.rules()
        ours = sum(tag.startswith(PREFIX) for tag in held)
        others = f" and {len(held) - ours} of others" if len(held) > ours else ""
        return f"{host.where} lets us listen: {len(self._rules)} rules wanted, {ours} held{others}; {_SAMPLE}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused frame again."""
        now = self._clock()
        try:
            read = to_post(
                read_event(bytes(read_frame(letter.raw).event)), letter.raw, {},
                source=self.name, at=now, site=self._config.site,
            )  # fmt: skip
        except Refused as no:
            return structs.replace(letter, reason=no.reason, detail=str(no), at=now)
        return read or structs.replace(letter, reason="no_post", detail="the event has no words", at=now)

    async def aclose(self) -> None:
        """Hang up."""
        await self._hang_up()

    # --- listening --------------------------------------------------------------------------------------------

    async def _hear(self, place: _Place) -> None:
        """Gather frames. A stream that breaks is opened again at once if it was a good one: the gap is short then."""
        await self._listen(place)
        try:
            await self._gather()
        except RetryLater:
            proven = self._proven
            await self._hang_up()
            if not proven:
                raise
            await self._listen(place)
            await self._gather()

    async def _gather(self) -> None:
        if self._socket is not None:
            await self._socket.gather(self._frames, most=PAGE_EVENTS, seconds=self._gather_seconds)
            self._proven = self._proven or bool(self._frames)
            self._heard_at = self._clock()

    async def _listen(self, place: _Place) -> None:
        """Be connected, by rules that are in step. A key that is good no more is renewed, once."""
        for last in (False, True):
            try:
                await self._connect(place)
            except StreamRefused as no:
                await self._hang_up()
                if no.code != BAD_KEY:
                    raise
                self._host = self._steps = None
                if last:
                    raise
            else:
                return

    async def _connect(self, place: _Place) -> None:
        host = self._host = self._host or await self._found()
        if self._steps is None:
            self._steps = Steps(self._rules, await host.rules())
        self._troubles += await self._steps.walk(host)
        if self._socket is None:
            # A fetch may be cancelled while VK opens the stream, which says its first words to whom it opened it for.
            self._opening = self._opening or asyncio.create_task(host.listen(self._config.stream_id))
            try:
                self._socket = await asyncio.shield(self._opening)
            except Exception:
                self._opening = None
                raise
            self._opening = None
            self._tell_of_gap(place)

    async def _found(self) -> Host:
        server = decode(await self._api.call("streaming.getServerUrl"), _Server, what="streaming.getServerUrl")
        url = self._config.streaming or address(server.endpoint, tls=self._config.api.startswith("https"))
        return Host(
            url,
            server.key,
            client=self._client,
            limiter_key=self._limiter_key,
            rate=self._config.rate,
            clock=self._clock,
        )

    def _tell_of_gap(self, place: _Place) -> None:
        now, since = self._clock(), self._heard_at
        if since is None and place.heard:
            since = datetime.fromtimestamp(place.heard, UTC)
        self._heard_at = now
        if since is not None and (seconds := (now - since).total_seconds()) >= 1:
            self._troubles.append(
                f"VK's stream was not listened to for {seconds:.0f} s from {since:%Y-%m-%d %H:%M:%S} UTC: what it "
                'told then is lost to this source (one with via = "search" finds it)'
            )

    async def _hang_up(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        socket, self._socket, self._proven = self._socket, None, False
        if socket is not None:
            await socket.close()

    # --- reading ----------------------------------------------------------------------------------------------

    async def _page(self, place: _Place) -> tuple[Page, _Place]:
        now = self._clock()
        events, letters, over = self._sorted(now)
        numbers = {number for event, _ in events for number in people_of(event)}
        people = await self._names.of(numbers)
        if over:
            await self._hang_up()
        read = [
            to_post(event, raw, people, source=self.name, at=now, site=self._config.site) for event, raw in events
        ]
        records = [one for one in read if isinstance(one, Record)]
        letters += [one for one in read if isinstance(one, DeadLetter)]
        troubles, self._troubles = self._troubles, []
        after = place
        if records or letters:
            after = _Place(place.page + 1, int(now.timestamp()))
        elif now.timestamp() - place.heard >= PLACE_EVERY:
            after = _Place(place.page, int(now.timestamp()))
        return Page(records=records, dead_letters=letters, cursor=write_cursor(after), troubles=troubles), after

    def _sorted(self, now: datetime) -> tuple[list[tuple[Event, bytes]], list[DeadLetter], bool]:
        """Events with their frames, what cannot be read, and whether VK wants to end the connection."""
        events: list[tuple[Event, bytes]] = []
        letters: list[DeadLetter] = []
        over = False
        for raw in self._frames:
            try:
                frame = read_frame(raw)
                if frame.code == EVENT:
                    events.append((read_event(bytes(frame.event)), raw))
                else:
                    over = self._is_over(frame) or over
            except Refused as no:
                letters.append(refused(no.reason, str(no), raw, source=self.name, at=now, where="stream"))
        return events, letters, over

    def _is_over(self, frame: Frame) -> bool:
        if frame.code == ERROR:
            said = refusal(frame.error)
            self._troubles.append(str(said))
            if isinstance(said, StreamRefused) and said.code == BAD_KEY:
                self._host = self._steps = None
            return True
        return frame.code == SERVICE and frame.service_message.service_code == _RECONNECT_SOON
