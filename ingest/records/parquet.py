"""Parquet: by row group, only the columns that may be needed."""

import datetime as dt
import decimal
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.records.row import Place, Row, Unreadable

_BATCH = 500


class ParquetRows:
    """An open Parquet file. The place of a row is its number, counted through all row groups."""

    def __init__(self, path: Path, *, limit: int, wanted: set[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._broken = pa.ArrowException
        self._limit, self._wanted = limit, wanted
        self._file_bytes = path.stat().st_size
        try:
            self._file = pq.ParquetFile(path)
        except (self._broken, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise
            raise Unreadable("bad_parquet", f"not a Parquet file: {_first_line(error)}") from error
        self._read = 0

    def columns(self) -> tuple[str, ...] | None:
        """Return the names of the top-level columns."""
        return tuple(self._file.schema_arrow.names)

    def progress(self) -> int:
        """Return the share of rows read, as bytes of the file."""
        total: int = self._file.metadata.num_rows
        return self._file_bytes if self._read >= total else self._file_bytes * self._read // total

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def rows(self, start: Place) -> Iterator[Row]:
        """Yield rows from a row number on. Raises Unreadable where a row group is broken."""
        number = 0
        for group in range(self._file.metadata.num_row_groups):
            size: int = self._file.metadata.row_group(group).num_rows
            if number + size > start.offset:
                yield from self._group(group, number, start.offset)
            number += size

    def _group(self, group: int, number: int, first: int) -> Iterator[Row]:
        names = [name for name in self._file.schema_arrow.names if name in self._wanted]
        try:
            for batch in self._file.iter_batches(_BATCH, row_groups=[group], columns=names):
                skipped = min(max(first - number, 0), batch.num_rows)
                number += skipped
                for values in _values(batch.slice(skipped)):
                    number += 1
                    self._read = number
                    yield self._row(values, number)
        except (self._broken, OSError) as error:
            if getattr(error, "errno", None) is not None:  # the disk's fault; a broken page has no number
                raise
            raise Unreadable("bad_parquet", f"row group {group} is broken: {_first_line(error)}") from error

    def _row(self, values: dict[str, Any] | ValueError, number: int) -> Row:
        after = Place(number, number)
        if isinstance(values, UnicodeDecodeError):
            return Row(None, values.object, number, after, "bad_encoding", f"not UTF-8: {values.reason}")
        if isinstance(values, ValueError):
            return Row(None, b"", number, after, "bad_value", f"a value cannot be read: {_first_line(values)}")
        raw = json.dumps(values, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass")
        if len(raw) > self._limit:
            detail = f"the row has {len(raw):,} bytes, the limit (max_record_bytes) is {self._limit:,}"
            return Row(None, raw, number, after, "too_large", detail)
        return Row(values, raw, number, after)


def _values(batch: Any) -> Iterator[dict[str, Any] | ValueError]:
    """Rows as dicts; one that is not UTF-8, or of the year 60000, does not take the others with it."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):
        for index in range(batch.num_rows):
            try:
                yield batch.slice(index, 1).to_pylist()[0]
            except ValueError as error:
                yield error
            except OverflowError as error:
                yield ValueError(str(error))


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, decimal.Decimal):
        return str(value)
    return repr(value)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
