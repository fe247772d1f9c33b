"""Rings for one post about something grave: health, safety, a leak, fraud, an outage, a court, a scandal.

The classifier must hold it critical with at least `threshold` probability, and the author must be against the brand
or the theme be a grave one. Unless the classifier is quite sure (`alone`), a second author must say something as
grave within two hours: what is critical is at stake for more than one. Reposts and near-duplicates of a story ring
once; after an alert the same theme is quiet for `cool_down_minutes`. A post that nobody could judge never rings here.
"""

from datetime import timedelta
from functools import partial
from typing import Literal

from pydantic import Field

from alerting.config import RuleConfig
from alerting.rules.single import Hit, SingleMention
from domain.alert import Reason
from domain.judgement import Judgement, Theme
from domain.mention import Mention

NEAR = 0.6
"""From this share of the threshold on, it is recorded why the rule kept quiet."""
GRAVE: tuple[Theme, ...] = ("safety", "fraud_security", "legal", "outage")


class Config(RuleConfig):
    """How sure the classifier must be."""

    kind: Literal["critical_mention"] = "critical_mention"
    name: str = Field("critical_mention", min_length=1, max_length=200, description="Unique name; default: the kind.")
    threshold: float = Field(0.5, gt=0, le=1, description="Least probability that a post is critical.")
    alone: float = Field(0.9, gt=0, le=1, description="From this probability on a single post is enough.")
    grave: tuple[Theme, ...] = Field(GRAVE, description="Themes that ring even when the author is not negative.")
    cool_down_minutes: int = Field(60, ge=0, le=10_080, description="Quiet time per theme after an alert.")


def build(config: Config) -> SingleMention:
    """The rule as configured."""
    return SingleMention(
        config=config,
        kind="critical_mention",
        look=partial(look, config=config),
        cool_down=timedelta(minutes=config.cool_down_minutes),
        name=f"rule:{config.name}",
    )


def look(mention: Mention, *, config: Config) -> Hit | Reason | None:
    """Say whether one mention is critical enough."""
    judged = mention.judgement
    if judged is None or judged.urgency == "unscored":
        return None
    chance = how_critical(judged)
    if chance < config.threshold * NEAR:
        return None
    reason = Reason(
        code="critical",
        observed=round(chance, 4),
        threshold=config.alone if chance >= config.alone else config.threshold,
        numbers={"urgency": judged.urgency, "sentiment": judged.sentiment, "theme": judged.theme},
        model=judged.model,
    )
    if chance < config.threshold:
        return _not(reason, "below_threshold")
    if judged.sentiment != "negative" and judged.theme not in config.grave:
        return _not(reason, "not_against_the_brand")
    return Hit(
        reason=reason, severity="critical", group=judged.theme, cools=judged.theme, enough=chance >= config.alone
    )


def how_critical(judged: Judgement) -> float:
    """The probability of `critical`; of a judgement without probabilities its word is taken."""
    if judged.urgency_scores:
        return judged.urgency_scores.get("critical", 0.0)
    return 1.0 if judged.urgency == "critical" else 0.0


def _not(reason: Reason, code: str) -> Reason:
    return Reason(
        code=code,
        observed=reason.observed,
        threshold=reason.threshold,
        numbers=reason.numbers,
        model=reason.model,
    )
