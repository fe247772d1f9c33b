"""CSV and its relatives, read by the standard library's parser with an exact place after every row."""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from ingest.records.jsonl import too_large
from ingest.records.lines import Line, lines
from ingest.records.row import START, Place, Row, Unreadable
from ingest.records.streams import ByteStream

_DELIMITERS = ",;\t|"


class _TooLarge(Exception):
    """A row grew over the limit."""


class _Lines:
    """Feeds the parser decoded lines and remembers the bytes of the row being read.

    The parser takes exactly the lines a row needs, so the place after the last line taken is the place after the row.
    """

    def __init__(self, source: Iterator[Line], limit: int, encoding: str) -> None:
        self._source, self._limit, self._encoding = source, limit, encoding
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self._size = 0
        self.ended_inside_quote = False

    def start_row(self) -> None:
        self.taken.clear()
        self._size = 0
        self.ended_inside_quote = False

    def give_back(self, *, but: int = 0) -> None:
        """Let the parser have the lines taken once more, all but the first `but`."""
        self._again.extendleft(reversed(self.taken[but:]))
        del self.taken[but:]

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._source, None)
        if line is None:
            self.ended_inside_quote = bool(self.taken)
            raise StopIteration
        self.taken.append(line)
        self._size += line.size
        if self._size > self._limit:
            raise _TooLarge
        return line.raw.decode(self._encoding, "surrogateescape") + ("\n" if line.ended else "")

    @property
    def raw(self) -> bytes:
        return b"\n".join(line.raw for line in self.taken)


class Delimited:
    """An open CSV file, perhaps packed; the first row names the columns."""

    def __init__(self, path: Path, *, limit: int, encoding: str = "utf-8", delimiter: str = "") -> None:
        self._path, self._limit, self._encoding = path, limit, encoding
        self._delimiter = delimiter
        self._stream = ByteStream(path)
        self._source = lines(self._stream, START, limit)
        try:
            self._header, self._after_header = self._read_header()
        except Unreadable:
            self._stream.close()
            raise

    def columns(self) -> tuple[str, ...] | None:
        """Return the header; empty for an empty file."""
        return self._header

    def progress(self) -> int:
        """Bytes read on the disk."""
        return self._stream.tell()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def rows(self, start: Place) -> Iterator[Row]:
        """Yield rows as dicts by column; empty lines are passed over."""
        if not self._header:
            return
        source = self._source
        if start.offset > self._after_header.offset:
            self._stream.close()
            self._stream = ByteStream(self._path)
            self._stream.skip(start.offset)
            source = lines(self._stream, start, self._limit)
        feed = _Lines(source, self._limit, self._encoding)
        parser = csv.reader(feed, delimiter=self._delimiter)
        while True:
            feed.start_row()
            try:
                cells = next(parser)
            except StopIteration:
                return
            except _TooLarge:
                yield self._unclosed(feed) if len(feed.taken) > 1 else too_large(feed.taken[0], self._limit)
                parser = csv.reader(feed, delimiter=self._delimiter)
                continue
            except csv.Error as error:
                yield self._broken(feed, "bad_csv", f"broken CSV: {error}")
                parser = csv.reader(feed, delimiter=self._delimiter)
                continue
            if feed.ended_inside_quote:
                yield self._unclosed(feed)
                parser = csv.reader(feed, delimiter=self._delimiter)
            elif cells:
                yield self._row(cells, feed)

    def _row(self, cells: list[str], feed: _Lines) -> Row:
        width = len(self._header)
        if len(cells) > width and any(cells[width:]):
            return self._broken(feed, "bad_csv", f"the row has {len(cells)} cells, the header {width}")
        raw = feed.raw
        try:
            raw.decode(self._encoding)
        except UnicodeDecodeError as error:
            return self._broken(feed, "bad_encoding", f"not {self._encoding}: {error.reason}")
        values = dict(zip_longest(self._header, cells[:width], fillvalue=""))
        # With its column names the row can be understood, and read again, without the file.
        return Row(values, msgspec.json.encode(values), feed.taken[0].number, feed.taken[-1].after)

    def _broken(self, feed: _Lines, reason: str, detail: str) -> Row:
        return Row(None, feed.raw, feed.taken[0].number, feed.taken[-1].after, reason, detail)

    @staticmethod
    def _unclosed(feed: _Lines) -> Row:
        """Let go of the line with the quote only, lest it swallow all that follows; the rest is read again."""
        feed.give_back(but=1)
        first = feed.taken[0]
        return Row(None, first.raw, first.number, first.after, "bad_csv", "a quote opened in this line never closes")

    def _read_header(self) -> tuple[tuple[str, ...], Place]:
        csv.field_size_limit(max(csv.field_size_limit(), self._limit))
        encoding = "utf-8-sig" if self._encoding == "utf-8" else self._encoding
        feed = _Lines(self._source, self._limit, encoding)
        try:
            first = next((line for line in feed if line.strip()), "")
            if first.startswith(("\udcff\udcfe", "\udcfe\udcff")):
                raise Unreadable("bad_encoding", "the file is UTF-16; save it as UTF-8")
            if not first:
                return (), START
            self._delimiter = self._delimiter or _sniffed(first)
            feed.give_back()
            feed.start_row()
            cells = next(cells for cells in csv.reader(feed, delimiter=self._delimiter) if cells)
            feed.raw.decode(encoding)
        except (csv.Error, _TooLarge, UnicodeDecodeError, StopIteration) as error:
            why = str(error) or "it is too long"
            raise Unreadable("bad_csv", f"the first line cannot be read as a header: {why}") from error
        return tuple(cell.strip() for cell in cells), feed.taken[-1].after


def _sniffed(header: str) -> str:
    """The delimiter that makes the most columns of the header."""
    return max(_DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter))))
