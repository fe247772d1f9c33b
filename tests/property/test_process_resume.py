"""The promises of `tocsin process`: killed anywhere it tells the same, and what the engine tells."""

from collections import deque
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.act import Replied
from domain.acted import as_heard
from domain.correction import correction
from domain.event import MentionEvent
from domain.mention import Mention, MentionQuery
from domain.post import Record
from storage.memory import MemoryStore
from storage.store import Commit
from tests.kit.engine import ACTS, BRANDS, build_engine, clock, played, stages
from tests.kit.processing import (
    Desk,
    Killed,
    PostMemory,
    Topics,
    build_processor,
    deal,
    heard_once,
    killed_at,
    packed,
)
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster import processing
from tocsin.runtimes.cluster.broker import Received
from tocsin.runtimes.cluster.faust_app import Held
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.processing import Processing
from tocsin.runtimes.cluster.wire import MENTIONS, POSTS, Heard
from tocsin.runtimes.folds import FoldRunner
from tocsin.stages import Batch, Map

TEXTS = (
    "aurora is fine",
    "aurora bad wing",
    "borealis bad seat",
    "aurora and borealis",
    "nobody",
    "aurora fire",
    "  ",
)
POISON = (*TEXTS, "aurora poison and borealis")

Script = list[tuple[int, str, str, int]]


def scripts(texts: Sequence[str], most: int = 30) -> st.SearchStrategy[Script]:
    """Posts said, edited, deleted, counted, answered and said again, in any order."""
    acts = st.sampled_from(ACTS)
    return st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(texts), acts, st.integers(0, 240)), min_size=1, max_size=most
    )


sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def straight(taken: Sequence[Received], size: int) -> tuple[Topics, Desk]:
    topics, desk = Topics(), Desk()
    deal(build_processor(PostMemory(), topics, desk), taken, size=size)
    return topics, desk


class Shelf:
    """A partition from where it was acknowledged, a record at a time."""

    def __init__(self, taken: Sequence[Received], acknowledged: int) -> None:
        self.left = deque(taken[acknowledged:])
        self.acknowledged = acknowledged

    def take(self, topic: str, *, seconds: float) -> Sequence[Held]:
        del seconds
        return [Held(self.left.popleft(), None, None)] if topic == POSTS and self.left else []

    def acknowledge(self, held: Sequence[Held]) -> None:
        self.acknowledged += len(held)


def with_kills(taken: Sequence[Received], size: int, kills: Sequence[int]) -> tuple[Topics, Desk]:
    """Deal with the partition from where it was acknowledged; die at these steps, one after the other."""
    memory, topics, desk, acknowledged = PostMemory(), Topics(), Desk(), 0
    for steps in (*kills, None):
        memory.effect = topics.effect = desk.effect = killed_at(steps) if steps is not None else lambda _: None
        shelf = Shelf(taken, acknowledged)
        turns = Processing(
            source=shelf,
            processor=build_processor(memory, topics, desk),
            hold=Hold(Metrics()),
            close=lambda: None,
        )
        # So few at once that there are turns beside each other.
        with mock.patch.object(processing, "_MOST", size), closing(turns), suppress(Killed):
            while turns.turn():
                pass
            turns.finish()
        acknowledged = shelf.acknowledged
    assert acknowledged == len(taken)
    return topics, desk


def told(topics: Topics) -> dict[str, list[MentionEvent]]:
    return heard_once(topics.messages(MENTIONS, Heard))


@settings(max_examples=150)
@given(script=scripts(POISON), packs=sizes, size=st.integers(1, 6), kills=st.lists(st.integers(0, 12), max_size=5))
def test_killed_at_any_step_it_tells_each_brand_what_a_straight_run_tells(
    script: Script, packs: list[int], size: int, kills: list[int]
) -> None:
    taken = packed(played(script), packs)
    (whole, all_acts), (resumed, acts) = straight(taken, size), with_kills(taken, size, kills)
    assert told(resumed) == told(whole)
    assert acts.acts == all_acts.acts
    assert {letter.id for letter in resumed.letters} == {letter.id for letter in whole.letters}


@settings(max_examples=60)
@given(script=scripts(POISON), packs=sizes, size=st.integers(1, 6), other=st.integers(1, 40))
def test_how_many_it_deals_with_at_once_changes_nothing(
    script: Script, packs: list[int], size: int, other: int
) -> None:
    taken = packed(played(script), packs)
    (one, acts), (two, same_acts) = straight(taken, size), straight(taken, other)
    assert told(one) == told(two)
    assert acts.acts == same_acts.acts


@settings(max_examples=60)
@example(script=[(3, "aurora is fine", "edit", 0), (3, "borealis bad seat", "say", 0)], packs=[1], repeats=[])
@example(script=[(3, "aurora is fine", "edit", 0), (3, "aurora and borealis", "say", 0)], packs=[1], repeats=[])
@given(script=scripts(TEXTS), packs=sizes, repeats=st.lists(st.integers(0, 29), max_size=8))
def test_records_delivered_again_and_posts_heard_again_change_nothing(
    script: Script, packs: list[int], repeats: list[int]
) -> None:
    taken = packed(played(script), packs)
    memory, topics, desk = PostMemory(), Topics(), Desk()
    processor = build_processor(memory, topics, desk)
    deal(processor, taken)
    before, acts = told(topics), dict(desk.acts)
    deal(processor, [taken[at % len(taken)] for at in repeats])
    unchanged = [
        # Of the brands it names now: a mention that an edit took away keeps the counters of its time.
        Record(post=replace(mention.post, version=known.version))
        for known in memory.posts.values()
        for mention in [one for one in known.mentions if one.deleted_at is None][:1]
    ]
    alive = [one for one in unchanged if "delete" not in one.post.version]
    deal(processor, [one._replace(offset=one.offset + len(taken)) for one in packed(alive, packs)])
    assert (told(topics), desk.acts) == (before, acts)


class Nobody:
    """States of folds that heard nothing yet."""

    def fold_state(self, fold: str, key: str) -> bytes | None:
        del fold, key
        return None

    def fold_keys(self, fold: str) -> list[str]:
        del fold
        return []


def folded(events: Sequence[MentionEvent]) -> dict[str, Any]:
    """What the folds make of the cluster's messages, in their order: the last word on each mention, and decisions."""
    folds = FoldRunner([stage for stage in stages() if not isinstance(stage, Map | Batch)], Nobody())
    store, mentions = MemoryStore(), dict[str, Mention]()
    for event in events:
        commit = Commit()
        for out in folds.run([event], commit, now=clock()):
            mentions[out.mention.id] = out.mention
        commit.mentions = []
        store.commit(commit)
    ticks = Commit()
    folds.run(folds.drain_ticks(), ticks, now=clock())
    store.commit(ticks)
    return decided(store) | {"mentions": mentions}


def decided(store: MemoryStore) -> dict[str, Any]:
    return {
        "incidents": {incident.id: incident for incident in store.incidents(limit=1000)},
        "alerts": {alert.id: alert for alert in store.alerts(limit=1000)},
        "orders": {entry.notification.id: entry.notification for entry in store.outbox(limit=1000)},
    }


def embedded(records: Sequence[Record], size: int, corrected: int) -> tuple[dict[str, Any], set[str], dict[str, Any]]:
    """What the engine stores; after a page or so, a person corrects everything there is."""
    store = MemoryStore()
    engine = build_engine(store)
    for number, at in enumerate(range(0, len(records), size)):
        for commit in engine.process(records[at : at + size], [], {}):
            store.commit(commit)
        if number == corrected:
            for mention in store.search(MentionQuery(limit=1000)):
                store.keep(correction(mention, by="Inna", at=clock(), labels={"sentiment": "positive"}))
    drained = engine.drain()
    if drained is not None:
        store.commit(drained)
    mentions = {one.id: as_heard(one) for one in store.mentions_beginning("", limit=1000)}
    letters, acts = {row.id for row in store.dead_letters(limit=1000)}, {act.id: act for act in store.acts()}
    return decided(store) | {"mentions": mentions}, letters, acts


@settings(max_examples=150)
@given(script=scripts(POISON), packs=sizes, size=st.integers(1, 6), corrected=st.integers(0, 9))
def test_the_folds_are_told_what_the_engine_tells_them(
    script: Script, packs: list[int], size: int, corrected: int
) -> None:
    records = played(script)
    stored, letters, acts = embedded(records, size, corrected)
    topics, desk = straight(packed(records, packs), size)
    events = told(topics)
    assert desk.acts == {name: act for name, act in acts.items() if isinstance(act, Replied)}
    assert folded([event for brand in BRANDS for event in events.get(brand.name, [])]) == stored
    assert {letter.id for letter in topics.letters} == letters
