"""Rings when a widely followed author is against the brand, or has an urgent problem with it.

Widely followed means `followers` or more, or where a network does not tell, an influence score of `influence`. One
author rings once in `cool_down_minutes`.
"""

from datetime import timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from alerting.config import RuleConfig
from alerting.rules.single import Hit, SingleMention
from domain.alert import Reason, Severity
from domain.mention import Mention

URGENT = frozenset({"high", "critical"})


class Config(RuleConfig):
    """Whose word counts."""

    kind: Literal["influencer"] = "influencer"
    name: str = Field("influencer", min_length=1, max_length=200, description="Unique name; default: the kind.")
    followers: int = Field(50_000, ge=1, description="So many followers make an author widely followed.")
    influence: float = Field(0.75, gt=0, le=1, description="So does this influence score (open formula, 0 to 1).")
    cool_down_minutes: int = Field(1440, ge=0, le=10_080, description="Quiet time per author after an alert.")


def build(config: Config) -> SingleMention:
    """The rule as configured."""
    return SingleMention(
        config=config,
        kind="influencer",
        look=partial(look, config=config),
        cool_down=timedelta(minutes=config.cool_down_minutes),
        name=f"rule:{config.name}",
    )


def look(mention: Mention, *, config: Config) -> Hit | Reason | None:
    """Say whether the author is widely followed and unhappy."""
    judged, author = mention.judgement, mention.post.author
    if judged is None or (judged.sentiment != "negative" and judged.urgency not in URGENT):
        return None
    followers = author.followers or 0
    influence = mention.score.influence if mention.score else 0.0
    if followers < config.followers and influence < config.influence:
        return None
    reason = Reason(
        code="influencer",
        observed=followers,
        threshold=config.followers,
        numbers={
            "author": (author.name or author.handle or author.id)[:100],
            "influence": influence,
            "sentiment": judged.sentiment,
            "urgency": judged.urgency,
            "theme": judged.theme,
        },
        model=judged.model,
    )
    severity: Severity = "critical" if judged.urgency == "critical" else "major"
    return Hit(reason=reason, severity=severity, group=judged.theme, cools=mention.post.account)
