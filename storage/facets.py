"""What mentions are filtered and counted by, the same in every store."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from domain.judgement import Judgement
from domain.mention import Mention
from storage.store import StatRow

FACETS = ("sentiment", "urgency", "theme", "network", "lang")
"""Names of the filters of MentionQuery and of the stores' columns and fields, in the order of `facets`."""

Responses = Mapping[str, Counter[int]]
"""By brand, how many mentions were answered after how many seconds."""

_UNSCORED = Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="")


def facets(mention: Mention) -> tuple[str, str, str, str, str]:
    """Return a mention's values; one that was never judged is unscored."""
    judgement = mention.judgement or _UNSCORED
    return judgement.sentiment, judgement.urgency, judgement.theme, mention.post.network, mention.lang


def tally_mentions(mentions: Iterable[Mention]) -> list[StatRow]:
    """Add up mentions into one row per brand."""
    groups: Counter[tuple[str, ...]] = Counter()
    responses: dict[str, Counter[int]] = {}
    for mention in mentions:
        groups[mention.brand, *facets(mention)] += 1
        if (seconds := mention.response_seconds) is not None:
            responses.setdefault(mention.brand, Counter())[seconds] += 1
    return tally(((*group, number) for group, number in groups.items()), responses)


def tally(groups: Iterable[tuple[Any, ...]], responses: Responses) -> list[StatRow]:
    """Add up (brand, sentiment, urgency, theme, network, lang, count) groups into one row per brand."""
    brands: dict[str, tuple[Counter[str], ...]] = {}
    for brand, *facets, number in groups:
        counters = brands.setdefault(brand, tuple(Counter() for _ in FACETS))
        for counter, facet in zip(counters, facets, strict=True):
            counter[facet] += number
    return stat_rows(brands, responses)


def stat_rows(brands: Mapping[str, Sequence[Counter[str]]], responses: Responses) -> list[StatRow]:
    """Make each brand's counters, one for each of FACETS, a row; most mentions first."""
    rows = [
        StatRow(
            brand=brand, mentions=counters[0].total(), sentiments=dict(counters[0]), urgencies=dict(counters[1]),
            themes=dict(counters[2]), networks=dict(counters[3]), langs=dict(counters[4]),
            answered=responses[brand].total() if brand in responses else 0,
            response_seconds=_median(responses[brand]) if brand in responses else None,
        )
        for brand, counters in brands.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.mentions, row.brand))


def _median(counts: Counter[int]) -> float:
    """The middle one of numbers that are counted, or the mean of the middle two."""
    numbers = sorted(counts.elements())
    return float(median(numbers))
