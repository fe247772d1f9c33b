"""The Store of one SQLite file. Each method is one transaction; the work is in the modules beside."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from domain.act import AnyAct
from domain.alert import Alert, NearMiss
from domain.incident import Incident, IncidentStatus
from domain.mention import Mention, MentionQuery
from domain.post import Post, Record
from storage.encoding import clean
from storage.moments import micros
from storage.sqlite import acts, outbox, reading, search
from storage.sqlite.connections import Connections
from storage.sqlite.lock import WriterLock
from storage.sqlite.writing import write
from storage.store import Commit, DeadLetterRow, OutboxEntry, OutboxStatus, StatRow
from storage.wording import Terms

_PURGED_AT_ONCE = 5_000
_BEFORE_ALL = (-(2**63), -1)


class SqliteStore:
    """`storage.store.Store` on one file. Reading is safe from any thread, also while another writes."""

    def __init__(
        self, path: Path, *, writer: sqlite3.Connection | None, lock: WriterLock | None, terms: Terms, indexed: bool
    ) -> None:
        self._connections = Connections(path, writer)
        self._lock, self._terms, self._indexed = lock, terms, indexed

    def commit(self, batch: Commit) -> None:
        """See `Store.commit`."""
        with self._connections.write() as connection:
            write(connection, batch, terms=self._terms)

    def keep(self, act: AnyAct) -> None:
        """See `Store.keep`."""
        self.commit(Commit(acts=[act]))

    def cursor(self, source: str) -> bytes | None:
        """See `Store.cursor`."""
        with self._connections.read() as connection:
            return reading.value(connection, "SELECT cursor FROM cursors WHERE source = ?", source)

    def known_versions(self, post_ids: Sequence[str]) -> dict[str, str]:
        """See `Store.known_versions`."""
        with self._connections.read() as connection:
            return reading.known_versions(connection, post_ids)

    def fold_state(self, fold: str, key: str) -> bytes | None:
        """See `Store.fold_state`."""
        sql = "SELECT state FROM fold_states WHERE fold = ? AND key = ?"
        with self._connections.read() as connection:
            return reading.value(connection, sql, fold, clean(key))

    def fold_keys(self, fold: str) -> list[str]:
        """See `Store.fold_keys`."""
        with self._connections.read() as connection:
            rows = connection.execute("SELECT key FROM fold_states WHERE fold = ? ORDER BY key", (fold,))
            return [key for (key,) in rows]

    def mentions_of(self, post_id: str) -> list[Mention]:
        """See `Store.mentions_of`."""
        with self._connections.read() as connection:
            return reading.mentions_of(connection, post_id)

    def mentions_of_each(self, post_ids: Sequence[str]) -> dict[str, list[Mention]]:
        """See `Store.mentions_of_each`."""
        with self._connections.read() as connection:
            return reading.mentions_of_each(connection, post_ids)

    def mention(self, mention_id: str) -> Mention | None:
        """See `Store.mention`."""
        with self._connections.read() as connection:
            return reading.mention(connection, mention_id)

    def mentions_beginning(self, beginning: str, limit: int = 2) -> list[Mention]:
        """See `Store.mentions_beginning`."""
        with self._connections.read() as connection:
            return reading.mentions_beginning(connection, beginning, limit)

    def acts(self, *, brand: str = "", since: datetime | None = None, kind: str = "") -> list[AnyAct]:
        """See `Store.acts`."""
        with self._connections.read() as connection:
            return acts.since(connection, brand, since, kind)

    def search(self, query: MentionQuery) -> list[Mention]:
        """See `Store.search`."""
        with self._connections.read() as connection:
            return search.search(connection, query, indexed=self._indexed)

    def count(self, query: MentionQuery) -> int:
        """See `Store.count`."""
        with self._connections.read() as connection:
            return search.count(connection, query, indexed=self._indexed)

    def stats(self, query: MentionQuery) -> list[StatRow]:
        """See `Store.stats`."""
        with self._connections.read() as connection:
            return search.stats(connection, query, indexed=self._indexed)

    def posts(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Post]:
        """See `Store.posts`. Read in chunks: posts stored meanwhile may or may not be among them."""
        place = (micros(since), -1) if since else _BEFORE_ALL
        while True:
            with self._connections.read() as connection:
                chunk, place = reading.post_chunk(connection, place, until)
            if not chunk:
                return
            yield from chunk

    def evidence(self, post_id: str) -> list[Record]:
        """See `Store.evidence`."""
        with self._connections.read() as connection:
            return reading.evidence(connection, post_id)

    def incidents(
        self, *, brand: str = "", status: IncidentStatus | Literal[""] = "", limit: int = 50, offset: int = 0
    ) -> list[Incident]:
        """See `Store.incidents`."""
        with self._connections.read() as connection:
            return reading.incidents(connection, brand, status, limit, offset)

    def incident(self, incident_id: str) -> Incident | None:
        """See `Store.incident`."""
        with self._connections.read() as connection:
            return reading.incident(connection, incident_id)

    def alerts(self, *, brand: str = "", limit: int = 50) -> list[Alert]:
        """See `Store.alerts`."""
        with self._connections.read() as connection:
            return reading.alerts(connection, brand, limit)

    def near_misses(self, *, brand: str = "", limit: int = 50) -> list[NearMiss]:
        """See `Store.near_misses`."""
        with self._connections.read() as connection:
            return reading.near_misses(connection, brand, limit)

    def outbox_due(self, now: datetime, limit: int = 20) -> list[OutboxEntry]:
        """See `Store.outbox_due`."""
        with self._connections.read() as connection:
            return outbox.due(connection, now, limit)

    def outbox(self, *, status: OutboxStatus | Literal[""] = "", limit: int = 50) -> list[OutboxEntry]:
        """See `Store.outbox`."""
        with self._connections.read() as connection:
            return outbox.latest(connection, status, limit)

    def outbox_pending(self) -> int:
        """See `Store.outbox_pending`."""
        with self._connections.read() as connection:
            (pending,) = connection.execute("SELECT count(*) FROM outbox WHERE status = 'pending'").fetchone()
            return int(pending)

    def outbox_handle(self, incident_id: str, receiver: str) -> str:
        """See `Store.outbox_handle`."""
        with self._connections.read() as connection:
            return outbox.handle(connection, incident_id, receiver)

    def mark_sent(self, notification_id: str, *, at: datetime, handle: str) -> None:
        """See `Store.mark_sent`."""
        with self._connections.write() as connection:
            outbox.mark_sent(connection, notification_id, at, handle)

    def mark_retry(self, notification_id: str, *, next_at: datetime, error: str) -> None:
        """See `Store.mark_retry`."""
        with self._connections.write() as connection:
            outbox.mark_retry(connection, notification_id, next_at, error)

    def mark_refused(self, notification_id: str, *, at: datetime, error: str) -> None:
        """See `Store.mark_refused`."""
        with self._connections.write() as connection:
            outbox.mark_refused(connection, notification_id, at, error)

    def dead_letters(
        self, *, source: str = "", reason: str = "", pending: bool = True, limit: int = 50
    ) -> list[DeadLetterRow]:
        """See `Store.dead_letters`."""
        with self._connections.read() as connection:
            return reading.dead_letters(connection, source, reason, limit, pending=pending)

    def mark_replayed(self, dead_letter_id: str, *, at: datetime) -> None:
        """See `Store.mark_replayed`."""
        with self._connections.write() as connection:
            connection.execute(
                "UPDATE dead_letters SET replayed_at = ? WHERE id = ? AND replayed_at IS NULL",
                (micros(at), dead_letter_id),
            )

    def purge(self, *, posts_before: datetime) -> int:
        """See `Store.purge`. Several short transactions, so that a commit never waits long."""
        purged = 0
        while True:
            with self._connections.write() as connection:
                gone = connection.execute(
                    "DELETE FROM posts WHERE seq IN (SELECT seq FROM posts WHERE collected_at < ? AND NOT EXISTS"
                    " (SELECT 1 FROM mentions WHERE mentions.post_id = posts.id) LIMIT ?)",
                    (micros(posts_before), _PURGED_AT_ONCE),
                ).rowcount
            purged += gone
            if gone < _PURGED_AT_ONCE:
                return purged

    def close(self) -> None:
        """See `Store.close`."""
        self._connections.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
