"""The promise of the engine: stopped anywhere and resumed, or told twice, it stores what one straight run does."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.mention import MentionQuery
from domain.post import Engagement, Record
from storage.memory import MemoryStore
from tests.kit.engine import ACTS, build_engine, played, record, recounted

TEXTS = (
    "aurora is fine",
    "aurora bad wing",
    "borealis bad seat",
    "aurora and borealis",
    "nobody",
    "aurora fire",
    "  ",
)

events = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(TEXTS),
        st.sampled_from(ACTS),
        st.integers(0, 240),
    ),
    min_size=1,
    max_size=40,
)


def feed(
    store: MemoryStore, pages: Sequence[Sequence[Record]], *, start: int = 0, crash_after: int | None = None
) -> None:
    """Feed pages from `start`; stop without a word after that many commits."""
    engine = build_engine(store)
    commits = 0
    for number, page in enumerate(pages[start:], start=start):
        for commit in engine.process(page, [], {"kit": str(number + 1).encode()}):
            if commits == crash_after:
                return
            store.commit(commit)
            commits += 1
    if crash_after is None:
        drained = engine.drain()
        if drained is not None:
            store.commit(drained)


def contents(store: MemoryStore) -> dict[str, Any]:
    """Everything a person could see."""
    mentions = {m.id: m for brand in ("Aurora Air", "Borealis Jet") for m in store.search(_all(brand))}
    return {
        "mentions": mentions,
        "acts": store.acts(),
        "incidents": {incident.id: incident for incident in store.incidents(limit=1000)},
        "alerts": {alert.id for alert in store.alerts(limit=1000)},
        "outbox": {entry.notification.id for entry in store.outbox(limit=1000)},
        "letters": {row.id for row in store.dead_letters(limit=1000)},
    }


def _all(brand: str) -> MentionQuery:
    return MentionQuery(brand=brand, limit=1000)


def pages_of(records: list[Record], size: int) -> list[list[Record]]:
    return [records[at : at + size] for at in range(0, len(records), size)]


@settings(max_examples=60, deadline=None)
@given(script=events, size=st.integers(1, 12), cut=st.integers(0, 40))
def test_resuming_after_any_commit_gives_what_a_straight_run_gives(
    script: list[tuple[int, str, str, int]], size: int, cut: int
) -> None:
    pages = pages_of(played(script), size)
    straight, resumed = MemoryStore(), MemoryStore()
    feed(straight, pages)
    feed(resumed, pages, crash_after=cut)
    feed(resumed, pages, start=int(resumed.cursor("kit") or b"0"))
    assert contents(resumed) == contents(straight)


@settings(max_examples=40, deadline=None)
@given(script=events, size=st.integers(1, 12), other=st.integers(1, 12))
def test_the_size_of_pages_changes_nothing(script: list[tuple[int, str, str, int]], size: int, other: int) -> None:
    one, two = MemoryStore(), MemoryStore()
    feed(one, pages_of(played(script), size))
    feed(two, pages_of(played(script), other))
    assert contents(one) == contents(two)


@settings(max_examples=40, deadline=None)
@given(
    script=events,
    counts=st.lists(st.integers(0, 240), max_size=4),
    repeats=st.lists(st.integers(0, 199), max_size=20),
)
def test_posts_heard_again_unchanged_and_counters_that_are_known_change_nothing(
    script: list[tuple[int, str, str, int]], counts: list[int], repeats: list[int]
) -> None:
    told = [(n, text, "say", minutes) for n, text, _, minutes in {n: (n, t, a, m) for n, t, a, m in script}.values()]
    records = played(told)
    records += [recounted(one, minutes) for minutes in counts for one in records]
    again = [records[at % len(records)] for at in repeats]
    once, twice = MemoryStore(), MemoryStore()
    feed(once, pages_of(records, 5))
    feed(twice, pages_of(records + again, 5))
    assert contents(once) == contents(twice)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), counts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 240)), max_size=15))
def test_counters_may_come_in_any_order_and_no_rule_hears_of_them(
    data: st.DataObject, counts: list[tuple[int, int]]
) -> None:
    texts = data.draw(st.lists(st.sampled_from(TEXTS[:6]), min_size=6, max_size=6))
    records = played([(number, text, "say", number) for number, text in enumerate(texts)])
    counted = [recounted(records[number], minutes) for number, minutes in counts]
    plain, one, other = MemoryStore(), MemoryStore(), MemoryStore()
    feed(plain, pages_of(records, 4))
    feed(one, pages_of(records + counted, 4))
    feed(other, pages_of(records + data.draw(st.permutations(counted)), 4))
    assert contents(other) == contents(one)
    before, after = contents(plain), contents(one)
    assert {name: kept for name, kept in after.items() if name != "mentions"} == {
        name: kept for name, kept in before.items() if name != "mentions"
    }
    latest = dict(sorted(counts))
    for name, told in after["mentions"].items():
        minutes = latest.get(int(told.post.native_id))
        wanted = None if minutes is None else minutes * 60
        assert told.post.engagement.likes == wanted
        plainly = replace(told, post=replace(told.post, engagement=Engagement()), score=None)
        assert plainly == replace(before["mentions"][name], score=None)


def test_a_poison_text_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    store = MemoryStore()
    feed(store, [[record(1, "aurora fine"), record(2, "aurora poison"), record(3, "aurora bad")]])
    letters = store.dead_letters(limit=10)
    assert [(row.letter.stage, row.letter.reason) for row in letters] == [("classify", "stage_error")]
    assert letters[0].letter.raw == b"aurora poison"
    assert {m.post.native_id for m in store.search(_all("Aurora Air"))} == {"1", "3"}


def test_an_empty_post_becomes_a_dead_letter_with_its_reason() -> None:
    store = MemoryStore()
    feed(store, [[record(1, " \u200b ")]])
    assert [row.letter.reason for row in store.dead_letters(limit=10)] == ["no_text"]


def test_states_survive_encoding() -> None:
    store = MemoryStore()
    feed(store, [[record(1, "aurora fire")]])
    assert msgspec.msgpack.decode(store.fold_state("incidents", "Aurora Air") or b"")
