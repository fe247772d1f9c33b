"""What the store of one process promises beside: posts, states and cursors, and batches that are whole or nothing."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain.mention import MentionQuery
from storage.store import Commit, FoldState, Store
from tests.kit.stores import at, mention, notification, post, record


def test_a_new_store_of_one_process_is_empty(whole_store: Store) -> None:
    assert whole_store.cursor("fediverse") is None
    assert whole_store.known_versions(["x"]) == {}
    assert whole_store.known_versions([]) == {}
    assert whole_store.fold_state("dedupe", "Aurora Air") is None
    assert whole_store.fold_keys("dedupe") == []
    assert list(whole_store.posts()) == []
    assert whole_store.evidence("x") == []
    assert whole_store.purge(posts_before=at(0)) == 0


def test_posts_states_and_cursors_come_back_equal(whole_store: Store) -> None:
    heard = post("1", "Заказ 🚀 قهوة", title="Title", url="https://example.org/1", minutes=3)
    whole_store.commit(
        Commit(
            posts=[record(heard)],
            folds=[
                FoldState(fold="dedupe", key="Aurora Air", state=b"\x00\xff"),
                FoldState(fold="f", key="b", state=b""),
            ],
            cursors={"fediverse": b'{"id": 1}'},
        )
    )
    assert whole_store.evidence(heard.id) == [record(heard)]
    assert list(whole_store.posts()) == [heard]
    assert whole_store.known_versions([heard.id, "other"]) == {heard.id: "1"}
    assert whole_store.fold_state("dedupe", "Aurora Air") == b"\x00\xff"
    assert whole_store.fold_state("f", "b") == b""
    assert whole_store.cursor("fediverse") == b'{"id": 1}'


def test_a_post_kept_twice_is_kept_once(whole_store: Store) -> None:
    heard = post()
    for _ in range(3):
        whole_store.commit(Commit(posts=[record(heard), record(heard)]))
    assert list(whole_store.posts()) == [heard]
    assert len(whole_store.evidence(heard.id)) == 1


def test_mentions_of_several_posts_are_found_at_once(whole_store: Store) -> None:
    one, two, nobody = post("1"), post("2"), post("3")
    told = [mention(one, brand="Borealis Jet"), mention(one), mention(two)]
    whole_store.commit(Commit(posts=[record(nobody)], mentions=told, deleted_posts={two.id: at(1)}))
    found = whole_store.mentions_of_each([one.id, two.id, nobody.id, "other"])
    assert found == {one.id: whole_store.mentions_of(one.id), two.id: [replace(told[2], deleted_at=at(1))]}
    assert [each.brand for each in found[one.id]] == ["Aurora Air", "Borealis Jet"]
    assert whole_store.mentions_of_each([]) == {}


def test_fold_keys_are_the_brands_of_that_fold_only(whole_store: Store) -> None:
    folds = [FoldState(fold=fold, key=key, state=b"") for fold, key in (("f", "b"), ("f", "a"), ("g", "c"))]
    whole_store.commit(Commit(folds=folds))
    assert whole_store.fold_keys("f") == ["a", "b"]


def test_every_version_of_an_edited_post_is_kept(whole_store: Store) -> None:
    first, second = post(text="lost my bag"), post(text="found my bag", version="2")
    whole_store.commit(Commit(posts=[record(first)], mentions=[mention(first)]))
    whole_store.commit(Commit(posts=[record(second)], mentions=[mention(second)], edited_posts=[first.id]))
    assert whole_store.known_versions([first.id]) == {first.id: "2"}
    assert whole_store.evidence(first.id) == [record(first), record(second)]
    assert list(whole_store.posts()) == [first, second]


def test_a_version_that_comes_back_is_the_latest_again(whole_store: Store) -> None:
    one, two = post(version="1"), post(version="2", text="edited")
    for version in (one, two, one):
        whole_store.commit(Commit(posts=[record(version)]))
    assert whole_store.known_versions([one.id]) == {one.id: "1"}
    assert [kept.version for kept in whole_store.posts()] == ["2", "1"]


def test_the_evidence_outlives_the_post(whole_store: Store) -> None:
    heard = post()
    whole_store.commit(Commit(posts=[record(heard)], mentions=[mention(heard)]))
    gone = post(text="", deleted=True, version="deleted")
    whole_store.commit(Commit(posts=[record(gone)], deleted_posts={heard.id: at(4)}))
    assert whole_store.evidence(heard.id)[0] == record(heard)


def test_purge_takes_old_posts_that_no_mention_was_made_of(whole_store: Store) -> None:
    old, needed, deleted, fresh = (post(name, minutes=0) for name in ("old", "needed", "deleted", "fresh"))
    fresh = replace(fresh, collected_at=at(60))
    whole_store.commit(
        Commit(
            posts=[record(one) for one in (old, replace(old, version="2"), needed, deleted, fresh)],
            mentions=[mention(needed), mention(deleted)],
            deleted_posts={deleted.id: at(1)},
        )
    )
    assert whole_store.purge(posts_before=at(60)) == 2
    assert {one.native_id for one in whole_store.posts()} == {"needed", "deleted", "fresh"}
    assert whole_store.known_versions([old.id, fresh.id]) == {fresh.id: "1"}
    assert whole_store.count(MentionQuery()) == 1
    assert whole_store.purge(posts_before=at(60)) == 0


def test_times_of_posts_keep_their_microseconds(whole_store: Store) -> None:
    heard = replace(post(), created_at=at(0) + timedelta(microseconds=1))
    whole_store.commit(Commit(posts=[record(heard)]))
    assert list(whole_store.posts(since=heard.created_at)) == [heard]
    assert list(whole_store.posts(until=heard.created_at)) == []


def test_a_batch_that_cannot_be_written_leaves_nothing(whole_store: Store) -> None:
    heard = post()
    broken: object = 7
    batch = Commit(
        posts=[record(heard)],
        mentions=[mention(heard)],
        cursors={"fediverse": b"1"},
        notifications=[notification(), broken],  # type: ignore[list-item]  # what must not happen
    )
    with pytest.raises(AttributeError):
        whole_store.commit(batch)
    assert list(whole_store.posts()) == []
    assert whole_store.count(MentionQuery()) == 0
    assert whole_store.cursor("fediverse") is None
    whole_store.commit(Commit(posts=[record(heard)]))
    assert list(whole_store.posts()) == [heard]


def test_posts_come_in_order_of_creation_within_the_period(whole_store: Store) -> None:
    heard = [post(str(number), minutes=minutes) for number, minutes in enumerate((5, 1, 3, 1))]
    whole_store.commit(Commit(posts=[record(one) for one in heard]))
    assert [one.native_id for one in whole_store.posts()] == ["1", "3", "2", "0"]
    assert [one.native_id for one in whole_store.posts(since=at(1), until=at(5))] == ["1", "3", "2"]
    assert [one.native_id for one in whole_store.posts(since=at(3))] == ["2", "0"]


def test_posts_can_be_read_while_more_are_stored(whole_store: Store) -> None:
    heard = [post(str(number), minutes=number) for number in range(2_500)]
    whole_store.commit(Commit(posts=[record(one) for one in heard]))
    seen: list[str] = []
    for one in whole_store.posts():
        if not seen:
            whole_store.commit(Commit(cursors={"s": b"1"}))
        seen.append(one.native_id)
    assert seen == [one.native_id for one in heard]


def test_known_versions_takes_any_number_of_posts(whole_store: Store) -> None:
    heard = [post(str(number)) for number in range(3_000)]
    whole_store.commit(Commit(posts=[record(one) for one in heard]))
    assert whole_store.known_versions([one.id for one in heard]) == {one.id: "1" for one in heard}


def test_state_and_cursor_replace_what_was_there(whole_store: Store) -> None:
    for number in (b"1", b"2"):
        whole_store.commit(Commit(folds=[FoldState(fold="f", key="b", state=number)], cursors={"s": number}))
    assert whole_store.fold_state("f", "b") == b"2"
    assert whole_store.cursor("s") == b"2"
