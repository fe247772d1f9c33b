"""`tocsin index`, a turn at a time: what is written, refused, waited out, and let go."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from msgspec.structs import replace

from domain.dead_letter import DeadLetter
from domain.errors import StoreError, StoreUnavailable
from domain.event import MentionEvent
from storage.cluster import Versioned
from storage.elasticsearch.bulk import Outcome, Refusal
from storage.store import Commit
from tests.kit.alerts import at, heard
from tests.kit.deciding import Kafka, hold
from tests.kit.ingest import Clock
from tests.kit.stores import dead_letter
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.hold import Flooded
from tocsin.runtimes.cluster.index import FEWEST, HISTORY, MOST, READERS, Indexer
from tocsin.runtimes.cluster.intake import Gathering, Intake
from tocsin.runtimes.cluster.wire import MENTIONS_DEAD, POSTS_DEAD, STORIES, Told, backfill, encode


@dataclass
class Documents:
    """An index in memory: the highest version stays, texts that say so are refused, and it fails as told."""

    kept: dict[str, Versioned] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    pushes_back: int = 0
    offered: list[int] = field(default_factory=list)
    expired: list[datetime] = field(default_factory=list)

    def index(self, told: Sequence[Versioned]) -> Outcome:
        self.offered.append(len(told))
        if self.faults:
            raise self.faults.pop(0)
        if any("poison" in one.mention.post.text for one in told):
            raise OverflowError("a date that no index can hold")
        outcome = Outcome(places={}, overtaken=[], refused=[], pushed_back=self.pushes_back)
        for number, one in enumerate(told):
            before = self.kept.get(one.mention.id)
            if "refuse" in one.mention.post.text:
                outcome.refused.append(
                    Refusal(
                        number=number, index="i", id=one.mention.id, reason="mapper_parsing_exception", detail="no"
                    )
                )
            elif before is not None and before.version > one.version:
                outcome.overtaken.append(number)
            else:
                self.kept[one.mention.id] = one
                outcome.places[number] = (number, 1)
        return outcome

    def commit(self, batch: Commit) -> None:
        self.letters += batch.dead_letters

    def drop_expired(self, now: datetime) -> list[str]:
        self.expired.append(now)
        if self.faults:
            raise self.faults.pop(0)
        return ["2026-01"]


@dataclass
class World:
    kafka: Kafka = field(default_factory=Kafka)
    documents: Documents = field(default_factory=Documents)
    metrics: Metrics = field(default_factory=Metrics)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.clock.now = at(2)

    def indexer(self, *, most: int = 10_000) -> Indexer:
        return Indexer(
            intake=Intake(
                self.kafka, "index", READERS, history=HISTORY, gathering=Gathering(most=most),
                seconds=self.kafka.seconds,
            ),
            documents=self.documents,
            hold=hold(self.metrics),
            clock=self.clock,
            metrics=self.metrics,
        )  # fmt: skip

    def tell(self, told: Iterable[Told], topic: str = STORIES) -> None:
        for value, _ in encode(told):
            self.kafka.put(topic, value)

    def said(self, sample: str) -> bool:
        return sample in self.metrics.render().decode()


def told(name: str, sequence: int = 1, *, text: str = "late again", month: str = "2026-11") -> Told:
    return Told(event=heard(name, at(1), text=text), sequence=sequence, month=month)


def run(world: World, indexer: Indexer) -> None:
    while world.kafka.left():
        indexer.turn()


def test_stories_become_documents_and_the_offset_moves_after_them() -> None:
    world = World()
    world.tell([told("m1"), told("m2", 2)])
    indexer = world.indexer()
    run(world, indexer)
    assert {name: one.version for name, one in world.documents.kept.items()} == {"m1": 1, "m2": 2}
    assert world.kafka.committed[STORIES, 0] == 1
    assert (indexer.tally.written, indexer.tally.stale) == (2, 0)
    assert world.said('tocsin_indexed_total{outcome="written"} 2.0')


def test_a_stale_version_is_harmless_and_counted() -> None:
    world = World()
    world.tell([told("m1", 7, text="newer")])
    world.tell([told("m1", 3)])
    indexer = world.indexer()
    run(world, indexer)
    world.tell([told("m1", 3)])
    run(world, indexer)
    assert world.documents.kept["m1"].mention.post.text == "newer"
    assert world.said('tocsin_indexed_total{outcome="stale"}')
    assert world.documents.letters == []


def test_what_is_refused_for_good_becomes_a_dead_letter_and_its_neighbours_are_written() -> None:
    world = World()
    world.tell([told("m1"), told("m2", text="refuse this"), told("m3")])
    run(world, world.indexer())
    assert set(world.documents.kept) == {"m1", "m3"}
    (letter,) = world.documents.letters
    assert (letter.stage, letter.reason, letter.source, letter.where) == (
        "index", "mapper_parsing_exception", "test", "mastodon:m2",
    )  # fmt: skip
    assert b"refuse this" in letter.raw
    assert world.said('tocsin_dead_letters_total{reason="mapper_parsing_exception",stage="index"} 1.0')


def test_a_mention_that_breaks_the_writing_is_found_among_its_neighbours() -> None:
    world = World()
    world.tell([told(f"m{n}", text="poison" if n == 5 else "late") for n in range(9)])
    run(world, world.indexer())
    assert set(world.documents.kept) == {f"m{n}" for n in range(9) if n != 5}
    assert [(one.reason, one.where) for one in world.documents.letters] == [("stage_error", "mastodon:m5")]


def test_poison_in_a_topic_becomes_a_dead_letter_at_once() -> None:
    world = World()
    world.kafka.put(STORIES, b'[{"event":1}]')
    world.tell([told("m1", month="../../_all"), told("m2")])
    naive = told("m3")
    mention = replace(naive.event.mention, event_at=at(1).replace(tzinfo=None))
    world.tell([replace(naive, event=MentionEvent(mention=mention))])
    run(world, world.indexer())
    assert [one.reason for one in world.documents.letters] == ["bad_message", "bad_month", "no_timezone"]
    assert set(world.documents.kept) == {"m2"}


def test_dead_letters_of_other_stages_are_written_as_they_are() -> None:
    world = World()
    mine, theirs = dead_letter(b"a"), dead_letter(b"b")
    for topic, letter in ((POSTS_DEAD, mine), (MENTIONS_DEAD, theirs)):
        for value, _ in encode([letter]):
            world.kafka.put(topic, value)
    run(world, world.indexer())
    assert sorted(one.id for one in world.documents.letters) == sorted([mine.id, theirs.id])


def test_an_index_that_is_away_is_waited_for_and_nothing_is_committed_meanwhile() -> None:
    world = World()
    world.tell([told("m1")])
    seen: list[int] = []

    class Away(StoreUnavailable):
        def __str__(self) -> str:
            seen.append(world.kafka.left())
            return "Elasticsearch is away"

    indexer = world.indexer()
    indexer._retain()
    world.documents.faults = [Away(), Away()]
    run(world, indexer)
    assert set(seen) == {1}
    assert set(world.documents.kept) == {"m1"}


def test_a_busy_index_is_asked_for_less_at_once_and_for_more_again_when_it_is_well() -> None:
    world = World()
    indexer = world.indexer()
    indexer._retain()
    world.documents.faults = [StoreUnavailable("429")] * 3
    world.tell([told(f"m{n}", n) for n in range(MOST)])
    run(world, indexer)
    assert world.documents.offered[:4] == [1000, 500, 250, 125]
    assert len(world.documents.kept) == MOST
    assert world.documents.offered[4] > 125
    assert world.said('tocsin_slowed_down_total{why="unavailable"} 3.0')
    world.documents.pushes_back = 10
    before = indexer._at_once
    world.tell([told("again")])
    run(world, indexer)
    assert indexer._at_once == max(before // 2, FEWEST)
    assert world.said('tocsin_slowed_down_total{why="too_many_requests"} 10.0')


def test_the_time_from_hearing_to_the_index_is_that_of_live_posts_that_are_new_or_edited() -> None:
    world = World()
    past = told("m2")
    post = replace(past.event.mention.post, origin="backfill")
    counted = replace(told("m3"), event=replace(told("m3").event, change="recounted"))
    gone = replace(told("m4"), event=replace(told("m4").event, change="deleted"))
    history = replace(past, event=MentionEvent(mention=replace(past.event.mention, post=post)))
    world.tell([told("m1"), history, counted, gone])
    run(world, world.indexer())
    assert world.said("tocsin_post_to_index_seconds_count 1.0")
    assert world.said("tocsin_post_to_index_seconds_sum 3600.0")


def test_history_is_indexed_while_nothing_live_comes() -> None:
    world = World()
    world.tell([told("h1")], backfill(STORIES))
    world.tell([told("m1")])
    indexer = world.indexer()
    indexer.turn()
    assert set(world.documents.kept) == {"m1"}
    run(world, indexer)
    assert set(world.documents.kept) == {"m1", "h1"}


def test_a_flood_of_refusals_stops_the_line_after_its_letters_are_kept() -> None:
    world = World()
    world.tell([told(f"m{n}", text="refuse") for n in range(1_000)])
    with pytest.raises(Flooded):
        run(world, world.indexer())
    assert len(world.documents.letters) == 1_000


@pytest.mark.parametrize("fault", [None, StoreError("no rights")])
def test_old_months_go_once_an_hour_and_whatever_fails_then_waits_for_the_next_time(fault: Exception | None) -> None:
    world = World()
    indexer = world.indexer()
    world.documents.faults = [fault] if fault else []
    for minutes in (0, 30, 61, 62):
        world.clock.now = at(2, minutes=minutes)
        indexer.turn()
    assert world.documents.expired == [at(2), at(2, minutes=61)]
