"""Opening a database: who gets in, and what the others are told."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import StoreBusy, StoreError, StoreUnavailable
from domain.mention import MentionQuery
from storage.encoding import encode
from storage.moments import micros
from storage.sqlite import open_store
from storage.sqlite.schema import APPLICATION, migrations
from storage.store import Commit
from tests.kit.stores import at, correct, judged, mention, post, record

ROOT = Path(__file__).parents[2]


def test_a_second_writer_is_told_who_works_on_the_database(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path)
    with pytest.raises(StoreBusy, match=rf"another tocsin \(pid {os.getpid()}\) works on this database: {path}"):
        open_store(path)
    store.close()
    open_store(path).close()


def test_another_process_is_shut_out_and_let_in_when_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    code = "import sys, time, storage.sqlite as q; s = q.open_store(sys.argv[1]); print(1); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-uc", code, path], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child, child.stdout:
        child.stdout.readline()
        with pytest.raises(StoreBusy, match=rf"pid {child.pid}\b"):
            open_store(path)
        child.kill()
        child.wait()
    open_store(path).close()


def test_readers_are_let_in_while_a_writer_works_and_see_what_is_committed(tmp_path: Path) -> None:
    writer = open_store(tmp_path / "tocsin.db")
    reader = open_store(tmp_path / "tocsin.db", read_only=True)
    other = open_store(tmp_path / "tocsin.db", read_only=True)
    told = mention(post())
    writer.commit(Commit(mentions=[told]))
    assert reader.search(MentionQuery()) == other.search(MentionQuery()) == [told]
    writer.close()
    assert reader.search(MentionQuery()) == [told]
    reader.close()
    other.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_store(tmp_path / "tocsin.db").close()
    reader = open_store(tmp_path / "tocsin.db", read_only=True)
    with pytest.raises(StoreError, match="reading only"):
        reader.commit(Commit())
    with pytest.raises(StoreError, match="reading only"):
        reader.mark_replayed("x", at=at(0))
    reader.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.search(MentionQuery())
    with pytest.raises(StoreError, match="was closed"):
        store.commit(Commit())


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(posts=[record(post())]))
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
    store.close()


def test_a_reader_of_nothing_is_told_how_it_comes_to_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no database at .* yet: `tocsin run` makes it"):
        open_store(tmp_path / "tocsin.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*missing"):
        open_store(tmp_path / "missing" / "tocsin.db")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, *, read_only: bool) -> None:
    path = tmp_path / "tocsin.db"
    path.write_text("dear diary, " * 1_000)
    with pytest.raises(StoreUnavailable, match=r"not a database: give \[storage\] another path"):
        open_store(path, read_only=read_only)
    assert path.read_text().startswith("dear diary")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_folder_is_no_database(tmp_path: Path, *, read_only: bool) -> None:
    (tmp_path / "tocsin.db").mkdir()
    with pytest.raises(StoreError):
        open_store(tmp_path / "tocsin.db", read_only=read_only)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_of_another_program_is_left_alone(tmp_path: Path, *, read_only: bool) -> None:
    path = tmp_path / "tocsin.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(path, read_only=read_only)
    assert sqlite_tables(path) == ["recipes"]
    assert len(path.read_bytes()) == len(before)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_of_a_newer_tocsin_is_left_alone(tmp_path: Path, *, read_only: bool) -> None:
    path = tmp_path / "tocsin.db"
    open_store(path).close()
    set_version(path, 999)
    with pytest.raises(StoreError, match="newer Tocsin"):
        open_store(path, read_only=read_only)
    set_version(path, migrations()[-1][0])
    open_store(path, read_only=read_only).close()


def test_a_reader_of_an_older_shape_is_told_to_bring_it_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    open_store(path).close()
    set_version(path, 0)
    with pytest.raises(StoreError, match=r"older Tocsin.*tocsin run"):
        open_store(path, read_only=True)


def test_a_damaged_database_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path)
    store.commit(Commit(posts=[record(post(str(number))) for number in range(2_000)]))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 3] + b"\xde\xad" * (len(whole) // 2 - 4096 * 3 // 2))
    with pytest.raises(StoreUnavailable, match=r"damaged: restore a backup"):
        _use(path)


def test_a_database_of_the_first_shape_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    path, told = tmp_path / "tocsin.db", mention(post(), judgement=judged())
    first = sqlite3.connect(path)
    first.executescript(migrations()[0][1])
    first.execute(f"PRAGMA application_id = {APPLICATION}")
    first.execute(
        "INSERT INTO mentions (id, post_id, brand, event_at, sentiment, urgency, theme, network, lang, body)"
        " VALUES (?, ?, ?, ?, 'negative', 'normal', 'delivery', 'mastodon', 'en', ?)",
        (told.id, told.post.id, told.brand, micros(told.event_at), encode(told)),
    )
    first.commit()
    first.close()
    set_version(path, 1)
    store = open_store(path)
    assert store.search(MentionQuery(text="bag")) == [told]
    assert store.search(MentionQuery(review=True)) == []
    store.keep(correct(told, sentiment="positive"))
    assert store.count(MentionQuery(sentiment="positive")) == 1
    store.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def _use(path: Path) -> None:
    store = open_store(path)
    try:
        store.commit(Commit(posts=[record(post("new"))]))
        list(store.posts())
    finally:
        store.close()


def sqlite_tables(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    return names


def set_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
