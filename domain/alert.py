"""An alert: a rule fired, with its reason. A near miss: it almost did, with the reason why not."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Severity = Literal["minor", "major", "critical"]
SEVERITIES: tuple[Severity, ...] = ("minor", "major", "critical")
RuleKind = str


class Witness(Struct, frozen=True, kw_only=True):
    """A post shown as evidence: enough to read and open it without a search."""

    mention_id: str
    network: str
    url: str
    author: str
    text: str
    at: datetime
    sentiment: str = "unscored"
    urgency: str = "unscored"
    theme: str = "unscored"
    priority: float = 0.0
    followers: int | None = None
    lang: str = "und"


class Evidence(Struct, frozen=True, kw_only=True):
    """First post, top posts by priority, and counts of mentions by network, theme, sentiment and language."""

    first: Witness | None = None
    top: tuple[Witness, ...] = ()
    networks: dict[str, int] = {}
    themes: dict[str, int] = {}
    sentiments: dict[str, int] = {}
    langs: dict[str, int] = {}


class Reason(Struct, frozen=True, kw_only=True):
    """Why a rule fired or did not: what was observed, what was expected, and the line between.

    `code` is a short stable word (`spike`, `critical`, `too_few`, `cooling_down`, ...) used as a metric label and
    as the key of the sentence template; `numbers` fill the template.
    """

    code: str
    observed: float
    expected: float | None = None
    threshold: float | None = None
    window_seconds: int | None = None
    numbers: dict[str, float | int | str] = {}
    model: str = ""


class Alert(Struct, frozen=True, kw_only=True):
    """A rule fired for a brand at event time `at`. Alerts with equal (brand, group) belong to one incident."""

    id: str
    brand: str
    rule: str
    kind: RuleKind
    group: str
    severity: Severity
    at: datetime
    reason: Reason
    evidence: Evidence


class NearMiss(Struct, frozen=True, kw_only=True):
    """A rule looked and did not fire; kept so that "why was I not told" has an answer."""

    id: str
    brand: str
    rule: str
    kind: RuleKind
    at: datetime
    reason: Reason
