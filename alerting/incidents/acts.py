"""What people do to an incident: take it, hand it on, close it."""

from datetime import datetime

from msgspec.structs import replace

from alerting.incidents.history import noted
from alerting.incidents.state import Live
from domain.act import Acknowledge, AnyAct, Assign, Resolve


def applied(one: Live, act: AnyAct) -> Live:
    """The incident after the act; the very same object if the act is not about it or was taken in before."""
    match act:
        case Acknowledge() if act.incident == one.incident.id:
            return _acknowledged(one, act)
        case Assign() if act.incident == one.incident.id and act.assignee != one.incident.assignee:
            one = replace(one, incident=replace(one.incident, assignee=act.assignee))
            return noted(one, act.at, "assigned", why=f"to {act.assignee}", by=act.by)
        case Resolve() if act.incident == one.incident.id:
            one = replace(one, incident=replace(one.incident, status="resolved"))
            return noted(one, act.at, "resolved", why=act.comment, by=act.by)
        case _:
            return one


def _acknowledged(one: Live, act: Acknowledge) -> Live:
    incident = one.incident
    same = incident.status == "acknowledged" and incident.acknowledged_by == act.by
    if same and one.acknowledged_until == act.until:
        return one
    one = replace(
        one,
        incident=replace(incident, status="acknowledged", acknowledged_by=act.by),
        acknowledged_until=act.until,
    )
    until = f"until {act.until.isoformat(timespec='minutes')}" if act.until else ""
    return noted(one, act.at, "acknowledged", why=until, by=act.by)


def acknowledgement_over(one: Live, at: datetime) -> Live:
    """Nobody has it any more: the incident is open again and people are told of what is new."""
    by = one.incident.acknowledged_by
    one = replace(one, incident=replace(one.incident, status="open", acknowledged_by=""), acknowledged_until=None)
    return noted(one, at, "open again", why=f"the acknowledgement by {by} ran out")
