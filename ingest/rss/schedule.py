"""When to look at a feed again: as often as it brings news, never sooner than it asks for."""

import re
from collections.abc import Mapping

SHORTEST, LONGEST = 300.0, 3_600.0
"""Seconds between which a feed's own rhythm is followed."""
_LONGEST_ASKED = 86_400.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def next_interval(previous: float, *, news: bool, every: float | None, asked: float) -> float:
    """Seconds to the next look: half of the last interval after news, half as much again after none.

    `every`, the operator's word, wins over all; `asked` is what the feed and its server want, at most a day counts.
    """
    if every is not None:
        return every
    rhythm = previous * (0.5 if news else 1.5)
    return max(min(max(rhythm, SHORTEST), LONGEST), min(asked, _LONGEST_ASKED))


def max_age(headers: Mapping[str, str]) -> float:
    """Seconds for which the server calls its answer fresh, 0 if it does not say."""
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    return float(found[1]) if found else 0.0
