"""Builds the application from a configuration: the only place that knows every concrete class."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from alerting.delivery import Courier
from alerting.incidents import build as build_incidents
from alerting.notifiers.notifier import Notifier
from alerting.notifiers.registry import RECEIVERS
from alerting.rules.registry import RULES
from console.app import build_app
from console.ports import Inbox, Readiness, SourceState
from console.server import serve
from domain.errors import TocsinError
from domain.incident import Notification
from domain.judgement import Classifier
from domain.query import BrandMatcher
from ingest.http import HttpTransport, PoliteClient
from ingest.registry import SOURCES
from ingest.source import Rereads, Source
from storage.store import Commit, MentionStore, Store
from tocsin.config import Config
from tocsin.config.models import is_loopback
from tocsin.corrections import deployed
from tocsin.explaining import explain_mention
from tocsin.metrics import Metrics
from tocsin.pipeline import Parts, folds, pipeline
from tocsin.replay import Replayed, through_engine
from tocsin.runtimes.embedded import EmbeddedRuntime, Pace, Summary
from tocsin.runtimes.engine import Engine
from tocsin.stages import Fold, Stage
from tocsin.storing import open_file

if TYPE_CHECKING:
    from models.deployment import Deployed

log = structlog.get_logger("tocsin")

Clock = Callable[[], datetime]
Watch = Callable[[Commit], None]


def utc_now() -> datetime:
    """The wall clock; everything that needs the time is given this or a test's clock."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class App:
    """A configured Tocsin: builds the parts, opens the store, runs. Holds nothing open but the HTTP client."""

    config: Config
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)
    transport: HttpTransport = field(default_factory=HttpTransport)

    def sources(self) -> list[Source]:
        """Build the configured sources."""
        return [make() for make in self.makers().values()]

    def makers(self) -> dict[str, Callable[[], Source]]:
        """What builds each configured source anew, by its name; all of them share one polite client."""
        given = {
            "client": PoliteClient(self.transport, clock=self.clock),
            "clock": self.clock,
            "brands": self.config.brands(),
        }
        return {
            tagged.name: partial(SOURCES[tagged.kind].builder(**given), tagged.config)
            for tagged in self.config.source
        }

    def rereading(self) -> dict[str, Rereads]:
        """Build the configured sources that can read a single record again, by name."""
        return {source.name: source for source in self.sources() if isinstance(source, Rereads)}

    def notifiers(self) -> dict[str, Notifier]:
        """Build the configured receivers, by name."""
        built: list[Notifier] = [
            RECEIVERS[tagged.kind].load().build(tagged.config, transport=self.transport, clock=self.clock)
            for tagged in self.config.receiver
        ]
        return {notifier.name: notifier for notifier in built}

    def matcher(self) -> BrandMatcher:
        """Compile the queries of all brands."""
        return BrandMatcher(self.config.brands())

    def classifier(self) -> Classifier:
        """Load what judges; raises ModelError or ConfigError with the remedy."""
        import models

        model = self.config.model
        return models.load(model.path, threads=model.threads, review_below=model.review_below, hub=model.hub)

    def judge(self, store: MentionStore) -> "Deployed":
        """Load what judges, leaning as people's corrections in this store tell, once there are enough of them."""
        return deployed(self.classifier(), store, review_below=self.config.model.review_below)

    def stages(self, classifier: Classifier) -> list[Stage]:
        """Fill the pipeline list with this configuration's parts."""
        from models.language import LanguageDetector

        return pipeline(
            Parts(
                matcher=self.matcher(),
                detector=LanguageDetector(),
                classifier=classifier,
                rules=self._rules(),
                incidents=self._incidents(),
            )
        )

    def folds(self) -> list[Fold[Any]]:
        """Only the part of the list that has a memory for each brand."""
        return folds(self._rules(), self._incidents())

    def _rules(self) -> list[Fold[Any]]:
        return [RULES[tagged.kind].load().build(tagged.config) for tagged in self.config.rule]

    def _incidents(self) -> Fold[Any]:
        receivers = tuple(receiver.name for receiver in self.config.receiver)
        return build_incidents(self.config.runtime.incidents, self.config.route, receivers=receivers)

    @contextmanager
    def store(self, *, read_only: bool = False) -> Iterator[Store]:
        """Open the configured store, and close it."""
        opened = open_file(self.config.storage, read_only=read_only)
        try:
            yield opened
        finally:
            opened.close()

    async def run(
        self,
        *,
        until_idle: bool = False,
        stop: asyncio.Event | None = None,
        watch: Watch = lambda _: None,
        started: Callable[[str], None] = lambda _: None,
    ) -> Summary:
        """Listen, judge, store and ring until `stop`; `started` gets the address of the HTTP side."""
        with self.store() as store:
            sources, judge = self.sources(), self.judge(store)
            log.info("judging", model=judge.name, calibration=judge.describe())
            runtime = self._runtime(store, sources, judge, watch)
            app = self._http(store, sources, judge, runtime)
            listen = partial(
                serve, app, host=self.config.console.host, port=self.config.console.port, started=started
            )
            try:
                return await runtime.run(
                    until_idle=until_idle, stop=stop or asyncio.Event(), server=lambda halt: listen(stop=halt)
                )
            finally:
                await self.transport.aclose()

    async def backfill(
        self, source: Source, *, stop: asyncio.Event | None = None, watch: Watch = lambda _: None
    ) -> Summary:
        """Bring one finite source's history in: judged and stored, it teaches baselines and wakes nobody.

        Raises TocsinError when the source was stopped and needs a person.
        """
        with self.store() as store:
            runtime = self._runtime(store, [source], self.judge(store), watch)
            summary = await runtime.run(until_idle=True, stop=stop or asyncio.Event())
        health = runtime.health[source.name]
        if health.state == "stopped":
            raise TocsinError(health.detail)
        return summary

    def replay_dead_letters(self, *, source: str = "", reason: str = "", limit: int = 1000) -> Replayed:
        """Give pending dead letters another try; notifications among them ring with the next `run`."""
        with self.store() as store:
            replay = through_engine(
                self._engine(store, self.judge(store)), store, sources=self.rereading(), clock=self.clock
            )
            return replay.run(store.dead_letters(source=source, reason=reason, limit=limit))

    def _engine(self, store: Store, judge: Classifier) -> Engine:
        return Engine(self.stages(judge), store, clock=self.clock, metrics=self.metrics)

    def _runtime(self, store: Store, sources: Sequence[Source], judge: Classifier, watch: Watch) -> EmbeddedRuntime:
        live = any(not source.finite for source in sources)
        return EmbeddedRuntime(
            engine=self._engine(store, judge),
            store=store,
            sources=sources,
            courier=Courier(
                outbox=store,
                notifiers=self.notifiers(),
                clock=self.clock,
                call=asyncio.to_thread,
                on_result=partial(self.delivered, live),
            ),
            clock=self.clock,
            metrics=self.metrics,
            pace=Pace(
                batch_size=self.config.runtime.batch_size,
                keep_posts=timedelta(days=self.config.runtime.keep_posts_days),
            ),
            watch=watch,
        )

    def delivered(self, live: bool, notification: Notification, outcome: str) -> None:  # noqa: FBT001  # bound by partial
        """Count a delivery; of what is heard `live`, also how long it took."""
        self.metrics.notifications.labels(notification.receiver, outcome).inc()
        if live and outcome == "sent":
            self.metrics.post_to_alert.observe(max((self.clock() - notification.at).total_seconds(), 0.0))

    def _http(self, store: Store, sources: Sequence[Source], judge: Classifier, runtime: EmbeddedRuntime) -> Any:
        token = self.config.console.token
        return build_app(
            store=store,
            brands=self.config.brands(),
            health=lambda: readiness(runtime),
            explain=partial(explain_mention, classifier=judge),
            metrics=self.metrics.render,
            inboxes={source.name: source for source in sources if isinstance(source, Inbox)},
            clock=self.clock,
            token=token.get_secret_value() if token else "",
            host_is_loopback=is_loopback(self.config.console.host),
        )


def readiness(runtime: EmbeddedRuntime) -> Readiness:
    """Say whether the process does its work, and if not, why not."""
    states = {
        name: SourceState(
            state=health.state, detail=health.detail, silence=health.silence, last_post_at=health.last_post_at
        )
        for name, health in runtime.health.items()
    }
    problems = [f"source {name}: {state.detail}" for name, state in states.items() if state.state == "stopped"]
    if runtime.holding:
        problems.append(f"store: {runtime.holding}")
    return Readiness(sources=states, problems=problems)


def bootstrap(config: Config, *, clock: Clock = utc_now) -> App:
    """Build the application."""
    return App(config=config, clock=clock)
