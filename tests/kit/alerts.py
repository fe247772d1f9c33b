"""Mentions, alerts, incidents and notifications of invented brands, with as few words as a test needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from alerting.config import RuleConfig
from alerting.rules.registry import RULES, USUAL_RULES
from domain.alert import Alert, Evidence, Reason, Severity, Witness
from domain.event import MentionEvent
from domain.incident import Incident, Notification, NotificationKind
from domain.judgement import Judgement, Sentiment, Theme, Urgency
from domain.mention import Change, Mention, Score
from domain.post import Author, Origin, Post

MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
BRAND = "Aurora Air"


def at(hours: float = 0, *, minutes: float = 0, seconds: float = 0) -> datetime:
    """So long after the tests' midnight."""
    return MIDNIGHT + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def mention(
    name: str,
    when: datetime,
    *,
    brand: str = BRAND,
    text: str = "late again",
    author: str = "",
    followers: int | None = None,
    origin: Origin = "live",
    story: str = "",
    network: str = "mastodon",
    priority: float = 0.3,
    judgement: Judgement | None = None,
) -> Mention:
    """A mention heard at the time it was written."""
    who = author or f"author-{name}"
    return Mention(
        id=name,
        brand=brand,
        post=Post(
            network=network,
            native_id=name,
            text=text,
            created_at=when,
            collected_at=when,
            source="test",
            origin=origin,
            url=f"https://social.example/{name}",
            author=Author(id=who, handle=who, name=who, followers=followers),
        ),
        event_at=when,
        lang="en",
        judgement=judgement,
        score=Score(reach=0.1, influence=0.1, priority=priority, parts={}),
        story=story or name,
    )


def judged(
    sentiment: Sentiment = "negative",
    urgency: Urgency = "normal",
    theme: Theme = "other",
    *,
    critical: float | None = None,
) -> Judgement:
    """A judgement; `critical` is the probability of critical urgency."""
    scores = {} if critical is None else {"low": 0.0, "normal": 1 - critical, "high": 0.0, "critical": critical}
    return Judgement(sentiment=sentiment, urgency=urgency, theme=theme, model="test-1", urgency_scores=scores)


def heard(name: str, when: datetime, change: Change = "new", **rest: Any) -> MentionEvent:
    """The event of a negative mention, unless said otherwise."""
    rest.setdefault("judgement", judged())
    return MentionEvent(mention=mention(name, when, **rest), change=change)


def witness(name: str, when: datetime = MIDNIGHT, **rest: Any) -> Witness:
    """A post shown as evidence."""
    found: dict[str, Any] = {
        "network": "mastodon",
        "url": f"https://social.example/{name}",
        "author": f"author-{name}",
        "text": "Our data is all over the net",
        "sentiment": "negative",
        "urgency": "critical",
        "theme": "fraud_security",
        "priority": 0.8,
    }
    return Witness(mention_id=name, at=when, **{**found, **rest})


def alert(
    name: str,
    when: datetime,
    *,
    brand: str = BRAND,
    rule: str = "critical_mention",
    group: str = "fraud_security",
    severity: Severity = "critical",
    mentions: int = 1,
    themes: dict[str, int] | None = None,
    reason: Reason | None = None,
) -> Alert:
    """An alert with one witness and as many mentions as said."""
    seen = witness(f"mention-{name}", when)
    themes = themes if themes is not None else {group: mentions}
    return Alert(
        id=name,
        brand=brand,
        rule=rule,
        kind=rule,
        group=group,
        severity=severity,
        at=when,
        reason=reason or Reason(code="critical", observed=0.9, threshold=0.5, numbers={"theme": group}),
        evidence=Evidence(
            first=seen,
            top=(seen,),
            networks={"mastodon": mentions},
            themes=themes,
            sentiments={"negative": mentions},
            langs={"en": mentions},
        ),
    )


def spike_alert(name: str, when: datetime, *, mentions: int = 47, severity: Severity = "major", **rest: Any) -> Alert:
    """The alert of a spike of negative mentions within an hour."""
    reason = Reason(
        code="spike",
        observed=mentions,
        expected=3.2,
        threshold=11,
        window_seconds=3600,
        numbers={"of": "negative", "learned_hours": 330, "ebb": 6},
    )
    themes = {"fraud_security": mentions}
    return alert(
        name,
        when,
        rule="spike",
        group="volume",
        severity=severity,
        mentions=mentions,
        themes=themes,
        reason=reason,
        **rest,
    )


def incident(*alerts: Alert, severity: Severity = "critical", brand: str = BRAND) -> Incident:
    """An open incident of these alerts, with the evidence of the first."""
    first = alerts[0] if alerts else spike_alert("a", MIDNIGHT)
    return Incident(
        id="incident-1",
        brand=brand,
        group=first.group,
        status="open",
        severity=severity,
        opened_at=first.at,
        updated_at=first.at,
        alerts=alerts or (first,),
        alert_count=max(len(alerts), 1),
        mentions=sum(first.evidence.networks.values()),
        evidence=first.evidence,
    )


def notification(
    kind: NotificationKind = "opened", about: Incident | None = None, *, receiver: str = "duty", number: int = 1
) -> Notification:
    """An order to tell `duty`."""
    about = about or incident()
    return Notification(
        id=f"notification-{number}",
        receiver=receiver,
        kind=kind,
        sequence=number,
        incident=about,
        at=about.opened_at + timedelta(minutes=70),
        why="route to duty: severity >= major",
    )


def usual_rules() -> list[RuleConfig]:
    """The configurations of the rules that are on when none is configured."""
    return [RULES[rule["kind"]].load().Config(**rule) for rule in USUAL_RULES]
