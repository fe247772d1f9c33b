"""Reads Kibana's saved objects as Kibana does: JSON inside JSON decoded, panels with their columns."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.kit.docs import ROOT

Json = dict[str, Any]
FILE = ROOT / "deploy" / "kibana" / "tocsin.ndjson"
_INNER = {
    "index-pattern": ("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters"),
    "search": (),
    "dashboard": ("panelsJSON", "optionsJSON"),
}


class LensPanel(NamedTuple):
    """One chart of a dashboard: its data view, its columns in the order of their groups, and its queries."""

    dashboard: str
    id: str
    data_view: str
    columns: tuple[tuple[str, Json], ...]
    queries: tuple[str, ...]
    attributes: Json


def saved_objects() -> list[Json]:
    """The shipped objects, decoded."""
    return [decoded(json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines()]


def decoded(saved: Json) -> Json:
    """A saved object with the JSON in its strings read."""
    told = dict(saved["attributes"])
    for key in _INNER[saved["type"]]:
        if key in told:
            told[key] = json.loads(told[key])
    for outer, keys in {
        "kibanaSavedObjectMeta": ("searchSourceJSON",),
        "controlGroupInput": ("panelsJSON", "ignoreParentSettingsJSON"),
    }.items():
        if outer in told:
            told[outer] = {**told[outer], **{key: json.loads(told[outer][key]) for key in keys}}
    return {**saved, "attributes": told}


def of_kind(kind: str) -> list[Json]:
    """The objects of a type."""
    return [saved for saved in saved_objects() if saved["type"] == kind]


def lens_panels() -> Iterator[LensPanel]:
    """Every chart of every dashboard."""
    for dashboard in of_kind("dashboard"):
        asked = dashboard["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
        for panel in dashboard["attributes"]["panelsJSON"]:
            if panel["type"] != "lens":
                continue
            attributes = panel["embeddableConfig"]["attributes"]
            (layer,) = attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
            queries = tuple(query for query in (asked, attributes["state"]["query"]["query"]) if query)
            yield LensPanel(
                dashboard=dashboard["id"],
                id=panel["panelIndex"],
                data_view=attributes["references"][0]["id"],
                columns=tuple((name, layer["columns"][name]) for name in layer["columnOrder"]),
                queries=queries,
                attributes=attributes,
            )


def accessors(drawn: Any) -> Iterator[str]:
    """The columns that a visualisation names."""
    named = {"metricAccessor", "xAccessor", "splitAccessor", "columnId"}
    listed = {"accessors", "primaryGroups", "metrics"}
    if isinstance(drawn, list):
        for one in drawn:
            yield from accessors(one)
    elif isinstance(drawn, dict):
        for key, value in drawn.items():
            if key in named:
                yield value
            elif key in listed:
                yield from value
            else:
                yield from accessors(value)
