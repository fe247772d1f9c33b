"""What every store promises, whichever its home: mentions and decisions are kept once, edited and deleted."""

from datetime import timedelta

from msgspec.structs import replace

from domain.mention import MentionQuery, Score
from domain.post import Engagement
from storage.store import Commit, MentionStore
from tests.kit.stores import (
    alert,
    at,
    correct,
    dead_letter,
    incident,
    judged,
    mention,
    near_miss,
    notification,
    post,
    record,
    replied,
)


def test_a_new_store_is_empty(store: MentionStore) -> None:
    assert store.mentions_of("x") == []
    assert store.mention("x") is None
    assert store.mentions_beginning("") == []
    assert store.acts() == []
    assert store.search(MentionQuery()) == []
    assert store.count(MentionQuery()) == 0
    assert store.stats(MentionQuery()) == []
    assert store.incidents() == []
    assert store.incident("i1") is None
    assert store.alerts() == []
    assert store.near_misses() == []
    assert store.outbox_due(at(0)) == []
    assert store.outbox() == []
    assert store.outbox_handle("i1", "duty") == ""
    assert store.dead_letters() == []


def test_an_empty_commit_changes_nothing(store: MentionStore) -> None:
    store.commit(Commit())
    assert store.mentions_beginning("") == []


def test_what_was_committed_comes_back_equal(store: MentionStore) -> None:
    heard = post("1", "Заказ 🚀 قهوة", title="Title", url="https://example.org/1", minutes=3)
    told = mention(heard, judgement=judged(), story="s", lang_confidence=0.5)
    store.commit(
        Commit(
            mentions=[told],
            alerts=[alert()],
            near_misses=[near_miss()],
            incidents=[incident()],
            notifications=[notification()],
            dead_letters=[dead_letter(b"\x00\xff{")],
        )
    )
    assert store.search(MentionQuery()) == [told]
    assert store.mentions_of(heard.id) == [told]
    assert store.alerts() == [alert()]
    assert store.near_misses() == [near_miss()]
    assert store.incidents() == [incident()]
    assert store.incident("i1") == incident()
    assert [entry.notification for entry in store.outbox()] == [notification()]
    assert [row.letter for row in store.dead_letters()] == [dead_letter(b"\x00\xff{")]


def test_the_same_batch_again_changes_nothing(store: MentionStore) -> None:
    heard = post()
    batch = Commit(
        posts=[record(heard)],
        mentions=[mention(heard)],
        alerts=[alert()],
        near_misses=[near_miss()],
        incidents=[incident()],
        notifications=[notification()],
        dead_letters=[dead_letter()],
    )
    for _ in range(3):
        store.commit(batch)
    assert store.count(MentionQuery()) == 1
    assert len(store.alerts()) == len(store.near_misses()) == len(store.incidents()) == 1
    assert len(store.outbox()) == len(store.dead_letters()) == 1


def test_a_mention_twice_in_one_batch_is_kept_once(store: MentionStore) -> None:
    heard = post()
    store.commit(Commit(mentions=[mention(heard), mention(heard)]))
    assert store.search(MentionQuery()) == [mention(heard)]
    assert store.count(MentionQuery()) == 1


def test_decisions_once_stored_stay_as_they_are(store: MentionStore) -> None:
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


def test_an_edit_updates_the_same_mention(store: MentionStore) -> None:
    first, second = post(text="lost my bag"), post(text="found my bag", version="2")
    store.commit(Commit(posts=[record(first)], mentions=[mention(first)]))
    store.commit(Commit(posts=[record(second)], mentions=[mention(second)], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [mention(second)]
    assert store.mentions_of(first.id) == [mention(second)]


def test_an_edit_of_the_date_makes_no_second_mention(store: MentionStore) -> None:
    first = post()
    second = replace(first, created_at=first.created_at - timedelta(days=70), version="2")
    for version in (first, second):
        store.commit(Commit(mentions=[mention(version)], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [mention(second)]
    assert store.count(MentionQuery()) == 1
    assert store.mentions_beginning("") == [mention(second)]


def test_an_edit_that_no_longer_matches_a_brand_marks_that_mention_deleted(store: MentionStore) -> None:
    first = post()
    second = post(text="Borealis Jet lost my bag", version="2", edited_at=at(7))
    aurora, borealis = mention(first), mention(first, brand="Borealis Jet")
    store.commit(Commit(posts=[record(first)], mentions=[aurora, borealis]))
    kept = mention(second, brand="Borealis Jet")
    store.commit(Commit(posts=[record(second)], mentions=[kept], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [kept]
    assert store.mentions_of(first.id) == [replace(aurora, deleted_at=at(7)), kept]


def test_an_edit_back_makes_the_mention_live_again(store: MentionStore) -> None:
    first, second, third = (post(version=version) for version in "123")
    store.commit(Commit(posts=[record(first)], mentions=[mention(first)]))
    store.commit(Commit(posts=[record(second)], edited_posts=[first.id]))
    assert store.count(MentionQuery()) == 0
    store.commit(Commit(posts=[record(third)], mentions=[mention(third)], edited_posts=[first.id]))
    assert store.search(MentionQuery()) == [mention(third)]


def test_a_recounted_mention_has_its_new_counters_and_what_was_done_to_it(store: MentionStore) -> None:
    told, other = mention(post(), judgement=judged(), story="s"), mention(post(), brand="Borealis Jet")
    store.commit(Commit(mentions=[told, other], acts=[correct(told, sentiment="positive"), replied(told)]))
    before = store.mention(told.id)
    assert before is not None
    counted = replace(told.post, engagement=Engagement(likes=7, as_of=at(9)))
    score = Score(reach=0.5, influence=0.1, priority=0.2, parts={})
    for _ in range(2):
        store.commit(Commit(recounted=[replace(told, post=counted, score=score)]))
        assert store.mention(told.id) == replace(before, post=counted, score=score)
    assert store.mention(other.id) == other
    assert store.search(MentionQuery(text="bag", sentiment="positive")) == [store.mention(told.id)]


def test_a_deletion_marks_every_mention_of_the_post_and_the_first_time_stays(store: MentionStore) -> None:
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


def test_a_deletion_of_a_post_never_heard_is_harmless(store: MentionStore) -> None:
    gone = post(text="", deleted=True)
    store.commit(Commit(posts=[record(gone)], deleted_posts={gone.id: at(1)}))
    assert store.mentions_of(gone.id) == []


def test_times_keep_their_microseconds(store: MentionStore) -> None:
    heard = replace(
        post(), created_at=at(0) + timedelta(microseconds=1), collected_at=at(0) + timedelta(microseconds=3)
    )
    told = mention(heard, event_at=heard.created_at)
    store.commit(Commit(posts=[record(heard)], mentions=[told]))
    assert store.search(MentionQuery(since=told.event_at, until=told.event_at + timedelta(microseconds=1))) == [told]
    assert store.search(MentionQuery(until=told.event_at)) == []


def test_closing_twice_is_harmless(store: MentionStore) -> None:
    store.close()
    store.close()
