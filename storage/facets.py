"""What mentions are filtered and counted by, the same in every store."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.judgement import Judgement
from domain.mention import Mention
from storage.store import StatRow

FACETS = ("sentiment", "urgency", "theme", "network", "lang")
"""Names of the filters of MentionQuery and of the stores' columns and fields, in the order of `facets`."""

_UNSCORED = Judgement(sentiment="unscored", urgency="unscored", theme="unscored", model="")


def facets(mention: Mention) -> tuple[str, str, str, str, str]:
    """Return a mention's values; one that was never judged is unscored."""
    judgement = mention.judgement or _UNSCORED
    return judgement.sentiment, judgement.urgency, judgement.theme, mention.post.network, mention.lang


def tally(groups: Iterable[tuple[Any, ...]]) -> list[StatRow]:
    """Add up (brand, sentiment, urgency, theme, network, lang, count) groups into one row per brand."""
    brands: dict[str, tuple[Counter[str], ...]] = {}
    for brand, *facets, number in groups:
        counters = brands.setdefault(brand, tuple(Counter() for _ in FACETS))
        for counter, facet in zip(counters, facets, strict=True):
            counter[facet] += number
    return stat_rows(brands)


def stat_rows(brands: Mapping[str, Sequence[Counter[str]]]) -> list[StatRow]:
    """Make each brand's counters, one for each of FACETS, a row; most mentions first."""
    rows = [
        StatRow(
            brand=brand, mentions=counters[0].total(), sentiments=dict(counters[0]), urgencies=dict(counters[1]),
            themes=dict(counters[2]), networks=dict(counters[3]), langs=dict(counters[4]),
        )
        for brand, counters in brands.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.mentions, row.brand))
