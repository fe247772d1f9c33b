"""What the spike rule remembers of a brand, all of it bounded: some 50 kB for a busy one."""

from datetime import UTC, datetime

from msgspec import Struct

from alerting.rules.spike.baseline import Baseline
from domain.alert import Witness

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUCKET = 300
"""Seconds of event time that are counted together."""
BUCKETS = 72
"""Six hours of buckets."""
HOURS = 336
"""Fourteen days of hours."""
WINDOWS = (900, 3600, 21_600)


class Usual(Struct, frozen=True, array_like=True):
    """A baseline and the second highest daily peak of each window, learned together once an hour."""

    baseline: Baseline
    peaks: tuple[int, ...]


class Limits(Struct, frozen=True, array_like=True):
    """From which count on each window fires during `bucket`; 0 where that was not needed yet."""

    bucket: int
    counts: tuple[int, ...]


class Active(Struct, frozen=True, array_like=True):
    """A spike under way: its window, the count told last, the count below which it ebbs, when it last was above."""

    window: int
    told: int
    ebb: float
    high_at: datetime


class Series(Struct, frozen=True, array_like=True):
    """One count: its last 72 buckets and up to 336 hours, oldest first, and what follows from them."""

    recent: tuple[int, ...] = (0,) * BUCKETS
    hours: tuple[int, ...] = ()
    usual: Usual | None = None
    limits: Limits | None = None
    active: Active | None = None


class Seen(Struct, frozen=True, array_like=True):
    """Who and what made up one bucket: counts by `field:value` (`-field:value` for negative ones) and by author."""

    bucket: int
    counts: dict[str, int]
    authors: dict[str, int]


class SpikeState(Struct, frozen=True, kw_only=True):
    """A brand's counts.

    `bucket` and `hour` number the last of each, since 1970; `since` is the first hour known; `missed` the hour in
    which a near miss with that code was last recorded.
    """

    now: datetime = EPOCH
    bucket: int = 0
    hour: int = 0
    since: int = 0
    all: Series = Series()
    negative: Series = Series()
    seen: tuple[Seen, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    missed: dict[str, int] = {}
