"""Newer counters of a post reach its mention: its reach changes, and nothing else happens."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.event import Event, MentionEvent, Output
from domain.mention import Mention
from domain.post import Engagement, Post, Record
from processors.dedupe import WINDOW_TIME, Dedupe
from processors.recount import recount
from processors.score import score
from storage.cluster import Known
from storage.memory import MemoryStore
from storage.store import Commit
from tests.kit.engine import START, build_engine, clock, record, recounted, stages
from tests.kit.processing import PostMemory, Topics, build_processor, deal, dealt, packed
from tests.kit.stores import at, correct, judged, mention, post, replied
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.process import read
from tocsin.runtimes.cluster.wire import MENTIONS, POSTS, Heard, backfill
from tocsin.runtimes.engine import Engine
from tocsin.runtimes.flow import changes, recounts, runs, version_of
from tocsin.runtimes.folds import FoldRunner

FEW = Engagement(likes=2, views=100, as_of=at(10))
MANY = Engagement(likes=900, reposts=40, replies=30, views=50_000, as_of=at(20))


def told(engagement: Engagement = FEW, **fields: Any) -> Mention:
    (scored,) = score(mention(post(engagement=engagement), judgement=judged(), story="s", **fields))
    return scored


def test_newer_counters_take_the_place_of_the_known_and_the_score_follows() -> None:
    before = told()
    after = recount(before, MANY)
    assert after is not None
    assert after.post == replace(before.post, engagement=MANY)
    assert before.score is not None
    assert after.score is not None
    assert after.score.reach > before.score.reach
    assert after.score.parts["audience"] == 50_000
    assert replace(after, post=before.post, score=before.score) == before, "nothing else changes"


@pytest.mark.parametrize(
    "heard",
    [
        replace(MANY, as_of=at(9)),
        replace(MANY, as_of=at(10)),
        replace(MANY, as_of=None),
        replace(MANY, as_of=datetime(2026, 3, 2)),  # noqa: DTZ001  # what a source must not say
        replace(FEW, as_of=at(99)),
        Engagement(likes=2, as_of=at(99)),
        Engagement(as_of=at(99)),
        Engagement(likes=-5, views=10**15, as_of=at(99)),
    ],
)
def test_older_untimed_equal_and_impossible_counters_change_nothing(heard: Engagement) -> None:
    assert recount(told(), heard) is None


def test_counters_whose_time_nobody_knew_give_way_to_those_of_a_time() -> None:
    for known in (Engagement(), Engagement(likes=5), replace(FEW, as_of=datetime(2026, 3, 2))):  # noqa: DTZ001
        after = recount(told(known), MANY)
        assert after is not None
        assert after.post.engagement == MANY


def test_a_counter_that_is_not_shown_any_more_keeps_its_number() -> None:
    after = recount(told(), Engagement(likes=3, as_of=at(30)))
    assert after is not None
    assert after.post.engagement == Engagement(likes=3, views=100, as_of=at(30))


def test_what_was_done_to_a_mention_is_left_to_the_store_and_a_deleted_one_is_passed_over() -> None:
    before = told()
    acted_on = replace(before, first_response_at=at(12))
    heard = post(engagement=MANY)
    (event,) = recounts(heard, [acted_on, replace(before, id="x", deleted_at=at(11))])
    assert event.change == "recounted"
    assert event.mention == recount(before, MANY)
    assert list(recounts(replace(heard, deleted=True), [before])) == []
    assert list(recounts(post(engagement=replace(MANY, as_of=None)), [before])) == []


def test_a_brand_that_an_edit_names_first_has_the_latest_counters_of_the_post() -> None:
    edited = mention(post(text="Borealis Jet found my bag", version="2"), brand="Borealis Jet", judgement=judged())
    for before in (
        [told(MANY)],
        [told(FEW), told(MANY, brand="Cirrus")],
        [told(FEW), told(MANY, brand="Cirrus", deleted_at=at(21))],
    ):
        new = next(event for event in changes(edited.post, [edited], before) if event.change == "new")
        assert new.mention.post == replace(edited.post, engagement=MANY)


def test_an_edit_keeps_the_latest_counters() -> None:
    known = told(MANY)
    edited = mention(post(text="Aurora Air found my bag", version="2", engagement=FEW), judgement=judged())
    (event,) = changes(edited.post, [edited], [known])
    assert event.mention.post == replace(edited.post, engagement=MANY)
    silent = replace(edited, post=replace(edited.post, engagement=Engagement()))
    (event,) = changes(silent.post, [silent], [known])
    assert event.mention.post.engagement == MANY
    later = replace(edited, post=replace(edited.post, engagement=replace(FEW, as_of=at(50))))
    (event,) = changes(later.post, [later], [known])
    assert event.mention == later


def test_the_same_version_with_other_counters_begins_another_run() -> None:
    plain = record(1, "aurora")
    one, same, other = recounted(plain, 5), recounted(plain, 5), recounted(plain, 6)
    later = replace(same, post=replace(same.post, engagement=replace(same.post.engagement, as_of=clock())))
    assert list(runs([plain, one, same, later, other], version_of)) == [[plain], [one], [other]]


def test_a_recounted_mention_keeps_its_story_or_gets_the_one_that_is_remembered() -> None:
    fold = Dedupe()
    state, _ = fold.step(fold.initial(), MentionEvent(mention=mention(post())))
    for story in ("", "told before"):
        asked = MentionEvent(mention=mention(post(engagement=MANY), story=story), change="recounted")
        after, (said,) = fold.step(state, asked)
        assert after == state
        assert isinstance(said, MentionEvent)
        assert said.mention.story == (story or mention(post()).id)
    late = mention(post("9", engagement=MANY), event_at=at(0) + 2 * WINDOW_TIME)
    _, (said,) = fold.step(state, MentionEvent(mention=late, change="recounted"))
    assert isinstance(said, MentionEvent)
    assert said.mention.story == "", "who keeps the mention knows it"


class Curious:
    """A rule that wants every mention."""

    name = "curious"
    accepts: tuple[type, ...] = (MentionEvent,)
    state_type = int

    def initial(self) -> int:
        return 0

    def due(self, state: int) -> datetime | None:  # noqa: ARG002  # the shape of a fold
        return None

    def step(self, state: int, event: Event) -> tuple[int, list[Output]]:
        del event
        return state + 1, []


def test_no_rule_hears_of_counters_and_they_are_stored_apart() -> None:
    folds = FoldRunner([Dedupe(), Curious()], MemoryStore())
    commit = Commit()
    one, two = mention(post("1")), mention(post("2"))
    events = [
        MentionEvent(mention=one),
        MentionEvent(mention=replace(one, post=replace(one.post, engagement=MANY)), change="recounted"),
        MentionEvent(mention=two, change="recounted"),
    ]
    assert [event.change for event in folds.run(events, commit, now=at(0))] == ["new", "recounted", "recounted"]
    assert [kept.state for kept in commit.folds if kept.fold == "curious"] == [b"\x01"]
    assert [each.post.engagement for each in commit.mentions] == [MANY]
    assert commit.recounted == [two]


def value(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value(f"tocsin_{name}_total", {"source": "kit"}) or 0.0


def test_one_process_stores_the_counters_and_counts_no_new_post() -> None:
    store, metrics = MemoryStore(), Metrics()
    engine = Engine(stages(), store, clock=clock, metrics=metrics)
    said = record(1, "aurora fire and borealis fire")
    commits: list[Commit] = []
    for page in ([said], [recounted(said, 30)], [recounted(said, 20), recounted(said, 30)], [recounted(said, 40)]):
        for commit in engine.process(page, [], {}):
            store.commit(commit)
            commits.append(commit)
    first, second, *_, last = commits
    assert first.recounted == []
    for commit in (second, last):
        assert (commit.posts, commit.mentions, commit.alerts, commit.edited_posts) == ([], [], [], [])
        assert len(commit.recounted) == 2
    assert [each.post.engagement.likes for each in store.mentions_beginning("", 9)] == [2400, 2400]
    assert len(store.evidence(said.post.id)) == 1
    assert (value(metrics, "posts"), value(metrics, "posts_recounted"), value(metrics, "posts_repeated")) == (1, 2, 2)


def test_counters_of_a_deleted_post_and_of_one_that_names_nobody_change_nothing() -> None:
    store = MemoryStore()
    engine = build_engine(store)
    gone, other = record(1, "aurora"), record(2, "nobody")
    deleted = record(1, "", deleted=True, version="2")
    for page in ([gone, other], [deleted], [recounted(deleted, 9), recounted(other, 9)]):
        for commit in engine.process(page, [], {}):
            store.commit(commit)
            assert commit.recounted == []


def test_what_people_said_and_the_brand_answered_stays_with_the_new_counters() -> None:
    store = MemoryStore()
    engine = build_engine(store)
    said = record(1, "aurora bad wing")
    for commit in engine.process([said], [], {}):
        store.commit(commit)
    (heard,) = store.mentions_beginning("")
    store.keep(correct(heard, sentiment="positive"))
    store.keep(replied(heard))
    (before,) = store.mentions_beginning("")
    for commit in engine.process([recounted(said, 30)], [], {}):
        store.commit(commit)
    (after,) = store.mentions_beginning("")
    assert after.post.engagement.likes == 1800
    assert replace(after, post=before.post, score=before.score) == before


def told_by(topics: Topics, topic: str = MENTIONS) -> list[tuple[str, str, int | None]]:
    found: list[Heard] = topics.messages(topic, Heard)
    return [(one.event.brand, one.event.change, one.event.mention.post.engagement.likes) for one in found]


def test_a_process_of_the_cluster_tells_of_newer_counters_once_and_remembers_them() -> None:
    memory, topics, metrics = PostMemory(), Topics(), Metrics()
    processor = build_processor(memory, topics, metrics=metrics)
    said = record(1, "aurora bad and borealis bad")
    heard = [said, recounted(said, 30), recounted(said, 20), recounted(said, 30), recounted(said, 40)]
    taken = packed(heard, (1,))
    for _ in range(2):
        deal(processor, taken)
    for brand in ("Aurora Air", "Borealis Jet"):
        assert [(change, likes) for of, change, likes in told_by(topics) if of == brand] == [
            ("new", None), ("recounted", 1800), ("recounted", 2400),
        ]  # fmt: skip
    (known,) = memory.posts.values()
    assert {each.post.engagement.as_of for each in known.mentions} == {START + timedelta(minutes=40)}
    assert (value(metrics, "posts"), value(metrics, "posts_recounted"), value(metrics, "posts_repeated")) == (1, 2, 2)
    judged_ones = metrics.registry.get_sample_value(
        "tocsin_mentions_total", {"network": "vk", "lang": "en", "sentiment": "negative", "urgency": "normal"}
    )
    assert judged_ones == 2


def test_a_brand_is_told_of_posts_and_counters_in_the_order_in_which_they_stand() -> None:
    memory, topics = PostMemory(), Topics()
    processor = build_processor(memory, topics)
    old = record(1, "aurora")
    deal(processor, packed([old]))
    mixed = [record(2, "aurora too"), recounted(old, 9), record(3, "aurora as well")]
    (taken,) = packed(mixed, (3,))
    dealt(processor, read([taken._replace(offset=1)]))
    places = [(one.origin.offset, one.origin.place) for one in topics.messages(MENTIONS, Heard)]
    assert places == [(0, 0), (1, 0), (1, 1), (1, 2)]


class Raced(PostMemory):
    """Another process passes another version of the post on, just before it is remembered here."""

    other: Known | None = None

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        if self.other is not None:
            (post_id,) = posts
            self.posts[post_id], self.other = self.other, None
        return super().remember(posts)


def test_counters_are_told_on_top_of_what_another_process_passed_on_meanwhile() -> None:
    said, edit = record(1, "aurora bad"), record(1, "aurora and borealis", version="2")
    there = PostMemory()
    deal(build_processor(there, Topics()), packed([said, edit], (1,), topic=backfill(POSTS)))
    memory, topics = Raced(), Topics()
    processor = build_processor(memory, topics)
    deal(processor, packed([edit]))
    (memory.other,) = there.posts.values()
    deal(processor, [one._replace(offset=7) for one in packed([recounted(edit, 9)])])
    assert told_by(topics)[-2:] == [("Aurora Air", "recounted", 540), ("Borealis Jet", "recounted", 540)]
    (known,) = memory.posts.values()
    assert known.revision == 3
    assert {each.post.engagement.likes for each in known.mentions} == {540}


def test_a_post_of_no_known_time_is_never_counted_again() -> None:
    untimed = Post(
        network="vk", native_id="1", text="aurora", created_at=START, collected_at=START, source="kit",
        engagement=Engagement(likes=1),
    )  # fmt: skip
    store = MemoryStore()
    engine = build_engine(store)
    for likes in (1, 2):
        for commit in engine.process([Record(post=replace(untimed, engagement=Engagement(likes=likes)))], [], {}):
            store.commit(commit)
    (kept,) = store.mentions_beginning("")
    assert kept.post.engagement.likes == 1
