"""The kinds of rule. A new kind is a file beside this one and a line here."""

from domain.integration import Integration, registry

RULES = registry(
    Integration("critical_mention", "alerting.rules.critical_mention", "One post about something grave"),
    Integration("spike", "alerting.rules.spike", "Many more posts, or negative posts, than usual"),
    Integration("keyword", "alerting.rules.keyword", "A post with certain words, or that a query finds"),
    Integration("influencer", "alerting.rules.influencer", "A widely followed author is unhappy"),
)

USUAL_RULES: tuple[dict[str, str], ...] = (
    {"kind": "critical_mention", "name": "critical_mention"},
    {"kind": "spike", "name": "spike"},
    {"kind": "influencer", "name": "influencer"},
)
"""What is on when the configuration names no rule, written as the configuration would write it."""
