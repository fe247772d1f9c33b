"""The durable outbox: what must be told, to whom, and how far that went."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain.errors import StoreError
from domain.incident import Notification
from storage.encoding import clean
from storage.marks import refusal
from storage.moments import micros, moment
from storage.sqlite.writing import write_dead_letters
from storage.store import OutboxEntry, OutboxStatus

_ORDER = msgspec.json.Decoder(Notification)
_COLUMNS = "status, attempts, next_at, handle, error, sent_at, body"


def due(connection: sqlite3.Connection, now: datetime, limit: int) -> list[OutboxEntry]:
    """Return what to send now, in order of decision."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outbox AS entry WHERE status = 'pending' AND next_at <= :now AND NOT EXISTS"  # noqa: S608  # column names only
        " (SELECT 1 FROM outbox WHERE status = 'pending' AND receiver = entry.receiver"
        "  AND incident_id = entry.incident_id AND seq < entry.seq AND next_at > :now)"
        " ORDER BY seq LIMIT :limit",
        {"now": micros(now), "limit": max(limit, 0)},
    )
    return _entries(rows)


def latest(connection: sqlite3.Connection, status: str, limit: int) -> list[OutboxEntry]:
    """Return the outbox, latest decision first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE :status IN ('', status) ORDER BY seq DESC LIMIT :limit",  # noqa: S608  # column names only
        {"status": status, "limit": max(limit, 0)},
    )
    return _entries(rows)


def handle(connection: sqlite3.Connection, incident_id: str, receiver: str) -> str:
    """Return the handle of the first message sent about an incident to a receiver."""
    row = connection.execute(
        "SELECT handle FROM outbox WHERE status = 'sent' AND incident_id = ? AND receiver = ? AND handle <> ''"
        " ORDER BY sent_at, seq LIMIT 1",
        (clean(incident_id), clean(receiver)),
    ).fetchone()
    return "" if row is None else str(row[0])


def mark_sent(connection: sqlite3.Connection, notification_id: str, at: datetime, sent_handle: str) -> None:
    """Record a delivery."""
    if _status(connection, notification_id) != "sent":
        connection.execute(
            "UPDATE outbox SET status = 'sent', attempts = attempts + 1, sent_at = ?, handle = ?, error = ''"
            " WHERE id = ?",
            (micros(at), clean(sent_handle), notification_id),
        )


def mark_retry(connection: sqlite3.Connection, notification_id: str, next_at: datetime, error: str) -> None:
    """Record a failed attempt and when to try again."""
    if _status(connection, notification_id) != "sent":
        connection.execute(
            "UPDATE outbox SET status = 'pending', attempts = attempts + 1, next_at = ?, error = ? WHERE id = ?",
            (micros(next_at), clean(error), notification_id),
        )


def mark_refused(connection: sqlite3.Connection, notification_id: str, at: datetime, error: str) -> None:
    """Record that the receiver will never take it, and keep it as a dead letter."""
    if _status(connection, notification_id) != "pending":
        return
    connection.execute(
        "UPDATE outbox SET status = 'refused', attempts = attempts + 1, error = ? WHERE id = ?",
        (clean(error), notification_id),
    )
    (body,) = connection.execute("SELECT body FROM outbox WHERE id = ?", (notification_id,)).fetchone()
    write_dead_letters(connection, [refusal(_ORDER.decode(body), at=at, error=error)])


def _status(connection: sqlite3.Connection, notification_id: str) -> OutboxStatus:
    row = connection.execute("SELECT status FROM outbox WHERE id = ?", (notification_id,)).fetchone()
    if row is None:
        raise StoreError(f"no notification {notification_id} was ever decided")
    status: OutboxStatus = row[0]
    return status


def _entries(
    rows: Iterable[tuple[OutboxStatus, int, int, str, str, int | None, bytes]],
) -> list[OutboxEntry]:
    return [
        OutboxEntry(
            notification=_ORDER.decode(body), status=status, attempts=attempts, next_at=moment(next_at),
            handle=sent_handle, error=error, sent_at=None if sent_at is None else moment(sent_at),
        )
        for status, attempts, next_at, sent_handle, error, sent_at, body in rows
    ]  # fmt: skip
