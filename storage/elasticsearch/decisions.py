"""Alerts, near misses, incidents, dead letters and acts as documents: what people filter by, and the value itself."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.act import AnyAct, Assign, Correct, kind_of, subject
from domain.alert import Alert, NearMiss
from domain.incident import Incident
from storage.elasticsearch.bulk import Write
from storage.elasticsearch.documents import exact, key
from storage.encoding import encode, without_surrogates
from storage.moments import micros
from storage.store import DeadLetterRow

_ENCODER = msgspec.json.Encoder()


def source(value: Struct, at: datetime, **fields: Any) -> bytes:
    """A document of a value: `fields` without those that say nothing, its time, and the value as JSON."""
    said = {name: field for name, field in fields.items() if field not in {None, ""}}
    document = {"@timestamp": at, "at_micros": micros(at), **said, "body": encode(value).decode()}
    try:
        return _ENCODER.encode(document)
    except UnicodeEncodeError:
        return _ENCODER.encode(without_surrogates(msgspec.to_builtins(document)))


def alert_write(index: str, alert: Alert) -> Write:
    """Keep an alert, unless it is kept."""
    fields = {**_about(alert), "group": alert.group, "severity": alert.severity}
    return Write(index, key(alert.id), source(alert, alert.at, **fields), new=True)


def near_miss_write(index: str, miss: NearMiss) -> Write:
    """Keep a near miss, unless it is kept."""
    return Write(index, key(miss.id), source(miss, miss.at, **_about(miss)), new=True)


def incident_write(index: str, incident: Incident, version: int) -> Write:
    """Put an incident in the place of what was there, unless that has a higher version."""
    taken = next((step.at for step in incident.timeline if step.what == "acknowledged"), None)
    fields = {
        "id": incident.id,
        "brand": exact(incident.brand),
        "group": incident.group,
        "status": incident.status,
        "severity": incident.severity,
        "assignee": incident.assignee,
        "acknowledged_by": incident.acknowledged_by,
        "rules": tuple(sorted({alert.rule for alert in incident.alerts})),
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "acknowledged_at": taken,
        "resolved_at": incident.resolved_at,
        "alerts": incident.alert_count,
        "mentions": incident.mentions,
        "seconds_to_acknowledge": _seconds(incident.opened_at, taken),
        "seconds_to_resolve": _seconds(incident.opened_at, incident.resolved_at),
    }
    return Write(index, key(incident.id), source(incident, incident.updated_at, **fields), version=version)


def letter_source(row: DeadLetterRow) -> bytes:
    """A dead letter, and whether it went through since."""
    letter = row.letter
    return source(
        row, letter.at, id=row.id, source=exact(letter.source), stage=letter.stage, reason=exact(letter.reason),
        where=letter.where, detail=letter.detail, replayed_at=row.replayed_at,
    )  # fmt: skip


def act_write(index: str, act: AnyAct) -> Write:
    """Keep an act, unless it is kept."""
    fields: dict[str, Any] = {
        "id": act.id, "act": kind_of(act), "brand": exact(act.brand), "by": act.by, "subject": exact(subject(act)),
    }  # fmt: skip
    if isinstance(act, Correct):
        fields |= act.labels
    elif isinstance(act, Assign):
        fields["assignee"] = act.assignee
    return Write(index, key(act.id), source(act, act.at, **fields), new=True)


def _about(one: Alert | NearMiss) -> dict[str, Any]:
    reason = one.reason
    return {
        "id": one.id,
        "brand": exact(one.brand),
        "rule": one.rule,
        "kind": one.kind,
        "code": reason.code,
        "model": reason.model,
        "observed": reason.observed,
        "expected": reason.expected,
        "threshold": reason.threshold,
    }


def _seconds(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else round((end - start).total_seconds())
