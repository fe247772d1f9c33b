"""The `replay` source: plays a recording by the clock it is given."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.records.again import read_again
from ingest.records.inspect import check_columns, matching, refuse
from ingest.records.row import Unreadable
from ingest.replay.config import Config
from ingest.replay.tape import Tape, load
from ingest.source import Page

if TYPE_CHECKING:
    from ingest.http import PoliteClient

_LONGEST_WAIT = 1.0


class _Cursor(Struct, frozen=True, omit_defaults=True):
    """`position` posts and `letters` dead letters of the tape with this `print` were played; it began at `began`."""

    print: str = ""
    position: int = 0
    letters: int = 0
    began: datetime | None = None


class ReplaySource:
    """Ends with the recording. After a restart it goes on where it was, without making up for the pause."""

    finite = True

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config, self._clock, self._sleep = config, clock, sleep
        self._tape: Tape | None = None
        self._at = -1
        self._started = clock()
        self._from = self._started

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the posts whose time has come, after at most a second."""
        tape = await self._load()
        at = read_cursor(cursor, _Cursor, source=self.name)
        if at.print != tape.print:
            at = _Cursor(print=tape.print, began=self._clock() if self._config.rebase else None)
        size = self._config.page_size
        if at.letters < len(tape.dead_letters):
            letters = tape.dead_letters[at.letters : at.letters + size]
            after = structs.replace(at, letters=at.letters + len(letters))
            return Page(records=[], cursor=write_cursor(after), dead_letters=letters)
        records = tape.records[at.position : at.position + size]
        if records and self._config.speed > 0:
            records = await self._due(records, at.position)
        after = structs.replace(at, position=at.position + len(records))
        self._at = after.position
        return Page(
            records=[self._shifted(record, tape, at) for record in records],
            cursor=write_cursor(after),
            exhausted=after.position >= len(tape.records),
        )

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: the recording stays."""

    async def check(self) -> str:
        """Look into the files."""
        return await asyncio.to_thread(self._look)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused row again."""
        return read_again(letter, self._config.posts(origin="replay"), now=self._clock())

    async def aclose(self) -> None:
        """Forget the recording."""
        self._tape = None

    async def _load(self) -> Tape:
        if self._tape is None:
            self._tape = await asyncio.to_thread(load, self._config, clock=self._clock)
        return self._tape

    async def _due(self, records: list[Record], position: int) -> list[Record]:
        """Wait for the first of `records`, at most a second; return those whose time has come."""
        first = records[0].post.created_at
        if position != self._at:
            self._started, self._from, self._at = self._clock(), first, position
        wait = self._played_at(first) - self._clock()
        if wait > timedelta(0):
            await self._sleep(min(wait.total_seconds(), _LONGEST_WAIT))
        now = self._clock()
        return [record for record in records if self._played_at(record.post.created_at) <= now]

    def _played_at(self, written: datetime) -> datetime:
        return self._started + (written - self._from) / self._config.speed

    def _shifted(self, record: Record, tape: Tape, at: _Cursor) -> Record:
        """With `rebase`, write the post as many seconds after the beginning as it was written after the first."""
        if at.began is None:
            return record
        shift = at.began - tape.records[0].post.created_at
        post = record.post
        written = post.created_at + shift
        edited = post.edited_at + shift if post.edited_at else None
        return Record(
            post=structs.replace(post, created_at=written, edited_at=edited, collected_at=written), raw=record.raw
        )

    def _look(self) -> str:
        paths = matching(self._config.path)
        for path in paths:
            try:
                check_columns(path, self._config.reading())
            except (OSError, Unreadable) as error:
                raise refuse(path, error) from error
        pace = f"{self._config.speed:g} times as fast as it happened" if self._config.speed else "as fast as possible"
        return f"{len(paths)} file{'s' if len(paths) > 1 else ''} to play, {pace}"


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> ReplaySource:  # noqa: ARG001  # files need no network
    """Make the source of a configuration."""
    return ReplaySource(config, clock=clock)
