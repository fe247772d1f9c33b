"""A listener that hears nothing for longer than chance explains says so, and stops saying so."""

import asyncio
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from ingest.source import Page
from tests.kit.engine import START, record
from tests.kit.scripted_source import ScriptedSource
from tocsin.metrics import Metrics
from tocsin.runtimes.listener import Arrival, Listener

EVERY = timedelta(minutes=3)
DAYS = timedelta(days=2)


class Talkative(ScriptedSource):
    """Two posts at each look, every three minutes, for two days; then nothing for three hours; then two more."""

    def __init__(self) -> None:
        super().__init__("vk", [], finite=False)
        self.now = START
        self.stop = asyncio.Event()

    def clock(self) -> datetime:
        return self.now

    async def fetch(self, cursor: bytes | None) -> Page:
        del cursor
        await asyncio.sleep(0)
        self.now += EVERY
        since = self.now - START
        if since > DAYS + timedelta(hours=3) + EVERY:
            self.stop.set()
        quiet = DAYS < since <= DAYS + timedelta(hours=3)
        return Page(
            records=[] if quiet else [record(1, "aurora"), record(2, "aurora")], cursor=self.now.isoformat().encode()
        )


async def test_a_source_that_falls_silent_is_told_of_until_it_is_heard_again() -> None:
    source, metrics, silences = Talkative(), Metrics(), list[str]()

    async def put(arrival: Arrival) -> None:
        del arrival
        silences.append(listener.health.silence)

    listener = Listener(source, put=put, clock=source.clock, metrics=metrics, refusal_limit=10)
    with capture_logs() as said:
        await listener.run(None, source.stop)
    told = [silence for silence in silences if silence]
    assert told[0] == "nothing for 1 h, usually 40 an hour"
    assert told[-1] == "nothing for 3 h, usually 40 an hour"
    assert silences[-1] == "", "it is heard again"
    assert [line["event"] for line in said] == ["a source is silent", "a source is heard again"]
    assert b'tocsin_source_silent{source="vk"} 0.0' in metrics.render()


async def test_what_is_usual_outlives_the_process() -> None:
    source = Talkative()
    first = Listener(source, put=_drop, clock=source.clock, metrics=Metrics(), refusal_limit=10)
    await first.run(None, source.stop)
    ((name, kept),) = first.kept.items()
    assert name == "pulse of vk"
    stopped = asyncio.Event()
    stopped.set()
    second = Listener(source, put=_drop, clock=source.clock, metrics=Metrics(), refusal_limit=10)
    await second.run(None, stopped, kept=kept)
    assert second.kept == first.kept
    await second.run(None, stopped, kept=b"what another version wrote")
    assert second.kept != first.kept


async def _drop(arrival: Arrival) -> None:
    del arrival
