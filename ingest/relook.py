"""How often a polled source looks again at what it gave: the older, the less often."""

from collections.abc import Sequence

STEPS = ((2.0, 600), (12.0, 3_600), (float("inf"), 21_600))
"""Posts up to so many hours old are looked at again every so many seconds."""


def fresh(now: int) -> list[int]:
    """When each step was looked at last (unix seconds), for a source that begins now."""
    return [now] * len(STEPS)


def due(looked: Sequence[int], now: int, *, most: float) -> float:
    """How many hours back to look again now, at most `most`; 0 means that nothing is due."""
    return max(
        (min(upto, most) for (upto, every), at in zip(STEPS, looked, strict=True) if now - at >= every), default=0
    )


def done(looked: Sequence[int], now: int, hours: float, *, most: float) -> list[int]:
    """When each step was looked at last, after all of the last `hours` was looked at now."""
    return [now if min(upto, most) <= hours else at for (upto, _), at in zip(STEPS, looked, strict=True)]
