"""People are told of a source that hears nothing, as of any alert."""

import asyncio
from datetime import timedelta

import pytest

from alerting.message import compose
from domain.errors import SourceStopped
from domain.incident import Notification
from storage.memory import MemoryStore
from tests.kit.alerts import incident, notification
from tests.kit.engine import START, build_engine, clock, record
from tests.kit.scripted_source import ScriptedSource
from tocsin.metrics import Metrics
from tocsin.runtimes import troubles
from tocsin.runtimes.embedded import EmbeddedRuntime, Pace
from tocsin.runtimes.pulse import Silence


class Idle:
    """Delivers nothing: the test looks into the outbox."""

    async def run_once(self) -> int:
        return 0


async def test_a_source_that_is_stopped_rings_and_the_others_go_on() -> None:
    store = MemoryStore()
    refused = ScriptedSource("vk", [SourceStopped("the token was revoked: make a new one")], finite=False)
    talks = ScriptedSource("news", [[record(1, "aurora")]], finite=False)
    runtime = EmbeddedRuntime(
        engine=build_engine(store), store=store, sources=[refused, talks], courier=Idle(), clock=clock,
        metrics=Metrics(), pace=Pace(tick=0.02),
    )  # fmt: skip
    stop = asyncio.Event()
    running = asyncio.create_task(runtime.run(until_idle=False, stop=stop))
    for _ in range(500):
        if store.alerts():
            break
        await asyncio.sleep(0.01)
    # Companions are waited for before anybody is told.
    due = runtime._engine.tick(clock() + timedelta(minutes=5))
    assert due is not None
    store.commit(due)
    stop.set()
    await running
    (alert,) = store.alerts()
    assert (alert.brand, alert.rule, alert.reason.code) == ("vk", "sources", "source_stopped")
    (told,) = [entry.notification for entry in store.outbox()]
    assert "the token was revoked: make a new one" in words(told, "en")
    assert len(store.mentions_of(record(1, "aurora").post.id)) == 1


def told_of_silence() -> Notification:
    silence = Silence(since=START, usually=40.2)
    return notification(about=incident(troubles.silent("vk", silence, START + timedelta(hours=2, minutes=10))))


def told_of_stop() -> Notification:
    return notification(about=incident(troubles.stopped("vk", "<b>token</b> gone", START)))


def words(sent: Notification, language: str) -> str:
    return compose(sent, language=language, timezone="UTC").plain.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("language", "silent", "stopped"),
    [
        ("en", "for 2 h; usually it is 40 an hour", "was stopped and hears nothing until someone acts"),
        ("ru", "уже 2 ч ничего не приходит, обычно 40 в час", "пока не вмешается человек"),
        ("kk", "2 сағат бойы ештеңе келмеді, әдетте сағатына 40", "адам араласпайынша"),
        ("cs", "už 2 h nic nepřišlo, obvykle 40 za hodinu", "dokud někdo nezasáhne"),
        ("ar", "منذ 2 س، والمعتاد 40 في الساعة", "حتى يتدخل أحد"),
    ],
)
def test_both_are_said_in_every_language(language: str, silent: str, stopped: str) -> None:
    assert silent in words(told_of_silence(), language)
    said = words(told_of_stop(), language)
    assert stopped in said
    assert "token" in said


def test_once_an_hour_it_is_another_alert_of_the_same_incident() -> None:
    silence = Silence(since=START, usually=40)
    ids = {troubles.silent("vk", silence, START + timedelta(minutes=minutes)).id for minutes in range(60, 180, 5)}
    assert len(ids) == 2
