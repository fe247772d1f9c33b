"""Pages of posts from files, read where a cursor says. Synchronous: the source calls it from a thread."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Lock

from msgspec import Struct, structs

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, RetryLater
from domain.post import Record
from ingest.cursors import read_cursor, write_cursor
from ingest.records.formats import Reading, format_of, open_rows
from ingest.records.inspect import check_columns, matching, refuse
from ingest.records.marks import FileCursor, FileMark, first_mark, same_start, unchanged
from ingest.records.post import PostReader
from ingest.records.row import START, Place, Row, RowFile, Unreadable, broken
from ingest.source import Page

PAGE_BYTES = 8_000_000
"""A page of very large rows is cut short here."""


class _OpenFile(Struct):
    path: Path
    file: RowFile
    rows: Iterator[Row]
    mark: FileMark


class FilePages:
    """Reads the files of one source in order of name. One page at a time, whichever thread asks."""

    def __init__(
        self,
        path: str,
        *,
        source: str,
        reading: Reading,
        posts: PostReader,
        page_size: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._path, self._source, self._reading, self._posts = path, source, reading, posts
        self._page_size, self._clock = page_size, clock
        self._lock = Lock()
        self._marks: dict[str, FileMark] = {}
        self._left: Iterator[Path] | None = None
        self._open: _OpenFile | None = None
        self._given: bytes | None = b""

    def page(self, cursor: bytes | None) -> Page:
        """Return the page after `cursor`; going on is free where `cursor` is the last one given."""
        with self._lock:
            if cursor != self._given:
                self._go_to(cursor)
            self._given = b""
            page = self._read_page(self._clock())
            self._given = page.cursor
            return page

    def close(self) -> None:
        """Close the file that is open."""
        with self._lock:
            self._given = b""
            self._let_go()

    def _go_to(self, cursor: bytes | None) -> None:
        self._let_go()
        self._left = None
        self._marks = read_cursor(cursor, FileCursor, source=self._source).files

    def _read_page(self, now: datetime) -> Page:
        """Read on in one file; pages never span files, so that a bad file cannot hold up what came before it."""
        records: list[Record] = []
        letters: list[DeadLetter] = []
        current = self._open or self._open_next(letters, now)
        exhausted = current is None and not letters
        size = 0
        while self._open is not None and len(records) + len(letters) < self._page_size and size < PAGE_BYTES:
            row = self._next_row(self._open)
            if row is None:
                self._finish(self._open)
                break
            size += len(row.raw)
            try:
                if row.values is None:
                    raise Refused(row.reason, row.detail)  # noqa: TRY301  # one end for both kinds of broken row
                records.append(Record(post=self._posts.read(row.values, collected_at=now), raw=row.raw))
            except Refused as refused:
                letters.append(self._letter(self._open.path, row, refused, now))
        if exhausted:
            self._left = None
        self._note_progress()
        cursor = write_cursor(FileCursor(self._marks))
        return Page(records=records, cursor=cursor, dead_letters=letters, exhausted=exhausted)

    @staticmethod
    def _next_row(current: _OpenFile) -> Row | None:
        """Return the next row, None at the end; a file that breaks off ends in a broken row."""
        try:
            row = next(current.rows, None)
        except Unreadable as error:
            return broken(current.mark.line + 1, error, Place(current.mark.offset, current.mark.line))
        except OSError as error:
            raise RetryLater(f"{current.path} cannot be read: {error.strerror or error}") from error
        if row is not None:
            current.mark = structs.replace(current.mark, offset=row.after.offset, line=row.after.line)
        return row

    def _finish(self, current: _OpenFile) -> None:
        self._marks[str(current.path)] = structs.replace(current.mark, read=current.mark.size, done=True)
        self._let_go()

    def _open_next(self, letters: list[DeadLetter], now: datetime) -> _OpenFile | None:
        if self._left is None:
            self._left = iter(matching(self._path))
        for path in self._left:
            try:
                self._open = self._opened(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise refuse(path, error) from error
            except Unreadable as error:
                refused = Refused(error.reason, str(error))
                letters.append(self._letter(path, broken(1, error, START), refused, now))
                self._marks[str(path)] = structs.replace(first_mark(path), done=True)
                return None
            if self._open is not None:
                return self._open
        return None

    def _opened(self, path: Path) -> _OpenFile | None:
        """Open a file where its mark says, from the start when it is new or another; None when it is read already."""
        mark = self._marks.get(str(path))
        found = path.stat()
        if mark is not None and mark.done and unchanged(found, mark):
            return None
        fresh = first_mark(path)
        if mark is None or not self._continues(path, mark, fresh):
            check_columns(path, self._reading)
            mark = fresh
        else:
            mark = structs.replace(fresh, offset=mark.offset, line=mark.line, read=mark.read)
        file = open_rows(path, self._reading)
        return _OpenFile(path, file, file.rows(Place(mark.offset, mark.line)), mark)

    def _continues(self, path: Path, mark: FileMark, fresh: FileMark) -> bool:
        if fresh.size < mark.size or not same_start(path, mark):
            return False
        columnar = "parquet" in {self._reading.format, format_of(path)}
        return not columnar or (fresh.size, fresh.changed) == (mark.size, mark.changed)

    def _note_progress(self) -> None:
        if self._open is not None:
            read = self._open.file.progress()
            self._marks[str(self._open.path)] = structs.replace(self._open.mark, read=read)

    def _let_go(self) -> None:
        if self._open is not None:
            self._open.file.close()
            self._open = None

    def _letter(self, path: Path, row: Row, refused: Refused, now: datetime) -> DeadLetter:
        return DeadLetter(
            source=self._source,
            stage="fetch",
            reason=refused.reason,
            detail=refused.detail,
            where=f"{path.name}:{row.line}",
            raw=row.raw[:RAW_LIMIT],
            at=now,
        )
