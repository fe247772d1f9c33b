"""The dashboards of Kibana: fresh, of the published shape, pointing to what exists, over fields that are mapped."""

import asyncio
import json
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from http import HTTPStatus
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from deploy.kibana import build, load
from storage.elasticsearch import schema
from tests.kit.docs import ROOT
from tests.kit.kibana import FILE, Json, LensPanel, accessors, lens_panels, of_kind, saved_objects
from tests.kit.scripted_http import ScriptedServer, Told

OBJECTS = saved_objects()
PANELS = list(lens_panels())
SHAPE = json.loads((ROOT / "tests" / "kit" / "kibana.schema.json").read_text(encoding="utf-8"))

NUMBERS = {"byte", "long", "float", "double"}
FIT = {
    "terms": {"keyword"},
    "date_histogram": {"date"},
    "sum": NUMBERS,
    "average": NUMBERS,
    "max": NUMBERS,
    "median": NUMBERS,
    "percentile": NUMBERS,
}
"""The types of field that each operation of Lens works on, as far as the dashboards use them."""


def fields_of(data_view: str) -> dict[str, str]:
    """Every field of a data view's index with its type, `author.name` written out."""
    name = data_view.removeprefix("tocsin-")
    return dict(flat(schema.MENTION if name == schema.MENTIONS else schema.FIXED[name]))


def flat(mapping: Json, before: str = "") -> Iterator[tuple[str, str]]:
    for name, field in mapping.items():
        if "properties" in field:
            yield from flat(field["properties"], f"{before}{name}.")
        else:
            yield f"{before}{name}", field["type"]


def mapped(data_view: str, field: str) -> Json:
    """How one field is mapped."""
    mapping: Json = (
        schema.MENTION if data_view == "tocsin-mentions" else schema.FIXED[data_view.removeprefix("tocsin-")]
    )
    *outer, last = field.split(".")
    for step in outer:
        mapping = mapping[step]["properties"]
    found: Json = mapping[last]
    return found


def asked(kql: str) -> set[str]:
    """The fields that a query names."""
    return set(re.findall(r"([\w.@]+) *(?::|>=|<=|>|<)", kql))


def test_the_file_is_what_the_script_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == build.ndjson(), "run `python -m deploy.kibana.build`"


@pytest.mark.parametrize("saved", OBJECTS, ids=lambda saved: saved["id"])
def test_every_object_has_the_published_shape(saved: Json) -> None:
    jsonschema.Draft202012Validator(SHAPE).validate(saved)


def test_a_key_that_kibana_does_not_know_is_refused() -> None:
    dashboard = of_kind("dashboard")[0]
    dashboard["attributes"]["panelsJSON"][0]["embeddableConfig"]["attributes"]["state"]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SHAPE).validate(dashboard)


def test_ids_are_unique() -> None:
    ids = [(saved["type"], saved["id"]) for saved in OBJECTS]
    assert len(ids) == len(set(ids))
    for dashboard in of_kind("dashboard"):
        panels = [panel["panelIndex"] for panel in dashboard["attributes"]["panelsJSON"]]
        assert len(panels) == len(set(panels))
        assert panels == [panel["gridData"]["i"] for panel in dashboard["attributes"]["panelsJSON"]]


def test_every_reference_leads_to_an_object_of_the_file() -> None:
    there = {(saved["type"], saved["id"]) for saved in OBJECTS}
    pointed = {(one["type"], one["id"]) for saved in OBJECTS for one in saved["references"]}
    assert pointed
    assert pointed <= there


@pytest.mark.parametrize("dashboard", of_kind("dashboard"), ids=lambda saved: saved["id"])
def test_every_panel_and_control_of_a_dashboard_has_its_references(dashboard: Json) -> None:
    """Kibana takes the panels' own references from the dashboard's, by these names."""
    expected = set()
    for panel in dashboard["attributes"]["panelsJSON"]:
        place = panel["panelIndex"]
        if panel["type"] == "search":
            expected.add(f"{place}:{panel['panelRefName']}")
        else:
            lens = panel["embeddableConfig"]["attributes"]
            layers = lens["state"]["datasourceStates"]["formBased"]["layers"]
            assert [one["name"] for one in lens["references"]] == [
                f"indexpattern-datasource-layer-{name}" for name in layers
            ]
            expected |= {f"{place}:{one['name']}" for one in lens["references"]}
    controls = dashboard["attributes"]["controlGroupInput"]["panelsJSON"]
    expected |= {f"controlGroup_{name}:optionsListDataView" for name in controls}
    assert [control["explicitInput"]["id"] for control in controls.values()] == list(controls)
    names = [one["name"] for one in dashboard["references"]]
    assert sorted(names) == sorted(expected)


@pytest.mark.parametrize("dashboard", of_kind("dashboard"), ids=lambda saved: saved["id"])
def test_no_panel_lies_on_another_and_all_are_on_the_page(dashboard: Json) -> None:
    grids = [panel["gridData"] for panel in dashboard["attributes"]["panelsJSON"]]
    assert all(grid["x"] + grid["w"] <= 48 for grid in grids)
    for one, other in combinations(grids, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one["i"], other["i"])


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_chart_draws_columns_that_it_has(panel: LensPanel) -> None:
    columns = dict(panel.columns)
    drawn = set(accessors(panel.attributes["state"]["visualization"]))
    assert drawn == set(columns)
    ordered = [
        column["params"]["orderBy"]["columnId"] for column in columns.values() if column["operationType"] == "terms"
    ]
    assert all(not columns[name]["isBucketed"] for name in ordered)
    bucketed = [column["isBucketed"] for column in columns.values()]
    assert bucketed == sorted(bucketed, reverse=True), "groups come before figures"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.id)
def test_a_chart_asks_for_fields_that_are_mapped_and_fit(panel: LensPanel) -> None:
    fields = fields_of(panel.data_view)
    for _, column in panel.columns:
        field, operation = column["sourceField"], column["operationType"]
        if operation == "count":
            assert field == "___records___"
        else:
            assert fields[field] in FIT[operation], (field, operation)
            assert mapped(panel.data_view, field).get("doc_values", True), f"{field} cannot be charted"
    queries = [*panel.queries, *(column["filter"]["query"] for _, column in panel.columns if "filter" in column)]
    for query in queries:
        assert asked(query), query
        assert asked(query) <= fields.keys()


@pytest.mark.parametrize("dashboard", of_kind("dashboard"), ids=lambda saved: saved["id"])
def test_controls_filter_by_keywords_that_every_panel_they_should_filter_has(dashboard: Json) -> None:
    for control in dashboard["attributes"]["controlGroupInput"]["panelsJSON"].values():
        asks = control["explicitInput"]
        assert fields_of(asks["dataViewId"])[asks["fieldName"]] == "keyword"


@pytest.mark.parametrize("table", of_kind("search"), ids=lambda saved: saved["id"])
def test_a_table_shows_fields_that_are_mapped(table: Json) -> None:
    told = table["attributes"]
    fields = fields_of(table["references"][0]["id"])
    assert set(told["columns"]) <= fields.keys()
    assert fields[told["sort"][0][0]] == "date"
    query = told["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
    assert asked(query) <= fields.keys()


@pytest.mark.parametrize("view", of_kind("index-pattern"), ids=lambda saved: saved["id"])
def test_a_data_view_names_an_index_its_time_and_fields_that_are_there(view: Json) -> None:
    told = view["attributes"]
    fields = fields_of(told["title"]) | {"priority_rank": "rank_feature"}
    assert fields[told["timeFieldName"]] == "date"
    named = {*told["fieldAttrs"], *told["fieldFormatMap"], *(hidden["value"] for hidden in told["sourceFilters"])}
    assert named <= fields.keys()


def test_what_the_contract_of_the_product_asks_for_is_on_the_dashboards() -> None:
    panels = {(panel.dashboard, panel.id) for panel in PANELS}
    wanted = {"volume", "voice", "brands", "sources", "authors", "themes", "urgency", "languages", "response-time"}
    assert {("tocsin-analyst", name) for name in wanted} <= panels
    duty = {"open-brands", "incidents-time", "reaction", "rules"}
    assert {("tocsin-incidents", name) for name in duty} <= panels


async def loaded(server: ScriptedServer, tmp_path: Path, *told: Told) -> int:
    """Load the file into a Kibana that answers so, one answer after the other; the exit code."""
    (tmp_path / "elastic_password").write_text("made-up", encoding="utf-8")
    answers = list(told)
    server.answers["/api/saved_objects/_import"] = lambda _: answers.pop(0)
    words = [str(FILE), "--url", server.url, "--secrets", str(tmp_path), "--pause", "0"]
    return await asyncio.to_thread(load.main, words)


def said(**answer: Any) -> Told:
    return Told(HTTPStatus.OK, json.dumps(answer).encode())


async def test_the_loader_sends_the_file_as_kibana_wants_it(server: ScriptedServer, tmp_path: Path) -> None:
    assert await loaded(server, tmp_path, said(success=True, successCount=8)) == 0
    (asked,) = server.asked
    assert asked.query == {"overwrite": "true"}
    assert "kbn-xsrf" in asked.headers
    head = f"content-type: {asked.headers['content-type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + asked.body, policy=default).iter_parts()
    assert part["content-disposition"].params["name"] == "file"
    assert part["content-disposition"].params["filename"].endswith(".ndjson")
    assert part.get_payload(decode=True) == FILE.read_bytes()


async def test_the_loader_waits_while_kibana_comes_up(server: ScriptedServer, tmp_path: Path) -> None:
    unready = Told(HTTPStatus.SERVICE_UNAVAILABLE, b"Kibana server is not ready yet")
    assert await loaded(server, tmp_path, unready, unready, said(success=True, successCount=8)) == 0


async def test_the_loader_fails_when_kibana_took_only_a_part(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"id": "tocsin-analyst", "type": "dashboard", "error": {"type": "missing_references"}}
    assert await loaded(server, tmp_path, said(success=False, successCount=7, errors=[error])) == 1
    assert "missing_references" in capsys.readouterr().err


async def test_the_loader_does_not_insist_on_a_wrong_password(server: ScriptedServer, tmp_path: Path) -> None:
    assert await loaded(server, tmp_path, Told(HTTPStatus.UNAUTHORIZED, b"no")) == 1
    assert len(server.asked) == 1
