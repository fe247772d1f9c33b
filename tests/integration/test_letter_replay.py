"""Dead letters, once their cause was mended, go through; what is still wrong stays with its reason."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.judgement import Judgeable, Judgement
from domain.mention import MentionQuery
from domain.post import Record
from storage.memory import MemoryStore
from storage.store import Commit
from tests.kit.engine import START, WordClassifier, build_engine, clock, record
from tests.kit.scripted_source import letter
from tocsin.replay import Replayed, through_engine


class Mended(WordClassifier):
    """The same classifier after the bug was found."""

    def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
        return super().classify(
            [Judgeable(text.text.replace("poison", "bad"), text.brand, text.lang) for text in texts]
        )


class OneSource:
    """Reads a single record again, or says what is still wrong with it."""

    def reread(self, letter: DeadLetter) -> Record | DeadLetter:
        if letter.where == "kit:1":
            return record(7, "aurora read at last")
        return replace(letter, detail="still not JSON")


def commit_all(store: MemoryStore, *records: Record) -> None:
    for commit in build_engine(store).process(records, [], {}):
        store.commit(commit)


def replay(store: MemoryStore, classifier: WordClassifier | None = None) -> Replayed:
    letters = through_engine(build_engine(store, classifier), store, sources={"kit": OneSource()}, clock=clock)
    return letters.run(store.dead_letters(limit=100))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_a_text_that_broke_the_model_goes_through_once_the_model_is_mended(store: MemoryStore) -> None:
    commit_all(store, record(1, "aurora poison"))
    assert store.search(MentionQuery()) == []

    assert replay(store, Mended()).through == 1

    assert [mention.post.text for mention in store.search(MentionQuery())] == ["aurora poison"]
    assert store.dead_letters() == []
    assert len(store.dead_letters(pending=False)) == 1


def test_what_is_still_wrong_stays_pending_with_its_reason(store: MemoryStore) -> None:
    commit_all(store, record(1, "aurora poison"))
    replayed = replay(store)
    assert replayed.through == 0
    assert "breaks the model" in next(iter(replayed.refused.values()))
    assert len(store.dead_letters()) == 1


def test_a_record_its_source_can_read_now_becomes_a_mention(store: MemoryStore) -> None:
    store.commit(Commit(dead_letters=[letter(1), letter(2)]))
    replayed = replay(store)
    assert replayed.through == 1
    assert list(replayed.refused.values()) == ["still not JSON"]
    assert [mention.post.native_id for mention in store.search(MentionQuery())] == ["7"]


def test_a_refused_notification_is_put_back_into_the_outbox(store: MemoryStore) -> None:
    commit_all(store, record(1, "aurora fire"), record(2, "aurora fire", minutes=30))
    (order,) = [entry.notification for entry in store.outbox(status="pending")]
    store.mark_refused(order.id, at=START, error="channel_not_found")
    assert store.outbox_pending() == 0

    assert replay(store).through == 1

    assert [entry.notification.id for entry in store.outbox_due(clock() + timedelta(minutes=1))] == [order.id]


def test_a_letter_whose_record_is_gone_says_what_to_do(store: MemoryStore) -> None:
    store.commit(Commit(dead_letters=[replace(letter(1), source="gone")]))
    assert "bring it in again" in next(iter(replay(store).refused.values()))
