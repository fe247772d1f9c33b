"""Write tocsin.ndjson from dashboards.py: `python -m deploy.kibana.build`. `--check` only says whether it is stale.

Types are written in the versions that Kibana 9.0 has; every later Kibana brings them up to date as it imports them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.kibana.dashboards import DASHBOARDS, DATA_VIEWS, TABLES, Dashboard, DataView, Panel, Table
from deploy.kibana.lens import attributes

Json = dict[str, Any]
FILE = Path(__file__).with_name("tocsin.ndjson")

CORE = "8.8.0"
DATA_VIEW, SEARCH, DASHBOARD = "8.0.0", "10.5.0", "10.2.0"
SEARCH_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"


def objects() -> Iterator[Json]:
    """Every saved object, those first that others point to."""
    yield from map(data_view, DATA_VIEWS)
    yield from map(search, TABLES)
    yield from map(dashboard, DASHBOARDS)


def data_view(view: DataView) -> Json:
    """A data view: Kibana reads the fields from the index itself."""
    duration = {"inputFormat": "seconds", "outputFormat": "humanizePrecise", "outputPrecision": 1}
    formats: Json = {field: {"id": "duration", "params": duration} for field in view.durations}
    formats |= {field: {"id": "url"} for field in view.links}
    told = {
        "title": view.name,
        "name": view.name.replace("-", " ").capitalize(),
        "timeFieldName": view.time,
        "allowHidden": False,
        "fields": "[]",
        "fieldAttrs": _text({field: {"customLabel": label} for field, label in view.labels.items()}),
        "fieldFormatMap": _text(formats),
        "runtimeFieldMap": "{}",
        "sourceFilters": _text([{"value": field} for field in view.hidden]),
    }
    return _object("index-pattern", view.name, DATA_VIEW, told, [])


def search(table: Table) -> Json:
    """A saved search of Discover."""
    source = {"query": _kql(table.query), "filter": [], "indexRefName": SEARCH_INDEX}
    told = {
        "title": table.title,
        "description": "",
        "columns": list(table.columns),
        "sort": [[table.newest, "desc"]],
        "grid": {},
        "hideChart": True,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    reference = {"type": "index-pattern", "id": table.data_view, "name": SEARCH_INDEX}
    return _object("search", table.id, SEARCH, told, [reference])


def dashboard(page: Dashboard) -> Json:
    """A dashboard whose charts are held in it, with its controls."""
    panels, references = [], []
    for one in page.panels:
        panel, found = _panel(one)
        panels.append(panel)
        references += found
    controls: Json = {}
    for order, control in enumerate(page.controls):
        name = f"{page.id}-{control.field}"
        controls[name] = {
            "order": order,
            "width": "small",
            "grow": True,
            "type": "optionsListControl",
            "explicitInput": {
                "id": name,
                "dataViewId": page.data_view,
                "fieldName": control.field,
                "title": control.title,
                "searchTechnique": "prefix",
                "selectedOptions": [],
                "sort": {"by": "_count", "direction": "desc"},
            },
        }
        references.append(
            {"type": "index-pattern", "id": page.data_view, "name": f"controlGroup_{name}:optionsListDataView"}
        )
    told = {
        "title": page.title,
        "description": page.description,
        "timeRestore": True,
        "timeFrom": page.since,
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 60_000},
        "optionsJSON": _text(
            {
                "useMargins": True,
                "syncColors": True,
                "syncCursor": True,
                "syncTooltips": False,
                "hidePanelTitles": False,
            }
        ),
        "panelsJSON": _text(panels),
        "controlGroupInput": {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "showApplySelections": False,
            "ignoreParentSettingsJSON": _text(
                {
                    "ignoreFilters": False,
                    "ignoreQuery": False,
                    "ignoreTimerange": False,
                    "ignoreValidations": False,
                }
            ),
            "panelsJSON": _text(controls),
        },
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text({"query": _kql(page.query), "filter": []})},
        "version": 1,
    }
    return _object("dashboard", page.id, DASHBOARD, told, references)


def _panel(panel: Panel) -> tuple[Json, list[Json]]:
    grid = {"x": panel.x, "y": panel.y, "w": panel.width, "h": panel.height, "i": panel.id}
    placed: Json = {"gridData": grid, "panelIndex": panel.id}
    shows: Json = {"title": panel.title, "enhancements": {}, "hidePanelTitles": False}
    if isinstance(panel.shows, Table):
        name = f"panel_{panel.id}"
        reference = {"type": "search", "id": panel.shows.id, "name": f"{panel.id}:{name}"}
        return {**placed, "type": "search", "embeddableConfig": shows, "panelRefName": name}, [reference]
    layer = f"{panel.id}-layer"
    chart = attributes(panel.shows, title=panel.title, layer=layer, data_view=panel.data_view)
    references = [{**one, "name": f"{panel.id}:{one['name']}"} for one in chart["references"]]
    return {**placed, "type": "lens", "embeddableConfig": {**shows, "attributes": chart}}, references


def _kql(query: str) -> Json:
    return {"query": query, "language": "kuery"}


def _text(value: Any) -> str:
    """JSON inside JSON, as saved objects have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(kind: str, name: str, version: str, told: Json, references: list[Json]) -> Json:
    return {
        "id": name,
        "type": kind,
        "attributes": told,
        "references": references,
        "managed": False,
        "coreMigrationVersion": CORE,
        "typeMigrationVersion": version,
    }


def ndjson() -> str:
    """The file: one saved object a line."""
    return "".join(f"{json.dumps(one, ensure_ascii=False, separators=(',', ':'))}\n" for one in objects())


def main(words: list[str]) -> int:
    """Write the file, or compare it."""
    if "--check" in words:
        fresh = FILE.exists() and FILE.read_text(encoding="utf-8") == ndjson()
        print("fresh" if fresh else f"{FILE.name} is stale: run `python -m deploy.kibana.build`", file=sys.stderr)
        return 0 if fresh else 1
    FILE.write_text(ndjson(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
