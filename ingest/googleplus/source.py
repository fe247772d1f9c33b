"""The `googleplus` source: an archive of Takeout, file by file; it goes on behind the last file that is durable."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.googleplus.archive import Archive, File, Unreadable
from ingest.googleplus.config import Config
from ingest.googleplus.parse import Context, read_file
from ingest.source import Page, Source

if TYPE_CHECKING:
    from ingest.http import PoliteClient

_MOST_FILES = 500


class _Progress(Struct):
    """The last file that was read: its folder or .zip, and its path there."""

    container: str = ""
    member: str = ""


class GooglePlusSource:
    """Posts and comments of an archive, all of them history."""

    finite = True

    def __init__(self, config: Config, *, clock: Callable[[], datetime], since: datetime | None = None) -> None:
        self.name = config.name
        self._config, self._clock, self._since = config, clock, since
        self._archive = Archive(config.path, largest=config.max_file_bytes)
        self._files: list[File] | None = None

    def __repr__(self) -> str:
        return f"GooglePlusSource(name={self.name!r})"

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the posts of the next files; raises SourceMisconfigured for what is no archive."""
        return await asyncio.to_thread(self._page, cursor)

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: the archive stays where it is."""

    async def check(self) -> str:
        """Count the files."""
        return await asyncio.to_thread(self._look)

    def history(self, since: datetime, *, name: str) -> Source:
        """The same archive from a date on."""
        return GooglePlusSource(self._config.model_copy(update={"name": name}), clock=self._clock, since=since)

    async def aclose(self) -> None:
        """Close what is open."""
        await asyncio.to_thread(self._archive.close)

    def _page(self, cursor: bytes | None) -> Page:
        at = read_cursor(cursor, _Progress, source=self.name)
        files, troubles = self._all(), list[str]()
        start = bisect_right(files, File(at.container, at.member)) if at.member else 0
        if cursor is None and (pages := self._html()):
            troubles.append(self._unread(pages))
        records: list[Record] = []
        letters: list[DeadLetter] = []
        last = start
        for file in files[start : start + _MOST_FILES]:
            for one in self._read(file):
                if isinstance(one, DeadLetter):
                    letters.append(one)
                elif self._since is None or one.post.created_at >= self._since:
                    records.append(one)
            at, last = _Progress(file.container, file.member), last + 1
            if len(records) + len(letters) >= self._config.page_size:
                break
        return Page(
            records=records,
            dead_letters=letters,
            cursor=write_cursor(at),
            exhausted=last >= len(files),
            troubles=troubles,
        )

    def _read(self, file: File) -> list[Record | DeadLetter]:
        now = self._clock()
        try:
            raw = self._archive.read(file)
        except Unreadable as error:
            return [self._unopened(file, error, now)]
        context = Context(
            source=self.name, at=now, where=file.member, private=self._config.private, sure=file.in_posts
        )
        return read_file(raw, context)

    def _unopened(self, file: File, error: Unreadable, now: datetime) -> DeadLetter:
        return DeadLetter(
            source=self.name,
            stage="fetch",
            reason=error.reason,
            detail=str(error),
            where=file.member,
            raw=b"",
            at=now,
        )

    def _look(self) -> str:
        posts, pages = [file for file in self._all() if file.in_posts], self._html()
        if not posts and pages:
            raise SourceMisconfigured(f"path: {self._unread(pages)}")
        told = f"{len(posts):,} posts in JSON among {len(self._all()):,} files"
        return f"archive of Google+ (closed in 2019): {told}" + (f"; {self._unread(pages)}" if pages else "")

    def _html(self) -> int:
        """Posts that the archive has as web pages, as Takeout gave them unless asked for JSON."""
        return sum(file.in_posts for file in self._archive.files(".html"))

    @staticmethod
    def _unread(pages: int) -> str:
        return f"{pages:,} posts are web pages (.html), which are not read: only JSON is"

    def _all(self) -> list[File]:
        if self._files is None:
            self._files = self._archive.files(".json")
        return self._files


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> GooglePlusSource:  # noqa: ARG001  # an archive needs no network
    """Make the source of a configuration."""
    return GooglePlusSource(config, clock=clock)
