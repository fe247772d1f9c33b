"""What a format reader yields: a row, or what could not be read as one, and where reading goes on after it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol


class Place(NamedTuple):
    """Where the next row starts: bytes into the (unpacked) file and lines before it; for Parquet rows, twice."""

    offset: int
    line: int


START = Place(0, 0)


class Row(NamedTuple):
    """One row. `values` is None when it cannot be read; then `reason` and `detail` say why and `raw` is the evidence.

    `line` counts from 1. `after` is where to resume once this row is dealt with.
    """

    values: Mapping[str, Any] | None
    raw: bytes
    line: int
    after: Place
    reason: str = ""
    detail: str = ""


class RowFile(Protocol):
    """An open file of rows."""

    def rows(self, start: Place) -> Iterator[Row]:
        """Yield the rows from a place on; call once. Broken rows are yielded, not raised."""
        ...

    def columns(self) -> tuple[str, ...] | None:
        """Return the header, or None for a format without one. Raises Unreadable."""
        ...

    def progress(self) -> int:
        """Return how many bytes of the file as it lies on the disk have been read."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Unreadable(Exception):
    """The whole file cannot be read from here on: a dead letter or a SourceMisconfigured, as the reader decides.

    `reason` counts, the text explains.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def broken(line: int, error: Unreadable, after: Place) -> Row:
    """Return the row that stands for the rest of a file."""
    return Row(None, b"", line, after, error.reason, str(error))
