"""An incident: alerts grouped for people. A notification: one message about it to one receiver."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from domain.alert import Alert, Evidence, Severity

IncidentStatus = Literal["open", "acknowledged", "resolved"]
NotificationKind = Literal["opened", "escalated", "update", "resolved"]


class Step(Struct, frozen=True, kw_only=True):
    """One line of an incident's history: what happened, when, and why."""

    at: datetime
    what: str
    why: str = ""
    by: str = ""


class Incident(Struct, frozen=True, kw_only=True):
    """Alerts of one brand and group that people handle as one thing.

    `id` is hash(brand, group, time of the first alert). `alerts` keeps the latest 20, `alert_count` counts all;
    `mentions` counts the mentions behind them. `severity` is the highest seen.
    """

    id: str
    brand: str
    group: str
    status: IncidentStatus
    severity: Severity
    opened_at: datetime
    updated_at: datetime
    alerts: tuple[Alert, ...]
    alert_count: int
    mentions: int
    evidence: Evidence
    timeline: tuple[Step, ...] = ()
    assignee: str = ""
    acknowledged_by: str = ""
    resolved_at: datetime | None = None


class Notification(Struct, frozen=True, kw_only=True):
    """An order to tell one receiver about an incident as it stood at `at`.

    `id` is hash(incident id, sequence, receiver): the same order decided twice is the same row of the outbox.
    `why` is the routing reason (route, grouping, repeat) shown to the person and stored.
    """

    id: str
    receiver: str
    kind: NotificationKind
    sequence: int
    incident: Incident
    at: datetime
    why: str = ""
