"""A silence: for a time, matching alerts wake nobody; they are still recorded, with the silence as the reason."""

from datetime import datetime

from msgspec import Struct

from domain.alert import Alert


class Silence(Struct, frozen=True, kw_only=True):
    """Empty matchers match everything; times are half-open [starts_at, ends_at)."""

    id: str
    brand: str = ""
    rule: str = ""
    group: str = ""
    starts_at: datetime
    ends_at: datetime
    by: str = ""
    comment: str = ""

    def covers(self, alert: Alert) -> bool:
        """Whether this silence holds back that alert."""
        return (
            self.starts_at <= alert.at < self.ends_at
            and self.brand in {"", alert.brand}
            and self.rule in {"", alert.rule}
            and self.group in {"", alert.group}
        )
