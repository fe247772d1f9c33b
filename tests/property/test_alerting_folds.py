"""What holds for any stream: replay = resume, edits count nothing, order and ticks decide nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.config import IncidentConfig, RouteConfig
from alerting.incidents import build as build_incidents
from alerting.rules import critical_mention, influencer, keyword, spike
from alerting.rules.registry import RULES
from alerting.rules.spike.state import SpikeState
from domain.alert import Alert
from domain.event import Event, MentionEvent, Output, Tick
from domain.incident import Incident, Notification
from domain.silence import Silence
from tests.kit.alerts import BRAND, alert, at, heard, judged, spike_alert, usual_rules
from tocsin.stages import Fold

JUDGEMENTS = [
    judged(),
    judged("neutral", "low", "other"),
    judged("negative", "critical", "safety", critical=0.9),
    judged("negative", "high", "legal", critical=0.4),
    None,
]

rules: list[Fold[Any]] = [
    *(RULES[config.name].load().build(config) for config in usual_rules()),
    keyword.build(keyword.Config(words=["late"], cool_down_minutes=5)),
    spike.build(spike.Config(of="all", minimum=2, ratio=1.5, chance=0.05)),
    critical_mention.build(critical_mention.Config(cool_down_minutes=0, threshold=0.3)),
    influencer.build(influencer.Config(followers=10, cool_down_minutes=1)),
]


@st.composite
def mentions(draw: st.DrawFn, *, span: float = 40, most: int = 60) -> list[MentionEvent]:
    """New mentions in any order of time within a couple of days, some repeated as edits or deleted."""
    events: list[MentionEvent] = []
    for n, (hour, judgement, followers) in enumerate(
        draw(
            st.lists(
                st.tuples(st.floats(0, span), st.sampled_from(JUDGEMENTS), st.sampled_from([None, 5, 50])),
                max_size=most,
            )
        )
    ):
        events.append(heard(f"m{n}", at(round(hour, 3)), judgement=judgement, followers=followers))
    return events


def run(fold: Fold[Any], events: Sequence[Event], state: Any = None) -> tuple[Any, list[Output]]:
    state, said = fold.initial() if state is None else state, list[Output]()
    for event in events:
        state, more = fold.step(state, event)
        said += more
    return state, said


def stored_and_read(fold: Fold[Any], state: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=fold.state_type)


@given(events=mentions(), cut=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_a_rule_resumed_anywhere_says_what_it_would_have_said(events: list[MentionEvent], cut: int) -> None:
    for fold in rules:
        straight = run(fold, events)
        state, said = run(fold, events[:cut])
        state, more = run(fold, events[cut:], stored_and_read(fold, state))
        assert (state, said + more) == straight


@given(events=mentions(), data=st.data())
@settings(max_examples=40, deadline=None)
def test_edits_repeated_at_will_change_no_counts_and_ring_nothing_twice(
    events: list[MentionEvent], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=20)) if events else []
    edits = [MentionEvent(mention=event.mention, change="edited") for event in repeats]
    for fold in rules:
        state, said = run(fold, events)
        after, more = run(fold, edits, state)
        assert not {one.id for one in said if isinstance(one, Alert)} & {
            one.id for one in more if isinstance(one, Alert)
        }
        if isinstance(state, SpikeState):
            assert (after, more) == (state, [])


@given(events=mentions(span=6), data=st.data())
@settings(max_examples=40, deadline=None)
def test_order_within_the_lateness_changes_no_counts(events: list[MentionEvent], data: st.DataObject) -> None:
    fold = spike.build(spike.Config())
    shuffled = data.draw(st.permutations(events))
    one, other = run(fold, events)[0], run(fold, shuffled)[0]
    for series in ("all", "negative"):
        assert getattr(one, series).recent == getattr(other, series).recent
        assert getattr(one, series).hours == getattr(other, series).hours
    assert (one.now, one.since, {s.bucket: s.counts for s in one.seen}) == (
        other.now, other.since, {s.bucket: s.counts for s in other.seen},
    )  # fmt: skip


@given(events=mentions())
@settings(max_examples=40, deadline=None)
def test_what_is_deleted_never_was(events: list[MentionEvent]) -> None:
    fold = spike.build(spike.Config())
    state, _ = run(fold, events)
    state, _ = run(fold, [MentionEvent(mention=event.mention, change="deleted") for event in events], state)
    assert sum(state.all.recent) == sum(state.negative.recent) == sum(state.all.hours) == 0


@given(events=mentions())
@settings(max_examples=20, deadline=None)
def test_a_step_leaves_the_old_state_as_it_was(events: list[MentionEvent]) -> None:
    for fold in rules:
        state = fold.initial()
        for event in events:
            before = msgspec.msgpack.encode(state)
            after, _ = fold.step(state, event)
            assert msgspec.msgpack.encode(state) == before
            state = after


SILENCE = Silence(id="s", rule="spike", starts_at=at(2), ends_at=at(4))
incidents = build_incidents(
    IncidentConfig(resolve_after_seconds=3600, group_interval_seconds=600),
    (RouteConfig(receiver="duty", severity="major"), RouteConfig(receiver="night", severity="critical")),
    silences=(SILENCE,),
)


@st.composite
def crises(draw: st.DrawFn) -> list[Event]:
    """Alerts and mentions in order of time over half a day."""
    moments = sorted(draw(st.lists(st.integers(0, 720), max_size=40)))
    themes = ["safety", "legal", "fraud_security"]
    events: list[Event] = []
    for n, minute in enumerate(moments):
        when = at(0, minutes=minute)
        kind = draw(st.integers(0, 4))
        if kind == 0:
            events.append(spike_alert(f"s{n}", when, mentions=draw(st.integers(5, 40))))
        elif kind == 1:
            events.append(
                alert(
                    f"a{n}",
                    when,
                    group=draw(st.sampled_from(themes)),
                    severity=draw(st.sampled_from(("major", "critical"))),
                )
            )
        else:
            events.append(heard(f"m{n}", when, judgement=draw(st.sampled_from(JUDGEMENTS))))
    return events


@given(events=crises(), cut=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_incidents_resumed_anywhere_say_what_they_would_have_said(events: list[Event], cut: int) -> None:
    straight = run(incidents, events)
    state, said = run(incidents, events[:cut])
    state, more = run(incidents, events[cut:], stored_and_read(incidents, state))
    assert (state, said + more) == straight


@given(events=crises(), moments=st.lists(st.integers(0, 60 * 900), max_size=30))
@settings(max_examples=80, deadline=None)
def test_ticks_put_in_anywhere_decide_nothing(events: list[Event], moments: list[int]) -> None:
    end = at(20)
    without = run(incidents, [*events, Tick(brand=BRAND, at=end)])
    ticks: list[Event] = [Tick(brand=BRAND, at=at(0, seconds=second)) for second in moments]
    ticked = sorted([*ticks, *events], key=lambda event: (event.at, not isinstance(event, Tick)))
    assert run(incidents, [*ticked, Tick(brand=BRAND, at=end)]) == without


@given(events=crises())
@settings(max_examples=60, deadline=None)
def test_every_telling_has_its_own_id_and_follows_its_incidents_story(events: list[Event]) -> None:
    _, said = run(incidents, [*events, Tick(brand=BRAND, at=at(30))])
    notices = [one for one in said if isinstance(one, Notification)]
    assert len({one.id for one in notices}) == len(notices)
    stories: dict[tuple[str, str], list[str]] = {}
    for one in notices:
        stories.setdefault((one.incident.id, one.receiver), []).append(one.kind)
    for kinds in stories.values():
        assert kinds[0] == "opened"
        assert kinds[-1] == "resolved"
        assert kinds.count("opened") == kinds.count("resolved") == 1
    last = {one.id: one.status for one in said if isinstance(one, Incident)}
    assert set(last.values()) <= {"resolved"}


@given(events=crises())
@settings(max_examples=40, deadline=None)
def test_due_never_lies_in_the_past(events: list[Event]) -> None:
    state = incidents.initial()
    latest: datetime | None = None
    for event in events:
        state, _ = incidents.step(state, event)
        latest = max(latest or event.at, event.at)
        due = incidents.due(state)
        assert due is None or due > latest - timedelta(seconds=1)
