"""What an analyst and the people on duty see in Kibana: data views, tables and dashboards, in a few words each.

`build.py` beside this file turns it into tocsin.ndjson, which docker-compose.yml imports at start.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from deploy.kibana.lens import (
    Chart,
    average,
    bars,
    by,
    count,
    donut,
    figure,
    largest,
    median,
    over_time,
    percentile,
    table,
    total,
)


class DataView(NamedTuple):
    """An alias or index, its time field, and what people should read in the place of field names and raw numbers."""

    name: str
    time: str = "@timestamp"
    labels: Mapping[str, str] = MappingProxyType({})
    durations: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ("body",)


class Table(NamedTuple):
    """A saved search: documents as rows, the latest first."""

    id: str
    title: str
    data_view: str
    columns: tuple[str, ...]
    newest: str = "@timestamp"
    query: str = ""


class Panel(NamedTuple):
    """A chart or a table at its place: x and width of 48 columns, y and height in rows."""

    id: str
    title: str
    x: int
    y: int
    width: int
    height: int
    shows: Chart | Table
    data_view: str = "tocsin-mentions"


class Control(NamedTuple):
    """A drop-down above the dashboard."""

    field: str
    title: str


class Dashboard(NamedTuple):
    """A page. `since` is the time it opens with; `query` is KQL that people see and may change."""

    id: str
    title: str
    description: str
    since: str
    data_view: str
    controls: tuple[Control, ...]
    panels: tuple[Panel, ...]
    query: str = ""


SENTIMENT = {"negative": "#e7664c", "neutral": "#98a2b3", "positive": "#54b399", "unscored": "#d3dae6"}
URGENCY = {"critical": "#bd271e", "high": "#e7664c", "normal": "#6092c0", "low": "#98a2b3", "unscored": "#d3dae6"}
SEVERITY = {"critical": "#bd271e", "major": "#e7664c", "minor": "#d6bf57"}
INCIDENTS, ALERTS, DEAD_LETTERS = "tocsin-incidents", "tocsin-alerts", "tocsin-dead-letters"
NEGATIVE = "sentiment : negative"

DATA_VIEWS = (
    DataView(
        "tocsin-mentions",
        labels={
            "sentiment_value": "net sentiment (-1 to 1)",
            "author.name": "author",
            "author.followers": "followers",
            "addressed": "own account it is written to",
            "response_seconds": "time to first response",
            "review": "waits for review",
        },
        durations=("response_seconds",),
        links=("url", "author.url"),
        hidden=("body", "words", "priority_rank"),
    ),
    DataView(
        INCIDENTS,
        time="opened_at",
        labels={"seconds_to_acknowledge": "time to acknowledge", "seconds_to_resolve": "time to resolve"},
        durations=("seconds_to_acknowledge", "seconds_to_resolve"),
    ),
    DataView(ALERTS),
    DataView(DEAD_LETTERS),
)

MENTIONS_TABLE = Table(
    id="tocsin-mentions-table",
    title="Tocsin: mentions",
    data_view="tocsin-mentions",
    columns=(
        "brand", "network", "author.name", "text", "sentiment", "urgency", "theme", "lang", "reach", "priority",
        "url",
    ),
    query="not deleted_at : *",
)  # fmt: skip
INCIDENTS_TABLE = Table(
    id="tocsin-incidents-table",
    title="Tocsin: incidents",
    data_view=INCIDENTS,
    columns=(
        "brand", "group", "severity", "status", "alerts", "mentions", "assignee", "acknowledged_by",
        "seconds_to_acknowledge", "seconds_to_resolve", "updated_at",
    ),
    newest="opened_at",
)  # fmt: skip
TABLES = (MENTIONS_TABLE, INCIDENTS_TABLE)

ANALYST = Dashboard(
    id="tocsin-analyst",
    title="Tocsin: what people say",
    description="Volume, sentiment, share of voice, sources of negativity, authors, response time, each mention.",
    since="now-7d",
    data_view="tocsin-mentions",
    query="not deleted_at : *",
    controls=(
        Control("brand", "Brand"),
        Control("network", "Network"),
        Control("lang", "Language"),
        Control("sentiment", "Sentiment"),
        Control("urgency", "Urgency"),
        Control("theme", "Theme"),
    ),
    panels=(
        Panel("mentions", "Mentions", 0, 0, 8, 6, figure(count("mentions"))),
        Panel("negative", "Negative", 8, 0, 8, 6, figure(count("negative mentions", where=NEGATIVE))),
        Panel("net", "Net sentiment", 16, 0, 8, 6, figure(average("sentiment_value", "-1 negative, 1 positive"))),
        Panel(
            "urgent", "Critical and high", 24, 0, 8, 6,
            figure(count("mentions to look at", where="urgency : (critical or high)")),
        ),
        Panel("review", "Wait for a person's review", 32, 0, 8, 6, figure(count("mentions", where="review : true"))),
        Panel("response", "Time to first response", 40, 0, 8, 6, figure(median("response_seconds", "median"))),
        Panel(
            "volume", "Volume by sentiment", 0, 6, 32, 12,
            bars([over_time(), by("sentiment", "sentiment"), count("mentions")], colors=SENTIMENT),
        ),
        Panel(
            "sentiment", "Sentiment", 32, 6, 16, 12,
            donut(by("sentiment", "sentiment"), count("mentions"), colors=SENTIMENT),
        ),
        Panel("voice", "Share of voice", 0, 18, 16, 12, donut(by("brand", "brand", other=True), count("mentions"))),
        Panel(
            "voice-time", "Share of voice over time", 16, 18, 16, 12,
            bars([over_time(), by("brand", "brand"), count("mentions")], series="area_percentage_stacked"),
        ),
        Panel(
            "brands", "Sentiment of each brand", 32, 18, 16, 12,
            bars(
                [by("brand", "brand"), by("sentiment", "sentiment"), count("mentions")],
                colors=SENTIMENT, series="bar_horizontal_percentage_stacked",
            ),
        ),
        Panel(
            "sources", "Where the negative comes from, by reach", 0, 30, 24, 14,
            table(
                [
                    by("network", "network", size=5),
                    by("source", "source", size=3),
                    by("author.name", "author", size=5),
                    total("reach", "reach"),
                    count("negative mentions"),
                ],
                query=NEGATIVE,
            ),
        ),
        Panel(
            "authors", "Authors with the most reach", 24, 30, 24, 14,
            table(
                [
                    by("author.name", "author", size=20),
                    total("reach", "reach"),
                    count("mentions"),
                    largest("author.followers", "followers"),
                    average("sentiment_value", "net sentiment"),
                ]
            ),
        ),
        Panel(
            "themes", "Themes", 0, 44, 16, 14,
            bars(
                [by("theme", "theme", size=15), by("sentiment", "sentiment"), count("mentions")],
                colors=SENTIMENT, series="bar_horizontal_stacked",
            ),
        ),
        Panel(
            "urgency", "Urgency", 16, 44, 16, 14,
            bars([over_time(), by("urgency", "urgency"), count("mentions")], colors=URGENCY),
        ),
        Panel(
            "networks", "Networks", 32, 44, 8, 14, donut(by("network", "network", other=True), count("mentions"))
        ),
        Panel("languages", "Languages", 40, 44, 8, 14, donut(by("lang", "language"), count("mentions"))),
        Panel(
            "response-time", "Time to first response", 0, 58, 24, 12,
            bars(
                [
                    over_time(),
                    median("response_seconds", "half are answered within"),
                    percentile("response_seconds", "nine in ten within", of=90),
                ],
                series="line",
            ),
        ),
        Panel(
            "response-brands", "Time to first response of each brand", 24, 58, 24, 12,
            table(
                [
                    # The first figure orders: a brand that nobody answered for has no median to be ordered by.
                    by("brand", "brand"),
                    count("answered", where="response_seconds >= 0"),
                    median("response_seconds", "half are answered within"),
                    percentile("response_seconds", "nine in ten within", of=90),
                ]
            ),
        ),
        Panel("table", "Mentions", 0, 70, 48, 24, MENTIONS_TABLE),
    ),
)  # fmt: skip

DUTY = Dashboard(
    id="tocsin-incidents",
    title="Tocsin: incidents",
    description="What is open, how fast people react, which rules ring, and what could not be processed.",
    since="now-30d",
    data_view=INCIDENTS,
    controls=(Control("brand", "Brand"), Control("severity", "Severity"), Control("status", "Status")),
    panels=(
        Panel("open", "Open", 0, 0, 12, 6, figure(count("incidents nobody took", where="status : open")), INCIDENTS),
        Panel(
            "taken", "Acknowledged", 12, 0, 12, 6,
            figure(count("incidents in work", where="status : acknowledged")), INCIDENTS,
        ),
        Panel(
            "acknowledge", "Time to acknowledge", 24, 0, 12, 6,
            figure(median("seconds_to_acknowledge", "median")), INCIDENTS,
        ),
        Panel("resolve", "Time to resolve", 36, 0, 12, 6, figure(median("seconds_to_resolve", "median")), INCIDENTS),
        Panel(
            "open-brands", "Not resolved, by brand and severity", 0, 6, 24, 12,
            bars(
                [by("brand", "brand"), by("severity", "severity"), count("incidents")],
                colors=SEVERITY, series="bar_horizontal_stacked", query="status : (open or acknowledged)",
            ),
            INCIDENTS,
        ),
        Panel(
            "incidents-time", "Incidents over time", 24, 6, 24, 12,
            bars([over_time("opened_at"), by("severity", "severity"), count("incidents")], colors=SEVERITY),
            INCIDENTS,
        ),
        Panel(
            "reaction", "How fast each brand's people react", 0, 18, 24, 12,
            table(
                [
                    by("brand", "brand"),
                    count("incidents"),
                    median("seconds_to_acknowledge", "half are acknowledged within"),
                    median("seconds_to_resolve", "half are resolved within"),
                    count("still open", where="status : open"),
                ]
            ),
            INCIDENTS,
        ),
        Panel(
            "reaction-time", "Time to acknowledge over time", 24, 18, 24, 12,
            bars(
                [
                    over_time("opened_at"),
                    median("seconds_to_acknowledge", "half within"),
                    percentile("seconds_to_acknowledge", "nine in ten within", of=90),
                ],
                series="line",
            ),
            INCIDENTS,
        ),
        Panel(
            "rules", "Alerts by rule", 0, 30, 24, 12,
            bars(
                [by("rule", "rule", size=15), by("severity", "severity"), count("alerts")],
                colors=SEVERITY, series="bar_horizontal_stacked",
            ),
            ALERTS,
        ),
        Panel(
            "alerts-time", "Alerts over time", 24, 30, 24, 12,
            bars([over_time(), by("kind", "kind of rule"), count("alerts")]), ALERTS,
        ),
        Panel("latest", "Incidents", 0, 42, 48, 18, INCIDENTS_TABLE, INCIDENTS),
        Panel(
            "dead", "What could not be processed", 0, 60, 48, 12,
            table(
                [
                    by("stage", "stage"),
                    by("reason", "reason", size=5),
                    by("source", "source", size=5),
                    count("letters"),
                ]
            ),
            DEAD_LETTERS,
        ),
    ),
)  # fmt: skip
DASHBOARDS = (ANALYST, DUTY)
