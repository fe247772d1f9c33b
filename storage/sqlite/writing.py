"""Writes a batch, inside the caller's transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.acted import acted
from domain.dead_letter import DeadLetter
from domain.mention import Mention
from domain.post import Record
from storage.encoding import clean, encode
from storage.facets import facets
from storage.marks import edit_times, marked_deleted
from storage.moments import micros, optional_micros
from storage.sqlite.acts import done_to, take
from storage.sqlite.encoding import pack
from storage.sqlite.reading import known_versions, text_list
from storage.sqlite.wording import index_row
from storage.store import NEAR_MISSES_KEPT, Commit
from storage.wording import Terms, wording

Row = tuple[Any, ...]

_MENTION = msgspec.json.Decoder(Mention)


def write(connection: sqlite3.Connection, batch: Commit, *, terms: Terms) -> None:
    """Write all of a batch: mentions first, then what edits and deletions take away."""
    _write_posts(connection, batch.posts)
    _write_mentions(connection, _with_those_acted_on(connection, batch), terms)
    _mark_edited(connection, batch)
    _mark_deleted(connection, batch.deleted_posts)
    _write_decisions(connection, batch)
    write_dead_letters(connection, batch.dead_letters)
    connection.executemany(
        "INSERT OR REPLACE INTO fold_states (fold, key, state) VALUES (?, ?, ?)",
        [(fold.fold, clean(fold.key), fold.state) for fold in batch.folds],
    )
    connection.executemany("INSERT OR REPLACE INTO cursors (source, cursor) VALUES (?, ?)", batch.cursors.items())


def write_dead_letters(connection: sqlite3.Connection, letters: Iterable[DeadLetter]) -> None:
    """Keep dead letters; one that is kept already stays as it is."""
    connection.executemany(
        "INSERT OR IGNORE INTO dead_letters (id, source, stage, reason, detail, place, raw, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                letter.id, clean(letter.source), letter.stage, letter.reason, clean(letter.detail),
                clean(letter.where), letter.raw, micros(letter.at),
            )
            for letter in letters
        ],
    )  # fmt: skip


def _write_posts(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    ids = [record.post.id for record in records]
    latest = known_versions(connection, ids)
    rows: list[Row] = []
    for post_id, record in zip(ids, records, strict=True):
        post = record.post
        if latest.get(post_id) == post.version:
            continue
        latest[post_id] = post.version
        rows.append(
            (
                post_id, clean(post.version), clean(post.network), micros(post.created_at), micros(post.collected_at),
                encode(post), pack(record.raw),
            )
        )  # fmt: skip
    # A version that comes back after another one becomes the latest again: it gets a new row.
    connection.executemany(
        "INSERT OR REPLACE INTO posts (id, version, network, created_at, collected_at, body, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _with_those_acted_on(connection: sqlite3.Connection, batch: Commit) -> list[Mention]:
    """Keep the acts; return what is to be written: stored mentions that they concern, then those of the batch."""
    concerned = take(connection, batch.acts)
    rows = connection.execute(
        "SELECT body FROM mentions WHERE id IN (SELECT value FROM json_each(?))", (text_list(concerned),)
    )
    mentions = [*(_MENTION.decode(body) for (body,) in rows), *batch.mentions, *batch.recounted]
    acts = done_to(connection, [mention.id for mention in mentions])
    return [acted(mention, acts.get(mention.id, ())) for mention in mentions]


def _write_mentions(connection: sqlite3.Connection, mentions: Sequence[Mention], terms: Terms) -> None:
    by_id = {mention.id: mention for mention in mentions}
    stored = {
        mention_id: (seq, wording(_MENTION.decode(body)))
        for mention_id, seq, body in connection.execute(
            "SELECT id, seq, body FROM mentions WHERE id IN (SELECT value FROM json_each(?))", (text_list(by_id),)
        )
    }
    (highest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM mentions").fetchone()
    rows: list[Row] = []
    words: list[tuple[int, str]] = []
    for mention in by_id.values():
        text = wording(mention)
        seq, before = stored.get(mention.id, (None, None))
        if seq is None or text != before:
            highest += 1
            seq = highest
            words.append(index_row(seq, text, terms))
        rows.append(_mention_row(seq, mention))
    connection.executemany(
        "INSERT OR REPLACE INTO mentions (seq, id, post_id, brand, event_at, deleted_at, sentiment, urgency, theme,"
        " network, lang, review, response_seconds, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.executemany("INSERT INTO mentions_fts (rowid, terms) VALUES (?, ?)", words)


def _mention_row(seq: int, mention: Mention) -> Row:
    sentiment, urgency, theme, network, lang = facets(mention)
    return (
        seq, mention.id, mention.post.id, clean(mention.brand), micros(mention.event_at),
        optional_micros(mention.deleted_at), sentiment, urgency, theme, clean(network), clean(lang),
        mention.awaits_review, mention.response_seconds, encode(mention),
    )  # fmt: skip


def _mark_edited(connection: sqlite3.Connection, batch: Commit) -> None:
    if not batch.edited_posts:
        return
    kept = {mention.id for mention in batch.mentions}
    times = edit_times(batch.posts)
    for post_id, mention in _alive_of(connection, batch.edited_posts):
        if mention.id not in kept:
            _mark(connection, mention, times.get(post_id))


def _mark_deleted(connection: sqlite3.Connection, deleted: dict[str, datetime]) -> None:
    for post_id, mention in _alive_of(connection, deleted):
        _mark(connection, mention, deleted[post_id])


def _alive_of(connection: sqlite3.Connection, post_ids: Iterable[str]) -> list[tuple[str, Mention]]:
    rows = connection.execute(
        "SELECT post_id, body FROM mentions WHERE post_id IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL",
        (text_list(post_ids),),
    )
    return [(post_id, _MENTION.decode(body)) for post_id, body in rows]


def _mark(connection: sqlite3.Connection, mention: Mention, at: datetime | None) -> None:
    marked = marked_deleted(mention, at)
    connection.execute(
        "UPDATE mentions SET deleted_at = ?, body = ? WHERE id = ?",
        (optional_micros(marked.deleted_at), encode(marked), mention.id),
    )


def _write_decisions(connection: sqlite3.Connection, batch: Commit) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO alerts (id, brand, at, body) VALUES (?, ?, ?, ?)",
        [(alert.id, clean(alert.brand), micros(alert.at), encode(alert)) for alert in batch.alerts],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO near_misses (id, brand, at, body) VALUES (?, ?, ?, ?)",
        [(miss.id, clean(miss.brand), micros(miss.at), encode(miss)) for miss in batch.near_misses],
    )
    for brand in {clean(miss.brand) for miss in batch.near_misses}:
        connection.execute(
            "DELETE FROM near_misses WHERE id IN"
            " (SELECT id FROM near_misses WHERE brand = ? ORDER BY at DESC, id LIMIT -1 OFFSET ?)",
            (brand, NEAR_MISSES_KEPT),
        )
    connection.executemany(
        "INSERT OR REPLACE INTO incidents (id, brand, status, updated_at, body) VALUES (?, ?, ?, ?, ?)",
        [
            (incident.id, clean(incident.brand), incident.status, micros(incident.updated_at), encode(incident))
            for incident in batch.incidents
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO outbox (id, receiver, incident_id, status, attempts, next_at, handle, error, body)"
        " VALUES (?, ?, ?, 'pending', 0, ?, '', '', ?)",
        [
            (order.id, clean(order.receiver), order.incident.id, micros(order.at), encode(order))
            for order in batch.notifications
        ],
    )
