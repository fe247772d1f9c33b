"""What SQLite says of a fault, turned into an order to the runtime with a sentence for a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import StoreBusy, StoreError, StoreUnavailable

_REMEDIES = {
    "SQLITE_FULL": "the disk is full: free some space, work goes on by itself",
    "SQLITE_IOERR": "the disk cannot be read or written: look at the disk, work goes on by itself",
    "SQLITE_READONLY": "it cannot be written: give this user the right to write the file and its folder",
    "SQLITE_PERM": "it cannot be opened: give this user the right to read and write the file",
    "SQLITE_CANTOPEN": "it cannot be opened: look at the rights of the file and its folder",
    "SQLITE_CORRUPT": "the file is damaged: restore a backup, or save what is left with `sqlite3 FILE .recover`",
    "SQLITE_NOTADB": "this is not a database: give [storage] another path, or move the file away",
    "SQLITE_BUSY": "another program holds it locked: close that program",
    "SQLITE_LOCKED": "another program holds it locked: close that program",
}


def _code(error: sqlite3.Error) -> str:
    """Return the primary result code: SQLITE_IOERR_WRITE is an SQLITE_IOERR."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return "_".join(name.split("_")[:2])


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable (or StoreBusy) for what lies outside the program; a wrong statement stays as it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        remedy = _REMEDIES.get(_code(error))
        if remedy is None:
            raise
        kind: type[StoreError] = StoreBusy if _code(error) in {"SQLITE_BUSY", "SQLITE_LOCKED"} else StoreUnavailable
        raise kind(f"{path}: {remedy} ({error})") from error
