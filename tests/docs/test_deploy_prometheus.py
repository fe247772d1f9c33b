"""Prometheus, Alertmanager and Grafana ask for figures that exist; alerts ring when they should, with a runbook."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana import build
from tests.kit.compose import PROCESSES, memory, services
from tests.kit.docs import ROOT, anchors
from tocsin.metrics import Metrics

Json = dict[str, Any]
HERE = ROOT / "deploy" / "prometheus"
RUNBOOK = ROOT / "docs" / "runbook.md"

TARGET = {"job", "instance", "process"}
"""Labels that a scrape adds."""
OF_EVERY_PROCESS = {
    "up": set[str](),
    "process_resident_memory_bytes": set[str](),
    "process_cpu_seconds_total": set[str](),
    "process_start_time_seconds": set[str](),
}
WORDS = {"by", "on", "unless", "and", "or", "group_left", "without", "offset", "ignoring"}
_STRING = re.compile(r'"[^"]*"')
_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\s*(?:\{([^}]*)\})?")


def rules(name: str) -> list[Json]:
    groups = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS, RECORDED = rules("alerts.yml"), rules("recording.yml")
BOARD = json.loads(build.FILE.read_text(encoding="utf-8"))
CHARTS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]


def exported() -> dict[str, set[str]]:
    """The name of every series that a process of Tocsin has, with its labels."""
    found = dict(OF_EVERY_PROCESS)
    for metric in vars(Metrics()).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        labels = set(metric._labelnames)
        if isinstance(metric, Histogram):
            found[f"{metric._name}_bucket"] = labels | {"le"}
            found |= {f"{metric._name}_{end}": labels for end in ("sum", "count")}
        else:
            found[metric._name + ("_total" if metric._type == "counter" else "")] = labels
    return found


SERIES = exported()
for rule in RECORDED:
    SERIES.setdefault(rule["record"], set()).update(rule.get("labels", {}))


def selected(query: str) -> Iterator[tuple[str, set[str]]]:
    """Every series that a query names, with the labels it matches by."""
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left)\s*\([^)]*\)", " ", query)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    for name, matchers in _SELECTOR.findall(_STRING.sub('""', bare)):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        function = re.search(rf"\b{re.escape(name)}\s*\(", bare)
        if not function and name not in WORDS and not re.fullmatch(r"\d+[smhd]?|[smhd]", name):
            yield name, labels


def grouped(query: str) -> set[str]:
    """The labels that a query groups or joins by."""
    found = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query)
    return {label.strip() for labels in found for label in labels.split(",") if label.strip()}


def queries() -> list[tuple[str, str]]:
    """Every PromQL of the repository with where it stands."""
    told = [(rule["alert"], rule["expr"]) for rule in ALERTS]
    told += [(rule["record"], rule["expr"]) for rule in RECORDED]
    return told + [(panel["title"], target["expr"]) for panel in CHARTS for target in panel["targets"]]


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        why = f"{name} is missing: run `make services` (Debian: apt-get install prometheus prometheus-alertmanager)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def run(*words: str) -> str:
    told = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.parametrize(("where", "query"), queries(), ids=lambda text: text[:50])
def test_a_query_asks_for_series_and_labels_that_exist(where: str, query: str) -> None:
    named = list(selected(query))
    assert named or query.startswith("vector("), where
    known = set(TARGET)
    for name, labels in named:
        assert name in SERIES, f"{where}: no process exports {name}"
        assert labels <= SERIES[name] | TARGET, f"{where}: {name} has no label {labels - SERIES[name] - TARGET}"
        known |= SERIES[name]
        if ":" in name:
            known |= grouped(next(rule["expr"] for rule in RECORDED if rule["record"] == name))
    assert grouped(query) <= known, where


def test_the_check_of_queries_finds_a_wrong_name_and_a_wrong_label() -> None:
    assert dict(selected('sum by (le) (rate(tocsin_posts_total{sauce="x"}[5m]))')) == {
        "tocsin_posts_total": {"sauce"}
    }
    assert "tocsin_postz_total" not in SERIES
    assert "sauce" not in SERIES["tocsin_posts_total"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_grave_it_is_what_happened_and_where_to_read_on(alert: Json) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    told = alert["annotations"]
    assert len(told["summary"].split()) > 5
    page, _, anchor = told["runbook_url"].partition("#")
    assert ROOT / page == RUNBOOK
    assert anchor == alert["alert"].lower()
    assert anchor in anchors(RUNBOOK)


def test_every_section_of_the_runbook_about_an_alert_is_of_one_that_exists() -> None:
    sections = re.findall(r"^## (Tocsin\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted(alert["alert"] for alert in ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_a_section_says_what_it_means_how_to_see_the_cause_and_what_to_do(alert: Json) -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    section = text.split(f"\n## {alert['alert']}\n")[1].split("\n## ")[0]
    for part in ("**Means.**", "**See.**", "**Do.**"):
        assert part in section


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_a_summary_uses_labels_that_the_alert_has(alert: Json) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"]))
    added = set(re.findall(r'label_replace\(.*?"(\w+)", "\w+", "", ""\)', alert["expr"]))
    assert used <= grouped(alert["expr"]) | TARGET | added


def test_prometheus_accepts_the_rules() -> None:
    promtool = tool("promtool")
    run(promtool, "check", "rules", "recording.yml", "alerts.yml")
    for config in ("prometheus.yml", "one-process.yml"):
        run(promtool, "check", "config", "--syntax-only", config)


def test_alerts_ring_when_they_should() -> None:
    assert "SUCCESS" in run(tool("promtool"), "test", "rules", "tests.yml")


def test_every_alert_is_seen_to_ring_in_a_test() -> None:
    tests = yaml.safe_load((HERE / "tests.yml").read_text(encoding="utf-8"))["tests"]
    rung = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert rung == {alert["alert"] for alert in ALERTS}


def test_alertmanager_accepts_its_configuration() -> None:
    run(tool("amtool"), "check-config", "alertmanager.yml")


def test_what_alertmanager_holds_back_are_alerts_that_exist() -> None:
    config = yaml.safe_load((HERE / "alertmanager.yml").read_text(encoding="utf-8"))
    names = {alert["alert"] for alert in ALERTS}
    for inhibition in config["inhibit_rules"]:
        for matcher in (*inhibition["source_matchers"], *inhibition["target_matchers"]):
            (wanted,) = re.findall(r'alertname=~"([^"]+)"', matcher)
            assert set(wanted.split("|")) <= names
    secrets = {
        secret for receiver in config["receivers"] for secret in re.findall(r"/run/secrets/(\w+)", str(receiver))
    }
    assert secrets == set(services()["alertmanager"]["secrets"])


def test_every_process_is_scraped_and_missed() -> None:
    config = yaml.safe_load((HERE / "prometheus.yml").read_text(encoding="utf-8"))
    scrape = next(job for job in config["scrape_configs"] if job["job_name"] == "tocsin")
    assert set(scrape["dns_sd_configs"][0]["names"]) == set(PROCESSES)
    down = next(alert for alert in ALERTS if alert["alert"] == "TocsinProcessDown")
    assert set(re.findall(r'process="(\w+)"', down["expr"])) == set(PROCESSES)


def test_the_memory_that_alerts_compare_with_is_what_the_containers_may_use() -> None:
    told = {
        rule["labels"]["process"]: eval(rule["expr"].removeprefix("vector"))  # noqa: S307  # our own product of numbers
        for rule in RECORDED
        if rule["record"] == "tocsin:memory_limit_bytes"
    }
    assert told == {name: memory(services()[name]) for name in PROCESSES}


def test_the_dashboard_of_grafana_is_what_the_script_writes() -> None:
    assert build.FILE.read_text(encoding="utf-8") == build.text(), "run `python -m deploy.grafana.build`"


def test_the_dashboard_of_grafana_asks_the_source_that_is_provisioned() -> None:
    sources = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8")
    )["datasources"]
    uids = {source["uid"] for source in sources}
    assert {target["datasource"]["uid"] for panel in CHARTS for target in panel["targets"]} <= uids
    provider = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/dashboards/tocsin.yml").read_text(encoding="utf-8")
    )["providers"][0]
    mounts = services()["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts


def test_no_panel_of_grafana_lies_on_another() -> None:
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for one, other in combinations([panel["gridPos"] for panel in BOARD["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in BOARD["panels"])


def test_a_legend_uses_labels_that_its_query_leaves() -> None:
    for panel in CHARTS:
        for target in panel["targets"]:
            used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert used <= grouped(target["expr"]) | TARGET, panel["title"]


def test_every_metric_of_the_cluster_is_on_the_dashboard_or_in_a_rule() -> None:
    asked = {name for _, query in queries() for name, _ in selected(query)}
    shown = {name.removesuffix("_bucket") for name in asked}
    embedded_only = {
        "tocsin_commit_seconds", "tocsin_commit_failures_total", "tocsin_waiting_pages",
        "tocsin_oldest_waiting_seconds", "tocsin_post_to_store_seconds",
    }  # fmt: skip
    details = {
        "tocsin_near_misses_total",
        "tocsin_posts_repeated_total",
        "tocsin_posts_recounted_total",
        "tocsin_batch_posts",
        "tocsin_source_errors_total",
    }
    histograms = {name.removesuffix("_bucket") for name in SERIES if name.endswith("_bucket")}
    plain = {
        name for name in SERIES if not name.endswith(("_bucket", "_sum", "_count")) and name.startswith("tocsin_")
    }
    assert histograms | plain == (shown & (histograms | plain)) | embedded_only | details
