"""`tocsin alert`, a turn at a time: ticks, partitions that come and go, poison, and what is held in hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.config import IncidentConfig, RouteConfig
from alerting.incidents import build as build_incidents
from alerting.rules import critical_mention
from domain.dead_letter import DeadLetter
from domain.event import Event, MentionEvent, Output
from processors.dedupe import Dedupe
from storage.cluster import Origin
from tests.kit.alerts import BRAND, at, judged, mention
from tests.kit.alerts import heard as event_of
from tests.kit.deciding import PARTITIONS, World, heard
from tests.kit.ingest import Clock
from tests.kit.processing import Effect, Killed
from tocsin.runtimes.cluster.broker import partition_of
from tocsin.runtimes.cluster.hold import Flooded
from tocsin.runtimes.cluster.wire import MENTIONS, MENTIONS_DEAD, STORIES, Heard, backfill
from tocsin.stages import Fold

CRITICAL = judged("negative", "critical", "safety", critical=0.9)
WAIT = 30.0
OTHER = next(
    name
    for name in map(str, range(100))
    if partition_of(name.encode(), PARTITIONS) != partition_of(BRAND.encode(), PARTITIONS)
)
MINE = partition_of(BRAND.encode(), PARTITIONS)


def folds() -> list[Fold[Any]]:
    """Deduplication, one rule, and incidents that wait half a minute for companions."""
    return [
        Dedupe(),
        critical_mention.build(critical_mention.Config()),
        build_incidents(
            IncidentConfig(group_wait_seconds=WAIT),
            (RouteConfig(receiver="desk", severity="minor"),),
            receivers=("desk",),
        ),
    ]


def alarm(name: str = "m1", when: datetime | None = None, *, brand: str = BRAND) -> MentionEvent:
    return event_of(name, when or at(1), judgement=CRITICAL, brand=brand)


def orders(world: World) -> list[str]:
    return [one.kind for one in world.decided()["notifications"].values()]


def killed_before(step: str) -> Effect:
    def effect(now: str) -> None:
        if now.startswith(step):
            raise Killed

    return effect


def test_time_alone_sends_what_waited_for_companions() -> None:
    world, clock = World(), Clock()
    clock.now = at(1)
    alerter = world.alerter(folds=folds(), live=True, now=clock)
    world.hear(heard([alarm()]))
    alerter.turn()
    assert orders(world) == []
    clock.now = at(1, seconds=WAIT + 1)
    alerter.turn()
    assert orders(world) == ["opened"]


def test_recorded_streams_keep_their_own_time() -> None:
    world, clock = World(), Clock()
    clock.now = at(1)
    alerter = world.alerter(folds=folds(), live=False, now=clock)
    world.hear(heard([alarm()]))
    alerter.turn()
    clock.now = at(5)
    alerter.turn()
    assert orders(world) == []
    alerter.finish()
    assert orders(world) == ["opened"]


def test_while_live_messages_wait_it_is_their_time_and_not_later() -> None:
    """An alerter that was away must not close an incident before it has read what kept it open."""
    world, clock = World(), Clock()
    clock.now = at(1)
    world.hear(heard([alarm()]))
    alerter = world.alerter(folds=folds(), live=True, now=clock, most=1)
    clock.now = at(9)
    for records in world.kafka.partitions.values():
        records[:] = [record._replace(at=at(1)) for record in records]
    alerter.turn()
    assert [one.status for one in world.decided()["incidents"].values()] == ["open"]
    alerter.turn()
    assert [one.status for one in world.decided()["incidents"].values()] == ["resolved"]


def test_it_begins_with_the_brands_of_its_partitions_and_what_is_due_of_them() -> None:
    world, clock = World(), Clock()
    clock.now = at(1)
    world.hear(heard([alarm()]))
    world.alerter(folds=folds(), live=True, now=clock).turn()
    clock.now = at(2)
    successor = world.alerter(folds=folds(), live=True, now=clock, known=[BRAND, OTHER])
    successor.turn()
    assert orders(world) == ["opened"]


def test_it_begins_with_what_a_crash_left_undone_though_nothing_comes_any_more() -> None:
    world = World()
    world.hear(heard([alarm()]))
    world.happening(killed_before("applying"))
    with pytest.raises(Killed):
        world.alerter(folds=folds()).turn()
    world.happening(lambda _: None)
    assert world.decided()["alerts"] == {}
    world.kafka.committed[MENTIONS, MINE] = 1
    world.alerter(folds=folds(), known=[BRAND]).turn()
    assert len(world.decided()["alerts"]) == 1


def test_a_brand_whose_partition_went_is_let_go_and_loaded_anew_when_it_is_back() -> None:
    world, clock = World(), Clock()
    clock.now = at(1)
    alerter = world.alerter(folds=folds(), live=True, now=clock)
    member = world.kafka.consumers[-1]
    world.hear(heard([alarm()]))
    alerter.turn()
    member.move({(MENTIONS, 1 - MINE)})
    clock.now = at(2)
    alerter.turn()
    assert orders(world) == [], "the time is for the process that has the partition now"
    assert BRAND not in alerter._book
    member.move({(MENTIONS, 0), (MENTIONS, 1)})
    world.hear(heard([alarm("m0"), alarm("m2", at(1, minutes=1))]))
    alerter.turn()
    assert orders(world) == ["opened"]
    assert world.metrics.conflicts.labels("brand")._value.get() == 0


def test_time_is_told_only_where_the_live_partition_is() -> None:
    world, clock = World(), Clock()
    clock.now = at(1)
    world.hear(heard([alarm()]))
    first = world.alerter(folds=folds(), live=True, now=clock)
    first.turn()
    historian = world.alerter(folds=folds(), live=True, now=clock)
    world.kafka.consumers[-1].move({(backfill(MENTIONS), number) for number in range(PARTITIONS)})
    old = replace(alarm("h1"), mention=mention("h1", at(0), origin="backfill"))
    world.hear(heard([old], line="posts.backfill-0"), history=True)
    clock.now = at(2)
    while not world.kafka.committed.get((backfill(MENTIONS), MINE)):
        historian.turn()
    historian.turn()
    assert orders(world) == []
    first.turn()
    assert orders(world) == ["opened"]
    assert world.metrics.conflicts.labels("brand")._value.get() == 1


def test_stories_of_history_go_to_their_own_topic() -> None:
    world = World()
    world.hear(heard([event_of("m1", at(1))]))
    world.hear(heard([event_of("h1", at(0), origin="backfill")], line="posts.backfill-0"), history=True)
    world.run(world.alerter(folds=folds()))
    assert [one.event.mention.id for one in world.told(STORIES)] == ["m1"]
    assert [(one.event.mention.id, one.sequence) for one in world.told(backfill(STORIES))] == [("h1", 2)]


def test_every_version_is_told_under_a_sequence_of_its_own() -> None:
    world = World()
    versions = [event_of("m1", at(1)), event_of("m1", at(1), "edited", text="still late"), event_of("m2", at(1))]
    world.hear(heard(versions))
    world.run(world.alerter(folds=folds()))
    assert [(one.event.mention.id, one.event.change, one.sequence) for one in world.told(STORIES)] == [
        ("m1", "new", 1), ("m1", "edited", 2), ("m2", "new", 3),
    ]  # fmt: skip


def test_a_message_delivered_again_is_counted_and_changes_nothing() -> None:
    world = World()
    messages = heard([alarm()])
    world.hear(messages)
    alerter = world.alerter(folds=folds())
    world.run(alerter)
    before = world.decided()
    world.hear(messages)
    world.run(alerter)
    assert world.decided() == before
    assert len(world.told(STORIES)) == 1
    assert world.metrics.redelivered.labels("alert")._value.get() == 1


def test_poison_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    world = World()
    good = heard([alarm()])
    world.hear(good)
    value = world.kafka.partitions[MENTIONS, MINE][0].value or b""
    world.kafka.partitions.clear()
    world.kafka.put(MENTIONS, value[:-1] + b',{"event":7}]')
    world.kafka.put(MENTIONS, b"\xff\xfe")
    world.run(world.alerter(folds=folds()))
    letters = world.topics.messages(MENTIONS_DEAD, DeadLetter)
    assert [(one.stage, one.reason, one.where, one.raw) for one in letters] == [
        ("alert", "bad_message", "mentions-0:0.1", b'{"event":7}'),
        ("alert", "bad_json", "mentions-0:1.0", b"\xff\xfe"),
    ]
    assert len(world.told(STORIES)) == 1
    assert world.kafka.left() == 0


def test_a_time_without_its_zone_is_refused_before_any_rule_compares_it() -> None:
    world = World()
    naive = alarm()
    world.hear(heard([replace(naive, mention=replace(naive.mention, event_at=at(1).replace(tzinfo=None)))]))
    world.run(world.alerter(folds=folds()))
    assert [one.reason for one in world.topics.messages(MENTIONS_DEAD, DeadLetter)] == ["no_timezone"]


def test_a_flood_of_poison_stops_the_line_after_its_letters_are_kept() -> None:
    world = World()
    for _ in range(1_000):
        world.kafka.put(MENTIONS, b"{")
    alerter = world.alerter(folds=folds(), most=10_000)
    with pytest.raises(Flooded, match=r"1,000 messages in a row.*tocsin alert"):
        world.run(alerter)
    assert len(world.topics.messages(MENTIONS_DEAD, DeadLetter)) == 1_000


class Breaks:
    """A rule that cannot bear one mention."""

    name = "breaks"
    accepts: tuple[type, ...] = (MentionEvent,)
    state_type = int

    def initial(self) -> int:
        return 0

    def due(self, state: int) -> datetime | None:
        del state
        return None

    def step(self, state: int, event: Event) -> tuple[int, Sequence[Output]]:
        assert isinstance(event, MentionEvent)
        if event.mention.id == "m1":
            raise ValueError("a mention that breaks the rule")
        return state + 1, []


def test_a_mention_that_breaks_a_rule_is_kept_as_a_letter_and_still_told() -> None:
    world = World()
    world.hear(heard([alarm("m1"), alarm("m2")]))
    world.run(world.alerter(folds=[*folds(), Breaks()]))  # type: ignore[list-item]  # a sequence is a list enough
    (row,) = world.decisions.store.dead_letters()
    assert (row.letter.stage, row.letter.reason) == ("breaks", "stage_error")
    assert [one.event.mention.id for one in world.told(STORIES)] == ["m1", "m2"]


def test_the_lines_of_a_brand_are_seen_apart() -> None:
    world = World()
    world.hear(
        [
            Heard(event=alarm(name), origin=Origin(line, offset, 0), month="2026-11")
            for name, line, offset in (("m1", "posts-0", 7), ("m2", "posts-1", 3), ("m3", "posts-0", 6))
        ]
    )
    world.run(world.alerter(folds=folds()))
    assert [one.event.mention.id for one in world.told(STORIES)] == ["m1", "m2"]
    state = world.brands.load([BRAND])[BRAND].state
    assert state.seen == {"posts-0": (7, 0), "posts-1": (3, 0)}


def test_under_load_a_brand_is_saved_once_a_turn() -> None:
    world = World()
    world.hear(heard([event_of(f"m{n}", at(1, seconds=n)) for n in range(400)]), [1])
    world.run(world.alerter(folds=folds(), most=100))
    assert len(world.brands.saved) == 4


def test_it_counts_what_it_decides() -> None:
    world = World()
    world.hear(heard([alarm()]))
    alerter = world.alerter(folds=folds())
    world.run(alerter)
    said = world.metrics.render().decode()
    assert 'tocsin_alerts_total{kind="critical_mention",reason="critical",severity="critical"} 1.0' in said
    assert 'tocsin_consumed_total{topic="mentions"} 1.0' in said
    assert 'tocsin_published_total{topic="stories"} 1.0' in said
    assert (alerter.tally.messages, alerter.tally.alerts, len(alerter.tally.incidents)) == (1, 1, 1)


def test_the_steps_of_a_turn_come_in_the_order_that_a_crash_bears() -> None:
    world, steps = World(), list[str]()
    world.hear(heard([alarm()]))
    world.happening(steps.append)
    world.alerter(folds=folds()).turn()
    assert [step.split()[0] for step in steps] == [
        "loading", "publishing", "published", "saving", "saved", "applying", "applied", "committing", "committed",
    ]  # fmt: skip
