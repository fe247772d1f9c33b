"""The fold that turns alerts into incidents and orders to notify; the last stage of the pipeline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from alerting.config import IncidentConfig, RouteConfig
from alerting.evidence import joined, mentions_in
from alerting.incidents import acts
from alerting.incidents.counting import counted, watch_of
from alerting.incidents.grouping import incident_for
from alerting.incidents.history import noted
from alerting.incidents.state import IncidentsState, Live, kept
from alerting.incidents.telling import knows_now, news, next_telling, notification, silence_over
from alerting.route import effective_routes, rank, routed
from domain.act import AnyAct
from domain.alert import Alert
from domain.event import ActEvent, Event, MentionEvent, Output, Tick
from domain.ids import stable_id
from domain.incident import Incident
from domain.mention import Mention
from domain.silence import Silence

REFRESH = timedelta(minutes=1)


def build(
    config: IncidentConfig,
    routes: Sequence[RouteConfig],
    *,
    receivers: Sequence[str] = (),
    silences: Sequence[Silence] = (),
) -> "Incidents":
    """The fold for these routes; `receivers` are the configured names, used when there is no route."""
    return Incidents(
        routes=effective_routes(routes, receivers),
        silences=tuple(silences),
        wait=timedelta(seconds=config.group_wait_seconds),
        interval=timedelta(seconds=config.group_interval_seconds),
        resolve_after=timedelta(seconds=config.resolve_after_seconds),
        all_clear=config.all_clear,
    )


@dataclass(frozen=True, kw_only=True)
class Incidents:
    """Groups alerts, waits for companions, tells those the routes name, and closes what went quiet.

    Time is learned from every event but acts: what was due before an event happens before it, at its own due time,
    so that a replay without ticks decides what live with ticks decided.
    """

    routes: tuple[RouteConfig, ...]
    silences: tuple[Silence, ...]
    wait: timedelta
    interval: timedelta
    resolve_after: timedelta
    all_clear: bool
    name: str = "incidents"
    accepts: tuple[type, ...] = (Alert, MentionEvent, Tick, ActEvent)
    state_type: type[IncidentsState] = IncidentsState

    def initial(self) -> IncidentsState:
        """No incident, no time."""
        return IncidentsState()

    def due(self, state: IncidentsState) -> datetime | None:
        """When time alone will change something."""
        return min((one.due(self.resolve_after) for one in state.live), default=None)

    def step(self, state: IncidentsState, event: Event) -> tuple[IncidentsState, list[Output]]:
        """Take an alert, a mention, an act or the time."""
        if isinstance(event, ActEvent):
            return self._act(state, event.act)
        if isinstance(event, Tick) and event.drain:
            return self._drain(state)
        if isinstance(event, MentionEvent) and event.mention.post.origin == "backfill":
            return state, []
        state, said = self._until(state, event.at)
        if isinstance(event, Alert):
            state, more = self._alert(state, event)
            said += more
        elif isinstance(event, MentionEvent) and event.change == "new" and state.live:
            state, more = self._mention(state, event.mention)
            said += more
        return state, said

    def _until(self, state: IncidentsState, at: datetime) -> tuple[IncidentsState, list[Output]]:
        """Let everything happen that was due by `at`, in order."""
        said: list[Output] = []
        while (due := self.due(state)) is not None and due <= at:
            state = replace(state, now=max(state.now or due, due))
            state, more = self._each(state, partial(self._ring, at=due))
            said += more
        return replace(state, now=max(state.now or at, at)), said

    def _each(
        self, state: IncidentsState, change: Callable[[Live], tuple[Live | None, list[Output]]]
    ) -> tuple[IncidentsState, list[Output]]:
        said: list[Output] = []
        live: list[Live] = []
        for one in state.live:
            after, more = change(one)
            said += more
            if after is not None:
                live.append(after)
        return replace(state, live=tuple(live)), said

    def _ring(self, one: Live, at: datetime) -> tuple[Live | None, list[Output]]:
        """Do what is due for one incident at `at`."""
        said: list[Output] = []
        until = one.acknowledged_until
        if until is not None and until <= at and one.incident.status == "acknowledged":
            one = self._planned(acts.acknowledgement_over(one, until), at)
            said.append(one.incident)
        if one.flush_at is not None and one.flush_at <= at:
            one, more = self._tell(one, at)
            said += more
        if one.active_at + self.resolve_after <= at:
            quiet = f"nothing new for {int(self.resolve_after.total_seconds()) // 60} min"
            return None, said + self._resolved(noted(one, at, "resolved", why=quiet), at, quiet)
        return one, said

    def _drain(self, state: IncidentsState) -> tuple[IncidentsState, list[Output]]:
        """The stream is over: tell now what waits, as of the latest time heard of."""
        now = state.now
        if now is None:
            return state, []

        def last_words(one: Live) -> tuple[Live, list[Output]]:
            if one.flush_at is not None:
                return self._tell(one, now)
            stale = one.incident.updated_at > one.published_at
            return replace(one, published_at=one.incident.updated_at), [one.incident] if stale else []

        return self._each(state, last_words)

    def _alert(self, state: IncidentsState, alert: Alert) -> tuple[IncidentsState, list[Output]]:
        now = max(state.now or alert.at, alert.at)
        index = incident_for(alert, state.live)
        if index is None:
            one = self._opened(alert, now)
            return replace(state, live=(*state.live, one)), [one.incident]
        one = self._planned(_joined(state.live[index], alert, now), now)
        live = (*state.live[:index], one, *state.live[index + 1 :])
        return replace(state, live=live), [one.incident]

    def _opened(self, alert: Alert, now: datetime) -> Live:
        incident = Incident(
            id=stable_id(alert.brand, alert.group, alert.at.isoformat()),
            brand=alert.brand,
            group=alert.group,
            status="open",
            severity=alert.severity,
            opened_at=alert.at,
            updated_at=now,
            alerts=kept((alert,)),
            alert_count=1,
            mentions=max(mentions_in(alert.evidence), 1),
            evidence=alert.evidence,
        )
        first = alert.evidence.first
        one = Live(
            incident=incident,
            groups=(alert.group,),
            rules=(alert.rule,),
            active_at=now,
            published_at=now,
            flush_at=now + self.wait if routed(incident, (alert.rule,), self.routes) else None,
            watch=watch_of(alert),
            last_counted=first.mention_id if first else "",
        )
        return noted(one, now, "opened", why=f"rule {alert.rule}: {alert.reason.code}")

    def _planned(self, one: Live, now: datetime) -> Live:
        """The same incident with the time of its next telling; one already planned earlier stays."""
        planned = next_telling(one, self.routes, now=now, wait=self.wait, interval=self.interval)
        if planned is None or (one.flush_at is not None and one.flush_at <= planned):
            return one
        return replace(one, flush_at=planned)

    def _mention(self, state: IncidentsState, mention: Mention) -> tuple[IncidentsState, list[Output]]:
        now = state.now or mention.event_at

        def count(one: Live) -> tuple[Live, list[Output]]:
            after = counted(one, mention)
            if after is one:
                return one, []
            after = replace(after, incident=replace(after.incident, updated_at=now))
            if after.told and after.flush_at is None:
                after = self._planned(after, now)
            if now - after.published_at < REFRESH:
                return after, []
            return replace(after, published_at=now), [after.incident]

        return self._each(state, count)

    def _tell(self, one: Live, at: datetime) -> tuple[Live, list[Output]]:
        """Tell everyone who has something new to hear, unless a silence holds."""
        one = replace(one, flush_at=None, sequence=one.sequence + 1, published_at=at)
        silence = silence_over(one, self.silences, at)
        if silence is not None:
            until = silence.ends_at.isoformat(timespec="minutes")
            why = f"silence {silence.id} until {until}{f' by {silence.by}' if silence.by else ''}: {silence.comment}"
            one = one if one.muted_by == silence.id else noted(one, at, "silenced", why=why, by=silence.by)
            one = replace(one, muted_by=silence.id, flush_at=silence.ends_at)
            return one, [one.incident]
        told = {known.receiver: known for known in one.told}
        wanted = routed(one.incident, one.rules, self.routes)
        orders = {receiver: kind for receiver in wanted if (kind := news(one, told.get(receiver))) is not None}
        if not orders:
            return one, [one.incident]
        after = f"; held back by silence {one.muted_by}, which ended" if one.muted_by else ""
        one = noted(one, at, "notified", why=", ".join(f"{receiver} ({kind})" for receiver, kind in orders.items()))
        one = replace(one, told=knows_now(one, tuple(orders), at), muted_by="")
        notices = [notification(one, r, kind, at, f"{wanted[r]}{after}") for r, kind in orders.items()]
        return one, [one.incident, *notices]

    def _resolved(self, one: Live, at: datetime, why: str) -> list[Output]:
        incident = replace(one.incident, status="resolved", resolved_at=at, updated_at=at)
        one = replace(one, incident=incident, sequence=one.sequence + 1)
        receivers = [known.receiver for known in one.told] if self.all_clear else []
        return [incident, *(notification(one, receiver, "resolved", at, why) for receiver in receivers)]

    def _act(self, state: IncidentsState, act: AnyAct) -> tuple[IncidentsState, list[Output]]:
        """Take an act in; about an incident that is over, or repeated, it changes nothing."""

        def apply(one: Live) -> tuple[Live | None, list[Output]]:
            after = acts.applied(one, act)
            if after is one:
                return one, []
            if after.incident.status == "resolved":
                return None, self._resolved(after, act.at, f"resolved by {act.by}")
            return after, [after.incident]

        return self._each(state, apply)


def _joined(one: Live, alert: Alert, now: datetime) -> Live:
    """The incident with one more alert."""
    incident, first = one.incident, alert.evidence.first
    known = first is not None and first.mention_id == one.last_counted
    evidence = (
        incident.evidence if known and mentions_in(alert.evidence) == 1 else joined(incident.evidence, alert.evidence)
    )
    mentions = max(incident.mentions, mentions_in(evidence))
    if mentions_in(alert.evidence) == 1 and not known:
        mentions = max(incident.mentions + 1, mentions_in(evidence))
    rises = rank(alert.severity) > rank(incident.severity)
    one = replace(
        one,
        incident=replace(
            incident,
            severity=alert.severity if rises else incident.severity,
            updated_at=now,
            alerts=kept((*incident.alerts, alert)),
            alert_count=incident.alert_count + 1,
            mentions=mentions,
            evidence=evidence,
        ),
        groups=_with(one.groups, alert.group),
        rules=_with(one.rules, alert.rule),
        active_at=max(one.active_at, now),
        published_at=now,
        watch=watch_of(alert) or one.watch,
        last_counted=first.mention_id if first else one.last_counted,
    )
    one = noted(one, now, "alert", why=f"rule {alert.rule}: {alert.reason.code}")
    return noted(one, now, f"severity {alert.severity}", why=f"rule {alert.rule}") if rises else one


def _with(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    return words if word in words else (*words, word)
