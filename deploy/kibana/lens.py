"""Charts of Kibana's Lens as saved objects hold them, from a few words: columns and the chart they make.

The shape is that of Kibana 9 (form-based data source, one layer a chart), as its own sample dashboards have it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]

SIZES = 10
"""Values that a chart shows of one field unless it says otherwise."""


class Column(NamedTuple):
    """One column of a layer. `order` says that a column of values is ordered by the chart's first figure."""

    state: Json
    field: str = ""

    @property
    def bucketed(self) -> bool:
        """Whether it groups, instead of counting."""
        return bool(self.state["isBucketed"])


class Chart(NamedTuple):
    """What a panel shows: the kind of Lens, its columns (groups first) and how they are drawn."""

    kind: str
    columns: tuple[Column, ...]
    draws: Json
    query: str = ""


def _figure(operation: str, field: str, label: str, kind: str, where: str, **params: Any) -> Column:
    state: Json = {
        "label": label,
        "customLabel": True,
        "dataType": kind,
        "operationType": operation,
        "isBucketed": False,
        "scale": "ratio",
        "sourceField": field,
        "params": params,
    }
    if where:
        state["filter"] = {"query": where, "language": "kuery"}
    return Column(state, field)


def count(label: str, *, where: str = "") -> Column:
    """How many documents; `where` is KQL."""
    return _figure("count", "___records___", label, "number", where, emptyAsNull=False)


def total(field: str, label: str, *, where: str = "") -> Column:
    """The sum of a number."""
    return _figure("sum", field, label, "number", where, emptyAsNull=True)


def average(field: str, label: str, *, where: str = "") -> Column:
    """The mean of a number."""
    return _figure("average", field, label, "number", where, format={"id": "number", "params": {"decimals": 2}})


def largest(field: str, label: str) -> Column:
    """The greatest value of a number."""
    return _figure("max", field, label, "number", "", emptyAsNull=True)


def median(field: str, label: str) -> Column:
    """The middle of a number; shown in the field's own format."""
    return _figure("median", field, label, "number", "", emptyAsNull=True)


def percentile(field: str, label: str, *, of: int) -> Column:
    """The value below which `of` percent lie; shown in the field's own format."""
    return _figure("percentile", field, label, "number", "", percentile=of)


def over_time(field: str = "@timestamp") -> Column:
    """Group by time, in steps that fit the range."""
    state = {
        "label": "time",
        "customLabel": True,
        "dataType": "date",
        "operationType": "date_histogram",
        "sourceField": field,
        "isBucketed": True,
        "scale": "interval",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
    }
    return Column(state, field)


def by(field: str, label: str, *, size: int = SIZES, other: bool = False) -> Column:
    """Group by the values of a field, the greatest first by the chart's first figure."""
    state = {
        "label": label,
        "customLabel": True,
        "dataType": "string",
        "operationType": "terms",
        "scale": "ordinal",
        "sourceField": field,
        "isBucketed": True,
        "params": {
            "size": size,
            "orderBy": {"type": "column", "columnId": ""},
            "orderDirection": "desc",
            "otherBucket": other,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }
    return Column(state, field)


def figure(column: Column, *, query: str = "") -> Chart:
    """One large number."""
    return Chart("lnsMetric", (column,), {}, query)


def bars(
    columns: Sequence[Column], *, colors: dict[str, str] | None = None, series: str = "bar_stacked", query: str = ""
) -> Chart:
    """Bars, or lines and areas with `series`: the first group along the axis, a second as colours, then figures."""
    return Chart("lnsXY", tuple(columns), {"series": series, "colors": colors or {}}, query)


def donut(group: Column, size: Column, *, colors: dict[str, str] | None = None, query: str = "") -> Chart:
    """Shares of a whole."""
    return Chart("lnsPie", (group, size), {"colors": colors or {}}, query)


def table(columns: Sequence[Column], *, query: str = "") -> Chart:
    """Rows: groups, then figures."""
    return Chart("lnsDatatable", tuple(columns), {}, query)


def attributes(chart: Chart, *, title: str, layer: str, data_view: str) -> Json:
    """The `attributes` of a Lens panel held by value."""
    names = [f"{layer}-{place}" for place in range(len(chart.columns))]
    first_figure = next(name for name, column in zip(names, chart.columns, strict=True) if not column.bucketed)
    columns = {name: _placed(column.state, first_figure) for name, column in zip(names, chart.columns, strict=True)}
    # Values before time: the greatest are then chosen over the whole range, not anew for every bar.
    order = sorted(names, key=lambda name: (not columns[name]["isBucketed"], columns[name]["dataType"] == "date"))
    return {
        "title": title,
        "visualizationType": chart.kind,
        "type": "lens",
        "references": [{"type": "index-pattern", "id": data_view, "name": f"indexpattern-datasource-layer-{layer}"}],
        "state": {
            "visualization": _DRAWN[chart.kind](chart, names, layer),
            "query": {"query": chart.query, "language": "kuery"},
            "filters": [],
            "datasourceStates": {
                "formBased": {
                    "layers": {
                        layer: {"columns": columns, "columnOrder": order, "incompleteColumns": {}, "sampling": 1}
                    }
                }
            },
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def _placed(state: Json, first_figure: str) -> Json:
    if state["operationType"] != "terms":
        return state
    return {**state, "params": {**state["params"], "orderBy": {"type": "column", "columnId": first_figure}}}


def _split(chart: Chart, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of the groups, and those of the figures."""
    both = list(zip(names, chart.columns, strict=True))
    return [name for name, column in both if column.bucketed], [name for name, column in both if not column.bucketed]


def _colored(colors: dict[str, str]) -> Json:
    """Fixed colours for known values, so that negative is the same colour in every chart."""
    if not colors:
        return {}
    assignments = [
        {
            "rule": {"type": "matchExactly", "values": [value]},
            "color": {"type": "colorCode", "colorCode": code},
            "touched": True,
        }
        for value, code in colors.items()
    ]
    others = [{"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}]
    return {
        "colorMapping": {
            "assignments": assignments,
            "specialAssignments": others,
            "paletteId": "eui_amsterdam_color_blind",
            "colorMode": {"type": "categorical"},
        }
    }


def _metric(chart: Chart, names: Sequence[str], layer: str) -> Json:  # noqa: ARG001  # one signature for all kinds
    return {"layerId": layer, "layerType": "data", "metricAccessor": names[0]}


def _xy(chart: Chart, names: Sequence[str], layer: str) -> Json:
    groups, figures = _split(chart, names)
    drawn: Json = {
        "layerId": layer,
        "layerType": "data",
        "seriesType": chart.draws["series"],
        "accessors": figures,
        "xAccessor": groups[0],
        "position": "top",
        "showGridlines": False,
        **_colored(chart.draws["colors"]),
    }
    if len(groups) > 1:
        drawn["splitAccessor"] = groups[1]
    axes = {"x": True, "yLeft": True, "yRight": True}
    return {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "tickLabelsVisibilitySettings": axes,
        "gridlinesVisibilitySettings": axes,
        "preferredSeriesType": chart.draws["series"],
        "layers": [drawn],
    }


def _pie(chart: Chart, names: Sequence[str], layer: str) -> Json:
    groups, figures = _split(chart, names)
    drawn: Json = {
        "layerId": layer,
        "layerType": "data",
        "primaryGroups": groups,
        "metrics": figures,
        "numberDisplay": "percent",
        "categoryDisplay": "default",
        "legendDisplay": "default",
        "nestedLegend": False,
        **_colored(chart.draws["colors"]),
    }
    return {"shape": "donut", "layers": [drawn]}


def _datatable(chart: Chart, names: Sequence[str], layer: str) -> Json:
    _, figures = _split(chart, names)
    return {
        "layerId": layer,
        "layerType": "data",
        "columns": [{"columnId": name, "isTransposed": False, "isMetric": name in figures} for name in names],
        "sorting": {"columnId": figures[0], "direction": "desc"},
        "paging": {"size": 10, "enabled": True},
    }


_DRAWN = {"lnsMetric": _metric, "lnsXY": _xy, "lnsPie": _pie, "lnsDatatable": _datatable}
