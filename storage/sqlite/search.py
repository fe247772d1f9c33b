"""Finds mentions: indexes narrow, and for a text query the query itself has the last word."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from domain.mention import Mention, MentionQuery
from domain.query import analyse, compile_query
from storage.encoding import clean, decoder
from storage.facets import FACETS, Responses, tally, tally_mentions
from storage.moments import micros
from storage.store import StatRow

_MENTIONS = decoder(Mention)
_BODIES_AT_ONCE = 200
_RARE_URGENCIES = {"high", "critical"}
_URGENT = "urgency IN ('high', 'critical')"
"""Word for word the condition of the index `mentions_urgent`: so SQLite knows that it may use it."""
_TO_REVIEW = "review = 1"
"""The same for the index `mentions_to_review`."""
_ANSWERED = "response_seconds IS NOT NULL"
"""The same for the index `mentions_answered`."""
_COMMON = 20_000
"""Where an expression finds more rows than this, going back in time finds the first page sooner."""


def search(connection: sqlite3.Connection, query: MentionQuery, *, indexed: bool) -> list[Mention]:
    """Return a page of mentions, newest event first."""
    start, stop = max(query.offset, 0), max(query.offset, 0) + max(query.limit, 0)
    if query.text:
        return list(islice(_matching(connection, query, indexed=indexed, page=True), start, stop))
    where, parameters = _filters(query)
    rows = connection.execute(
        f"SELECT body FROM mentions WHERE {where} ORDER BY event_at DESC, id LIMIT ? OFFSET ?",  # noqa: S608  # column names only
        (*parameters, stop - start, start),
    )
    return list(_MENTIONS(rows))


def count(connection: sqlite3.Connection, query: MentionQuery, *, indexed: bool) -> int:
    """Return how many mentions there are to page through."""
    if query.text:
        return sum(1 for _ in _matching(connection, query, indexed=indexed))
    where, parameters = _filters(query)
    (found,) = connection.execute(f"SELECT count(*) FROM mentions WHERE {where}", parameters).fetchone()  # noqa: S608  # column names only
    return int(found)


def stats(connection: sqlite3.Connection, query: MentionQuery, *, indexed: bool) -> list[StatRow]:
    """Return counts per brand, most mentions first."""
    if query.text:
        return tally_mentions(_matching(connection, query, indexed=indexed))
    where, parameters = _filters(query)
    columns = ", ".join(("brand", *FACETS))
    # Counting here takes two thirds of the time that GROUP BY takes.
    counts = Counter(connection.execute(f"SELECT {columns} FROM mentions WHERE {where}", parameters))  # noqa: S608  # column names only
    groups = ((*group, number) for group, number in counts.items())
    return tally(groups, _responses(connection, where, parameters))


def _responses(connection: sqlite3.Connection, where: str, parameters: list[str | int]) -> Responses:
    """Count the answered mentions by brand and seconds.

    They are few, and an index holds nothing else; left to itself SQLite takes another and reads whole rows.
    """
    found: dict[str, Counter[int]] = {}
    rows = connection.execute(
        "SELECT brand, response_seconds FROM mentions INDEXED BY mentions_answered"  # noqa: S608  # column names only
        f" WHERE {where} AND {_ANSWERED}",
        parameters,
    )
    for brand, seconds in rows:
        found.setdefault(brand, Counter())[seconds] += 1
    return found


def _filters(query: MentionQuery) -> tuple[str, list[str | int]]:
    """Return the conditions that columns can answer, and their parameters."""
    clauses, parameters = ["deleted_at IS NULL"], list[str | int]()
    for column in ("brand", *FACETS):
        wanted = getattr(query, column)
        if wanted:
            clauses.append(f"{column} = ?")
            parameters.append(clean(wanted))
    if query.urgency in _RARE_URGENCIES:
        clauses.append(_URGENT)
    if query.review:
        clauses.append(_TO_REVIEW)
    for comparison, time in (("event_at >= ?", query.since), ("event_at < ?", query.until)):
        if time is not None:
            clauses.append(comparison)
            parameters.append(micros(time))
    return " AND ".join(clauses), parameters


def _matching(
    connection: sqlite3.Connection, query: MentionQuery, *, indexed: bool, page: bool = False
) -> Iterator[Mention]:
    """Yield the mentions that the text query finds, newest event first.

    The full-text index (unless it was made with other word forms, then `indexed` is False) and the columns give
    candidates; each is judged by the query itself, so that an answer never depends on the index.
    """
    compiled = compile_query(query.text)
    where, parameters = _filters(query)
    expression = compiled.index_query() if indexed else None
    if expression is not None and not (page and _is_common(connection, expression)):
        where += " AND seq IN (SELECT rowid FROM mentions_fts WHERE mentions_fts MATCH ?)"
        parameters.append(clean(expression))
    candidates = connection.execute(
        f"SELECT seq FROM mentions WHERE {where} ORDER BY event_at DESC, id",  # noqa: S608  # column names only
        parameters,
    )
    while places := [seq for (seq,) in islice(candidates, _BODIES_AT_ONCE)]:
        bodies = connection.execute(
            "SELECT body FROM mentions WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY event_at DESC, id",
            (json.dumps(places),),
        )
        for mention in _MENTIONS(bodies):
            if compiled.match(analyse(mention.post)) is not None:
                yield mention


def _is_common(connection: sqlite3.Connection, expression: str) -> bool:
    sql = "SELECT count(*) FROM (SELECT rowid FROM mentions_fts WHERE mentions_fts MATCH ? LIMIT ?)"
    (found,) = connection.execute(sql, (clean(expression), _COMMON + 1)).fetchone()
    return bool(found > _COMMON)
