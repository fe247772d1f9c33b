"""What a credential may still spend: calls, quota units or money in a day, a week, a month.

A budget is part of the source's cursor, so that it outlives the process; a pure value, changed by `spend`.
"""

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from domain.errors import RetryLater

Period = Literal["day", "month"]


class Spent(Struct, frozen=True, array_like=True):
    """What was spent in a period that is named by its first day there (`2026-11-30`)."""

    period: str = ""
    amount: float = 0.0


class Budget(Struct, frozen=True, kw_only=True):
    """At most `most` in each `period` of the provider's `zone`; `what` names it for a person (`YouTube units`)."""

    what: str
    most: float
    period: Period = "day"
    zone: str = "UTC"

    def left(self, spent: Spent, now: datetime) -> float:
        """How much may still be spent in the period of `now`."""
        used = spent.amount if spent.period == self._name(now) else 0.0
        return max(self.most - used, 0.0)

    def spend(self, spent: Spent, amount: float, now: datetime) -> Spent:
        """What is spent after `amount` more; raises RetryLater until the next period where that is too much."""
        if amount > self.left(spent, now) + 1e-9:
            raise self.over(now)
        name = self._name(now)
        return Spent(name, (spent.amount if spent.period == name else 0.0) + amount)

    def over(self, now: datetime) -> RetryLater:
        """Say that nothing is left until the next period, and how long that is."""
        after = (self.ends(now) - now).total_seconds()
        return RetryLater(f"{self.what}: nothing is left of {self.most:g} a {self.period}", after=after)

    def used_up(self, now: datetime) -> Spent:
        """What is spent when the provider says that nothing is left, whatever was counted."""
        return Spent(self._name(now), self.most)

    def ends(self, now: datetime) -> datetime:
        """When the period of `now` ends."""
        start = self._start(now)
        later = start + timedelta(days=1 if self.period == "day" else 32)
        if self.period == "month":
            later = later.replace(day=1)
        return later.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)

    def _name(self, now: datetime) -> str:
        return self._start(now).date().isoformat()

    def _start(self, now: datetime) -> datetime:
        local = now.astimezone(ZoneInfo(self.zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return local if self.period == "day" else local.replace(day=1)
