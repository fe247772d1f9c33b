import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from domain.errors import RetryLater, SourceStopped
from domain.judgement import Judgeable, Judgement
from domain.mention import MentionQuery
from ingest.source import Source
from storage.memory import MemoryStore
from tests.kit.engine import WordClassifier, build_engine, clock, record
from tests.kit.scripted_source import MoodyStore, ScriptedSource, letter
from tocsin.metrics import Metrics
from tocsin.runtimes.embedded import EmbeddedRuntime, Pace, Summary


class Takes:
    """Delivers everything at once."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def run_once(self) -> int:
        due = self.store.outbox(status="pending", limit=100)
        for entry in due:
            self.store.mark_sent(entry.notification.id, at=clock(), handle="1")
        return len(due)


def runtime_of(
    store: MemoryStore,
    sources: Sequence[Source],
    *,
    pace: Pace | None = None,
    metrics: Metrics | None = None,
    classifier: WordClassifier | None = None,
) -> EmbeddedRuntime:
    return EmbeddedRuntime(
        engine=build_engine(store, classifier),
        store=store,
        sources=sources,
        courier=Takes(store),
        clock=clock,
        metrics=metrics or Metrics(),
        pace=pace or Pace(tick=0.02),
    )


async def run(store: MemoryStore, *sources: Source, pace: Pace | None = None) -> tuple[EmbeddedRuntime, Summary]:
    runtime = runtime_of(store, sources, pace=pace)
    return runtime, await runtime.run(until_idle=True, stop=asyncio.Event())


def ids(store: MemoryStore) -> set[str]:
    return {mention.post.native_id for mention in store.search(MentionQuery(limit=1000))}


async def test_it_ends_when_finite_sources_are_exhausted_and_the_outbox_is_empty() -> None:
    store = MemoryStore()
    source = ScriptedSource("kit", [[record(1, "aurora fire")], [record(2, "nobody")]])
    _, summary = await run(store, source)
    assert ids(store) == {"1"}
    assert summary.posts == 2
    assert summary.incidents
    assert store.outbox(status="pending") == []
    assert [entry.status for entry in store.outbox()] == ["sent"]
    assert source.closed


async def test_mentions_that_wait_for_a_person_are_counted() -> None:
    class Doubts(WordClassifier):
        def classify(self, texts: Sequence[Judgeable]) -> list[Judgement]:
            return [replace(said, review="unsure") for said in super().classify(texts)]

    store, metrics = MemoryStore(), Metrics()
    source = ScriptedSource("kit", [[record(1, "aurora bad"), record(2, "aurora fine"), record(3, "nobody")]])
    runtime = runtime_of(store, [source], metrics=metrics, classifier=Doubts())
    await runtime.run(until_idle=True, stop=asyncio.Event())
    assert 'tocsin_mentions_for_review_total{lang="en"} 2.0' in metrics.render().decode()


async def test_a_source_hears_of_its_cursor_only_after_the_commit() -> None:
    store = MemoryStore()
    source = ScriptedSource("kit", [[record(1, "aurora")], [record(2, "aurora")]])
    await run(store, source)
    assert source.acknowledged[-1] == store.cursor("kit")


async def test_a_full_disk_holds_the_line_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.next_delay", lambda _: 0.01)
    store = MoodyStore(refusals=3)
    runtime, summary = await run(store, ScriptedSource("kit", [[record(n, "aurora")] for n in range(5)]))
    assert ids(store) == {"0", "1", "2", "3", "4"}
    assert summary.posts == 5
    assert runtime.holding == ""


async def test_a_source_that_asks_for_patience_is_asked_again_and_loses_nothing() -> None:
    store = MemoryStore()
    await run(
        store, ScriptedSource("kit", [[record(1, "aurora")], RetryLater("429", after=0.01), [record(2, "aurora")]])
    )
    assert ids(store) == {"1", "2"}


async def test_a_source_whose_rights_are_refused_is_stopped_and_the_others_go_on() -> None:
    store = MemoryStore()
    refused = ScriptedSource("refused", [SourceStopped("the token was revoked: make a new one")])
    runtime, _ = await run(store, refused, ScriptedSource("good", [[record(1, "aurora")]]))
    assert ids(store) == {"1"}
    assert runtime.health["refused"].state == "stopped"
    assert "revoked" in runtime.health["refused"].detail


async def test_an_unexpected_error_of_a_connector_is_a_retry_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.next_delay", lambda _: 0.01)
    store = MemoryStore()
    await run(store, ScriptedSource("kit", [KeyError("surprise"), [record(1, "aurora")]]))
    assert ids(store) == {"1"}


async def test_a_flood_of_refused_records_stops_the_source_instead_of_draining_it() -> None:
    store = MemoryStore()
    steps = [[letter(page * 10 + n) for n in range(10)] for page in range(10)]
    runtime, _ = await run(store, ScriptedSource("kit", [*steps, [record(1, "aurora")]]), pace=Pace(refusal_limit=30))
    assert runtime.health["kit"].state == "stopped"
    assert "30 refused records" in runtime.health["kit"].detail
    assert len(store.dead_letters(limit=1000)) == 30
    assert ids(store) == set()


async def test_one_good_record_ends_the_count_of_refusals() -> None:
    store = MemoryStore()
    steps = [[letter(page * 10 + n) for n in range(10)] for page in range(4)]
    good = [record(1, "aurora")]
    await run(store, ScriptedSource("kit", [*steps[:2], good, *steps[2:]]), pace=Pace(refusal_limit=30))
    assert len(store.dead_letters(limit=1000)) == 40


async def test_being_told_to_stop_finishes_what_was_fetched() -> None:
    store = MemoryStore()
    stop = asyncio.Event()
    source = ScriptedSource("kit", [[record(n, "aurora")] for n in range(50)], finite=False)
    runtime = runtime_of(store, [source])
    running = asyncio.create_task(runtime.run(until_idle=False, stop=stop))
    while not ids(store):
        await asyncio.sleep(0.01)
    stop.set()
    await running
    assert int(store.cursor("kit") or 0) == len(ids(store))


async def test_time_alone_lets_an_incident_be_told() -> None:
    store = MemoryStore()
    stop = asyncio.Event()
    source = ScriptedSource("kit", [[record(1, "aurora fire")]], finite=False)
    running = asyncio.create_task(runtime_of(store, [source]).run(until_idle=False, stop=stop))
    async with asyncio.timeout(10):
        while not store.outbox(status="sent"):
            await asyncio.sleep(0.01)
    stop.set()
    await running


async def test_pages_of_one_source_are_stored_in_their_order() -> None:
    store = MemoryStore()
    versions = [[record(1, f"aurora {n}", version=str(n))] for n in range(20)]
    await run(store, ScriptedSource("kit", versions), pace=Pace(batch_size=5))
    [mention] = store.search(MentionQuery(limit=10))
    assert mention.post.text == "aurora 19"
