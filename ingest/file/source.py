"""The `file` source: posts from files, resumable at any row."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from domain.dead_letter import DeadLetter
from domain.post import Record
from ingest.cursors import read_cursor
from ingest.file.config import Config
from ingest.records.again import read_again
from ingest.records.inspect import check_columns, matching, refuse
from ingest.records.marks import FileCursor
from ingest.records.pages import FilePages
from ingest.records.row import Unreadable
from ingest.source import Page

if TYPE_CHECKING:
    from ingest.http import PoliteClient

_CHECKED = 100
_SHOWN = 12


class FileSource:
    """Ends when all matching files are read; a file that grew since is continued at the next run."""

    finite = True

    def __init__(self, config: Config, *, clock: Callable[[], datetime]) -> None:
        self._config, self._clock = config, clock
        self._posts = config.posts(origin=config.origin)
        self._pages = FilePages(
            config.path,
            source=config.name,
            reading=config.reading(),
            posts=self._posts,
            page_size=config.page_size,
            clock=clock,
        )

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name

    async def fetch(self, cursor: bytes | None) -> Page:
        """Bring the next rows; raises SourceMisconfigured for a missing file or column."""
        return await asyncio.to_thread(self._pages.page, cursor)

    async def committed(self, cursor: bytes) -> None:
        """Nothing waits for it: files stay where they are."""

    async def check(self) -> str:
        """Look into the (first hundred) files; return what is there."""
        return await asyncio.to_thread(self._look)

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        """Read a refused row again."""
        return read_again(letter, self._posts, now=self._clock())

    async def aclose(self) -> None:
        """Close the file that is open."""
        await asyncio.to_thread(self._pages.close)

    def progress(self, cursor: bytes | None) -> tuple[int, int]:
        """Return (bytes read, bytes in all), of the files as they lie on the disk."""
        marks = read_cursor(cursor, FileCursor, source=self.name).files
        sizes = {str(path): path.stat().st_size for path in matching(self._config.path)}
        read = sum(min(mark.read, sizes.get(path, 0)) for path, mark in marks.items())
        return read, sum(sizes.values())

    def _look(self) -> str:
        paths = matching(self._config.path)
        reading = self._config.reading()
        columns: tuple[str, ...] = ()
        for path in paths[:_CHECKED]:
            try:
                columns = check_columns(path, reading)
            except (OSError, Unreadable) as error:
                raise refuse(path, error) from error
        size = sum(path.stat().st_size for path in paths)
        shown = ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")
        return (
            f"{len(paths)} file{'s' if len(paths) > 1 else ''}, {size / 1e6:,.1f} MB; columns: {shown or 'none yet'}"
        )


def build(config: Config, *, client: "PoliteClient", clock: Callable[[], datetime]) -> FileSource:  # noqa: ARG001  # files need no network
    """Make the source of a configuration."""
    return FileSource(config, clock=clock)
