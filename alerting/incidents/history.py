"""An incident's timeline: what happened, when, why and by whom."""

from datetime import datetime

from msgspec.structs import replace

from alerting.incidents.state import Live
from domain.incident import Step

KEPT_FIRST = 10
KEPT_STEPS = 50


def noted(one: Live, at: datetime, what: str, *, why: str = "", by: str = "") -> Live:
    """One more step; of a long history the beginning and the latest steps are kept."""
    steps = (*one.incident.timeline, Step(at=at, what=what, why=why, by=by))
    if len(steps) > KEPT_STEPS:
        steps = (*steps[:KEPT_FIRST], *steps[KEPT_FIRST + 1 :])
    return replace(one, incident=replace(one.incident, timeline=steps, updated_at=max(one.incident.updated_at, at)))
