"""Any sequence of commits, deliveries and purges gives the same answers from every store."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.mention import MentionQuery
from domain.post import Post
from storage.elasticsearch import open_store as open_elasticsearch
from storage.memory import MemoryStore
from storage.sqlite import open_store
from storage.store import Commit, FoldState, MentionStore, Store
from tests.kit.elastic import cluster_of
from tests.kit.queries import POSTS, VALID
from tests.kit.services import ElasticServer
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

BRANDS = ("Aurora Air", "Borealis Jet")
TEXTS = ("lost my bag", "late flight again", "Рейсы задержали", "рейс вовремя", "شركة الطيران", "flights and рейсы")
QUERIES = ("flight", "рейс", "bag OR рейс", "flights -рейс", '"late flight"', "lost AND bag", "lang:kk OR bag")

NUMBERS = count()
small = st.integers(0, 3)
minutes = st.integers(0, 6)
statuses = st.sampled_from(["open", "resolved"])
receivers = st.sampled_from(["r0", "r1"])


@st.composite
def versions(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    """One version of one of a few posts, and the mentions made of it."""
    written = post(
        str(draw(small)), draw(st.sampled_from(TEXTS)), version=str(draw(small)), minutes=draw(minutes),
        network=draw(st.sampled_from(["vk", "mastodon"])),
    )  # fmt: skip
    judgement = draw(
        st.sampled_from(
            [None, judged("negative", "critical"), judged("positive", "low", "praise"), judged(review="unsure")]
        )
    )
    lang = draw(st.sampled_from(["ru", "kk"]))
    brands = draw(st.sets(st.sampled_from(BRANDS)))
    return written, [mention(written, brand=brand, judgement=judgement, lang=lang) for brand in sorted(brands)]


@st.composite
def commits(draw: st.DrawFn) -> Callable[[MentionStore], object]:
    heard = draw(st.lists(versions(), max_size=4))
    recounted = [told for _, mentions in draw(st.lists(versions(), max_size=1)) for told in mentions]
    posts = [written for written, _ in heard]
    batch = Commit(
        posts=[record(written) for written in posts],
        mentions=[told for _, mentions in heard for told in mentions],
        recounted=recounted,
        edited_posts=[written.id for written in posts if draw(st.booleans())],
        deleted_posts={written.id: at(draw(minutes)) for written in posts if draw(small) == 0},
        folds=[FoldState(fold="f", key=draw(st.sampled_from(BRANDS)), state=bytes([draw(small)]))],
        alerts=[alert(f"a{draw(small)}", minutes=draw(minutes), brand=draw(st.sampled_from(BRANDS)))],
        near_misses=[near_miss(f"n{draw(small)}", minutes=draw(minutes))],
        incidents=[
            incident(f"i{draw(small)}", minutes=draw(minutes), status=draw(st.sampled_from(["open", "resolved"])))
        ],
        notifications=[
            notification(
                f"o{number}", about=f"i{number % 2}", receiver=f"r{draw(st.integers(0, 1))}", minutes=draw(minutes)
            )
            for number in draw(st.lists(st.integers(0, 5), max_size=3))
        ],
        dead_letters=[dead_letter(bytes([draw(small)]), minutes=draw(minutes))],
        cursors={"s": bytes([draw(small)])},
    )
    return lambda store: store.commit(batch)


@st.composite
def corrections(draw: st.DrawFn) -> Callable[[MentionStore], object]:
    """A person's word on a mention, or the same word again; what is judged may be gone or not there yet."""
    told = mention(post(str(draw(small)), draw(st.sampled_from(TEXTS))), brand=draw(st.sampled_from(BRANDS)))
    act = correct(
        told,
        act_id=f"c{draw(small)}",
        minutes=draw(minutes),
        by=draw(st.sampled_from(["Inna", "Dana"])),
        sentiment=draw(st.sampled_from(["neutral", "positive"])),
        urgency=draw(st.sampled_from(["", "critical"])),
    )
    return lambda store: store.keep(act)


@st.composite
def replies(draw: st.DrawFn) -> Callable[[MentionStore], object]:
    """The brand answers a mention, which may be gone or not there yet."""
    told = mention(post(str(draw(small))), brand=draw(st.sampled_from(BRANDS)))
    act = replied(told, act_id=f"r{draw(small)}", minutes=draw(minutes))
    return lambda store: store.keep(act)


@st.composite
def deliveries(draw: st.DrawFn) -> Callable[[MentionStore], object]:
    order, time, what = (
        f"o{draw(st.integers(0, 5))}",
        at(draw(minutes)),
        draw(st.sampled_from(["sent", "retry", "refused"])),
    )

    def deliver(store: MentionStore) -> None:
        if order not in {entry.notification.id for entry in store.outbox()}:
            return
        if what == "sent":
            store.mark_sent(order, at=time, handle=f"h{order}")
        elif what == "retry":
            store.mark_retry(order, next_at=time, error="503")
        else:
            store.mark_refused(order, at=time, error="gone")

    return deliver


@st.composite
def purges(draw: st.DrawFn) -> Callable[[Store], object]:
    before = at(draw(minutes))
    return lambda store: store.purge(posts_before=before)


@st.composite
def replays(draw: st.DrawFn) -> Callable[[MentionStore], object]:
    letter, time = dead_letter(bytes([draw(small)])), at(draw(minutes))
    return lambda store: store.mark_replayed(letter.id, at=time)


asked = st.builds(
    MentionQuery,
    brand=st.sampled_from(["", *BRANDS]),
    text=st.sampled_from(["", *QUERIES]),
    since=st.none() | minutes.map(at),
    until=st.none() | minutes.map(at),
    sentiment=st.sampled_from(["", "negative", "unscored"]),
    urgency=st.sampled_from(["", "critical", "low"]),
    network=st.sampled_from(["", "vk"]),
    lang=st.sampled_from(["", "kk"]),
    review=st.booleans(),
    limit=st.integers(0, 5) | st.just(50),
    offset=st.integers(0, 4),
)


def answers(store: MentionStore, queries: list[MentionQuery]) -> list[Any]:
    """Everything that a store can be asked."""
    mentions = store.mentions_beginning("", limit=20)
    return [
        [(store.search(query), store.count(query), store.stats(query)) for query in queries],
        mentions,
        [store.mentions_of(told.post.id) for told in mentions],
        [store.mention(told.id) for told in mentions],
        store.acts(),
        store.acts(brand=BRANDS[0], since=at(2)),
        store.alerts(),
        store.alerts(brand=BRANDS[0], limit=2),
        store.near_misses(),
        store.incidents(),
        store.incidents(status="open", limit=2, offset=1),
        [store.outbox_due(at(minute), limit) for minute in (0, 3, 6) for limit in (2, 20)],
        store.outbox(),
        [store.outbox_handle(f"i{number}", f"r{receiver}") for number in range(2) for receiver in range(2)],
        store.dead_letters(),
        store.dead_letters(pending=False, reason="bad_json"),
    ]


def whole_answers(store: Store, queries: list[MentionQuery]) -> list[Any]:
    """Everything that a store of one process can be asked."""
    ids = sorted({one.id for one in store.posts()})
    return [
        answers(store, queries),
        store.known_versions(ids),
        store.mentions_of_each(ids),
        store.fold_keys("f"),
        [store.fold_state("f", brand) for brand in BRANDS],
        store.cursor("s"),
        list(store.posts()),
        list(store.posts(since=at(2), until=at(5))),
        [store.evidence(post_id) for post_id in ids],
    ]


SHARED = (commits(), commits(), corrections(), replies(), deliveries(), replays())
HISTORY = st.lists(st.one_of(*SHARED, purges()), max_size=8)
SHARED_HISTORY = st.lists(st.one_of(*SHARED), max_size=8)
ASKED = st.lists(asked, min_size=2, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=HISTORY, queries=ASKED)
def test_every_store_of_one_process_answers_alike_after_any_history(
    steps: list[Callable[[Store], object]], queries: list[MentionQuery]
) -> None:
    memory = MemoryStore()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tocsin.db"
        sqlite = open_store(path)
        try:
            for step in steps:
                assert step(memory) == step(sqlite)
            assert whole_answers(sqlite, queries) == whole_answers(memory, queries)
            sqlite.close()
            sqlite = open_store(path)
            assert whole_answers(sqlite, queries) == whole_answers(memory, queries), "the same after opening it again"
        finally:
            sqlite.close()


# Shrinking would make indices for hours.
FOUND = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=FOUND)
@given(steps=SHARED_HISTORY, queries=ASKED)
def test_elasticsearch_answers_like_the_others_after_any_history(
    elastic: ElasticServer,
    index_prefix: str,
    steps: list[Callable[[MentionStore], object]],
    queries: list[MentionQuery],
) -> None:
    memory, shared = MemoryStore(), open_elasticsearch(cluster_of(elastic, f"{index_prefix}{next(NUMBERS)}-"))
    try:
        for step in steps:
            assert step(memory) == step(shared)
        assert answers(shared, queries) == answers(memory, queries)
        if steps:
            steps[-1](memory)
            steps[-1](shared)
            assert answers(shared, queries) == answers(memory, queries), "the same after the last step again"
    finally:
        shared.close()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(heard=st.lists(POSTS, min_size=1, max_size=12), texts=st.lists(VALID, min_size=1, max_size=8))
def test_a_query_finds_the_same_mentions_in_every_store(
    lucene_stores: list[MentionStore], heard: list[Post], texts: list[str]
) -> None:
    brand = f"brand {next(NUMBERS)}"
    mentions = [mention(replace(one, native_id=str(number)), brand=brand) for number, one in enumerate(heard)]
    for store in lucene_stores:
        store.commit(Commit(mentions=mentions))
    for text in texts:
        query = MentionQuery(brand=brand, text=text)
        first, *others = ([one.id for one in store.search(query)] for store in lucene_stores)
        assert others == [first] * len(others), text
        assert {store.count(query) for store in lucene_stores} == {len(first)}


@pytest.fixture
def lucene_stores(elastic: ElasticServer, index_prefix: str, tmp_path: Path) -> Iterator[list[MentionStore]]:
    """One store of each kind; every example of a test has a brand of its own in them."""
    stores: list[MentionStore] = [
        MemoryStore(), open_store(tmp_path / "tocsin.db"), open_elasticsearch(cluster_of(elastic, index_prefix))
    ]  # fmt: skip
    yield stores
    for store in stores:
        store.close()


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(commits(), min_size=1, max_size=6), queries=st.lists(asked, min_size=2, max_size=4))
def test_the_last_batch_again_changes_nothing(
    steps: list[Callable[[Store], object]], queries: list[MentionQuery]
) -> None:
    once, twice = MemoryStore(), MemoryStore()
    for step in steps:
        step(once)
        step(twice)
    before = whole_answers(twice, queries)
    steps[-1](twice)
    assert without_history(whole_answers(twice, queries)) == without_history(before)


def without_history(given_answers: list[Any]) -> list[Any]:
    """A batch that itself edits a post twice adds to the history of versions when it is repeated; nothing else."""
    return given_answers[:-3]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.one_of(commits(), corrections(), replies()), max_size=6),
    acts=st.lists(st.one_of(corrections(), replies()), max_size=3),
)
def test_it_does_not_matter_when_an_act_arrives(
    steps: list[Callable[[Store], object]], acts: list[Callable[[Store], object]]
) -> None:
    early, late = MemoryStore(), MemoryStore()
    for step in (*acts, *steps):
        step(early)
    for step in (*acts[:1], *steps, *acts[1:]):
        step(late)
    known = {act.id for act in early.acts()}
    assert known == {act.id for act in late.acts()}
    if early.acts() == late.acts():
        assert early.mentions_beginning("", limit=20) == late.mentions_beginning("", limit=20)
