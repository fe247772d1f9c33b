"""Who is told: routes in order, each a receiver with conditions; the first reason that fits is shown."""

from collections.abc import Sequence

from alerting.config import RouteConfig
from domain.alert import SEVERITIES, Severity
from domain.incident import Incident

LAST_RESORT = "console"
"""With no receiver configured, people are told on the terminal."""


def rank(severity: Severity) -> int:
    """Place of a severity: 0 for minor, 1 for major, 2 for critical."""
    return SEVERITIES.index(severity)


def effective_routes(routes: Sequence[RouteConfig], receivers: Sequence[str]) -> tuple[RouteConfig, ...]:
    """The configured routes; with none, every receiver (with no receiver, the terminal) gets `major` and above."""
    if routes:
        return tuple(routes)
    return tuple(RouteConfig(receiver=receiver, severity="major") for receiver in receivers or (LAST_RESORT,))


def routed(incident: Incident, rules: Sequence[str], routes: Sequence[RouteConfig]) -> dict[str, str]:
    """Receivers that an incident goes to, each with the reason, in the order of the routes.

    `rules` are the names of the rules that fired for it.
    """
    found: dict[str, str] = {}
    for route in routes:
        if _fits(incident, rules, route) and route.receiver not in found:
            found[route.receiver] = _why(route)
    return found


def _fits(incident: Incident, rules: Sequence[str], route: RouteConfig) -> bool:
    return (
        rank(incident.severity) >= rank(route.severity)
        and (not route.brand or incident.brand in route.brand)
        and (not route.rule or any(rule in route.rule for rule in rules))
    )


def _why(route: RouteConfig) -> str:
    conditions = [f"severity >= {route.severity}"]
    if route.brand:
        conditions.append(f"brand in {', '.join(route.brand)}")
    if route.rule:
        conditions.append(f"rule in {', '.join(route.rule)}")
    return f"route to {route.receiver}: {', '.join(conditions)}"
