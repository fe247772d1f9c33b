"""Alerts become incidents, and people hear of them once, in time, with a reason."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from alerting.config import IncidentConfig, RouteConfig
from alerting.incidents import Incidents, IncidentsState, build
from alerting.route import effective_routes
from domain.act import Acknowledge, AnyAct, Assign, Correct, Resolve
from domain.event import ActEvent, Event, Output, Tick
from domain.incident import Incident, Notification
from domain.silence import Silence
from tests.kit.alerts import BRAND, alert, at, heard, judged, spike_alert


def fold(*routes: RouteConfig, silences: tuple[Silence, ...] = (), **config: Any) -> Incidents:
    return build(
        IncidentConfig(**{"group_wait_seconds": 30, **config}), routes, receivers=("duty",), silences=silences
    )


def told(fold: Incidents, *events: Event, state: IncidentsState | None = None) -> tuple[IncidentsState, list[Output]]:
    state, said = state or fold.initial(), list[Output]()
    for event in events:
        state, more = fold.step(state, event)
        said += more
    return state, said


def notices(said: list[Output]) -> list[Notification]:
    return [one for one in said if isinstance(one, Notification)]


def incidents(said: list[Output]) -> dict[str, Incident]:
    return {one.id: one for one in said if isinstance(one, Incident)}


def tick(when: datetime, *, drain: bool = False) -> Tick:
    return Tick(brand=BRAND, at=when, drain=drain)


def act(what: AnyAct) -> ActEvent:
    return ActEvent(act=what)


def test_as_configured_by_default_the_first_alert_rings_at_once() -> None:
    usual = build(IncidentConfig(), (), receivers=("duty",))
    state, said = told(usual, alert("a", at(1)))
    assert usual.due(state) == at(1)
    _, said = told(usual, tick(at(1)), state=state)
    assert [one.kind for one in notices(said)] == ["opened"]


def test_a_new_incident_waits_for_its_companions_and_rings_once() -> None:
    state, said = told(fold(), alert("a", at(1)))
    assert not notices(said)
    assert fold().due(state) == at(1, seconds=30)
    state, said = told(fold(), spike_alert("b", at(1, seconds=10)), tick(at(1, seconds=29)), state=state)
    assert not notices(said)
    state, said = told(fold(), tick(at(1, seconds=30)), tick(at(2)), state=state)
    (notice,) = notices(said)
    assert (notice.kind, notice.receiver, notice.at) == ("opened", "duty", at(1, seconds=30))
    assert notice.incident.severity == "critical"
    assert [one.rule for one in notice.incident.alerts] == ["critical_mention", "spike"]
    assert notice.incident.mentions == 47
    assert "severity >= major" in notice.why


def test_time_passes_with_mentions_as_it_does_with_ticks() -> None:
    _, by_ticks = told(fold(), alert("a", at(1)), tick(at(1, seconds=30)), heard("m", at(1, minutes=5)))
    _, by_mentions = told(fold(), alert("a", at(1)), heard("m", at(1, minutes=5)))
    assert notices(by_mentions) == notices(by_ticks)


def test_the_end_of_a_recorded_stream_gives_out_what_waits_and_closes_nothing() -> None:
    state, said = told(fold(), alert("a", at(1)), tick(at(1, seconds=30), drain=True))
    (notice,) = notices(said)
    assert (notice.at, notice.incident.status) == (at(1), "open")
    again, said = told(fold(), tick(at(9), drain=True), state=state)
    assert (again, said) == (state, [])


def test_one_crisis_is_one_incident_whatever_its_theme_is_taken_for() -> None:
    _, said = told(
        fold(),
        alert("a", at(1), group="fraud_security"),
        spike_alert("b", at(1, minutes=3)),
        alert("c", at(1, minutes=40), group="legal"),
        alert("d", at(2), group="support", rule="influencer", severity="major"),
    )
    (incident,) = incidents(said).values()
    assert incident.alert_count == 4
    assert incident.severity == "critical"


def test_without_a_spike_another_theme_is_another_incident() -> None:
    _, said = told(fold(), alert("a", at(1), group="fraud_security"), alert("b", at(2), group="safety"))
    assert len(incidents(said)) == 2
    assert {one.group for one in incidents(said).values()} == {"fraud_security", "safety"}


def test_in_the_first_ten_minutes_another_theme_joins() -> None:
    _, said = told(fold(), alert("a", at(1), group="fraud_security"), alert("b", at(1, minutes=9), group="safety"))
    assert len(incidents(said)) == 1


def test_a_brand_has_at_most_eight_incidents_under_way() -> None:
    alerts = [alert(f"a{n}", at(1, minutes=15 * n), group=f"keyword:{n}", themes={}) for n in range(12)]
    state, said = told(fold(resolve_after_seconds=86_400), *alerts)
    assert len(state.live) == 8
    assert len(incidents(said)) == 8


def test_ids_are_the_same_on_every_machine() -> None:
    events: list[Event] = [alert("a", at(1)), tick(at(1, minutes=1))]
    assert notices(told(fold(), *events)[1]) == notices(told(fold(), *events)[1])
    (notice,) = notices(told(fold(), *events)[1])
    assert len({notice.id, notice.incident.id}) == 2


def test_an_update_comes_when_mentions_doubled_and_not_before_the_interval() -> None:
    opened: list[Event] = [spike_alert("a", at(1), mentions=10), tick(at(1, minutes=1))]
    more = [heard(f"m{n}", at(1, minutes=2, seconds=n)) for n in range(30)]
    state, said = told(fold(), *opened, *more)
    assert [one.kind for one in notices(said)] == ["opened"]
    assert fold().due(state) == at(1, minutes=15, seconds=30)
    state, said = told(fold(), tick(at(1, minutes=16)), tick(at(1, minutes=50)), state=state)
    (update,) = notices(said)
    assert (update.kind, update.at, update.incident.mentions) == ("update", at(1, minutes=15, seconds=30), 40)


def test_without_anything_new_there_is_no_update() -> None:
    more = [heard(f"m{n}", at(1, minutes=2 + n)) for n in range(9)]
    _, said = told(
        fold(), spike_alert("a", at(1), mentions=47), tick(at(1, minutes=1)), *more, tick(at(2, minutes=30))
    )
    assert [one.kind for one in notices(said)] == ["opened"]


def test_a_rise_in_severity_rings_without_waiting_for_the_interval() -> None:
    state, said = told(fold(), spike_alert("a", at(1)), tick(at(1, minutes=1)), alert("b", at(1, minutes=2)))
    state, said = told(fold(), tick(at(1, minutes=3)), state=state)
    (notice,) = notices(said)
    assert (notice.kind, notice.at) == ("escalated", at(1, minutes=2, seconds=30))


def test_quiet_closes_an_incident_with_an_all_clear_to_those_who_were_told() -> None:
    _, said = told(fold(), alert("a", at(1)), tick(at(4)))
    opened, over = notices(said)
    assert (over.kind, over.at, over.incident.status) == ("resolved", at(3), "resolved")
    assert over.incident.resolved_at == at(3)
    assert over.id != opened.id
    assert not notices(told(fold(all_clear=False), alert("a", at(1)), tick(at(4)))[1])[1:]


def test_a_spike_that_goes_on_is_not_over() -> None:
    steady = [heard(f"m{n}", at(1, minutes=2 * n)) for n in range(1, 180)]
    state, said = told(fold(), spike_alert("a", at(1)), *steady)
    assert [one.kind for one in notices(said)] == ["opened", "update", "update"]
    assert len(state.live) == 1
    few = [heard(f"late{n}", at(7 + n)) for n in range(1, 4)]
    _, said = told(fold(), *few, state=state)
    assert [one.kind for one in notices(said)] == ["resolved"]


def test_after_it_was_over_the_next_alert_opens_a_new_incident() -> None:
    _, said = told(fold(), alert("a", at(1)), alert("b", at(9)), tick(at(9, minutes=1)))
    assert len(incidents(said)) == 2
    assert [one.kind for one in notices(said)] == ["opened", "resolved", "opened"]


def test_routes_choose_receivers_by_severity_brand_and_rule() -> None:
    routes = (
        RouteConfig(receiver="all", severity="minor"),
        RouteConfig(receiver="night", severity="critical"),
        RouteConfig(receiver="other", severity="minor", brand="Borealis Jet"),
        RouteConfig(receiver="volume", severity="minor", rule="spike"),
    )
    _, said = told(fold(*routes), spike_alert("a", at(1)), tick(at(1, minutes=1)))
    assert [one.receiver for one in notices(said)] == ["all", "volume"]
    _, said = told(
        fold(*routes),
        spike_alert("a", at(1)),
        tick(at(1, minutes=1)),
        alert("b", at(1, minutes=2)),
        tick(at(1, minutes=3)),
    )
    assert [(one.receiver, one.kind) for one in notices(said)] == [
        ("all", "opened"), ("volume", "opened"), ("all", "escalated"), ("night", "opened"), ("volume", "escalated"),
    ]  # fmt: skip


def test_without_routes_everyone_hears_of_major_and_above_and_without_receivers_the_terminal() -> None:
    assert [(r.receiver, r.severity) for r in effective_routes((), ("a", "b"))] == [("a", "major"), ("b", "major")]
    assert [r.receiver for r in effective_routes((), ())] == ["console"]
    minor = spike_alert("a", at(1), severity="minor")
    state, said = told(fold(), minor, tick(at(1, minutes=5)))
    assert not notices(said)
    assert incidents(said)
    _, said = told(fold(), tick(at(9)), state=state)
    assert not notices(said)


def test_a_silence_keeps_quiet_and_says_so_and_its_end_rings_with_the_reason() -> None:
    silence = Silence(id="s1", brand=BRAND, starts_at=at(0), ends_at=at(2), by="Dana", comment="launch")
    silenced = fold(silences=(silence,))
    state, said = told(
        silenced, alert("a", at(1)), tick(at(1, minutes=30)), alert("b", at(1, minutes=40)), tick(at(1, minutes=59))
    )
    assert not notices(said)
    (incident,) = incidents(said).values()
    (step,) = [step for step in incident.timeline if step.what == "silenced"]
    assert (step.by, step.at) == ("Dana", at(1, seconds=30))
    assert "launch" in step.why
    _, said = told(silenced, tick(at(2)), state=state)
    (notice,) = notices(said)
    assert (notice.kind, notice.at) == ("opened", at(2))
    assert "silence s1" in notice.why


def test_an_alert_that_no_silence_covers_rings_through() -> None:
    silence = Silence(id="s1", rule="spike", starts_at=at(0), ends_at=at(20))
    state, said = told(fold(silences=(silence,)), spike_alert("a", at(1)), tick(at(1, minutes=5)))
    assert not notices(said)
    _, said = told(fold(silences=(silence,)), alert("b", at(1, minutes=6)), tick(at(1, minutes=7)), state=state)
    assert [one.kind for one in notices(said)] == ["opened"]


def opened_incident() -> tuple[IncidentsState, Incident]:
    state, _ = told(fold(), spike_alert("a", at(1), mentions=10), tick(at(1, minutes=1)))
    return state, state.live[0].incident


def test_an_acknowledged_incident_updates_nobody_until_it_gets_worse() -> None:
    state, incident = opened_incident()
    taken = Acknowledge(id="1", by="Dana", at=at(1, minutes=2), brand=BRAND, incident=incident.id)
    more = [heard(f"m{n}", at(1, minutes=3, seconds=n)) for n in range(40)]
    state, said = told(fold(), act(taken), *more, tick(at(1, minutes=40)), state=state)
    assert not notices(said)
    assert state.live[0].incident.status == "acknowledged"
    assert state.live[0].incident.acknowledged_by == "Dana"
    _, said = told(fold(), alert("b", at(1, minutes=41)), tick(at(1, minutes=42)), state=state)
    assert [one.kind for one in notices(said)] == ["escalated"]


def test_an_acknowledgement_that_runs_out_opens_the_incident_again() -> None:
    state, incident = opened_incident()
    taken = Acknowledge(id="1", by="Dana", at=at(1, minutes=2), brand=BRAND, incident=incident.id, until=at(1.5))
    more = [heard(f"m{n}", at(1, minutes=3, seconds=n)) for n in range(40)]
    state, said = told(fold(), act(taken), *more, tick(at(1, minutes=29)), state=state)
    assert not notices(said)
    state, said = told(fold(), tick(at(1, minutes=31)), state=state)
    assert [(one.kind, one.at) for one in notices(said)] == [("update", at(1.5))]
    assert state.live[0].incident.status == "open"


def test_an_act_repeated_or_about_another_incident_changes_nothing() -> None:
    state, incident = opened_incident()
    once = [
        act(Acknowledge(id="1", by="Dana", at=at(1.1), brand=BRAND, incident=incident.id)),
        act(Assign(id="2", by="Dana", at=at(1.2), brand=BRAND, incident=incident.id, assignee="Ilya")),
    ]
    strange = [
        act(Resolve(id="3", by="Dana", at=at(1.2), brand=BRAND, incident="another")),
        act(Correct(id="4", by="Dana", at=at(1.2), brand=BRAND, mention="m", sentiment="positive")),
    ]
    after, _ = told(fold(), *once, state=state)
    assert [step.what for step in after.live[0].incident.timeline[-2:]] == ["acknowledged", "assigned"]
    assert after.live[0].incident.assignee == "Ilya"
    assert told(fold(), *once, *strange, state=after) == (after, [])


def test_a_person_closes_an_incident_and_those_who_were_told_hear_it() -> None:
    state, incident = opened_incident()
    done = Resolve(id="3", by="Dana", at=at(1.2), brand=BRAND, incident=incident.id, comment="refunded")
    state, said = told(fold(), act(done), state=state)
    (notice,) = notices(said)
    assert (notice.kind, notice.why) == ("resolved", "resolved by Dana")
    assert state.live == ()
    assert notice.incident.timeline[-1].why == "refunded"


def test_backfilled_mentions_and_late_ones_do_not_move_the_time() -> None:
    state, said = told(fold(), alert("a", at(1)), heard("b", at(20), origin="backfill"), heard("c", at(0)))
    assert not notices(said)
    assert state.now == at(1)


def test_a_mention_counts_once_with_its_alert_in_either_order() -> None:
    critical = judged("negative", "critical", "fraud_security")
    both: list[Event] = [heard("mention-b", at(1.5), judgement=critical), alert("b", at(1.5))]
    for events in (both, both[::-1]):
        _, said = told(fold(), alert("a", at(1)), *events)
        (incident,) = incidents(said).values()
        assert incident.mentions == 2


def test_mentions_that_are_not_about_it_are_not_counted() -> None:
    happy = judged("positive", "low", "praise")
    elsewhere = judged("negative", "normal", "price_billing")
    state, _ = told(
        fold(), alert("a", at(1)), heard("b", at(1.1), judgement=happy), heard("c", at(1.2), judgement=elsewhere)
    )
    assert state.live[0].incident.mentions == 1


def test_the_state_stays_small_however_long_a_crisis_is() -> None:
    events: list[Event] = []
    for n in range(300):
        events += [
            spike_alert(f"a{n}", at(1, minutes=n), mentions=n + 1),
            heard(f"m{n}", at(1, minutes=n, seconds=30)),
        ]
    state, _ = told(fold(), *events)
    incident = state.live[0].incident
    assert len(incident.alerts) == 20
    assert incident.alert_count == 300
    assert len(incident.timeline) == 50
    assert incident.timeline[0].what == "opened"
    assert len(msgspec.msgpack.encode(state)) < 60_000


@pytest.mark.parametrize("wait", [0, 30])
def test_due_is_when_something_happens_and_not_before(wait: int) -> None:
    ring = fold(group_wait_seconds=wait)
    state, _ = told(ring, alert("a", at(1)))
    seen: list[str] = []
    while (due := ring.due(state)) is not None:
        just_before = told(ring, tick(due - timedelta(seconds=1)), state=state)[1]
        assert not notices(just_before)
        state, said = told(ring, tick(due), state=state)
        seen += [one.kind for one in notices(said)]
    assert seen == ["opened", "resolved"]


def test_what_was_said_long_before_an_incident_is_not_counted_in_it_however_late_it_is_heard() -> None:
    opened: list[Event] = [spike_alert("a", at(30), mentions=10)]
    state, _ = told(fold(), *opened, heard("yesterday", at(2)), heard("just before", at(29)), heard("after", at(31)))
    assert state.live[0].incident.mentions == 12
