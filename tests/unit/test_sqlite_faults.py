"""What goes wrong under a database: full disks, killed processes, broken Unicode. Nothing is half there."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from domain.errors import StoreUnavailable
from domain.mention import MentionQuery
from storage.sqlite import open_store
from storage.sqlite.store import SqliteStore
from storage.store import Commit
from tests.kit.stores import at, dead_letter, mention, notification, post, record

ROOT = Path(__file__).parents[2]

BATCHES = """
import sys
from storage.sqlite import open_store
from storage.store import Commit, FoldState
from tests.kit.stores import mention, notification, post, record

store = open_store(sys.argv[1])
for number in range(int(store.cursor("s") or b"0"), 10_000):
    posts = [post(f"{number}-{place}", "Aurora Air lost my bag again " * 9, minutes=number) for place in range(20)]
    store.commit(Commit(
        posts=[record(one) for one in posts],
        mentions=[mention(one) for one in posts],
        folds=[FoldState(fold="f", key="b", state=b"%d" % (number + 1))],
        notifications=[notification(str(number), about=str(number))],
        cursors={"s": b"%d" % (number + 1)},
    ))
    print(number, flush=True)
"""


def limit_pages(store: SqliteStore, pages: int) -> None:
    """Let the database grow by that many pages more; as a full disk would."""
    with store._connections.write() as writer:
        (now,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {now + pages}")


def test_a_full_disk_holds_the_line_and_loses_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(cursors={"s": b"0"}))
    limit_pages(store, 4)
    posts = [post(str(number), f"{number} " * 500) for number in range(200)]
    batch = Commit(
        posts=[record(one) for one in posts], mentions=[mention(one) for one in posts], cursors={"s": b"1"}
    )
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="the disk is full: free some space"):
            store.commit(batch)
        assert store.cursor("s") == b"0"
        assert list(store.posts()) == []
        assert store.count(MentionQuery()) == 0
    limit_pages(store, 100_000)
    store.commit(batch)
    assert store.cursor("s") == b"1"
    assert store.count(MentionQuery()) == 200
    assert_sound(tmp_path / "tocsin.db")
    store.close()


def test_an_error_in_the_middle_of_a_batch_leaves_nothing(tmp_path: Path) -> None:
    told: list[str] = []

    def terms(text: str) -> list[str]:
        told.append(text)
        if "poison" in text:
            raise RuntimeError(text)
        return text.split()

    store = open_store(tmp_path / "tocsin.db", terms=terms)
    batch = Commit(
        posts=[record(post("1")), record(post("2", "poison"))],
        mentions=[mention(post("1")), mention(post("2", "poison"))],
        cursors={"s": b"1"},
    )
    with pytest.raises(RuntimeError, match="poison"):
        store.commit(batch)
    assert (list(store.posts()), store.cursor("s")) == ([], None)
    store.commit(Commit(mentions=[mention(post("1"))], cursors={"s": b"2"}))
    assert (store.count(MentionQuery()), store.cursor("s")) == (1, b"2")
    store.close()


def test_a_process_killed_between_or_within_commits_leaves_whole_batches(tmp_path: Path) -> None:
    path, random = tmp_path / "tocsin.db", Random(7)  # a test's dice
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", BATCHES, path], cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(random.randint(1, 12)):
                last = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
        store = open_store(path, read_only=True)
        done = int(store.cursor("s") or b"0")
        assert done >= last + 1, "what was committed survives the kill"
        assert store.fold_state("f", "b") == b"%d" % done
        assert store.count(MentionQuery()) == 20 * done
        assert len(list(store.posts())) == 20 * done
        assert len(store.outbox(limit=10_000)) == done
        store.close()
        assert_sound(path)


def test_broken_unicode_is_kept_as_well_as_can_be(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    broken = post("id\ud800", "half \ud83d, whole \ud83d\ude80", source="so\udc00urce", version="\udfff")
    told = mention(broken)
    store.commit(Commit(posts=[record(broken)], mentions=[told], dead_letters=[dead_letter(source="\ud800")]))
    store.commit(Commit(edited_posts=[broken.id]))
    store.commit(Commit(deleted_posts={broken.id: at(1)}))
    (kept,) = store.posts()
    assert kept.text == "half \ufffd, whole 🚀"
    (marked,) = store.mentions_of(broken.id)
    assert marked.deleted_at is not None
    assert [row.letter.source for row in store.dead_letters()] == ["\ufffd"]
    store.close()


def test_evidence_is_compressed_and_comes_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    store = open_store(path)
    raws = [b"", b"\x00\xff", b'{"text": "Aurora Air"}' * 100_000]
    records = [record(post(str(number))) for number in range(3)]
    for one in [replace(kept, raw=raw) for kept, raw in zip(records, raws, strict=True)]:
        store.commit(Commit(posts=[one]))
        assert store.evidence(one.post.id) == [one]
    store.close()
    assert path.stat().st_size < 300_000


def test_a_notification_with_a_huge_incident_is_refused_within_limits(tmp_path: Path) -> None:
    store = open_store(tmp_path / "tocsin.db")
    store.commit(Commit(notifications=[replace(notification(), why="x" * 200_000)]))
    store.mark_refused("o1", at=at(1), error="too long")
    assert len(store.dead_letters()[0].letter.raw) == 65_536
    store.close()


def assert_sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.execute("INSERT INTO mentions_fts (mentions_fts) VALUES ('integrity-check')")
    connection.rollback()
    connection.close()
