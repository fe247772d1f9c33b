"""What is usual for a brand: a level, its shape over the day, and how unsteady it is, learned from hourly counts."""

from collections.abc import Sequence

from msgspec import Struct

HOUR = 3600
DAY = 24
HALF_LIFE_DAYS = 5.0
SHAPE_FROM_HOURS = 72
SHAPE_PRIOR = 6.0
SPREAD_PRIOR = 0.25
SPREAD_PRIOR_WEIGHT = 4.0
SMALLEST_SPREAD = 0.02
ROUNDS = 4


class Baseline(Struct, frozen=True, kw_only=True):
    """Usual mentions per hour `level`, times `shape[hour of the day, UTC]` (empty: flat).

    `spread` is the variance beyond Poisson, relative to the squared mean, uncertainty of the level included.
    `hours` is how many hours it was learned from, `until` the first hour (since 1970) not used.
    """

    level: float
    shape: tuple[float, ...]
    spread: float
    hours: int
    until: int

    def expected(self, start: int, end: int) -> float:
        """Usual number of mentions in [start, end), seconds since 1970."""
        if not self.shape:
            return self.level * (end - start) / HOUR
        total, at = 0.0, start
        while at < end:
            hour = at // HOUR
            until = min((hour + 1) * HOUR, end)
            total += self.shape[hour % DAY] * (until - at)
            at = until
        return self.level * total / HOUR


def learn(counts: Sequence[int], until: int) -> Baseline:
    """Learn from `counts` of consecutive hours, the last of which is the one before hour `until`.

    Recent days weigh more (half-life five days). Hours far above the level are cut to what the level allows, so that
    a past crisis is not what is usual; a lasting change is learned within days. Short or thin histories lean on
    priors: half a mention in all, a flat day, a spread of 0.25; the fewer mentions were seen, the larger the spread.
    """
    size = len(counts)
    first = until - size
    weights = [0.5 ** ((size - 1 - i) / (DAY * HALF_LIFE_DAYS)) for i in range(size)]
    weight = sum(weights)
    cut: list[float] = [float(count) for count in counts]
    shape: tuple[float, ...] = ()
    level = 0.0
    for _ in range(ROUNDS):
        level = (sum(w * c for w, c in zip(weights, cut, strict=True)) + 0.5) / (weight + 1.0)
        if size >= SHAPE_FROM_HOURS:
            shape = _shape(cut, weights, first, level)
        usual = [level * (shape[(first + i) % DAY] if shape else 1.0) for i in range(size)]
        cut = [min(c, 3.0 * u + 3.0 * u**0.5 + 2.0) for c, u in zip(counts, usual, strict=True)]
    seen = sum(w * c for w, c in zip(weights, cut, strict=True))
    return Baseline(
        level=level,
        shape=shape,
        spread=_spread(cut, usual) + 1.0 / (seen + 1.0) if size else 1.0 + SPREAD_PRIOR,
        hours=size,
        until=until,
    )


def _shape(counts: Sequence[float], weights: Sequence[float], first: int, level: float) -> tuple[float, ...]:
    """How each hour of the day compares with the level, drawn to 1 by `SHAPE_PRIOR` mentions."""
    heard, usual = [SHAPE_PRIOR] * DAY, [SHAPE_PRIOR] * DAY
    for i, (count, weight) in enumerate(zip(counts, weights, strict=True)):
        heard[(first + i) % DAY] += weight * count
        usual[(first + i) % DAY] += weight * level
    return tuple(one / other for one, other in zip(heard, usual, strict=True))


def _spread(counts: Sequence[float], usual: Sequence[float]) -> float:
    """Variance beyond Poisson by the method of moments, drawn to the prior when there is little to learn from."""
    beyond = sum((c - u) ** 2 - u for c, u in zip(counts, usual, strict=True))
    squares = sum(u * u for u in usual)
    spread = (beyond + SPREAD_PRIOR * SPREAD_PRIOR_WEIGHT) / (squares + SPREAD_PRIOR_WEIGHT)
    return max(spread, SMALLEST_SPREAD)
