"""Which incident an alert belongs to: one crisis is one incident.

While a brand is in a spike, everything about it joins that incident: the spike counts all themes together and a
model's theme wavers within one crisis (a leak is fraud, then legal, then support). Without a spike the theme
separates: a food poisoning and a data leak are two incidents with two people to handle them. Alerts within ten
minutes of an incident's start join it whatever their theme, because the same person is being called anyway.
"""

from collections.abc import Sequence
from datetime import timedelta

from alerting.incidents.state import VOLUME, Live
from domain.alert import Alert

SETTLING = timedelta(minutes=10)
SHARE = 0.15
MOST_LIVE = 8


def incident_for(alert: Alert, live: Sequence[Live]) -> int | None:
    """Index of the incident that `alert` joins, or None for a new one.

    Of several it is the one that shares the group, then the themes, then the latest active. A brand with eight
    incidents under way opens no more: the ninth would tell nobody anything.
    """
    fitting = [i for i, one in enumerate(live) if related(one, alert)]
    if not fitting and len(live) >= MOST_LIVE:
        fitting = list(range(len(live)))
    return max(fitting, key=lambda i: (_nearness(live[i], alert), live[i].active_at, -i), default=None)


def related(one: Live, alert: Alert) -> bool:
    """Whether the alert is about the same crisis."""
    if alert.group in one.groups or VOLUME in {alert.group, *one.groups}:
        return True
    if abs(alert.at - one.incident.opened_at) <= SETTLING:
        return True
    themes = one.incident.evidence.themes
    floor = SHARE * sum(themes.values())
    return any(themes.get(theme, 0) >= max(floor, 1) for theme in alert.evidence.themes)


def _nearness(one: Live, alert: Alert) -> float:
    if alert.group in one.groups:
        return 2.0
    total = sum(alert.evidence.themes.values())
    shared = sum(count for theme, count in alert.evidence.themes.items() if theme in one.groups)
    return shared / total if total else 0.0
