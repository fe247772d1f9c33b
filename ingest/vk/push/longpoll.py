"""Bots Long Poll as a source: what happens in an own community, fetched from a history that VK keeps for a while."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import Refused, RetryLater
from domain.ids import stable_id
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.http import PoliteClient
from ingest.source import Page
from ingest.vk.api import decode
from ingest.vk.config import Config
from ingest.vk.parse import refused
from ingest.vk.push.community import Community, Server
from ingest.vk.push.events import Update, people_of, read_again, read_envelope, to_post

WAIT = 25
"""Seconds for which VK keeps a question open when there is nothing to tell."""
IDLE_WAIT = 1.0
"""Seconds after which a fetch returns while the question stays open."""

_FORGOTTEN, _OLD_KEY = 1, 2
_ATTEMPTS = 3
_SESSION_OVER = (400, 401, 403, 404, 410)


class _Place(Struct, frozen=True, omit_defaults=True):
    """Events up to number `ts` are durable."""

    ts: str = ""


class _Answer(Struct):
    ts: str | int = ""
    updates: list[msgspec.Raw] = []
    failed: int = 0


class _Heard(Struct):
    """What one question brought: where to go on, the events, and what was lost."""

    ts: str
    updates: list[bytes] = []
    troubles: list[str] = []


class LongPollSource:
    """Comments, posts and messages of one community, as VK keeps them for its bots."""

    finite = False

    def __init__(
        self, config: Config, *, client: PoliteClient, clock: Callable[[], datetime], idle_wait: float = IDLE_WAIT
    ) -> None:
        self._config, self._client, self._clock, self._idle_wait = config, client, clock, idle_wait
        self._community = Community(config, client=client, clock=clock)
        self._server: Server | None = None
        self._question: tuple[str, asyncio.Task[_Heard]] | None = None
        self._limiter_key = f"vk:poll:{stable_id(config.name, str(config.group))[:16]}"
        client.limit(self._limiter_key, requests=1, seconds=1 / config.rate)

    def __repr__(self) -> str:
        return f"LongPollSource(name={self.name!r})"

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the events after the cursor; an empty page while VK keeps the question open."""
        place = read_cursor(cursor, _Place, source=self.name)
        question = await self._asked(place.ts)
        await asyncio.wait({question}, timeout=self._idle_wait)
        if not question.done():
            return Page(records=[], cursor=cursor or write_cursor(place))
        self._question = None
        heard = question.result()
        return await self._page(heard)

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it: VK goes by our cursor."""

    async def check(self) -> str:
        """Ask for the community's name, its long poll server, and which events it tells."""
        name = await self._community.named()
        await self._community.server()
        silent = await self._community.silent()
        if silent is None:
            told = "the token may not see which events are switched on (right `manage`)"
        else:
            told = f"not switched on: {', '.join(silent)}" if silent else "all events are switched on"
        return f"{name}: long poll answers; {told}"

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused event again."""
        return read_again(letter, at=self._clock(), site=self._config.site)

    async def aclose(self) -> None:
        """Ask no more."""
        await self._drop()

    async def _asked(self, ts: str) -> asyncio.Task[_Heard]:
        """The open question after event `ts`: it outlives a fetch, and a fetch that was cancelled."""
        if self._question is not None and self._question[0] != ts:
            await self._drop()
        if self._question is None:
            self._question = (ts, asyncio.create_task(self._ask(ts)))
        return self._question[1]

    async def _drop(self) -> None:
        if self._question is not None:
            _, task = self._question
            self._question = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ask(self, ts: str) -> _Heard:
        """Ask until there is an answer; a new key is taken where the old one is good no more.

        Without a place yet, this moment is the place: it is to be kept before anything happens.
        """
        for _ in range(_ATTEMPTS):
            server = self._server = self._server or await self._community.server()
            if not ts:
                return _Heard(str(server.ts))
            answer = await self._answer(server, ts)
            if not answer.failed:
                return _Heard(str(answer.ts), [bytes(raw) for raw in answer.updates])
            if answer.failed == _FORGOTTEN:
                return _Heard(str(answer.ts), troubles=[self._gap("VK keeps its history no longer than that")])
            self._server = None
            if answer.failed != _OLD_KEY:
                server = self._server = await self._community.server()
                return _Heard(str(server.ts), troubles=[self._gap("VK began its history anew")])
        raise RetryLater("VK's long poll server takes none of the keys that VK gives for it")

    async def _answer(self, server: Server, ts: str) -> _Answer:
        url = server.server if "://" in server.server else f"{self._config.api.partition('://')[0]}://{server.server}"
        reply = await self._client.get(
            url,
            params={"act": "a_check", "key": server.key, "ts": ts, "wait": WAIT},
            limiter_key=self._limiter_key,
            apart=True,
            accept_status=_SESSION_OVER,
            timeout=WAIT + 15,
        )
        if reply.status in _SESSION_OVER:
            return _Answer(failed=_OLD_KEY)
        answer = decode(reply.body, _Answer, what="VK's long poll server")
        if not answer.failed and answer.ts == "":
            raise RetryLater("VK's long poll server answers something that is not its own format")
        return answer

    async def _page(self, heard: _Heard) -> Page:
        now = self._clock()
        updates: list[Update] = []
        letters: list[DeadLetter] = []
        for raw in heard.updates:
            try:
                updates.append(read_envelope(raw))
            except Refused as no:
                letters.append(refused(no.reason, str(no), raw, source=self.name, at=now, where="long poll"))
        wanted = {number for update in updates for number in people_of(update)}
        people = await self._community.names.of(wanted)
        read = [to_post(update, people, source=self.name, at=now, site=self._config.site) for update in updates]
        return Page(
            records=[one for one in read if isinstance(one, Record)],
            dead_letters=[*letters, *(one for one in read if isinstance(one, DeadLetter))],
            cursor=write_cursor(_Place(heard.ts)),
            troubles=heard.troubles,
        )

    def _gap(self, why: str) -> str:
        return (
            f"events of VK community {self._config.group} were missed ({why}): posts and comments can be read from "
            "its wall, messages cannot"
        )
