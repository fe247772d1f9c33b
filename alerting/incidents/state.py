"""What the incidents fold remembers of a brand: the incidents under way, and who was told what."""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from domain.alert import Alert, Severity
from domain.incident import Incident

VOLUME = "volume"
"""The group of alerts that are about how much is said, not about what."""


class Told(Struct, frozen=True, kw_only=True):
    """What a receiver knows of an incident since the last message."""

    receiver: str
    at: datetime
    severity: Severity
    mentions: int
    rules: tuple[str, ...]
    groups: tuple[str, ...]


class Watch(Struct, frozen=True, kw_only=True):
    """The count that a spike alert spoke of: while it stays up, its incident is not quiet.

    `counts` are (bucket of five minutes, mentions), oldest first, no longer ago than `window` seconds.
    """

    window: int
    threshold: float
    negative_only: bool
    counts: tuple[tuple[int, int], ...]


class Live(Struct, frozen=True, kw_only=True):
    """An incident that is not over.

    `active_at` is the last time that something showed it goes on; `flush_at` when people are to be told next;
    `sequence` counts the tellings; `last_counted` is the mention counted last, so that the alert about it does not
    count it again; `published_at` is when the stored incident was last brought up to date.
    """

    incident: Incident
    groups: tuple[str, ...]
    rules: tuple[str, ...]
    active_at: datetime
    published_at: datetime
    flush_at: datetime | None = None
    told: tuple[Told, ...] = ()
    watch: Watch | None = None
    sequence: int = 0
    last_counted: str = ""
    muted_by: str = ""
    acknowledged_until: datetime | None = None

    def due(self, resolve_after: timedelta) -> datetime:
        """When time alone will change something."""
        times = [self.active_at + resolve_after]
        if self.flush_at is not None:
            times.append(self.flush_at)
        if self.acknowledged_until is not None and self.incident.status == "acknowledged":
            times.append(self.acknowledged_until)
        return min(times)


class IncidentsState(Struct, frozen=True, kw_only=True):
    """A brand's incidents under way; `now` is the latest time heard of."""

    now: datetime | None = None
    live: tuple[Live, ...] = ()


KEPT_ALERTS = 20


def kept(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """The latest alerts, without their top posts: the incident's own evidence holds those."""
    return tuple(replace(alert, evidence=replace(alert.evidence, top=())) for alert in alerts[-KEPT_ALERTS:])
