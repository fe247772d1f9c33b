"""What channels and groups held before we listened, from a day on, oldest first."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceStopped
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.source import Page
from ingest.telegram.config import Config
from ingest.telegram.lines import Line, commented, noticed
from ingest.telegram.mtproto import MOST_MESSAGES, Account, Raw, Unreachable
from ingest.telegram.tl import Reader, number_of

_MOST_STEPS = 20


class _Progress(Struct, frozen=True, omit_defaults=True):
    """Channels before `done` are read; `line` is how far the next one is, `failed` how many could not be read."""

    done: int = 0
    line: Line = Line()
    failed: int = 0


class HistorySource:
    """One channel after the other: its messages a page at a time, and the comments under each page's posts."""

    finite = True

    def __init__(self, config: Config, *, account: Account, since: datetime, clock: Callable[[], datetime]) -> None:
        self.name = config.name
        self._config, self._account, self._since, self._clock = config, account, since, clock

    def __repr__(self) -> str:
        return f"HistorySource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next page; exhausted when all channels are read."""
        at = read_cursor(cursor, _Progress, source=self.name)
        page = Page(records=[], cursor=b"")
        for done in range(_MOST_STEPS):
            if page.records or page.dead_letters or page.troubles or at.done >= len(self._config.channels):
                break
            try:
                page, at = await self._step(at)
            except RetryLater:
                if not done:
                    raise
                break
        return replace(page, cursor=write_cursor(at), exhausted=at.done >= len(self._config.channels))

    async def committed(self, cursor: bytes) -> None:
        """Nobody waits for it."""

    async def check(self) -> str:
        """Ask who reads."""
        try:
            return f"reads as {await self._account.ask(lambda connection: connection.me())}"
        except Unreachable as error:
            raise SourceStopped(f"Telegram does not say who this account is: {error}") from None

    async def aclose(self) -> None:
        """Hang up."""
        await self._account.aclose()

    async def _step(self, at: _Progress) -> tuple[Page, _Progress]:
        name = self._config.channels[at.done]
        try:
            line, raws, ended = await self._next(at.line, name)
        except Unreachable as error:
            failed = at.failed + 1
            if failed == len(self._config.channels):
                raise SourceStopped(f"none of the channels can be read: @{name}: {error}") from None
            trouble = f"@{name} cannot be read: {error}"
            return Page(records=[], cursor=b"", troubles=[trouble]), _Progress(at.done + 1, failed=failed)
        records, letters = self._read(line, raws)
        after = _Progress(at.done + 1, failed=at.failed) if ended else replace(at, line=line)
        return Page(records=records, dead_letters=letters, cursor=b""), after

    async def _next(self, line: Line, name: str) -> tuple[Line, list[Raw], bool]:
        """Do what comes next in a channel; return what came of it, and whether that was all."""
        place = line.place
        if place is None:
            found = await self._account.ask(lambda connection: connection.find(name))
            return replace(line, place=found), [], False
        if not line.described:
            described = await self._account.ask(lambda connection: connection.describe(place))
            return replace(line, place=described, described=int(self._clock().timestamp())), [], False
        peer = (place.id, place.hash)
        open_threads = [(int(post), thread) for post, thread in line.threads.items() if thread.due]
        for post, thread in open_threads[:1]:
            try:
                raws = await self._account.all(lambda link: link.comments(peer, post, after=thread.last))  # noqa: B023  # awaited here
            except Unreachable:
                raws = []
            after = commented(line, post, raws, whole=len(raws) < MOST_MESSAGES)
            return replace(after, threads={one: told for one, told in after.threads.items() if told.due}), raws, False
        raws = await self._account.all(lambda link: link.messages(peer, after=line.last, since=self._since))
        line = noticed(line, raws, comments=self._config.comments)
        return replace(line, last=max([line.last, *(number_of(raw) for raw in raws)])), raws, not raws

    def _read(self, line: Line, raws: Sequence[Raw]) -> tuple[list[Record], list[DeadLetter]]:
        if line.place is None:
            return [], []
        reader = Reader(line.place, line.roots, source=self.name, clock=self._clock, origin="backfill")
        found = [reader.read(raw) for raw in raws]
        return (
            [one for one in found if isinstance(one, Record)],
            [one for one in found if isinstance(one, DeadLetter)],
        )
