"""A notification becomes a message: headline, what happened and why, the posts, the counts; in the reader's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from alerting.config import zone
from alerting.message import grammar
from alerting.message.dialects import plain
from alerting.message.foreign import link, shown
from alerting.route import rank
from domain.alert import Alert, Witness
from domain.incident import Incident, Notification

TEMPLATES = Path(__file__).parents[1] / "templates"
RIGHT_TO_LEFT = {"ar"}
RIGHT_TO_LEFT_MARK = "\u200f"
ICONS = {"minor": "🟡", "major": "🟠", "critical": "🔴"}
ALL_CLEAR = "🟢"
MOST_SENTENCES, MOST_COUNTS = 3, 5
SIZES = ((3, 280), (3, 140), (1, 120), (0, 80))
"""Top posts and characters of each quote, from the fullest message to the shortest."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """`form` is canonical: text with the tags b, i, a and blockquote, all else escaped. `subject` is one line."""

    subject: str
    form: str
    plain: str
    language: str
    rtl: bool


def compose(notification: Notification, *, language: str, timezone: str, room: int = 4000) -> Message:
    """Write the message; quotes are cut before formatting, until the plain text has at most `room` characters."""
    message = _written(notification, language, zone(timezone), *SIZES[0])
    for posts, letters in SIZES[1:]:
        if len(message.plain) <= room:
            break
        message = _written(notification, language, zone(timezone), posts, letters)
    return message


def _written(notification: Notification, language: str, where: tzinfo, posts: int, letters: int) -> Message:
    view = _view(notification, where, posts, letters)
    template = _environment(language).get_template("message.j2")
    lines = [line.strip() for line in template.render(**view, language=language).split("\n")]
    rtl = language in RIGHT_TO_LEFT
    form = "\n".join(_right_to_left(line) if rtl else line for line in lines).strip("\n")
    subject = plain(_environment(language).get_template("subject.j2").render(**view, language=language)).strip()
    return Message(subject=" ".join(subject.split()), form=form, plain=plain(form), language=language, rtl=rtl)


def _right_to_left(line: str) -> str:
    """A line that starts with a digit or a Latin word is still read from the right; the mark goes inside a quote."""
    quoted = "<blockquote>" if line.startswith("<blockquote>") else ""
    return f"{quoted}{RIGHT_TO_LEFT_MARK}{line.removeprefix(quoted)}" if line else line


@lru_cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = partial(grammar.number, language=language)
    environment.filters["plural"] = lambda value, *forms: grammar.plural(value, language, forms)
    return environment


def _view(notification: Notification, where: tzinfo, posts: int, letters: int) -> dict[str, Any]:
    incident = notification.incident
    evidence = incident.evidence
    first = evidence.first
    rest = [one for one in evidence.top if first is None or one.mention_id != first.mention_id]
    until = incident.resolved_at or notification.at
    hours, minutes = grammar.hours_and_minutes((until - incident.opened_at).total_seconds())
    return {
        "icon": ALL_CLEAR if notification.kind == "resolved" else ICONS[incident.severity],
        "kind": notification.kind,
        "severity": incident.severity,
        "brand": shown(incident.brand, 100),
        "alerts": [_sentence(alert) for alert in _telling(incident)],
        "mentions": incident.mentions,
        "since": grammar.day_and_time(incident.opened_at, where),
        "zone": str(where) if str(where) != "UTC+00:00" else "UTC",
        "hours": hours,
        "minutes": minutes,
        "first": _post(first, where, letters) if first else None,
        "top": [_post(one, where, letters) for one in rest[:posts]],
        "networks": _counts(evidence.networks),
        "themes": _counts(evidence.themes),
        "sentiments": _counts(evidence.sentiments),
        "acknowledged_by": shown(incident.acknowledged_by, 60),
        "why": shown(notification.why, 300),
    }


def _telling(incident: Incident) -> list[Alert]:
    """The latest alert of each rule, the gravest first."""
    latest = {alert.rule: alert for alert in incident.alerts}
    return sorted(latest.values(), key=lambda alert: (-rank(alert.severity), -alert.at.timestamp()))[:MOST_SENTENCES]


def _sentence(alert: Alert) -> dict[str, Any]:
    """What the sentences of a language may speak of; foreign words are made safe."""
    reason = alert.reason
    numbers: Mapping[str, float | int | str] = reason.numbers
    return {
        "code": reason.code,
        "kind": alert.kind,
        "rule": shown(alert.rule, 60),
        "observed": reason.observed,
        "expected": reason.expected or 0,
        "threshold": reason.threshold or 0,
        "minutes": (reason.window_seconds or 0) // 60,
        "of": str(numbers.get("of", "all")),
        "theme": str(numbers.get("theme", "unscored")),
        "days": max(round(float(numbers.get("learned_hours", 0)) / 24), 1),
        "author": shown(str(numbers.get("author", "")), 80),
        "words": shown(str(numbers.get("words", "")), 120),
        "said": shown(str(numbers.get("said", "")), 300),
        "model": shown(reason.model, 60),
    }


def _post(one: Witness, where: tzinfo, letters: int) -> dict[str, Any]:
    return {
        "time": grammar.time_of_day(one.at, where),
        "network": shown(one.network, 30),
        "author": shown(one.author, 60),
        "text": shown(one.text, letters),
        "url": Markup(link(one.url).replace("&", "&amp;").replace("'", "&#39;")),  # noqa: S704  # link() lets no quote or bracket through
        "sentiment": one.sentiment,
        "followers": one.followers,
    }


def _counts(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The largest, as (word, count); words from outside are made safe, ours pass as they are."""
    largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_COUNTS]
    return [(word if word.isascii() and word.isidentifier() else shown(word, 30), count) for word, count in largest]
