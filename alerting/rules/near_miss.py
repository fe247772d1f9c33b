"""Near misses: the same few lines for every rule."""

from datetime import datetime

from domain.alert import NearMiss, Reason
from domain.ids import stable_id


def near_miss(*, brand: str, rule: str, kind: str, at: datetime, reason: Reason, about: str) -> NearMiss:
    """A near miss whose id says what it is about, so that the same look on a replay is the same near miss."""
    return NearMiss(
        id=stable_id("near_miss", brand, rule, reason.code, about),
        brand=brand,
        rule=rule,
        kind=kind,
        at=at,
        reason=reason,
    )
