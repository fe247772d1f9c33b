"""Connections to one database: one that writes, and a pool that reads while it does."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from threading import RLock

from domain.errors import StoreError
from storage.sqlite.faults import faults_named

BUSY_SECONDS = 10.0
_CACHE_KIB = 65_536
_WAL_KEPT_BYTES = 67_108_864


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open one connection in explicit-transaction mode; usable from any one thread at a time."""
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            # A cursor may move only over what survives a power cut; decision 0007 has the price.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


class Connections:
    """Reads see the last commit and never wait for a write; writes happen one at a time."""

    def __init__(self, path: Path, writer: sqlite3.Connection | None) -> None:
        self._path, self._writer = path, writer
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._writing = RLock()
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one unchanging state of the database."""
        if self._closed:
            raise StoreError(f"{self._path} was closed")
        with faults_named(self._path):
            reader = self._reader()
            try:
                reader.execute("BEGIN")
                yield reader
            finally:
                if reader.in_transaction:
                    reader.rollback()
                self._hand_back(reader)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the writing connection inside a transaction: all of the block is stored, or nothing."""
        if self._writer is None:
            raise StoreError(f"{self._path} was opened for reading only")
        with self._writing, faults_named(self._path):
            if self._closed:
                raise StoreError(f"{self._path} was closed")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.rollback()
                raise

    def close(self) -> None:
        """Close all; a reader at work is closed when it is handed back."""
        with self._writing:
            self._closed = True
            self._close_readers()
            if self._writer is not None:
                self._writer.close()

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._readers.get_nowait()
        except Empty:
            return connect(self._path, read_only=True)

    def _hand_back(self, reader: sqlite3.Connection) -> None:
        self._readers.put(reader)
        if self._closed:
            self._close_readers()

    def _close_readers(self) -> None:
        while True:
            try:
                self._readers.get_nowait().close()
            except Empty:
                return
