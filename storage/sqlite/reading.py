"""Looks things up: posts, alerts, incidents, dead letters, states. Search has a page of its own."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from domain.alert import Alert, NearMiss
from domain.dead_letter import DeadLetter
from domain.incident import Incident
from domain.mention import Mention
from domain.post import Post, Record
from storage.encoding import clean, decoder
from storage.moments import micros, moment
from storage.sqlite.encoding import unpack
from storage.store import DeadLetterRow

_POST, _MENTION = msgspec.json.Decoder(Post), msgspec.json.Decoder(Mention)
_MENTIONS, _INCIDENTS, _ALERTS, _NEAR_MISSES = decoder(Mention), decoder(Incident), decoder(Alert), decoder(NearMiss)
POSTS_AT_ONCE = 1_000


def text_list(values: Iterable[str]) -> str:
    """Return texts as one parameter for `json_each`, however many they are."""
    return msgspec.json.encode([clean(value) for value in values]).decode()


def known_versions(connection: sqlite3.Connection, post_ids: Iterable[str]) -> dict[str, str]:
    """Return the latest version of each post that is kept."""
    # SQLite takes the bare column from the row that has the max().
    rows = connection.execute(
        "SELECT id, version, max(seq) FROM posts WHERE id IN (SELECT value FROM json_each(?)) GROUP BY id",
        (text_list(post_ids),),
    )
    return {post_id: version for post_id, version, _ in rows}


def value(connection: sqlite3.Connection, sql: str, *parameters: str) -> bytes | None:
    """Return the one value that a statement finds."""
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else row[0]


def mentions_of(connection: sqlite3.Connection, post_id: str) -> list[Mention]:
    """Return every mention made of a post."""
    rows = connection.execute("SELECT body FROM mentions WHERE post_id = ? ORDER BY brand, id", (clean(post_id),))
    return list(_MENTIONS(rows))


def mentions_of_each(connection: sqlite3.Connection, post_ids: Iterable[str]) -> dict[str, list[Mention]]:
    """Return every mention made of each of these posts."""
    rows = connection.execute(
        "SELECT post_id, body FROM mentions WHERE post_id IN (SELECT value FROM json_each(?)) ORDER BY brand, id",
        (text_list(post_ids),),
    )
    found: dict[str, list[Mention]] = {}
    for post_id, body in rows:
        found.setdefault(post_id, []).append(_MENTION.decode(body))
    return found


def mention(connection: sqlite3.Connection, mention_id: str) -> Mention | None:
    """Return one mention."""
    return next(_MENTIONS(connection.execute("SELECT body FROM mentions WHERE id = ?", (clean(mention_id),))), None)


def mentions_beginning(connection: sqlite3.Connection, beginning: str, limit: int) -> list[Mention]:
    """Return mentions whose id begins so, by id."""
    first, after = clean(beginning), clean(beginning) + "\U0010ffff"
    rows = connection.execute(
        "SELECT body FROM mentions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", (first, after, max(limit, 0))
    )
    return list(_MENTIONS(rows))


def evidence(connection: sqlite3.Connection, post_id: str) -> list[Record]:
    """Return every kept version of a post with its raw bytes."""
    rows = connection.execute("SELECT body, raw FROM posts WHERE id = ? ORDER BY seq", (clean(post_id),))
    return [Record(post=_POST.decode(body), raw=unpack(raw)) for body, raw in rows]


def post_chunk(
    connection: sqlite3.Connection, after: tuple[int, int], until: datetime | None
) -> tuple[list[Post], tuple[int, int]]:
    """Return the next posts after a (creation, seq) place and the place to go on from."""
    limit = micros(until) if until else 2**63 - 1
    rows = connection.execute(
        "SELECT created_at, seq, body FROM posts WHERE (created_at, seq) > (?, ?) AND created_at < ?"
        " ORDER BY created_at, seq LIMIT ?",
        (*after, limit, POSTS_AT_ONCE),
    ).fetchall()
    place = (rows[-1][0], rows[-1][1]) if rows else after
    return [_POST.decode(body) for _, _, body in rows], place


def incidents(connection: sqlite3.Connection, brand: str, status: str, limit: int, offset: int) -> list[Incident]:
    """Return incidents, latest update first."""
    where, parameters = _where(brand=brand, status=status)
    rows = connection.execute(
        f"SELECT body FROM incidents{where} ORDER BY updated_at DESC, id LIMIT ? OFFSET ?",  # noqa: S608  # column names only
        (*parameters, max(limit, 0), max(offset, 0)),
    )
    return list(_INCIDENTS(rows))


def incident(connection: sqlite3.Connection, incident_id: str) -> Incident | None:
    """Return one incident."""
    rows = connection.execute("SELECT body FROM incidents WHERE id = ?", (clean(incident_id),))
    return next(_INCIDENTS(rows), None)


def alerts(connection: sqlite3.Connection, brand: str, limit: int) -> list[Alert]:
    """Return alerts, latest first."""
    return list(_ALERTS(_latest(connection, "alerts", brand, limit)))


def near_misses(connection: sqlite3.Connection, brand: str, limit: int) -> list[NearMiss]:
    """Return near misses, latest first."""
    return list(_NEAR_MISSES(_latest(connection, "near_misses", brand, limit)))


def dead_letters(
    connection: sqlite3.Connection, source: str, reason: str, limit: int, *, pending: bool
) -> list[DeadLetterRow]:
    """Return dead letters, latest first."""
    where, parameters = _where(source=source, reason=reason)
    if pending:
        where = f"{where} AND replayed_at IS NULL" if where else " WHERE replayed_at IS NULL"
    rows = connection.execute(
        f"SELECT id, source, stage, reason, detail, place, raw, at, replayed_at FROM dead_letters{where}"  # noqa: S608  # column names only
        " ORDER BY at DESC, id LIMIT ?",
        (*parameters, max(limit, 0)),
    )
    return [_dead_letter_row(row) for row in rows]


def _latest(connection: sqlite3.Connection, table: str, brand: str, limit: int) -> Iterator[tuple[bytes]]:
    where, parameters = _where(brand=brand)
    return connection.execute(
        f"SELECT body FROM {table}{where} ORDER BY at DESC, id LIMIT ?",  # noqa: S608  # table and column names only
        (*parameters, max(limit, 0)),
    )


def _where(**equal: str) -> tuple[str, Sequence[str]]:
    """Return a WHERE clause of the columns that are asked for, and its parameters."""
    asked = {column: clean(wanted) for column, wanted in equal.items() if wanted}
    clause = " AND ".join(f"{column} = ?" for column in asked)
    return (f" WHERE {clause}" if clause else "", list(asked.values()))


def _dead_letter_row(
    row: tuple[str, str, str, str, str, str, bytes, int, int | None],
) -> DeadLetterRow:
    letter_id, source, stage, reason, detail, place, raw, at, replayed_at = row
    letter = DeadLetter(source=source, stage=stage, reason=reason, detail=detail, where=place, raw=raw, at=moment(at))
    return DeadLetterRow(
        id=letter_id, letter=letter, replayed_at=None if replayed_at is None else moment(replayed_at)
    )
