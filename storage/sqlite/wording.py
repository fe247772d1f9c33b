"""The full-text index holds word forms; when the code that makes them changes, the index is made anew."""

import sqlite3

import msgspec
import structlog

from domain.mention import Mention
from storage.encoding import clean
from storage.wording import Terms, stamp, wording

log = structlog.get_logger("tocsin.store")

_MENTION = msgspec.json.Decoder(Mention)
_AT_ONCE = 1_000


def index_row(seq: int, text: str, terms: Terms) -> tuple[int, str]:
    """Return a row of the index."""
    return seq, clean(" ".join(terms(text)))


def is_current(connection: sqlite3.Connection, terms: Terms) -> bool:
    """Whether the index was made with these word forms."""
    row = connection.execute("SELECT value FROM settings WHERE name = 'terms'").fetchone()
    return row is not None and row[0] == stamp(terms)


def bring_up_to_date(connection: sqlite3.Connection, terms: Terms) -> None:
    """Make the index anew, in one transaction, if it was made with other word forms."""
    if is_current(connection, terms):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _rebuild(connection, terms)
        connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES ('terms', ?)", (stamp(terms),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _rebuild(connection: sqlite3.Connection, terms: Terms) -> None:
    (mentions,) = connection.execute("SELECT count(*) FROM mentions").fetchone()
    if mentions:
        structlog.get_logger("tocsin.store").info(
            "word forms changed: making the search index anew", mentions=mentions
        )
    connection.execute("INSERT INTO mentions_fts (mentions_fts) VALUES ('delete-all')")
    rows = connection.execute("SELECT seq, body FROM mentions ORDER BY seq")
    while chunk := rows.fetchmany(_AT_ONCE):
        connection.executemany(
            "INSERT INTO mentions_fts (rowid, terms) VALUES (?, ?)",
            [index_row(seq, wording(_MENTION.decode(body)), terms) for seq, body in chunk],
        )
