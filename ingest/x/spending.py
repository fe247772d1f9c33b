"""What X may cost: two caps in dollars, counted in the cursor."""

from datetime import datetime

from msgspec import Struct

from domain.errors import RetryLater
from ingest.budget import Budget, Spent
from ingest.x.config import Config

WARN_AT = 0.8
"""The share of a cap at which it is told."""
_PAID_RELOOK = 0.5


class Bill(Struct, frozen=True, array_like=True):
    """What was spent this day and this month."""

    day: Spent = Spent()
    month: Spent = Spent()


class Purse:
    """Spends within the caps of a config; pure but for what it is given."""

    def __init__(self, config: Config) -> None:
        self._day = Budget(what="X, in dollars", most=config.daily_cap)
        self._month = Budget(what="X, in dollars", most=config.monthly_cap, period="month")

    def left(self, bill: Bill, now: datetime) -> float:
        """Dollars that may still be spent now."""
        return min(self._day.left(bill.day, now), self._month.left(bill.month, now))

    def affords(self, bill: Bill, price: float, now: datetime, *, most: int) -> int:
        """How many things of a price, up to `most`."""
        return most if price <= 0 else min(most, int(self.left(bill, now) / price + 1e-9))

    def for_relooks(self, bill: Bill, price: float, now: datetime, *, most: int) -> int:
        """How many posts to pay a second time for: half of a day's money is kept for new ones."""
        spare = self._day.left(bill.day, now) - self._day.most * _PAID_RELOOK
        if price <= 0:
            return most
        return max(min(int(spare / price + 1e-9), self.affords(bill, price, now, most=most)), 0)

    def spend(self, bill: Bill, amount: float, now: datetime) -> tuple[Bill, list[str]]:
        """The bill after `amount` more, which has been spent whatever the caps say; and what to tell of it."""
        told = [sentence for budget, spent in self._both(bill) if (sentence := _told(budget, spent, amount, now))]
        day, month = (
            budget.spend(spent, min(amount, budget.left(spent, now)), now) for budget, spent in self._both(bill)
        )
        return Bill(day, month), told

    def check(self, bill: Bill, price: float, now: datetime) -> None:
        """Raise RetryLater, until the cap's next period, where not even one thing of a price may be bought."""
        for budget, spent in reversed(self._both(bill)):
            if budget.left(spent, now) + 1e-9 < max(price, 1e-6):
                raise self._over(budget, now)

    def _over(self, budget: Budget, now: datetime) -> RetryLater:
        key, ends = _key(budget), f"{budget.ends(now):%Y-%m-%d %H:%M} UTC"
        return RetryLater(
            f"the {key} of ${budget.most:g} is spent: X is not read until {ends}; raise it to go on sooner",
            after=(budget.ends(now) - now).total_seconds(),
        )

    def _both(self, bill: Bill) -> list[tuple[Budget, Spent]]:
        return [(self._day, bill.day), (self._month, bill.month)]


def _told(budget: Budget, spent: Spent, amount: float, now: datetime) -> str:
    before = budget.most - budget.left(spent, now)
    after = before + amount
    if before >= budget.most * WARN_AT or after < budget.most * WARN_AT:
        return ""
    return (
        f"${min(after, budget.most):.2f} of the {_key(budget)} of ${budget.most:g} is spent: X is not read any more "
        "once it is used up"
    )


def _key(budget: Budget) -> str:
    return "daily_cap" if budget.period == "day" else "monthly_cap"
