"""Listens to one source: fetch, hand over, wait; errors are orders, as domain/errors.py draws them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal

import structlog

from domain.alert import Alert
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from ingest.backoff import Backoff
from ingest.source import Page, Source
from tocsin.metrics import Metrics
from tocsin.runtimes import pulse, troubles

log = structlog.get_logger("tocsin.listener")

State = Literal["starting", "listening", "retrying", "finished", "stopped"]


@dataclass
class Health:
    """How a source stands, for /readyz. `silence` says that it is stranger than chance that nothing comes."""

    state: State = "starting"
    detail: str = ""
    silence: str = ""
    last_post_at: datetime | None = None
    refused_in_a_row: int = 0


@dataclass(frozen=True)
class Arrival:
    """A fetched page on its way to the pipeline."""

    source: Source
    page: Page
    at: datetime


async def nobody(_alert: Alert) -> None:
    """Tell nobody: whoever watches the metrics sees it."""


class Listener:
    """Feeds pages of one source into the pipeline's queue, in order, never past what the queue takes."""

    def __init__(
        self,
        source: Source,
        *,
        put: Callable[[Arrival], Awaitable[None]],
        clock: Callable[[], datetime],
        metrics: Metrics,
        refusal_limit: int,
        tell: Callable[[Alert], Awaitable[None]] = nobody,
    ) -> None:
        self.source = source
        self.health = Health()
        self.idle = asyncio.Event()
        self._put = put
        self._clock = clock
        self._metrics = metrics
        self._refusal_limit = refusal_limit
        self._tell = tell
        self._told = 0
        self._backoff = Backoff(Random())  # noqa: S311  # jitter, not a secret
        self._pulse = pulse.Pulse()

    @property
    def kept(self) -> dict[str, bytes]:
        """What is to be kept beside the source's cursor, by name: how often it usually brings posts."""
        return {} if self.source.finite else {pulse.kept_as(self.source.name): pulse.written(self._pulse)}

    async def run(self, cursor: bytes | None, stop: asyncio.Event, *, kept: bytes | None = None) -> None:
        """Listen until the source ends, is stopped for good, or `stop` is set; `kept` is what was kept of it."""
        self._pulse = pulse.read(kept)
        self._metrics.source_up.labels(self.source.name).set(1)
        while not stop.is_set():
            try:
                page = await self.source.fetch(cursor)
            except (SourceStopped, SourceMisconfigured) as error:
                self._failed(error, "stopped")
                log.error("source stopped: it needs a person", source=self.source.name, why=str(error))  # noqa: TRY400  # the sentence is the whole story
                await self._stopped()
                break
            except RetryLater as error:
                await self._wait_after(error, error.after, stop)
                continue
            except Exception as error:  # noqa: BLE001  # a connector's bug must not end the listening
                await self._wait_after(error, None, stop)
                continue
            news = page.cursor != cursor or bool(page.records or page.dead_letters)
            cursor = page.cursor
            await self._take(page, news=news)
            if page.exhausted:
                self.health.state = "finished"
                break
            if self._flooded():
                await self._stopped()
                break
            if page.wait > 0:
                await _sleep(page.wait, stop)
        self.idle.set()

    async def _take(self, page: Page, *, news: bool) -> None:
        """Note a page, and hand it over unless there is nothing in it to store."""
        self._backoff.reset()
        self.health.state, self.health.detail = "listening", ""
        now = self._clock()
        await self._feel(len(page.records), now)
        if page.records:
            self.health.last_post_at = now
            self._metrics.source_last_post.labels(self.source.name).set(now.timestamp())
        refused = len(page.dead_letters)
        self.health.refused_in_a_row = 0 if page.records else self.health.refused_in_a_row + refused
        for trouble in page.troubles:
            self._metrics.source_errors.labels(self.source.name, "partial").inc()
            log.warning("part of a source failed", source=self.source.name, why=trouble)
        if news:
            await self._put(Arrival(self.source, page, now))
        if not self.source.finite and (page.wait > 0 or not page.records):
            self.idle.set()

    async def _stopped(self) -> None:
        self._metrics.source_up.labels(self.source.name).set(0)
        if not self.source.finite:
            await self._tell(troubles.stopped(self.source.name, self.health.detail, self._clock()))

    async def _feel(self, posts: int, now: datetime) -> None:
        """Note how many posts came, and say when it is strange that none do, and when they come again."""
        if self.source.finite:
            return
        before = self._pulse
        self._pulse, silence = pulse.listened(pulse.heard(before, posts, now), now)
        self.health.silence = silence.sentence(now) if silence else ""
        if self._pulse.silent != before.silent:
            self._metrics.source_silent.labels(self.source.name).set(self._pulse.silent)
            if silence:
                log.warning("a source is silent", source=self.source.name, why=self.health.silence)
            else:
                log.info("a source is heard again", source=self.source.name)
                self._told = 0
        if silence and (alert := troubles.silent(self.source.name, silence, now)).reason.observed > self._told:
            self._told = int(alert.reason.observed)
            await self._tell(alert)

    def _flooded(self) -> bool:
        if self.health.refused_in_a_row < self._refusal_limit:
            return False
        sentence = (
            f"stopped after {self.health.refused_in_a_row} refused records in a row and not one good one; "
            "see `tocsin dead-letters list`, correct the source, then start again"
        )
        self.health.state, self.health.detail = "stopped", sentence
        log.error("source stopped: a flood of refused records", source=self.source.name, why=sentence)
        return True

    async def _wait_after(self, error: Exception, after: float | None, stop: asyncio.Event) -> None:
        self._failed(error, "retrying")
        await self._feel(0, self._clock())
        delay = self._backoff.next_delay() if after is None else after
        why = self.health.detail
        log.warning("source will be asked again", source=self.source.name, why=why, seconds=round(delay, 1))
        if not self.source.finite:
            self.idle.set()
        await _sleep(delay, stop)

    def _failed(self, error: Exception, state: State) -> None:
        self._metrics.source_errors.labels(self.source.name, type(error).__name__).inc()
        self.health.state, self.health.detail = state, str(error) or type(error).__name__


async def _sleep(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
