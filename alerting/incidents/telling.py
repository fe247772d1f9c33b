"""Who is to be told what about an incident, and when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from alerting.config import RouteConfig
from alerting.incidents.state import Live, Told
from alerting.route import rank, routed
from domain.ids import stable_id
from domain.incident import Notification, NotificationKind
from domain.silence import Silence

GROWN = 2
GROWN_BY = 10


def next_telling(
    one: Live, routes: Sequence[RouteConfig], *, now: datetime, wait: timedelta, interval: timedelta
) -> datetime | None:
    """When somebody has something new to hear, if at all."""
    times = []
    told = {known.receiver: known for known in one.told}
    for receiver in routed(one.incident, one.rules, routes):
        known = told.get(receiver)
        kind = news(one, known)
        if kind == "update" and known is not None:
            times.append(max(now, known.at + interval))
        elif kind is not None:
            times.append(now + wait)
    return min(times, default=None)


def news(one: Live, known: Told | None) -> NotificationKind | None:
    """What a receiver is to hear: the start, a rise in severity, something new, or nothing."""
    if known is None:
        return "opened"
    if rank(one.incident.severity) > rank(known.severity):
        return "escalated"
    if one.incident.status == "acknowledged":
        return None
    mentions = one.incident.mentions
    grown = mentions >= max(known.mentions * GROWN, known.mentions + GROWN_BY)
    changed = set(one.rules) - set(known.rules) or set(one.groups) - set(known.groups)
    return "update" if grown or changed else None


def notification(one: Live, receiver: str, kind: NotificationKind, at: datetime, why: str) -> Notification:
    """The order; the same decision always has the same id."""
    return Notification(
        id=stable_id(one.incident.id, kind, str(one.sequence), receiver),
        receiver=receiver,
        kind=kind,
        sequence=one.sequence,
        incident=one.incident,
        at=at,
        why=why,
    )


def knows_now(one: Live, receivers: Sequence[str], at: datetime) -> tuple[Told, ...]:
    """What everyone knows after these receivers were told."""
    others = tuple(known for known in one.told if known.receiver not in receivers)
    return others + tuple(
        Told(
            receiver=receiver,
            at=at,
            severity=one.incident.severity,
            mentions=one.incident.mentions,
            rules=one.rules,
            groups=one.groups,
        )
        for receiver in receivers
    )


def silence_over(one: Live, silences: Sequence[Silence], at: datetime) -> Silence | None:
    """The silence that holds the incident back at `at`: every alert of it is covered; the last to end is named."""
    holding = []
    for alert in one.incident.alerts:
        covering = [silence for silence in silences if silence.covers(replace(alert, at=at))]
        if not covering:
            return None
        holding.append(max(covering, key=lambda silence: silence.ends_at))
    return min(holding, key=lambda silence: silence.ends_at, default=None)
