"""Which reader a file needs, by its name or by config."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from ingest.records.delimited import Delimited
from ingest.records.fields import Columns
from ingest.records.jsonl import JsonLines
from ingest.records.row import RowFile, Unreadable

Format = Literal["auto", "csv", "jsonl", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet",
}  # fmt: skip
PACKED = (".gz", ".zst")


class Reading(Struct, frozen=True, kw_only=True):
    """How rows of a source's files are read."""

    columns: Columns
    format: Format = "auto"
    delimiter: str = ""
    encoding: str = "utf-8"
    limit: int = 1_000_000


def format_of(path: Path) -> Format:
    """Return the format that a file name promises, "auto" when it promises none."""
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return _SUFFIXES.get(inner.suffix.lower(), "auto")


def open_rows(path: Path, reading: Reading) -> RowFile:
    """Open a file of rows. Raises OSError and Unreadable."""
    chosen = format_of(path) if reading.format == "auto" else reading.format
    match chosen:
        case "csv":
            delimiter = reading.delimiter or ("\t" if ".tsv" in path.suffixes else "")
            return Delimited(path, limit=reading.limit, encoding=reading.encoding, delimiter=delimiter)
        case "jsonl":
            return JsonLines(path, limit=reading.limit, encoding=reading.encoding)
        case "parquet":
            if path.suffix.lower() in PACKED:
                raise Unreadable("bad_parquet", "Parquet is packed inside; unpack the file around it")
            from ingest.records.parquet import ParquetRows

            return ParquetRows(path, limit=reading.limit, wanted=reading.columns.wanted())
        case _:
            raise Unreadable(
                "unknown_format", 'the name does not tell the format; set format = "csv", "jsonl" or "parquet"'
            )
