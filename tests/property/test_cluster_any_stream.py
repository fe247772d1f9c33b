"""The promise of the two runtimes: whatever stream comes, one process and the cluster end with the same.

The parts of the cluster are the real ones, on real servers; only Faust, which would hand the records over, is left
out. A process of it dies somewhere on the way, and records are published twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.brand import Brand
from domain.post import Record
from storage.elasticsearch import BrandStates, Cluster, ElasticsearchStore, PostMemory
from storage.sqlite import open_store
from storage.store import MentionStore
from tests.kit.elastic import cluster_of
from tests.kit.engine import ACTS, BRANDS, build_engine, clock, played, stages
from tests.kit.processing import Effect, Killed, dealt, killed_at
from tests.kit.services import ElasticServer, KafkaServer
from tocsin.config.models import KafkaConfig
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster import alert, index, process
from tocsin.runtimes.cluster.alert import Alerter
from tocsin.runtimes.cluster.broker import Broker, Outgoing
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.index import Indexer
from tocsin.runtimes.cluster.intake import Gathering, Intake
from tocsin.runtimes.cluster.process import Processor
from tocsin.runtimes.cluster.wire import MENTIONS, POSTS, backfill, encode
from tocsin.stages import Batch, Map

TEXTS = (
    "aurora is fine",
    "aurora bad wing",
    "aurora bad wing!",
    "borealis bad seat",
    "aurora and borealis bad",
    "nobody",
    "aurora fire",
    "aurora fire and borealis fire",
    "aurora poison",
    "  ",
)
WEEK_LATER = 10 * 24 * 60
_SOON = Gathering(apart=0.0, patience=0.1)


class Said(NamedTuple):
    """One step of a script, so many minutes after the start: see `tests.kit.engine.played`."""

    number: int
    text: str
    act: str = "say"
    minutes: int = 0
    origin: str = "replay"


class Course(NamedTuple):
    """How the cluster is led through a stream: posts a record, again and again; records that come twice; the record
    before which `alert` and `index` get their turn; messages at a time; steps until a process dies."""

    packs: tuple[int, ...] = (3,)
    twice: frozenset[int] = frozenset()
    pause: int = 2
    at_once: tuple[int, int] = (4, 3)
    process_dies: int = 1_000
    alert_dies: int = 1_000


scripts = st.lists(
    st.builds(
        Said,
        st.integers(0, 9),
        st.sampled_from(TEXTS),
        st.sampled_from(ACTS),
        st.integers(0, 240) | st.integers(WEEK_LATER, WEEK_LATER + 240),
        st.sampled_from(("replay", "replay", "replay", "live", "backfill")),
    ),
    min_size=5,
    max_size=40,
)
courses = st.builds(
    Course,
    packs=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    twice=st.frozensets(st.integers(0, 12), max_size=4),
    pause=st.integers(0, 12),
    at_once=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    process_dies=st.integers(0, 16),
    alert_dies=st.integers(0, 10),
)


def brands_of(world: int) -> list[Brand]:
    """The brands of one example: examples share the servers, so each has brands and posts of its own."""
    return [replace(brand, name=f"{brand.name} {world}") for brand in BRANDS]


def records_of(script: Sequence[Said], world: int) -> list[Record]:
    """Turn the script into posts."""
    plain = played((world * 100 + one.number, one.text, one.act, one.minutes) for one in script)
    return [
        replace(heard, post=replace(heard.post, origin=one.origin)) for heard, one in zip(plain, script, strict=True)
    ]


def packed(records: Sequence[Record], course: Course) -> list[list[Record]]:
    """What is published: a list of posts for each record, those that come twice among them."""
    left, found = list(records), list[list[Record]]()
    while left:
        size = course.packs[len(found) % len(course.packs)]
        found.append(left[:size])
        left = left[size:]
    return [some for place, some in enumerate(found) for _ in range(1 + (place in course.twice))]


def everything(store: MentionStore, brands: Sequence[Brand], records: Sequence[Record]) -> dict[str, Any]:
    """All that a store keeps of these brands and posts. The order of decisions is that of each brand."""
    names = [brand.name for brand in brands]
    posts = {one.post.id: one.post.place for one in records}
    outbox = list(reversed(store.outbox(limit=10_000)))
    letters = [row.letter for row in store.dead_letters(limit=10_000)]
    return {
        "acts": {name: store.acts(brand=name) for name in names},
        "mentions": [mention for post in sorted(posts) for mention in store.mentions_of(post)],
        "alerts": {name: store.alerts(brand=name, limit=1_000) for name in names},
        "near misses": {name: store.near_misses(brand=name, limit=1_000) for name in names},
        "incidents": {name: store.incidents(brand=name, limit=1_000) for name in names},
        "outbox": {name: [one for one in outbox if one.notification.incident.brand == name] for name in names},
        "dead letters": sorted(
            (one for one in letters if one.where in {*posts.values(), *names}), key=lambda one: one.id
        ),
    }


def embedded(file: Path, brands: Sequence[Brand], records: Sequence[Record], *, page: int = 7) -> dict[str, Any]:
    """What one process makes of these, over a file."""
    file.unlink(missing_ok=True)
    with closing(open_store(file)) as store:
        engine = build_engine(store, brands=brands)
        for start in range(0, len(records), page):
            for commit in engine.process(records[start : start + page], [], {}):
                store.commit(commit)
        if drained := engine.drain():
            store.commit(drained)
        return everything(store, brands, records)


class Mortal:
    """A collaborator of a process that may die right before or after any call that lasts."""

    _LASTING = frozenset({"publish", "remember", "save", "apply", "commit", "answer"})

    def __init__(self, of: object, effect: Effect) -> None:
        self._of, self._effect = of, effect

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._of, name)
        if name not in self._LASTING:
            return method

        def call(*given: Any) -> Any:
            self._effect(f"before {name}")
            found = method(*given)
            self._effect(f"after {name}")
            return found

        return call


def lives_on(_: str) -> None:
    """Nothing happens to this process."""


@dataclass
class Line:
    """`process`, `alert` and `index` on the real servers, for one example after the other."""

    broker: Broker
    cluster: Cluster
    brands: Sequence[Brand] = ()
    course: Course = field(default_factory=Course)
    ending: Hold = field(default_factory=lambda: Hold(Metrics()))

    def __post_init__(self) -> None:
        self.worlds = count()
        self.store = ElasticsearchStore(self.cluster)
        self.producer = self.broker.producer("test")
        self._hold = Hold(Metrics())
        self._dealt_with = self._published = 0
        self._intake = self._new_intake()
        brought = Intake(self.broker, index.GROUP, index.READERS, history=index.HISTORY, gathering=_SOON)
        self._indexer = Indexer(intake=brought, documents=self.store, hold=self._hold, clock=clock, metrics=Metrics())

    def close(self) -> None:
        """Leave the groups."""
        self._intake.close()
        self._indexer.close()
        self.producer.close()

    def run(self, packs: Sequence[Sequence[Record]], brands: Sequence[Brand], course: Course) -> None:
        """Publish these and deal with them to the end of the stream."""
        self.brands, self.course, self.ending = brands, course, Hold(Metrics())
        self._processor = self._new_processor(killed_at(course.process_dies))
        self._alerter = self._new_alerter(killed_at(course.alert_dies))
        for part in (packs[: course.pause], packs[course.pause :]):
            self.producer.publish([Outgoing(POSTS, value) for some in part for value, _ in encode(some)])
            self._published += sum(map(len, part))
            self._process()
            self._alert()
            self._index()
        self._finish()
        self._index()
        self.cluster.ask("POST", f"/{self.cluster.name('*')}/_refresh")

    def _process(self) -> None:
        """Deal with what nobody acknowledged; who dies begins again at the record it was at."""
        with closing(self.broker.reader(POSTS, client="test")) as reader:
            messages = process.read(reader.read([0]))
        at_once, afterwards = self.course.at_once
        while self._dealt_with < len(messages):
            some = messages[self._dealt_with : self._dealt_with + at_once]
            try:
                dealt(self._processor, some)
            except Killed:
                self._dealt_with -= some[0].place
                self._processor, at_once = self._new_processor(lives_on), afterwards
            else:
                self._dealt_with += len(some)
        assert self._dealt_with == self._published

    def _alert(self) -> None:
        while self._left(alert.GROUP, alert.READERS):
            try:
                self._alerter.turn()
            except Killed:
                self._alerter_anew()

    def _finish(self) -> None:
        # Who is told to end does not wait for deliveries.
        self.ending.stop()
        while True:
            while not self._intake.assigned:
                self._alerter.turn()
            try:
                self._alerter.finish()
            except Killed:
                self._alerter_anew()
            else:
                break

    def _index(self) -> None:
        while self._left(index.GROUP, index.READERS):
            self._indexer.turn()

    def _left(self, group: str, topics: Iterable[str]) -> int:
        return sum(self._hold.until(partial(self.broker.lag, group, tuple(topics))).values())

    def _new_processor(self, effect: Effect) -> Processor:
        return Processor(
            stages=stages(brands=self.brands),
            memory=cast("Any", Mortal(PostMemory(self.cluster), effect)),
            desk=cast("Any", Mortal(self.store, effect)),
            producer=cast("Any", Mortal(self.producer, effect)),
            generation=self.broker.generation,
            clock=clock,
            metrics=Metrics(),
        )

    def _new_intake(self) -> Intake:
        return Intake(self.broker, alert.GROUP, alert.READERS, history=(backfill(MENTIONS),), gathering=_SOON)

    def _alerter_anew(self) -> None:
        self._intake.close()
        self._intake = self._new_intake()
        self._alerter = self._new_alerter(lives_on)

    def _new_alerter(self, effect: Effect) -> Alerter:
        brands = self.brands
        return Alerter(
            intake=cast("Any", Mortal(self._intake, effect)),
            folds=[stage for stage in stages() if not isinstance(stage, Map | Batch)],
            brands=cast("Any", Mortal(BrandStates(self.cluster), effect)),
            known=lambda: [brand.name for brand in brands],
            partitions=lambda: self.broker.partitions(MENTIONS),
            decisions=cast("Any", Mortal(self.store, effect)),
            producer=cast("Any", Mortal(self.producer, effect)),
            hold=self.ending,
            clock=clock,
            metrics=Metrics(),
            live=False,
        )


@pytest.fixture
def line(kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str) -> Iterator[Line]:
    broker = Broker(KafkaConfig(servers=(kafka.address,), prefix=topic_prefix, partitions=1))
    broker.create()
    cluster = cluster_of(elastic, index_prefix)
    with closing(broker), closing(cluster):
        ElasticsearchStore(cluster).schema.ensure()
        with closing(Line(broker, cluster)) as line:
            yield line


@settings(
    max_examples=12,
    derandomize=True,
    # An example takes seconds; to make it smaller takes hours.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(script=scripts, course=courses)
@example(
    script=[
        Said(2, "aurora", "answer", 9),
        Said(1, "aurora bad"),
        Said(2, "aurora bad"),
        Said(1, "so", "answer", 12),
    ],
    course=Course(packs=(1,), process_dies=3),
)
@example(
    script=[
        Said(1, "aurora bad"),
        Said(1, "", "count", 9),
        Said(1, "", "count", 5),
        Said(2, "aurora fire"),
        Said(1, "aurora bad wing", "edit", 3),
        Said(1, "", "count", WEEK_LATER),
        Said(1, "", "delete"),
    ],
    course=Course(packs=(1, 3), process_dies=4, alert_dies=6),
)
@example(
    script=[Said(1, "aurora bad wing"), Said(2, "aurora fire", minutes=WEEK_LATER), Said(1, "", "delete")],
    course=Course(packs=(1,)),
)
def test_one_process_and_the_cluster_end_with_the_same(
    tmp_path: Path, line: Line, script: list[Said], course: Course
) -> None:
    world = next(line.worlds)
    brands, packs = brands_of(world), packed(records_of(script, world), course)
    records = [one for some in packs for one in some]
    expected = embedded(tmp_path / "tocsin.db", brands, records)
    line.run(packs, brands, course)
    found = everything(line.store, brands, records)
    for part, wanted in expected.items():
        assert found[part] == wanted, f"{part} differ"
