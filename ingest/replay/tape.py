"""A recording in memory, in order of time. Bounded: a larger one is refused with the remedy."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from domain.dead_letter import DeadLetter
from domain.errors import SourceMisconfigured
from domain.ids import stable_id
from domain.post import Record
from ingest.cursors import read_cursor
from ingest.records.marks import FileCursor
from ingest.records.pages import FilePages
from ingest.replay.config import Config

MOST_POSTS = 500_000
MOST_BYTES = 256_000_000


class Tape(Struct, frozen=True):
    """The posts by time, what could not be read, and a print of the files they came from."""

    records: list[Record]
    dead_letters: list[DeadLetter]
    print: str


def load(config: Config, *, clock: Callable[[], datetime]) -> Tape:
    """Read all files and sort. Raises SourceMisconfigured."""
    pages = FilePages(
        config.path,
        source=config.name,
        reading=config.reading(),
        posts=config.posts(origin="replay"),
        page_size=10_000,
        clock=clock,
    )
    records: list[Record] = []
    letters: list[DeadLetter] = []
    cursor, size, exhausted = None, 0, False
    try:
        while not exhausted:
            page = pages.page(cursor)
            cursor, exhausted = page.cursor, page.exhausted
            records += page.records
            letters += page.dead_letters
            size += sum(len(record.raw) for record in page.records)
            if len(records) > MOST_POSTS or size > MOST_BYTES:
                raise SourceMisconfigured(
                    f"{config.path} is too large to be sorted in memory (at most {MOST_POSTS:,} posts and "
                    f'{MOST_BYTES:,} bytes): narrow `path`, or read it in its own order with kind = "file"'
                )
    finally:
        pages.close()
    records.sort(key=lambda record: record.post.created_at)
    marks = read_cursor(cursor, FileCursor, source=config.name).files
    return Tape(
        records[: config.limit], letters, stable_id(*(f"{path}\n{mark.print}" for path, mark in marks.items()))
    )
