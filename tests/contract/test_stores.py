"""What every store promises, whichever its home."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.act import Acknowledge
from domain.dead_letter import RAW_LIMIT
from domain.errors import QueryError, StoreError
from domain.mention import MentionQuery
from domain.post import Engagement
from storage.memory import MemoryStore
from storage.sqlite import open_store
from storage.store import NEAR_MISSES_KEPT, Commit, FoldState, Store
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
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store = MemoryStore() if request.param == "memory" else open_store(tmp_path / "tocsin.db")
    yield opened
    opened.close()


def ids(store: Store, **query: object) -> list[str]:
    return [found.post.native_id for found in store.search(MentionQuery(**query))]  # type: ignore[arg-type]  # names of MentionQuery's fields


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


def test_state_cursor_and_incident_replace_what_was_there(store: Store) -> None:
    for number in (1, 2):
        store.commit(
            Commit(
                folds=[FoldState(fold="f", key="b", state=b"%d" % number)],
                cursors={"s": b"%d" % number},
                incidents=[incident(minutes=number)],
            )
        )
    assert store.fold_state("f", "b") == b"2"
    assert store.cursor("s") == b"2"
    assert store.incidents() == [incident(minutes=2)]


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


def test_search_gives_the_newest_event_first_and_pages_without_gaps(store: Store) -> None:
    heard = [post(str(number), minutes=number % 4) for number in range(10)]
    store.commit(Commit(mentions=[mention(one) for one in heard]))
    whole = store.search(MentionQuery(limit=100))
    assert whole == sorted(whole, key=lambda one: (-one.event_at.timestamp(), one.id))
    pages = [store.search(MentionQuery(limit=3, offset=offset)) for offset in range(0, 12, 3)]
    assert [one for page in pages for one in page] == whole
    assert store.search(MentionQuery(limit=0)) == []
    assert store.count(MentionQuery(limit=3, offset=3)) == 10


def test_search_filters_by_everything_it_says(store: Store) -> None:
    one = post("1", minutes=1)
    two = post("2", minutes=2, network="vk")
    three = post("3", minutes=3)
    store.commit(
        Commit(
            mentions=[
                mention(one, judgement=judged("negative", "critical", "safety")),
                mention(two, judgement=judged("positive", "low", "praise"), lang="kk"),
                mention(three, brand="Borealis Jet"),
            ]
        )
    )
    assert ids(store) == ["3", "2", "1"]
    assert ids(store, brand="Aurora Air") == ["2", "1"]
    assert ids(store, sentiment="negative") == ids(store, urgency="critical") == ids(store, theme="safety") == ["1"]
    assert ids(store, network="vk") == ids(store, lang="kk") == ["2"]
    assert ids(store, sentiment="unscored") == ids(store, urgency="unscored") == ["3"]
    assert ids(store, since=at(2)) == ["3", "2"]
    assert ids(store, until=at(2)) == ["1"]
    assert ids(store, since=at(2), until=at(3)) == ["2"]
    assert ids(store, brand="Aurora Air", sentiment="positive", network="vk", since=at(1)) == ["2"]
    assert ids(store, brand="Nobody") == []
    assert store.count(MentionQuery(brand="Aurora Air")) == 2


def test_text_search_is_a_brand_query_with_word_forms(store: Store) -> None:
    texts = {
        "1": "Задержали рейсы, стою в аэропорту",
        "2": "Рейс задержан опять",
        "3": "The flights were delayed again",
        "4": "nothing to see here",
    }
    store.commit(Commit(mentions=[mention(post(name, text, minutes=int(name))) for name, text in texts.items()]))
    assert ids(store, text="рейс") == ["2", "1"]
    assert ids(store, text="flight AND delayed") == ["3"]
    assert ids(store, text="рейс OR flight", limit=2) == ["3", "2"]
    assert ids(store, text="рейс OR flight", limit=2, offset=2) == ["1"]
    assert ids(store, text='"рейс задержан"') == ["2"]
    assert ids(store, text="flight", brand="Borealis Jet") == []
    assert ids(store, text="рейс", until=at(2)) == ["1"]
    assert ids(store, text="see -рейс -flight") == ["4"]
    assert ids(store, text="author:anna AND задерж*") == ["2", "1"]
    assert store.count(MentionQuery(text="рейс OR flight", limit=1)) == 3
    assert store.stats(MentionQuery(text="рейс"))[0].mentions == 2


def test_text_search_follows_an_edit(store: Store) -> None:
    first, second = post(text="where is my luggage"), post(text="where is my refund", version="2")
    store.commit(Commit(mentions=[mention(first)]))
    store.commit(Commit(mentions=[mention(second)], edited_posts=[first.id]))
    assert ids(store, text="luggage") == []
    assert ids(store, text="refund") == ["1"]
    store.commit(Commit(deleted_posts={first.id: at(1)}))
    assert ids(store, text="refund") == []


def test_a_bad_text_query_says_where_and_what_instead(store: Store) -> None:
    for ask in (store.search, store.count, store.stats):
        with pytest.raises(QueryError) as refusal:
            ask(MentionQuery(text='"aurora'))
        assert refusal.value.remedy


def test_stats_count_each_brand_most_mentions_first(store: Store) -> None:
    store.commit(
        Commit(
            mentions=[
                mention(post("1"), judgement=judged("negative", "high")),
                mention(post("2", network="vk"), judgement=judged("positive", "low", "praise")),
                mention(post("3"), brand="Borealis Jet"),
                mention(post("4", minutes=90), judgement=judged("negative", "high")),
            ]
        )
    )
    rows = store.stats(MentionQuery(limit=1, until=at(60)))
    assert [(row.brand, row.mentions) for row in rows] == [("Aurora Air", 2), ("Borealis Jet", 1)]
    assert rows[0].sentiments == {"negative": 1, "positive": 1}
    assert rows[0].urgencies == {"high": 1, "low": 1}
    assert rows[0].themes == {"delivery": 1, "praise": 1}
    assert rows[0].networks == {"mastodon": 1, "vk": 1}
    assert rows[0].langs == {"en": 2}
    assert rows[1].sentiments == {"unscored": 1}


def test_a_correction_is_shown_searched_and_counted_and_the_model_s_word_is_kept(store: Store) -> None:
    told = mention(post(), judgement=judged("negative", "normal", "delivery"))
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, sentiment="positive", urgency="low", by="Inna"))
    assert told.judgement is not None
    wanted = replace(
        told.judgement,
        sentiment="positive",
        urgency="low",
        corrected_by="Inna",
        model_said={"sentiment": "negative", "urgency": "normal"},
    )
    assert store.search(MentionQuery(sentiment="positive", urgency="low")) == [replace(told, judgement=wanted)]
    assert store.search(MentionQuery(text="bag", sentiment="positive")) == [replace(told, judgement=wanted)]
    assert store.count(MentionQuery(sentiment="negative")) == store.count(MentionQuery(urgency="normal")) == 0
    assert store.stats(MentionQuery())[0].sentiments == {"positive": 1}
    assert store.mention(told.id) == store.mentions_of(told.post.id)[0] == replace(told, judgement=wanted)


def test_the_same_act_twice_changes_nothing(store: Store) -> None:
    told = mention(post(), judgement=judged())
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, sentiment="positive"))
    once = store.mention(told.id)
    store.keep(correct(told, sentiment="neutral"))
    assert store.mention(told.id) == once
    assert store.acts() == [correct(told, sentiment="positive")]


def test_a_mention_read_again_stays_corrected(store: Store) -> None:
    told = mention(post(), judgement=judged())
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, theme="staff"))
    before = store.mention(told.id)
    assert before is not None
    seen_again = replace(told, post=replace(told.post, version="2", engagement=Engagement(likes=9)))
    for again, expected in ((told, told), (seen_again, seen_again)):
        store.commit(Commit(mentions=[again], edited_posts=[told.post.id]))
        assert store.mention(told.id) == replace(before, post=expected.post)
    store.commit(Commit(deleted_posts={told.post.id: at(3)}))
    assert store.mention(told.id) == replace(before, post=seen_again.post, deleted_at=at(3))


def test_an_edit_of_the_text_ends_a_correction_and_keeps_the_act(store: Store) -> None:
    first, second = post(), post(text="Aurora Air found my bag", version="2")
    told, edited = mention(first, judgement=judged()), mention(second, judgement=judged("positive", "low", "praise"))
    act = correct(told, sentiment="neutral")
    store.commit(Commit(mentions=[told], acts=[act]))
    store.commit(Commit(mentions=[edited], edited_posts=[first.id]))
    assert store.mention(told.id) == edited
    assert store.acts() == [act]
    store.commit(Commit(mentions=[told], edited_posts=[first.id]))
    (back,) = store.search(MentionQuery(sentiment="neutral"))
    assert back.judgement is not None
    assert back.judgement.corrected_by == "Inna", "the text that was judged is back, and so is the word on it"


def test_a_correction_may_come_before_its_mention(store: Store) -> None:
    told = mention(post(), judgement=judged())
    store.keep(correct(told, urgency="critical"))
    assert store.mention(told.id) is None
    store.commit(Commit(mentions=[told]))
    assert store.count(MentionQuery(urgency="critical")) == 1


def test_the_latest_word_on_each_task_counts_whenever_it_arrives(store: Store) -> None:
    told = mention(post(), judgement=judged("negative", "normal"))
    store.commit(Commit(mentions=[told]))
    store.keep(correct(told, act_id="c2", minutes=9, sentiment="positive", by="Dana"))
    store.keep(correct(told, act_id="c1", minutes=5, sentiment="neutral", urgency="high", by="Inna"))
    (found,) = store.search(MentionQuery(sentiment="positive", urgency="high"))
    assert found.judgement is not None
    assert found.judgement.corrected_by == "Dana"
    assert found.judgement.model_said == {"sentiment": "negative", "urgency": "normal"}


def test_review_lists_what_the_model_is_unsure_of_until_somebody_judges_it(store: Store) -> None:
    unsure = mention(post("1"), judgement=judged("negative", review="sentiment 0.41"))
    doubted = mention(post("2", minutes=1), judgement=judged("positive", review="urgency 0.38"))
    store.commit(Commit(mentions=[unsure, doubted, mention(post("3"), judgement=judged()), mention(post("4"))]))
    assert ids(store, review=True) == ["2", "1"]
    assert ids(store, review=True, sentiment="negative") == ids(store, review=True, text="bag", until=at(1)) == ["1"]
    assert store.count(MentionQuery(review=True)) == store.stats(MentionQuery(review=True))[0].mentions == 2
    store.keep(correct(unsure, act_id="c1", sentiment="neutral"))
    store.keep(correct(doubted, act_id="c2", confirm=True))
    assert ids(store, review=True) == []
    store.commit(Commit(mentions=[unsure]))
    assert ids(store, review=True) == [], "read again, it is still judged"


def test_acts_come_in_order_of_time_by_brand_and_since(store: Store) -> None:
    ours, theirs = mention(post("1")), mention(post("2"), brand="Borealis Jet")
    first = correct(ours, act_id="c1", minutes=1, theme="staff")
    second = correct(theirs, act_id="c2", minutes=2, theme="staff")
    taken = Acknowledge(id="a1", by="Dana", at=at(3), brand="Aurora Air", incident="i1")
    store.commit(Commit(acts=[taken, second]))
    store.keep(first)
    assert store.acts() == [first, second, taken]
    assert store.acts(brand="Aurora Air") == [first, taken]
    assert store.acts(since=at(2)) == [second, taken]


def test_a_mention_is_found_by_its_id_and_by_the_beginning_of_it(store: Store) -> None:
    told = sorted((mention(post(str(number))) for number in range(40)), key=lambda one: one.id)
    store.commit(Commit(mentions=told, deleted_posts={told[0].post.id: at(1)}))
    assert store.mention(told[5].id) == told[5]
    assert store.mention(told[5].id[:9]) is None
    assert store.mentions_beginning(told[5].id[:12]) == [told[5]]
    assert store.mentions_beginning("", limit=3) == [replace(told[0], deleted_at=at(1)), *told[1:3]]
    assert store.mentions_beginning("nosuch") == []


def test_posts_come_in_order_of_creation_within_the_period(store: Store) -> None:
    heard = [post(str(number), minutes=minutes) for number, minutes in enumerate((5, 1, 3, 1))]
    store.commit(Commit(posts=[record(one) for one in heard]))
    assert [one.native_id for one in store.posts()] == ["1", "3", "2", "0"]
    assert [one.native_id for one in store.posts(since=at(1), until=at(5))] == ["1", "3", "2"]
    assert [one.native_id for one in store.posts(since=at(3))] == ["2", "0"]


def test_posts_can_be_read_while_more_are_stored(store: Store) -> None:
    heard = [post(str(number), minutes=number) for number in range(2_500)]
    store.commit(Commit(posts=[record(one) for one in heard]))
    seen: list[str] = []
    for one in store.posts():
        if not seen:
            store.commit(Commit(cursors={"s": b"1"}))
        seen.append(one.native_id)
    assert seen == [one.native_id for one in heard]


def test_known_versions_takes_any_number_of_posts(store: Store) -> None:
    heard = [post(str(number)) for number in range(3_000)]
    store.commit(Commit(posts=[record(one) for one in heard]))
    assert store.known_versions([one.id for one in heard]) == {one.id: "1" for one in heard}


def test_incidents_come_latest_update_first_by_brand_and_status(store: Store) -> None:
    store.commit(
        Commit(
            incidents=[
                incident("i1", minutes=1),
                incident("i2", minutes=3, status="resolved"),
                incident("i3", minutes=2, brand="Borealis Jet"),
            ]
        )
    )
    assert [one.id for one in store.incidents()] == ["i2", "i3", "i1"]
    assert [one.id for one in store.incidents(brand="Aurora Air")] == ["i2", "i1"]
    assert [one.id for one in store.incidents(status="open")] == ["i3", "i1"]
    assert [one.id for one in store.incidents(brand="Aurora Air", status="open")] == ["i1"]
    assert [one.id for one in store.incidents(limit=1, offset=1)] == ["i3"]


def test_alerts_and_near_misses_come_latest_first(store: Store) -> None:
    store.commit(
        Commit(
            alerts=[alert("a1", minutes=1), alert("a2", minutes=2), alert("a3", minutes=3, brand="Borealis Jet")],
            near_misses=[near_miss("n1", minutes=1), near_miss("n2", minutes=2)],
        )
    )
    assert [one.id for one in store.alerts()] == ["a3", "a2", "a1"]
    assert [one.id for one in store.alerts(brand="Aurora Air", limit=1)] == ["a2"]
    assert [one.id for one in store.near_misses(limit=1)] == ["n2"]
    assert store.near_misses(brand="Borealis Jet") == []


def test_only_the_latest_near_misses_of_a_brand_are_kept(store: Store) -> None:
    misses = [near_miss(f"n{number:05}", minutes=number) for number in range(NEAR_MISSES_KEPT + 20)]
    store.commit(Commit(near_misses=misses))
    store.commit(Commit(near_misses=[near_miss("other", brand="Borealis Jet")]))
    kept = store.near_misses(brand="Aurora Air", limit=10 * NEAR_MISSES_KEPT)
    assert kept == misses[: -NEAR_MISSES_KEPT - 1 : -1]
    assert len(store.near_misses(brand="Borealis Jet")) == 1


def test_a_notification_is_due_until_it_is_sent(store: Store) -> None:
    store.commit(Commit(notifications=[notification(minutes=5)]))
    assert store.outbox_due(at(4)) == []
    (entry,) = store.outbox_due(at(5))
    assert (entry.status, entry.attempts, entry.next_at, entry.handle) == ("pending", 0, at(5), "")
    store.mark_sent("o1", at=at(6), handle="ts:1")
    assert store.outbox_due(at(100)) == []
    assert store.outbox_pending() == 0
    (entry,) = store.outbox(status="sent")
    assert (entry.attempts, entry.handle, entry.sent_at) == (1, "ts:1", at(6))
    assert store.outbox(status="pending") == []


def test_a_notification_once_sent_stays_sent(store: Store) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_sent("o1", at=at(1), handle="first")
    store.mark_sent("o1", at=at(2), handle="second")
    store.mark_retry("o1", next_at=at(3), error="late")
    store.mark_refused("o1", at=at(3), error="late")
    store.commit(Commit(notifications=[notification()]))
    (entry,) = store.outbox()
    assert (entry.status, entry.handle, entry.attempts) == ("sent", "first", 1)
    assert store.dead_letters() == []


def test_a_failed_attempt_waits_its_time(store: Store) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_retry("o1", next_at=at(10), error="429")
    assert store.outbox_due(at(9)) == []
    (entry,) = store.outbox_due(at(10))
    assert (entry.attempts, entry.error) == (1, "429")


def test_a_refused_notification_is_kept_as_a_dead_letter_and_can_be_revived(store: Store) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_refused("o1", at=at(2), error="channel_not_found")
    assert store.outbox_due(at(100)) == []
    assert [entry.error for entry in store.outbox(status="refused")] == ["channel_not_found"]
    (row,) = store.dead_letters()
    letter = row.letter
    assert (letter.source, letter.stage, letter.reason, letter.where) == ("duty", "notify", "refused", "o1")
    assert (letter.detail, letter.at) == ("channel_not_found", at(2))
    assert 0 < len(letter.raw) <= RAW_LIMIT
    store.mark_retry("o1", next_at=at(3), error="")
    assert [entry.notification.id for entry in store.outbox_due(at(3))] == ["o1"]


def test_the_outbox_says_so_when_it_does_not_know_a_notification(store: Store) -> None:
    with pytest.raises(StoreError, match="nobody"):
        store.mark_sent("nobody", at=at(0), handle="")
    with pytest.raises(StoreError, match="nobody"):
        store.mark_retry("nobody", next_at=at(0), error="")
    with pytest.raises(StoreError, match="nobody"):
        store.mark_refused("nobody", at=at(0), error="")


def test_notifications_are_due_in_order_of_decision(store: Store) -> None:
    store.commit(Commit(notifications=[notification("o1", minutes=9), notification("o2", minutes=3)]))
    store.commit(Commit(notifications=[notification("o3", minutes=6, receiver="boss")]))
    assert [entry.notification.id for entry in store.outbox_due(at(10))] == ["o1", "o2", "o3"]
    assert store.outbox_pending() == 3
    assert [entry.notification.id for entry in store.outbox_due(at(10), limit=2)] == ["o1", "o2"]
    assert [entry.notification.id for entry in store.outbox()] == ["o3", "o2", "o1"]
    assert [entry.notification.id for entry in store.outbox(limit=1)] == ["o3"]


def test_a_waiting_notification_holds_back_only_its_own_incident_and_receiver(store: Store) -> None:
    store.commit(
        Commit(
            notifications=[
                notification("o1", about="i1"),
                notification("o2", about="i1", sequence=2),
                notification("o3", about="i1", receiver="boss"),
                notification("o4", about="i2"),
            ]
        )
    )
    store.mark_retry("o1", next_at=at(60), error="503")
    assert [entry.notification.id for entry in store.outbox_due(at(1))] == ["o3", "o4"]
    assert [entry.notification.id for entry in store.outbox_due(at(60))] == ["o1", "o2", "o3", "o4"]
    store.mark_refused("o1", at=at(61), error="gone")
    assert "o2" in [entry.notification.id for entry in store.outbox_due(at(61))]


def test_the_handle_of_an_incident_is_that_of_its_first_message(store: Store) -> None:
    store.commit(
        Commit(
            notifications=[
                notification("o1"),
                notification("o2", sequence=2),
                notification("o3", receiver="boss"),
            ]
        )
    )
    assert store.outbox_handle("i1", "duty") == ""
    store.mark_sent("o2", at=at(1), handle="second")
    assert store.outbox_handle("i1", "duty") == "second"
    store.mark_sent("o1", at=at(2), handle="late")
    assert store.outbox_handle("i1", "duty") == "second"
    assert store.outbox_handle("i1", "boss") == ""
    assert store.outbox_handle("i2", "duty") == ""


def test_dead_letters_come_latest_first_and_leave_when_replayed(store: Store) -> None:
    letters = [
        dead_letter(b"1", minutes=1),
        dead_letter(b"2", minutes=2, source="live"),
        dead_letter(b"3", minutes=3, reason="no_text"),
    ]
    store.commit(Commit(dead_letters=letters))
    assert [row.letter.raw for row in store.dead_letters()] == [b"3", b"2", b"1"]
    assert [row.letter.raw for row in store.dead_letters(source="live")] == [b"2"]
    assert [row.letter.raw for row in store.dead_letters(reason="no_text")] == [b"3"]
    assert [row.letter.raw for row in store.dead_letters(limit=1)] == [b"3"]
    assert store.dead_letters()[0].id == letters[2].id
    store.mark_replayed(letters[2].id, at=at(9))
    store.mark_replayed(letters[2].id, at=at(10))
    store.mark_replayed("unknown", at=at(9))
    assert [row.letter.raw for row in store.dead_letters()] == [b"2", b"1"]
    assert [row.replayed_at for row in store.dead_letters(pending=False)] == [at(9), None, None]


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
