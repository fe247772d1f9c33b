"""Builds the cluster's processes from a configuration: the only place that knows all of their concrete classes."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from alerting.delivery import ONE_SEND, Courier
from console.app import build_app
from console.ports import Inbox, Readiness
from console.server import serve
from domain.errors import ConfigError, StoreError
from domain.explanation import Explanation
from domain.judgement import Classifier
from domain.mention import Mention
from ingest.source import Source
from storage.elasticsearch import BrandStates, ElasticsearchStore, LeasedOutbox, PostMemory
from storage.elasticsearch.leases import LEASE_SECONDS
from storage.store import Store
from tocsin.bootstrap import App, Clock, utc_now
from tocsin.cli.screen import counted
from tocsin.config import Config
from tocsin.config.models import is_loopback
from tocsin.corrections import deployed
from tocsin.explaining import explain_mention
from tocsin.metrics import Metrics
from tocsin.migrating import Migration, Moved
from tocsin.replay import Replayed
from tocsin.runtimes.cluster import alert as deciding
from tocsin.runtimes.cluster import index as indexing
from tocsin.runtimes.cluster import processing
from tocsin.runtimes.cluster.broker import Broker
from tocsin.runtimes.cluster.cursors import Cursors
from tocsin.runtimes.cluster.deliveries import Awake, Deliveries
from tocsin.runtimes.cluster.hold import Hold
from tocsin.runtimes.cluster.ingest import IngestRuntime, bring_in
from tocsin.runtimes.cluster.intake import Intake
from tocsin.runtimes.cluster.operations import serve_operations
from tocsin.runtimes.cluster.process import Processor
from tocsin.runtimes.cluster.pump import Brought, Pump
from tocsin.runtimes.cluster.replaying import through_topics
from tocsin.runtimes.cluster.watch import Watch
from tocsin.runtimes.cluster.wire import MENTIONS, backfill
from tocsin.runtimes.cluster.worker import Beside, Work, Worker
from tocsin.storing import elasticsearch

if TYPE_CHECKING:
    from models.deployment import Deployed
    from tocsin.runtimes.cluster.faust_app import FaustSource

log = structlog.get_logger("tocsin")

Started = Callable[[str], None]
_LOOK_EVERY = 5.0
_RENEW_EVERY = 3600.0


@dataclass(kw_only=True)
class ClusterApp:
    """A configured Tocsin of many processes. Each method runs one of them until `stop`; it returns its last words."""

    config: Config
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.app = App(config=self.config, clock=self.clock, metrics=self.metrics)
        self.broker = Broker(self.config.kafka)
        self.hold = Hold(self.metrics)
        self.cluster = elasticsearch(self.config.storage)
        self.store = ElasticsearchStore(self.cluster)

    def base_classifier(self) -> Classifier:
        """What judges, before people's corrections lean it."""
        return self.app.classifier()

    def judge(self) -> "Deployed":
        """What judges, leaning as people's corrections tell, once there are enough of them."""
        return deployed(self.base_classifier(), self.store, review_below=self.config.model.review_below)

    @cached_property
    def live(self) -> bool:
        """Whether anything is heard as it happens: recorded streams keep their own time."""
        return any(not source.finite for source in self.app.sources())

    async def ingest(self, *, until_idle: bool, stop: asyncio.Event, started: Started) -> str:
        """Listen to the sources and pass on what they bring."""
        if not self.config.source:
            raise ConfigError(["source: none is configured: add [[source]] with kind = ... to say where to listen"])
        cursors = Cursors(self.broker)
        runtime = IngestRuntime(
            sources=self.app.makers(),
            topics_are_there=self.broker.require_topics,
            groups=self.broker,
            cursors=cursors,
            pump=self._pump(cursors, self.hold),
            hold=self.hold,
        )

        async def server(halt: asyncio.Event, inboxes: Mapping[str, Inbox]) -> None:
            await serve_operations(
                self.config.console,
                metrics=self.metrics,
                readiness=runtime.readiness,
                inboxes=inboxes,
                started=started,
                stop=halt,
            )

        try:
            await runtime.run(until_idle=until_idle, stop=stop, server=server)
        finally:
            await asyncio.to_thread(self.broker.close)
            await self.app.transport.aclose()
            self.store.close()
        brought = runtime.brought
        return f"Done: {counted(brought.posts, 'post')}, {counted(brought.dead_letters, 'dead letter')}."

    async def process(self, *, until_idle: bool, stop: asyncio.Event, started: Started) -> str:
        """Find brands in posts, judge and score them."""
        from tocsin.runtimes.cluster.faust_app import FaustSource

        source = FaustSource(
            options=self.broker.faust_options(),
            group=self.broker.name(processing.GROUP),
            names={topic: self.broker.name(topic) for topic in processing.TOPICS},
            queues=self.broker,
            hold=self.hold,
        )
        watch = Watch(queues=self.broker, committed=source.committed, hold=self.hold)
        done: list[processing.Processing] = []

        def work() -> Work:
            done.append(self._processing(source))
            return done[0]

        await self._work(
            processing.GROUP, processing.TOPICS, work, beside=[source.run, watch.run],
            until_idle=until_idle, stop=stop, started=started, dead=lambda: watch.dead,
        )  # fmt: skip
        tally = done[0].tally if done else processing.Tally()
        return f"Done: {counted(tally.posts, 'post')}, {counted(tally.dead_letters, 'dead letter')}."

    async def alert(self, *, until_idle: bool, stop: asyncio.Event, started: Started) -> str:
        """Decide: stories, rules, incidents, notifications."""
        done: list[deciding.Alerter] = []

        def work() -> Work:
            done.append(self._alerter())
            return done[0]

        await self._work(
            deciding.GROUP, deciding.READERS, work, beside=[self._deliver],
            until_idle=until_idle, stop=stop, started=started,
        )  # fmt: skip
        tally = done[0].tally if done else deciding.Tally()
        return (
            f"Done: {counted(tally.messages, 'message')}, {counted(tally.alerts, 'alert')} in "
            f"{counted(len(tally.incidents), 'incident')}, {counted(tally.dead_letters, 'dead letter')}."
        )

    async def index(self, *, until_idle: bool, stop: asyncio.Event, started: Started) -> str:
        """Write mentions and dead letters for search."""
        done: list[indexing.Indexer] = []

        def work() -> Work:
            intake = Intake(self.broker, indexing.GROUP, indexing.READERS, history=indexing.HISTORY)
            done.append(
                indexing.Indexer(
                    intake=intake, documents=self.store, hold=self.hold, clock=self.clock, metrics=self.metrics
                )
            )
            return done[0]

        await self._work(
            indexing.GROUP, indexing.READERS, work, beside=[self._renew],
            until_idle=until_idle, stop=stop, started=started,
        )  # fmt: skip
        tally = done[0].tally if done else indexing.Tally()
        return (
            f"Done: {counted(tally.written, 'document')} written, {tally.stale} were there already, "
            f"{counted(tally.dead_letters, 'dead letter')}."
        )

    async def serve(self, *, stop: asyncio.Event, started: Started) -> str:
        """Answer the HTTP API."""
        console, token = self.config.console, self.config.console.token
        looking = asyncio.create_task(self._look(stop))
        app = build_app(
            store=self.store,
            brands=self.config.brands(),
            health=self._readiness,
            explain=self._explain,
            metrics=self.metrics.render,
            inboxes={},
            clock=self.clock,
            token=token.get_secret_value() if token else "",
            host_is_loopback=is_loopback(console.host),
        )
        try:
            await serve(app, host=console.host, port=console.port, stop=stop, started=started)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        return "Done."

    async def backfill(
        self, source: Source, *, stop: asyncio.Event, watch: Callable[[Brought, bytes], None]
    ) -> Brought:
        """Pass one finite source's history on, from where it stopped; it is processed while no live post waits."""
        cursors, hold = Cursors(self.broker), Hold(self.metrics)
        pump = self._pump(cursors, hold, watch)
        try:
            await bring_in(source, pump=pump, topics_are_there=self.broker.require_topics, hold=hold, stop=stop)
        finally:
            await asyncio.to_thread(self.broker.close)
        return pump.brought

    def replay_dead_letters(self, *, source: str = "", reason: str = "", limit: int = 1000) -> Replayed:
        """Give pending dead letters another try: their posts go into the topics again, to be processed anew."""
        rows = self.store.dead_letters(source=source, reason=reason, limit=limit)
        with closing(self.broker), closing(self.store), closing(self.broker.producer("replay")) as producer:
            replay = through_topics(
                self.broker, producer, self.store, rows, sources=self.app.rereading(), clock=self.clock
            )
            return replay.run(rows)

    def migrate(self, file: Store, *, watch: Callable[[Moved], None] = lambda _: None) -> Moved:
        """Move what one process kept in its file to this cluster."""
        self.store.schema.ensure()
        migration = Migration(
            file=file,
            home=self.store,
            memory=PostMemory(self.cluster),
            states=BrandStates(self.cluster),
            keep_cursors=self._keep_cursors,
            watch=watch,
        )
        return migration.run(
            brands=[brand.name for brand in self.config.brands()],
            folds=[fold.name for fold in self.app.folds()],
            sources=[source.name for source in self.config.source],
        )

    def _keep_cursors(self, found: Mapping[str, bytes]) -> None:
        with closing(Cursors(self.broker)) as cursors, closing(self.broker.producer("migrate")) as producer:
            producer.publish(cursors.records(found))

    def _pump(
        self,
        cursors: Cursors,
        hold: Hold,
        watch: Callable[[Brought, bytes], None] = lambda _brought, _cursor: None,
    ) -> Pump:
        return Pump(
            cursors=cursors,
            producer=self.broker.producer("ingest"),
            partitions=self.broker.partitions,
            hold=hold,
            clock=self.clock,
            metrics=self.metrics,
            watch=watch,
        )

    def _processing(self, source: "FaustSource") -> processing.Processing:
        judge = self.hold.until(self.judge)
        log.info("judging", model=judge.name, calibration=judge.describe())
        producer = self.broker.producer(processing.GROUP)
        processor = Processor(
            stages=self.app.stages(judge),
            memory=PostMemory(self.cluster),
            desk=self.store,
            producer=producer,
            generation=self.broker.generation,
            clock=self.clock,
            metrics=self.metrics,
        )
        return processing.Processing(source=source, processor=processor, hold=self.hold, close=producer.close)

    def _alerter(self) -> deciding.Alerter:
        return deciding.Alerter(
            intake=Intake(self.broker, deciding.GROUP, deciding.READERS, history=(backfill(MENTIONS),)),
            folds=self.app.folds(),
            brands=BrandStates(self.cluster),
            known=lambda: [brand.name for brand in self.config.brands()],
            partitions=lambda: self.broker.partitions(MENTIONS),
            decisions=self.store,
            producer=self.broker.producer(deciding.GROUP),
            hold=self.hold,
            clock=self.clock,
            metrics=self.metrics,
            live=self.live,
        )

    async def _deliver(self, halt: asyncio.Event) -> None:
        holder = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        # A send that begins so late in its lease that it may outlast it is left to the next lease.
        outbox = Awake(
            LeasedOutbox(self.store, holder),
            clock=self.clock,
            leases_last=timedelta(seconds=LEASE_SECONDS - ONE_SEND),
        )
        courier = Courier(
            outbox=outbox,
            notifiers=self.app.notifiers(),
            clock=self.clock,
            call=asyncio.to_thread,
            on_result=partial(self.app.delivered, self.live),
        )
        deliveries = Deliveries(
            courier=courier, outbox=outbox, pending=self.store.outbox_pending, metrics=self.metrics
        )
        try:
            await deliveries.run(halt)
        finally:
            await self.app.transport.aclose()

    async def _work(
        self,
        group: str,
        topics: Iterable[str],
        work: Callable[[], Work],
        *,
        until_idle: bool,
        stop: asyncio.Event,
        started: Started,
        beside: Sequence[Beside] = (),
        dead: Callable[[], str] = lambda: "",
    ) -> None:
        worker = Worker(
            group=group,
            topics=tuple(topics),
            ready=self.store.schema.ensure,
            work=work,
            queues=self.broker,
            hold=self.hold,
            clock=self.clock,
            metrics=self.metrics,
            beside=beside,
        )
        server = partial(
            serve_operations,
            self.config.console,
            metrics=self.metrics,
            readiness=worker.readiness,
            dead=dead,
            started=started,
        )
        try:
            await worker.run(until_idle=until_idle, stop=stop, server=lambda halt: server(stop=halt))
        finally:
            self.broker.close()
            self.store.close()

    async def _renew(self, halt: asyncio.Event) -> None:
        """Index anew what was indexed with other word forms, beside what is new: it may be millions."""
        while not halt.is_set():
            try:
                renewed = await asyncio.to_thread(self.store.bring_up_to_date)
            except StoreError as error:
                log.warning("old words stay in the index for now", why=str(error))
            else:
                if renewed:
                    log.info("indexed anew with new word forms", mentions=renewed)
            with suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), _RENEW_EVERY)

    def _readiness(self) -> Readiness:
        return Readiness(problems=[f"{why}: {said}" for why, said in self.hold.reasons.items()])

    async def _look(self, stop: asyncio.Event) -> None:
        """Ask Elasticsearch now and then, so that readiness is known without asking anew for every probe."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(self.store.incidents, limit=1)
            except StoreError as error:
                self.hold.because("elasticsearch", str(error))
            else:
                self.hold.over("elasticsearch")
            await asyncio.sleep(_LOOK_EVERY)

    @cached_property
    def _explainer(self) -> Classifier:
        return self.judge()

    def _explain(self, mention: Mention) -> Explanation:
        return explain_mention(mention, classifier=self._explainer)
