"""The surroundings of `tocsin alert` and `tocsin index` in memory: topics in partitions, states, decisions."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.event import MentionEvent
from domain.mention import Mention
from storage.cluster import BrandState, Origin
from storage.elasticsearch.brands import Held
from storage.memory import MemoryStore
from tests.kit.engine import clock, stages
from tests.kit.processing import Effect, Topics
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.alert import READERS, Alerter
from tocsin.runtimes.cluster.broker import Places, Received, partition_of
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.intake import Gathering, Intake
from tocsin.runtimes.cluster.wire import MENTIONS, Heard, Told, backfill, encode
from tocsin.stages import Batch, Fold, Map

Place = tuple[str, int]
PARTITIONS = 2


def nothing(_: str) -> None:
    """No effect."""


class Impatient(Random):
    """Waits for nothing."""

    def uniform(self, a: float, b: float) -> float:
        del b
        return a


def hold(metrics: Metrics | None = None) -> Hold:
    """A hold that tries again at once."""
    return Hold(metrics or Metrics(), random=Impatient())


@dataclass
class Kafka:
    """Partitions with records, and what a group has committed. Times pass when a consumer waits."""

    partitions: dict[Place, list[Received]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[Place, int] = field(default_factory=dict)
    effect: Effect = nothing
    now: float = 0.0
    consumers: list["Consumer"] = field(default_factory=list)

    def put(self, topic: str, value: bytes, *, partition: int = 0, at: datetime | None = None) -> None:
        """Append a record."""
        records = self.partitions[topic, partition]
        records.append(Received(topic, partition, len(records), None, value, at or clock()))

    def consumer(
        self,
        group: str,
        topics: Sequence[str],
        *,
        client: str,
        on_assigned: Callable[[Places], None],
        on_revoked: Callable[[Places], None],
    ) -> "Consumer":
        """Join; the member has every partition until it is moved."""
        del group, client
        places = {(topic, number) for topic in topics for number in range(PARTITIONS)}
        consumer = Consumer(self, on_assigned, on_revoked)
        consumer.move(places)
        self.consumers.append(consumer)
        return consumer

    def seconds(self) -> float:
        """The time, for gathering."""
        return self.now

    def left(self) -> int:
        """How many records nobody has committed."""
        return sum(len(records) - self.committed.get(place, 0) for place, records in self.partitions.items())


class Consumer:
    """`broker.Consumer` over them."""

    def __init__(
        self, kafka: Kafka, on_assigned: Callable[[Places], None], on_revoked: Callable[[Places], None]
    ) -> None:
        self._kafka, self._on_assigned, self._on_revoked = kafka, on_assigned, on_revoked
        self._positions: dict[Place, int] = {}
        self._next: Places | None = None
        self.paused: set[str] = set()
        self.closed = False

    @property
    def assigned(self) -> Places:
        return set(self._positions)

    def move(self, places: Places) -> None:
        """These are the member's from its next poll on."""
        self._next = set(places)

    def poll(self, *, seconds: float, records: int) -> list[Received]:
        self._rebalance()
        found: list[Received] = []
        for place, position in sorted(self._positions.items()):
            if place[0] not in self.paused:
                more = self._kafka.partitions[place][position : position + records - len(found)]
                self._positions[place] += len(more)
                found += more
        if not found:
            self._kafka.now += seconds
        return found

    def commit(self, upto: Mapping[Place, int]) -> None:
        self._kafka.effect("committing")
        for place, offset in upto.items():
            if place in self._positions:
                self._kafka.committed[place] = offset
        self._kafka.effect("committed")

    def pause(self, topics: Collection[str]) -> None:
        self.paused |= set(topics)

    def resume(self, topics: Collection[str]) -> None:
        self.paused -= set(topics)

    def close(self) -> None:
        self.closed = True

    def _rebalance(self) -> None:
        if self._next is None:
            return
        lost, gained = self.assigned - self._next, self._next - self.assigned
        for place in lost:
            del self._positions[place]
        if lost:
            self._on_revoked(lost)
        self._positions |= {place: self._kafka.committed.get(place, 0) for place in gained}
        if gained:
            self._on_assigned(gained)
        self._next = None


@dataclass
class Brands:
    """States of brands as Elasticsearch keeps them: encoded, and replaced only by who has seen the latest."""

    stored: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    effect: Effect = nothing
    saved: list[BrandState] = field(default_factory=list)
    on_saved: Callable[[BrandState], None] = lambda _: None

    def load(self, brands: Iterable[str]) -> dict[str, Held]:
        self.effect("loading")
        return {
            brand: Held(
                state=msgspec.msgpack.decode(self.stored[brand][1], type=BrandState),
                seq_no=self.stored[brand][0],
                primary_term=1,
            )
            for brand in brands
            if brand in self.stored
        }

    def save(self, held: Sequence[Held]) -> dict[str, Held | None]:
        found: dict[str, Held | None] = {}
        for one in held:
            self.effect(f"saving {one.state.brand}")
            brand = one.state.brand
            if self.stored.get(brand, (-1, b""))[0] != one.seq_no:
                found[brand] = None
                continue
            self.stored[brand] = one.seq_no + 1, msgspec.msgpack.encode(one.state)
            self.saved.append(one.state)
            self.on_saved(one.state)
            found[brand] = replace(one, seq_no=one.seq_no + 1, primary_term=1)
        self.effect("saved")
        return found


@dataclass
class Decisions:
    """What was decided, each thing once, and no incident older than it was."""

    store: MemoryStore = field(default_factory=MemoryStore)
    turns: dict[str, int] = field(default_factory=dict)
    effect: Effect = nothing

    def apply(self, states: Sequence[BrandState]) -> None:
        for state in states:
            self.effect(f"applying {state.brand}")
            newer = [one for one in state.pending.incidents if self.turns.get(one.id, 0) <= state.turn]
            self.turns |= {one.id: state.turn for one in newer}
            self.store.commit(replace(state.pending, incidents=newer))
        self.effect("applied")

    def outbox_pending(self) -> int:
        return 0


class Stories(Topics):
    """What was published, by a producer that may be closed."""

    def close(self) -> None:
        """Nothing is held here."""


@dataclass
class World:
    """All that survives a process."""

    kafka: Kafka = field(default_factory=Kafka)
    brands: Brands = field(default_factory=Brands)
    decisions: Decisions = field(default_factory=Decisions)
    topics: Stories = field(default_factory=Stories)
    metrics: Metrics = field(default_factory=Metrics)

    def happening(self, effect: Effect) -> None:
        """Tell `effect` of every step from now on."""
        self.kafka.effect = self.brands.effect = self.decisions.effect = self.topics.effect = effect

    def hear(self, heard: Iterable[Heard], sizes: Sequence[int] = (3,), *, history: bool = False) -> None:
        """Put messages into the partitions of their brands, so many in a record, over and over."""
        by_brand: dict[str, list[Heard]] = defaultdict(list)
        for one in heard:
            by_brand[one.event.brand].append(one)
        topic = backfill(MENTIONS) if history else MENTIONS
        for brand, left in by_brand.items():
            size = cycle(sizes)
            while packed := left[: next(size)]:
                del left[: len(packed)]
                for value, _ in encode(packed):
                    self.kafka.put(topic, value, partition=partition_of(brand.encode(), PARTITIONS))

    def alerter(
        self,
        *,
        folds: Sequence[Fold[Any]] | None = None,
        most: int = 5,
        live: bool = False,
        now: Callable[[], datetime] = clock,
        known: Collection[str] = (),
    ) -> Alerter:
        """A process that begins."""
        return Alerter(
            intake=Intake(
                self.kafka,
                "alert",
                READERS,
                history=[backfill(MENTIONS)],
                gathering=Gathering(most=most),
                seconds=self.kafka.seconds,
            ),
            folds=[one for one in stages() if not isinstance(one, Map | Batch)] if folds is None else folds,
            brands=self.brands,
            known=lambda: known,
            partitions=lambda: PARTITIONS,
            decisions=self.decisions,
            producer=self.topics,
            hold=hold(self.metrics),
            clock=now,
            metrics=self.metrics,
            live=live,
        )

    def run(self, alerter: Alerter) -> None:
        """Let it deal with everything, as `--until-idle` does."""
        idle = 0
        while idle < 2:
            idle = 0 if alerter.turn() or self.kafka.left() else idle + 1
        alerter.finish()

    def told(self, topic: str) -> list[Told]:
        """Every message of a topic of stories, in order."""
        return self.topics.messages(topic, Told)

    def decided(self) -> dict[str, Any]:
        """Everything a person could see of the decisions."""
        store = self.decisions.store
        return {
            "alerts": {one.id: one for one in store.alerts(limit=10_000)},
            "near misses": {one.id: one for one in store.near_misses(limit=10_000)},
            "incidents": {one.id: one for one in store.incidents(limit=10_000)},
            "notifications": {one.notification.id: one.notification for one in store.outbox(limit=10_000)},
            "letters": {row.id for row in store.dead_letters(limit=10_000)},
        }


def latest(told: Iterable[Told]) -> dict[str, Mention]:
    """The mention of the highest sequence of each, as an index keeps it."""
    found: dict[str, Told] = {}
    for one in told:
        before = found.get(one.event.mention.id)
        if before is None or one.sequence >= before.sequence:
            found[one.event.mention.id] = one
    return {name: one.event.mention for name, one in found.items()}


def heard(events: Iterable[MentionEvent], *, line: str = "posts-0", month: str = "2026-03") -> list[Heard]:
    """Events as `process` passes them on, each of a post of its own in one line."""
    return [Heard(event=event, origin=Origin(line, offset, 0), month=month) for offset, event in enumerate(events)]
