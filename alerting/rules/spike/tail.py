"""How surprising a count is: the tail of the negative binomial distribution, with the standard library only."""

from math import exp, lgamma, log, log1p

TINY = 1e-300
MOST_TERMS = 2000
ACCURACY = 1e-10


def tail(count: int, mean: float, spread: float) -> float:
    """P(X >= count) for a negative binomial X with this mean and variance mean + spread * mean**2 (spread > 0).

    X >= k has the probability I_x(k, 1/spread) with x = mean / (mean + 1/spread), the regularised incomplete beta
    function (Abramowitz and Stegun, 26.5.26).
    """
    if count <= 0:
        return 1.0
    size = 1.0 / spread
    return _incomplete_beta(float(count), size, mean / (mean + size))


def smallest_surprise(mean: float, spread: float, level: float, at_least: int) -> int:
    """The smallest count, from `at_least` on, whose tail probability is below `level`."""
    if tail(at_least, mean, spread) < level:
        return at_least
    low, high = at_least, max(2 * at_least, 2)
    while tail(high, mean, spread) >= level:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if tail(middle, mean, spread) < level:
            high = middle
        else:
            low = middle
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (Numerical Recipes, 6.4)."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    result = d
    for m in range(1, MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        result *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        result *= d * c
        if abs(d * c - 1.0) < ACCURACY:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
