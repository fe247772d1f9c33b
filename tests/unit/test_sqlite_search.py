"""How the database finds mentions: by index, and only with word forms that the index was made with."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from domain.mention import MentionQuery
from storage.sqlite import open_store
from storage.sqlite.store import SqliteStore
from storage.store import Commit
from tests.kit.stores import at, mention, notification, post


def statements_of(store: SqliteStore, query: MentionQuery) -> list[tuple[str, list[str]]]:
    """The statements that a search and a count ran, each with its query plan."""
    heard: list[str] = []
    with store._connections.read() as reader:
        reader.set_trace_callback(heard.append)
    store.search(query)
    store.count(query)
    store.stats(query)
    with store._connections.read() as reader:
        reader.set_trace_callback(None)
        selects = [sql for sql in heard if sql.startswith("SELECT")]
        return [(sql, [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}")]) for sql in selects]


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"brand": "Aurora Air", "since": at(0), "until": at(60)}, "mentions_by_brand"),
        ({"brand": "Aurora Air", "urgency": "critical", "lang": "kk"}, "mentions_urgent"),
        ({"brand": "Aurora Air", "urgency": "low", "lang": "kk"}, "mentions_by_brand"),
        ({"urgency": "high", "until": at(60)}, "mentions_urgent"),
        ({"brand": "Aurora Air"}, "mentions_by_brand"),
        ({"since": at(0)}, "mentions_by_time"),
        ({"sentiment": "negative", "network": "vk"}, "mentions_by_time"),
        ({"review": True}, "mentions_to_review"),
        ({"review": True, "lang": "kk", "since": at(0)}, "mentions_to_review"),
        ({}, "mentions_by_time"),
    ],
)
def test_mentions_are_found_by_index_in_order_without_a_sort(
    tmp_path: Path, asked: dict[str, Any], index: str
) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(mentions=[mention(post(str(number), minutes=number)) for number in range(50)]))
    plans = statements_of(store, MentionQuery(**asked))
    assert len(plans) == 4
    for sql, plan in plans:
        if "ORDER BY" in sql:
            assert len(plan) == 1
            assert f"USING INDEX {index}" in plan[0], (sql, plan)
        else:
            wanted = "answered" if "response_seconds" in sql else ""
            assert f"USING COVERING INDEX mentions_{wanted}" in plan[0], (sql, plan)
    store.close()


def test_the_outbox_is_asked_by_index(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(notifications=[notification()]))
    heard: list[str] = []
    with store._connections.read() as reader:
        reader.set_trace_callback(heard.append)
    store.outbox_due(at(1))
    store.outbox_handle("i1", "duty")
    with store._connections.read() as reader:
        reader.set_trace_callback(None)
        for sql in (sql for sql in heard if sql.startswith("SELECT")):
            plan = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
            assert all("USING" in line for line in plan if line.startswith(("SCAN", "SEARCH"))), plan
    store.close()


def words(text: str) -> list[str]:
    return text.casefold().split()


def stems(text: str) -> list[str]:
    return [word[:4] for word in words(text)]


def test_the_index_is_made_anew_when_word_forms_change(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path, terms=words)
    store.commit(Commit(mentions=[mention(post("1", "luggage lost")), mention(post("2", "late flight"))]))
    store.close()
    assert (hits(path, "luggage"), hits(path, "lugg")) == (1, 0)
    open_store(path, terms=stems).close()
    assert (hits(path, "luggage"), hits(path, "lugg")) == (0, 1)
    open_store(path, terms=stems).close()
    assert hits(path, "lugg") == 1


def test_a_reader_with_other_word_forms_does_without_the_index(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    open_store(path, terms=words).close()
    reader = open_store(path, read_only=True, terms=stems)
    assert not reader._indexed
    reader.close()


def test_a_rejudged_mention_is_not_indexed_twice(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path, terms=words)
    for lang in ("en", "kk"):
        store.commit(Commit(mentions=[mention(post("1", "luggage lost"), lang=lang)]))
    store.close()
    assert hits(path, "luggage") == 1


@pytest.mark.parametrize("term", ["it's", "@aurora_air", "#late", "c++", "a/b-c", "ё", "әуе", "قهوة", "🫠", "x\\y"])
def test_a_term_is_whatever_stands_between_spaces(tmp_path: Path, term: str) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path, terms=words)
    store.commit(Commit(mentions=[mention(post("1", f"one {term} two"))]))
    store.close()
    assert hits(path, term) == 1


def hits(path: Path, term: str) -> int:
    quoted = term.replace('"', '""')
    connection = sqlite3.connect(path)
    sql = "SELECT rowid FROM mentions_fts WHERE mentions_fts MATCH ?"
    found = connection.execute(sql, (f'"{quoted}"',)).fetchall()
    connection.close()
    return len(found)
