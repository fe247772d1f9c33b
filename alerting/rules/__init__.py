"""Rules: pure folds per brand that turn mentions into alerts, each with its reason, one kind per file."""

from alerting.config import RuleConfig
from alerting.rules.registry import RULES, USUAL_RULES


def defaults() -> list[RuleConfig]:
    """The usual rules' configurations, for when none is configured."""
    return [RULES[rule["kind"]].load().Config(**rule) for rule in USUAL_RULES]
