"""How one incident is shown to a person: why it rang, the evidence, the timeline. Also the demo's alert."""

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tocsin.cli import screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, RenderableType
    from rich.text import Text

    from domain.alert import Alert, Evidence, Witness
    from domain.incident import Incident

MOST_ALERTS, MOST_WITNESSES = 5, 3


def print_incident(console: "Console", incident: "Incident") -> None:
    """Print the whole page."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    title = Text.assemble(
        (f" {incident.severity.upper()} ", screen.SEVERITY_STYLES[incident.severity]),
        ("  ", ""), (screen.harmless(incident.brand), "bold"), ("  ", ""),
        (incident.status, screen.STATUS_STYLES[incident.status]),
    )  # fmt: skip
    parts: list[RenderableType] = [*why(incident), Text(), *evidence(incident.evidence, console.width - 4)]
    if incident.timeline:
        parts += [Text(), Text("Timeline", "bold"), *timeline(incident)]
    console.print(Panel(Group(*parts), title=title, title_align="left", border_style="red", padding=(1, 1)))
    console.print(Text(f"id {incident.id}", "dim"), soft_wrap=True)


def why(incident: "Incident") -> "list[Text]":
    """One line for each rule that fired, latest first, with the figures that fired it."""
    from rich.text import Text

    told: dict[str, Alert] = {}
    for alert in sorted(incident.alerts, key=lambda alert: alert.at, reverse=True):
        told.setdefault(alert.rule, alert)
    lines = [
        Text.assemble((screen.when(alert.at), "cyan"), "  ", sentence(incident, alert))
        for alert in list(told.values())[:MOST_ALERTS]
    ]
    behind = (
        f"{screen.counted(incident.mentions, 'mention')} behind it, {screen.counted(incident.alert_count, 'alert')}"
    )
    return [*lines, Text(behind, "dim")]


def sentence(incident: "Incident", alert: "Alert") -> str:
    """What the receivers are told of this alert: what was seen, what is usual, and which rule drew the line."""
    from alerting.message import compose
    from domain.alert import Evidence
    from domain.incident import Notification

    alone = replace(incident, alerts=(alert,), evidence=Evidence(), acknowledged_by="", mentions=1)
    told = Notification(id="", receiver="", kind="opened", sequence=0, incident=alone, at=alert.at)
    # The message's first line is its headline, the second speaks of the gravest alert: here there is only one.
    return screen.harmless(compose(told, language="en", timezone="UTC").plain.splitlines()[1])


def evidence(found: "Evidence", width: int) -> "list[RenderableType]":
    """The first post, the posts that weigh most, and what they are made of."""
    from rich.text import Text

    lines: list[RenderableType] = []
    if found.first:
        lines += [Text("First", "bold"), *_witness(found.first, width)]
    top = [witness for witness in found.top if found.first is None or witness.mention_id != found.first.mention_id]
    if top:
        lines += [Text("Heaviest", "bold"), *(line for w in top[:MOST_WITNESSES] for line in _witness(w, width))]
    for name, counts in (
        ("Networks", found.networks),
        ("Themes", found.themes),
        ("Sentiment", found.sentiments),
        ("Languages", found.langs),
    ):
        if counts:
            lines.append(Text(f"{name:<10}", "bold").append(_counts(counts), "default"))
    return lines


def _witness(witness: "Witness", width: int) -> "list[RenderableType]":
    from rich.text import Text

    head = Text.assemble(
        "  ", (screen.when(witness.at), "cyan"), "  ", screen.harmless(witness.network), "  ",
        (screen.cut(witness.author, 24), "dim"), "  ",
        (witness.sentiment, screen.SENTIMENT_STYLES.get(witness.sentiment, "")), " ",
        (witness.urgency, screen.URGENCY_STYLES.get(witness.urgency, "")),
    )  # fmt: skip
    lines: list[RenderableType] = [head, screen.indented(Text(screen.cut(witness.text, 2 * width - 12)))]
    if witness.url:
        lines.append(Text("  " + screen.harmless(witness.url), "dim"))
    return lines


def _counts(counts: "Mapping[str, int]") -> str:
    most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{screen.harmless(name)} {count:,}" for name, count in most[:6])


def timeline(incident: "Incident") -> "list[Text]":
    """What happened when, why and by whom; the time since the opening on the left."""
    from rich.text import Text

    lines = []
    for step in incident.timeline:
        since = step.at - incident.opened_at
        line = Text.assemble("  ", (f"{_span(since):>8}", "cyan"), "  ", screen.harmless(step.what))
        if step.why:
            line.append(f" ({screen.harmless(step.why)})", "dim")
        if step.by:
            line.append(f" by {screen.harmless(step.by)}", "dim")
        lines.append(line)
    return lines


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    minute, hour, day = 60, 3600, 86_400
    if seconds < minute:
        return f"+{seconds} s"
    if seconds < hour:
        return f"+{seconds // minute} min"
    if seconds < day:
        return f"+{seconds // hour} h {seconds % hour // minute:02} m"
    return f"+{seconds // day} d"
