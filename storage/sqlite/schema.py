"""The shape of the database: numbered SQL files, each applied once, in order, in a transaction of its own."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from domain.errors import StoreError

APPLICATION = 0x746F6373
"""`tocs`: marks the file as ours, so that no other program's database is ever written into."""


def migrations() -> list[tuple[int, str]]:
    """Return (number, SQL) of every migration, in order."""
    folder = files(__package__) / "migrations"
    return sorted(
        (int(file.name.split("_")[0]), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the newest shape; raises StoreError for one that is newer or not ours."""
    version = _version(connection, path)
    for number, script in migrations():
        if number <= version:
            continue
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\n"
                f"PRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {number};\nCOMMIT;"
            )
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise


def require_current(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError unless a reader can understand the database as it is."""
    version, newest = _version(connection, path), migrations()[-1][0]
    if version < newest:
        raise StoreError(
            f"{path} has the shape of an older Tocsin ({version}, this one reads {newest}): "
            "start `tocsin run` once to bring it up to date"
        )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (version or tables):
        raise StoreError(f"{path} is a database of another program: give [storage] a path of its own")
    newest = migrations()[-1][0]
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer Tocsin (shape {version}, this one knows {newest}): "
            "install that version again"
        )
    return int(version)
