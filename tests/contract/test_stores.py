"""What every store promises, whichever its home: posts and mentions are kept once, edited, deleted and purged."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.mention import MentionQuery
from storage.store import Commit, FoldState, Store
from tests.kit.stores import (
    alert,
    at,
    dead_letter,
    incident,
    judged,
    mention,
    near_miss,
    notification,
    post,
    record,
)


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.cursor("fediverse") is None
    assert store.known_versions(["x"]) == {}
    assert store.known_versions([]) == {}
    assert store.fold_state("dedupe", "Aurora Air") is None
    assert store.fold_keys("dedupe") == []
    assert store.mentions_of("x") == []
    assert store.mention("x") is None
    assert store.mentions_beginning("") == []
    assert store.acts() == []
    assert store.search(MentionQuery()) == []
    assert store.count(MentionQuery()) == 0
    assert store.stats(MentionQuery()) == []
    assert list(store.posts()) == []
    assert store.evidence("x") == []
    assert store.incidents() == []
    assert store.incident("i1") is None
    assert store.alerts() == []
    assert store.near_misses() == []
    assert store.outbox_due(at(0)) == []
    assert store.outbox() == []
    assert store.outbox_handle("i1", "duty") == ""
    assert store.dead_letters() == []
    assert store.purge(posts_before=at(0)) == 0


def test_an_empty_commit_changes_nothing(store: Store) -> None:
    store.commit(Commit())
    assert list(store.posts()) == []


def test_what_was_committed_comes_back_equal(store: Store) -> None:
    heard = post("1", "Заказ 🚀 قهوة", title="Title", url="https://example.org/1", minutes=3)
    told = mention(heard, judgement=judged(), story="s", lang_confidence=0.5)
    store.commit(
        Commit(
            posts=[record(heard)],
            mentions=[told],
            folds=[
                FoldState(fold="dedupe", key="Aurora Air", state=b"\x00\xff"),
                FoldState(fold="f", key="b", state=b""),
            ],
            alerts=[alert()],
            near_misses=[near_miss()],
            incidents=[incident()],
            notifications=[notification()],
            dead_letters=[dead_letter(b"\x00\xff{")],
            cursors={"fediverse": b'{"id": 1}'},
        )
    )
    assert store.search(MentionQuery()) == [told]
    assert store.mentions_of(heard.id) == [told]
    assert store.evidence(heard.id) == [record(heard)]
    assert list(store.posts()) == [heard]
    assert store.known_versions([heard.id, "other"]) == {heard.id: "1"}
    assert store.fold_state("dedupe", "Aurora Air") == b"\x00\xff"
    assert store.fold_state("f", "b") == b""
    assert store.cursor("fediverse") == b'{"id": 1}'
    assert store.alerts() == [alert()]
    assert store.near_misses() == [near_miss()]
    assert store.incidents() == [incident()]
    assert store.incident("i1") == incident()
    assert [entry.notification for entry in store.outbox()] == [notification()]
    assert [row.letter for row in store.dead_letters()] == [dead_letter(b"\x00\xff{")]


def test_the_same_batch_again_changes_nothing(store: Store) -> None:
    heard = post()
    batch = Commit(
        posts=[record(heard)],
        mentions=[mention(heard)],
        alerts=[alert()],
        near_misses=[near_miss()],
        incidents=[incident()],
        notifications=[notification()],
        dead_letters=[dead_letter()],
        cursors={"fediverse": b"1"},
    )
    for _ in range(3):
        store.commit(batch)
    assert store.count(MentionQuery()) == 1
    assert len(list(store.posts())) == 1
    assert len(store.evidence(heard.id)) == 1
    assert len(store.alerts()) == len(store.near_misses()) == len(store.incidents()) == 1
    assert len(store.outbox()) == len(store.dead_letters()) == 1


def test_a_post_twice_in_one_batch_is_kept_once(store: Store) -> None:
    heard = post()
    store.commit(Commit(posts=[record(heard), record(heard)], mentions=[mention(heard), mention(heard)]))
    assert list(store.posts()) == [heard]
    assert store.count(MentionQuery()) == 1


def test_decisions_once_stored_stay_as_they_are(store: Store) -> None:
    store.commit(
        Commit(
            alerts=[alert()], near_misses=[near_miss()], notifications=[notification()], dead_letters=[dead_letter()]
        )
    )
    store.commit(
        Commit(
            alerts=[alert(minutes=5)],
            near_misses=[near_miss(minutes=5)],
            notifications=[replace(notification(), why="changed")],
            dead_letters=[dead_letter(minutes=5)],
        )
    )
    assert store.alerts() == [alert()]
    assert store.near_misses() == [near_miss()]
    assert [entry.notification.why for entry in store.outbox()] == ["severity major"]
    assert [row.letter.at for row in store.dead_letters()] == [at(0)]


def test_fold_keys_are_the_brands_of_that_fold_only(store: Store) -> None:
    folds = [FoldState(fold=fold, key=key, state=b"") for fold, key in (("f", "b"), ("f", "a"), ("g", "c"))]
    store.commit(Commit(folds=folds))
    assert store.fold_keys("f") == ["a", "b"]


def test_an_edit_updates_the_same_mention(store: Store) -> None:
    first, second = post(text="lost my bag"), post(text="found my bag", version="2")
    store.commit(Commit(posts=[record(first)], mentions=[mention(first)]))
    store.commit(Commit(posts=[record(second)], mentions=[mention(second)], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [mention(second)]
    assert store.known_versions([first.id]) == {first.id: "2"}
    assert store.evidence(first.id) == [record(first), record(second)]
    assert list(store.posts()) == [first, second]


def test_an_edit_that_no_longer_matches_a_brand_marks_that_mention_deleted(store: Store) -> None:
    first = post()
    second = post(text="Borealis Jet lost my bag", version="2", edited_at=at(7))
    aurora, borealis = mention(first), mention(first, brand="Borealis Jet")
    store.commit(Commit(posts=[record(first)], mentions=[aurora, borealis]))
    kept = mention(second, brand="Borealis Jet")
    store.commit(Commit(posts=[record(second)], mentions=[kept], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [kept]
    assert store.mentions_of(first.id) == [replace(aurora, deleted_at=at(7)), kept]


def test_an_edit_back_makes_the_mention_live_again(store: Store) -> None:
    first, second, third = (post(version=version) for version in "123")
    store.commit(Commit(posts=[record(first)], mentions=[mention(first)]))
    store.commit(Commit(posts=[record(second)], edited_posts=[first.id]))
    assert store.count(MentionQuery()) == 0
    store.commit(Commit(posts=[record(third)], mentions=[mention(third)], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [mention(third)]


def test_a_version_that_comes_back_is_the_latest_again(store: Store) -> None:
    one, two = post(version="1"), post(version="2", text="edited")
    for version in (one, two, one):
        store.commit(Commit(posts=[record(version)]))
    assert store.known_versions([one.id]) == {one.id: "1"}
    assert [kept.version for kept in store.posts()] == ["2", "1"]


def test_a_deletion_marks_every_mention_of_the_post_and_the_first_time_stays(store: Store) -> None:
    heard = post()
    told = [mention(heard), mention(heard, brand="Borealis Jet")]
    gone = post(text="", deleted=True, version="deleted")
    store.commit(Commit(posts=[record(heard)], mentions=told))
    store.commit(Commit(posts=[record(gone)], deleted_posts={heard.id: at(4)}))
    store.commit(Commit(deleted_posts={heard.id: at(9)}))
    assert store.search(MentionQuery()) == []
    assert store.count(MentionQuery()) == 0
    assert store.stats(MentionQuery()) == []
    assert store.mentions_of(heard.id) == [replace(one, deleted_at=at(4)) for one in told]
    assert store.evidence(heard.id)[0] == record(heard), "the evidence outlives the post"


def test_a_deletion_of_a_post_never_heard_is_harmless(store: Store) -> None:
    gone = post(text="", deleted=True)
    store.commit(Commit(posts=[record(gone)], deleted_posts={gone.id: at(1)}))
    assert store.mentions_of(gone.id) == []


def test_purge_takes_old_posts_that_no_mention_was_made_of(store: Store) -> None:
    old, needed, deleted, fresh = (post(name, minutes=0) for name in ("old", "needed", "deleted", "fresh"))
    fresh = replace(fresh, collected_at=at(60))
    store.commit(
        Commit(
            posts=[record(one) for one in (old, replace(old, version="2"), needed, deleted, fresh)],
            mentions=[mention(needed), mention(deleted)],
            deleted_posts={deleted.id: at(1)},
        )
    )
    assert store.purge(posts_before=at(60)) == 2
    assert {one.native_id for one in store.posts()} == {"needed", "deleted", "fresh"}
    assert store.known_versions([old.id, fresh.id]) == {fresh.id: "1"}
    assert store.count(MentionQuery()) == 1
    assert store.purge(posts_before=at(60)) == 0


def test_times_keep_their_microseconds(store: Store) -> None:
    heard = replace(
        post(), created_at=at(0) + timedelta(microseconds=1), collected_at=at(0) + timedelta(microseconds=3)
    )
    told = mention(heard, event_at=heard.created_at)
    store.commit(Commit(posts=[record(heard)], mentions=[told]))
    assert store.search(MentionQuery(since=told.event_at, until=told.event_at + timedelta(microseconds=1))) == [told]
    assert store.search(MentionQuery(until=told.event_at)) == []
    assert list(store.posts(since=heard.created_at)) == [heard]


def test_a_batch_that_cannot_be_written_leaves_nothing(store: Store) -> None:
    heard = post()
    broken: object = 7
    batch = Commit(
        posts=[record(heard)],
        mentions=[mention(heard)],
        cursors={"fediverse": b"1"},
        notifications=[notification(), broken],  # type: ignore[list-item]  # what must not happen
    )
    with pytest.raises(AttributeError):
        store.commit(batch)
    assert list(store.posts()) == []
    assert store.count(MentionQuery()) == 0
    assert store.cursor("fediverse") is None
    store.commit(Commit(posts=[record(heard)]))
    assert list(store.posts()) == [heard]


def test_closing_twice_is_harmless(store: Store) -> None:
    store.close()
    store.close()
