"""Write dashboards/tocsin.json: `python -m deploy.grafana.build`. Each panel is a title, a unit and its queries."""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]
FILE = Path(__file__).with_name("dashboards") / "tocsin.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT = 12, 8
LIVE = 'topic!~".*backfill.*"'


class Panel(NamedTuple):
    """One chart: PromQL by legend. `limit` is the line that an alert draws."""

    title: str
    unit: str
    queries: dict[str, str]
    limit: float | None = None


def quantiles(metric: str, window: str = "$__rate_interval") -> dict[str, str]:
    """Median and the slowest in a hundred of a histogram."""
    rate = f"sum by (le) (rate({metric}_bucket[{window}]))"
    return {"half": f"histogram_quantile(0.5, {rate})", "99 in 100": f"histogram_quantile(0.99, {rate})"}


ROWS: dict[str, tuple[Panel, ...]] = {
    "Do people learn in time": (
        Panel(
            "From post to alert",
            "s",
            {"half": "tocsin:post_to_alert_seconds:p50", "99 in 100": "tocsin:post_to_alert_seconds:p99"},
            limit=120,
        ),
        Panel(
            "From hearing a post to its mention in the index",
            "s",
            {"half": "tocsin:post_to_index_seconds:p50", "99 in 100": "tocsin:post_to_index_seconds:p99"},
            limit=120,
        ),
        Panel("From a post to the brand's first reply", "s", quantiles("tocsin_first_response_seconds", "1d")),
        Panel(
            "Alerts raised in an hour",
            "short",
            {"{{kind}} {{severity}}": "sum by (kind, severity) (increase(tocsin_alerts_total[1h]))"},
        ),
        Panel(
            "Notifications in an hour",
            "short",
            {
                "{{receiver}} {{outcome}}": "sum by (receiver, outcome) (increase(tocsin_notifications_total[1h]))",
                "waiting": "max(tocsin_outbox_pending)",
            },
        ),
    ),
    "Does everything move": (
        Panel(
            "Messages dealt with",
            "cps",
            {"{{topic}}": "sum by (topic) (rate(tocsin_consumed_total[$__rate_interval]))"},
        ),
        Panel(
            "Age of the oldest record not yet dealt with",
            "s",
            {"{{group}}": "max by (group) (tocsin_oldest_unprocessed_seconds)"},
            limit=120,
        ),
        Panel(
            "Records that wait",
            "short",
            {"{{topic}} for {{group}}": "max by (topic, group) (tocsin_lag_records)"},
        ),
        Panel(
            "Line held",
            "short",
            {"{{process}}: {{why}}": "max by (process, why) (tocsin_holding)"},
        ),
    ),
    "What comes in": (
        Panel(
            "Posts by source",
            "cps",
            {"{{source}}": "sum by (source) (rate(tocsin_posts_total[$__rate_interval]))"},
        ),
        Panel(
            "Mentions by sentiment",
            "cps",
            {"{{sentiment}}": "sum by (sentiment) (rate(tocsin_mentions_total[$__rate_interval]))"},
        ),
        Panel(
            "Time since a source brought a post",
            "s",
            {"{{source}}": "time() - (max by (source) (tocsin_source_last_post_timestamp_seconds) > 0)"},
            limit=86_400,
        ),
        Panel(
            "Dead letters in an hour",
            "short",
            {"{{stage}}: {{reason}}": "sum by (stage, reason) (increase(tocsin_dead_letters_total[1h]))"},
        ),
    ),
    "The judge": (
        Panel("Time of one batch", "s", quantiles("tocsin_judge_seconds")),
        Panel("Texts in a batch", "short", quantiles("tocsin_judged_texts")),
        Panel(
            "Time of each stage",
            "s",
            {
                "{{stage}}": "histogram_quantile(0.99, sum by (le, stage) "
                "(rate(tocsin_stage_seconds_bucket[$__rate_interval])))"
            },
        ),
        Panel(
            "Mentions that wait for a person, in an hour",
            "short",
            {"{{lang}}": "sum by (lang) (increase(tocsin_mentions_for_review_total[1h]))"},
        ),
    ),
    "Elasticsearch and Kafka": (
        Panel(
            "Documents by outcome",
            "cps",
            {"{{outcome}}": "sum by (outcome) (rate(tocsin_indexed_total[$__rate_interval]))"},
        ),
        Panel(
            "Times Elasticsearch asked to be spared, in 10 minutes",
            "short",
            {"{{why}}": "sum by (why) (increase(tocsin_slowed_down_total[10m]))"},
            limit=10,
        ),
        Panel(
            "Messages acknowledged by Kafka",
            "cps",
            {"{{topic}}": f"sum by (topic) (rate(tocsin_published_total{{{LIVE}}}[$__rate_interval]))"},
        ),
        Panel(
            "Came again, or lost a race",
            "cps",
            {
                "again at {{stage}}": "sum by (stage) (rate(tocsin_redelivered_total[$__rate_interval]))",
                "behind another: {{what}}": "sum by (what) (rate(tocsin_conflicts_total[$__rate_interval]))",
            },
        ),
    ),
    "The processes": (
        Panel(
            "Memory",
            "bytes",
            {"{{process}} {{instance}}": 'process_resident_memory_bytes{job="tocsin"}'},
        ),
        Panel(
            "Processor time",
            "percentunit",
            {
                "{{process}} {{instance}}": 'rate(process_cpu_seconds_total{job="tocsin"}[$__rate_interval])',
            },
        ),
        Panel("Processes that answer", "short", {"{{process}}": 'sum by (process) (up{job="tocsin"})'}),
        Panel(
            "Age of the processes",
            "s",
            {"{{process}} {{instance}}": 'time() - process_start_time_seconds{job="tocsin"}'},
        ),
    ),
}


def dashboard() -> Json:
    """The whole page, rows of two."""
    panels: list[Json] = []
    y = 0
    for row, charts in ROWS.items():
        line = {"type": "row", "title": row, "collapsed": False, "panels": []}
        panels.append({"id": len(panels) + 1, **line, "gridPos": grid(0, y, 2 * WIDTH, 1)})
        y += 1
        for place, chart in enumerate(charts):
            at = grid(place % 2 * WIDTH, y + place // 2 * HEIGHT, WIDTH, HEIGHT)
            panels.append({"id": len(panels) + 1, **drawn(chart), "gridPos": at})
        y += -(-len(charts) // 2) * HEIGHT
    return {
        "uid": "tocsin",
        "title": "Tocsin",
        "description": "Whether people learn in time, and where it is held up if not.",
        "tags": ["tocsin"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def grid(x: int, y: int, width: int, height: int) -> Json:
    """Where a panel lies, of 24 columns."""
    return {"x": x, "y": y, "w": width, "h": height}


def drawn(panel: Panel) -> Json:
    """One panel with its queries."""
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {
                    "lineWidth": 1,
                    "fillOpacity": 10,
                    "showPoints": "never",
                    "thresholdsStyle": {"mode": "line" if panel.limit is not None else "off"},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def text() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
