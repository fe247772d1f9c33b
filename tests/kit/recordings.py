"""Files of posts for the sources that read files: good rows, and the bad ones of real life."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.kit.ingest import HOSTILE_TEXT

START = 1_763_600_000


def row(number: int, **other: Any) -> dict[str, Any]:
    """One good row, a minute after the one before."""
    return {
        "id": f"p{number}",
        "text": f"Aurora Air lost bag number {number}",
        "created_at": START + 60 * number,
        "author": f"traveller{number % 3}",
        **other,
    }


def write_jsonl(path: Path, rows: Sequence[dict[str, Any] | bytes]) -> None:
    """Write objects, and raw lines as they are; packed as the name says."""
    lines = b"".join((entry if isinstance(entry, bytes) else json.dumps(entry).encode()) + b"\n" for entry in rows)
    write(path, lines)


def write(path: Path, content: bytes) -> None:
    """Write bytes, packed as the name says."""
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a plain CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[dict[str, Any]], *, row_group_size: int = 4) -> None:
    """Write a Parquet file of several row groups."""
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_size)


def write_recording(folder: Path) -> tuple[set[str], int]:
    """Write four files in all formats; return the ids of the good posts and how many records are bad."""
    good: list[dict[str, Any]] = [row(number) for number in range(40)]
    good[3]["text"] = HOSTILE_TEXT
    good[4]["author"] = {"id": 7, "name": "Inna K", "handle": "@innak", "followers": "1520"}
    write_jsonl(folder / "a.jsonl", [*good[:5], b'{"id": "broken', b"[1, 2]", b'{"text": "\xff\xfe"}', *good[5:10]])
    write_jsonl(
        folder / "b.jsonl.gz", [*good[10:15], row(90, text=" \u200b"), row(91, created_at=None), *good[15:20]]
    )
    flat = [{key: value for key, value in entry.items() if key != "author"} for entry in good[20:30]]
    write_csv(folder / "c.csv", [*flat, row(92, created_at="soon") | {"author": None}][:10])
    with (folder / "c.csv").open("a", encoding="utf-8") as file:
        file.write("p93,too,1763600000,many,cells\np94,text,no date\n")
    write_parquet(folder / "d.parquet", good[30:40])
    return {entry["id"] for entry in good}, 7
