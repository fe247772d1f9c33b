"""Opens a database, or says in a sentence why not."""

import os
import sqlite3
from pathlib import Path

from domain.errors import StoreError
from domain.query import terms as terms_of_queries
from storage.sqlite.connections import connect
from storage.sqlite.faults import faults_named
from storage.sqlite.lock import WriterLock
from storage.sqlite.schema import migrate, require_current
from storage.sqlite.store import SqliteStore
from storage.sqlite.wording import bring_up_to_date, is_current
from storage.wording import Terms


def open_store(path: Path | str, *, read_only: bool = False, terms: Terms = terms_of_queries) -> SqliteStore:
    """Open the database at `path`; made and brought up to date if need be, unless `read_only`.

    Raises StoreBusy while another process writes to it (readers are always let in), and StoreError for a file
    that is not ours, damaged, made by a newer Tocsin, or cannot be opened.
    """
    path = Path(path).resolve()
    return _open_to_read(path, terms) if read_only else _open_to_write(path, terms)


def _open_to_read(path: Path, terms: Terms) -> SqliteStore:
    if not path.exists():
        raise StoreError(f"there is no database at {path} yet: `tocsin run` makes it")
    with faults_named(path):
        connection = connect(path, read_only=True)
        try:
            require_current(connection, path)
            indexed = is_current(connection, terms)
        finally:
            connection.close()
    return SqliteStore(path, writer=None, lock=None, terms=terms, indexed=indexed)


def _open_to_write(path: Path, terms: Terms) -> SqliteStore:
    if not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent}: make it, or give [storage] another path")
    lock = WriterLock(path)
    try:
        writer = _writer(path, terms)
    except BaseException:
        lock.release()
        raise
    return SqliteStore(path, writer=writer, lock=lock, terms=terms, indexed=True)


def _writer(path: Path, terms: Terms) -> sqlite3.Connection:
    with faults_named(path):
        # What people wrote and who they are is nobody else's business on this machine.
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        writer = connect(path, read_only=False)
        try:
            migrate(writer, path)
            bring_up_to_date(writer, terms)
        except BaseException:
            writer.close()
            raise
    return writer
