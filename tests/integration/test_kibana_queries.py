"""Every chart, table and control of the dashboards, asked of the real Elasticsearch as Kibana would ask it."""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from domain.alert import Alert, Severity
from domain.incident import Incident, Step
from domain.judgement import Judgement
from domain.mention import Mention, Score, mention_id
from domain.post import Author, Post
from storage.elasticsearch import open_store
from storage.elasticsearch.client import Cluster
from storage.store import Commit
from tests.kit import stores
from tests.kit.elastic import cluster_of
from tests.kit.kibana import Json, LensPanel, lens_panels, of_kind
from tests.kit.service_fixtures import remove_indices
from tests.kit.services import ElasticServer

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
SINCE, UNTIL = NOON - timedelta(days=1), NOON + timedelta(days=1)
PANELS = list(lens_panels())


Labels = tuple[str, str, str, str, str, float]


def mention(number: int, told: Labels, *, deleted: bool = False) -> Mention:
    brand, network, sentiment, urgency, author, reach = told
    at = NOON + timedelta(minutes=number)
    judgement = {"sentiment": sentiment, "urgency": urgency, "theme": "delivery", "model": "judge-1"}
    return Mention(
        id=mention_id(network, str(number), brand),
        brand=brand,
        post=Post(
            network=network,
            native_id=str(number),
            text=f"{brand} lost my bag, number {number}",
            created_at=at,
            collected_at=at,
            source=f"{network}-feed",
            url=f"https://example.org/{number}",
            author=Author(name=author, followers=number * 100),
        ),
        event_at=at,
        lang="en",
        judgement=msgspec.convert(judgement, Judgement),
        score=Score(reach=reach, influence=0.1, priority=0.5, parts={}),
        deleted_at=at if deleted else None,
    )


MENTIONS = [
    mention(1, ("Aurora Air", "bluesky", "negative", "critical", "Ada", 0.9)),
    mention(2, ("Aurora Air", "bluesky", "negative", "normal", "Bob", 0.2)),
    mention(3, ("Aurora Air", "rss", "positive", "low", "Cyd", 0.4)),
    mention(4, ("Borealis Jet", "rss", "neutral", "high", "Cyd", 0.3)),
    mention(5, ("Borealis Jet", "rss", "negative", "low", "Eve", 0.8), deleted=True),
]


def text(at: datetime) -> str:
    return at.isoformat()


def incident(name: str, severity: str, status: str, *, taken: float = 0, resolved: float = 0) -> Incident:
    """Opened at noon; taken and resolved so many seconds later, if at all."""
    steps = (Step(at=NOON + timedelta(seconds=taken), what="acknowledged", by="dana"),) if taken else ()
    told = {"id": name, "severity": severity, "status": status, "opened_at": NOON, "timeline": steps}
    told |= {"acknowledged_by": "dana"} if taken else {}
    told |= {"resolved_at": NOON + timedelta(seconds=resolved)} if resolved else {}
    return replace(stores.incident(), **told)


def alert(name: str, rule: str, severity: Severity) -> Alert:
    return replace(stores.alert(name), rule=rule, kind=rule, severity=severity, at=NOON)


HEARD = Commit(
    mentions=MENTIONS,
    incidents=[
        incident("i1", "major", "open"),
        incident("i2", "critical", "acknowledged", taken=240),
        incident("i3", "minor", "resolved", taken=60, resolved=3_600),
    ],
    alerts=[alert("a1", "spike", "major"), alert("a2", "critical_mention", "critical")],
    dead_letters=[replace(stores.dead_letter(), at=NOON)],
)


@pytest.fixture(scope="module")
def cluster(elastic: ElasticServer) -> Iterator[Cluster]:
    """What Tocsin's own store wrote of a few mentions and incidents; the tests only read it."""
    prefix = f"t{secrets.token_hex(3)}-"
    cluster = cluster_of(elastic, prefix)
    store = open_store(cluster)
    store.commit(HEARD)
    asked = MENTIONS[0]
    store.keep(stores.replied(asked, minutes=(asked.post.created_at - stores.START).total_seconds() / 60 + 5))
    cluster.ask("POST", f"/{cluster.name('*')}/_refresh")
    yield cluster
    store.close()
    remove_indices(elastic, prefix)


def time_field(data_view: str) -> str:
    """The time field of a data view."""
    (view,) = [one for one in of_kind("index-pattern") if one["id"] == data_view]
    field: str = view["attributes"]["timeFieldName"]
    return field


def lucene(kql: str) -> Json:
    """A query of the dashboards for Elasticsearch; they use a part of KQL that Lucene has too, written otherwise."""
    said = re.sub(r" *: *", ":", kql)
    said = re.sub(r" *(>=|<=|>|<) *", r":\1", said)
    said = re.sub(r"\b(not|or|and)\b", lambda word: word[0].upper(), said)
    return {"query_string": {"query": said}}


def request(panel: LensPanel) -> Json:
    """What Kibana asks for a chart: its groups one in the other, each with the figures."""
    figures = {name: figure(column) for name, column in panel.columns if not column["isBucketed"]}
    told = {name: aggregation for name, aggregation in figures.items() if aggregation}
    inner = told
    for name, column in reversed(panel.columns):
        if column["isBucketed"]:
            inner = {name: {**group(column, figures), "aggs": told | inner}}
    during = {"range": {time_field(panel.data_view): {"gte": text(SINCE), "lt": text(UNTIL)}}}
    query = {"bool": {"filter": [during, *map(lucene, panel.queries)]}}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": inner}


def figure(column: Json) -> Json:
    """One figure; nothing for a bare count, which every bucket has anyway."""
    field = {"field": column["sourceField"]}
    bare: Json = {
        "count": {},
        "sum": {"sum": field},
        "average": {"avg": field},
        "max": {"max": field},
        "median": {"percentiles": {**field, "percents": [50]}},
        "percentile": {"percentiles": {**field, "percents": [column["params"].get("percentile")]}},
    }[column["operationType"]]
    if "filter" not in column:
        return bare
    return {"filter": lucene(column["filter"]["query"]), **({"aggs": {"of": bare}} if bare else {})}


def group(column: Json, figures: dict[str, Json]) -> Json:
    """One grouping."""
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        return {"date_histogram": {"field": field, "fixed_interval": "1h", "min_doc_count": 0}}
    by = figures[params["orderBy"]["columnId"]]
    # A count is in every bucket already; it is filtered only where the figure is.
    order = params["orderBy"]["columnId"] + (".50" if "percentiles" in by else "") if by else "_count"
    return {"terms": {"field": field, "size": params["size"], "order": {order: params["orderDirection"]}}}


def ask(cluster: Cluster, data_view: str, body: Json) -> Json:
    answer = cluster.ask("POST", f"/{cluster.name(data_view.removeprefix('tocsin-'))}/_search", body)
    found: Json = json.loads(answer.body)
    assert found["_shards"]["failed"] == 0
    return found


def asked(cluster: Cluster, dashboard: str, panel: str) -> tuple[Json, dict[str, str]]:
    """A chart's answer, and its columns by label."""
    (found,) = [one for one in PANELS if (one.dashboard, one.id) == (dashboard, panel)]
    return ask(cluster, found.data_view, request(found)), {column["label"]: name for name, column in found.columns}


def test_every_chart_is_answered_with_something_to_show(cluster: Cluster) -> None:
    for panel in PANELS:
        found = ask(cluster, panel.data_view, request(panel))
        assert found["hits"]["total"]["value"] > 0, panel.id
        for name, column in panel.columns:
            if column["isBucketed"] and name in found["aggregations"]:
                assert found["aggregations"][name]["buckets"], (panel.id, name)


def test_a_deleted_mention_is_not_counted(cluster: Cluster) -> None:
    found, _ = asked(cluster, "tocsin-analyst", "mentions")
    assert found["hits"]["total"]["value"] == len(MENTIONS) - 1


def test_the_volume_is_split_by_sentiment(cluster: Cluster) -> None:
    found, labels = asked(cluster, "tocsin-analyst", "volume")
    counts = {bucket["key"]: bucket["doc_count"] for bucket in found["aggregations"][labels["sentiment"]]["buckets"]}
    assert counts == {"negative": 2, "neutral": 1, "positive": 1}


def test_net_sentiment_is_the_mean_of_the_signs(cluster: Cluster) -> None:
    found, labels = asked(cluster, "tocsin-analyst", "net")
    assert found["aggregations"][labels["-1 negative, 1 positive"]]["value"] == pytest.approx((-1 - 1 + 1 + 0) / 4)


def test_the_sources_of_negativity_come_by_reach(cluster: Cluster) -> None:
    found, labels = asked(cluster, "tocsin-analyst", "sources")
    (network,) = found["aggregations"][labels["network"]]["buckets"]
    assert network["key"] == "bluesky"
    (source,) = network[labels["source"]]["buckets"]
    authors = source[labels["author"]]["buckets"]
    assert [author["key"] for author in authors] == ["Ada", "Bob"]
    assert authors[0][labels["reach"]]["value"] == pytest.approx(0.9)


def test_the_response_time_of_a_brand_is_a_median(cluster: Cluster) -> None:
    found, labels = asked(cluster, "tocsin-analyst", "response-brands")
    brand = found["aggregations"][labels["brand"]]["buckets"][0]
    assert brand["key"] == "Aurora Air"
    assert brand[labels["half are answered within"]]["values"]["50.0"] == pytest.approx(300)
    assert brand[labels["answered"]]["doc_count"] == 1


def test_the_page_of_incidents_shows_what_is_open_and_how_fast_people_react(cluster: Cluster) -> None:
    found, labels = asked(cluster, "tocsin-incidents", "open")
    assert found["aggregations"][labels["incidents nobody took"]]["doc_count"] == 1
    found, labels = asked(cluster, "tocsin-incidents", "open-brands")
    assert found["hits"]["total"]["value"] == 2
    found, labels = asked(cluster, "tocsin-incidents", "reaction")
    (brand,) = found["aggregations"][labels["brand"]]["buckets"]
    assert brand[labels["half are acknowledged within"]]["values"]["50.0"] == pytest.approx(150)


@pytest.mark.parametrize("table", of_kind("search"), ids=lambda saved: saved["id"])
def test_a_table_finds_its_rows_the_latest_first(cluster: Cluster, table: Json) -> None:
    told = table["attributes"]
    query = told["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
    ((field, direction),) = told["sort"]
    body = {
        "query": lucene(query) if query else {"match_all": {}},
        "sort": [{field: direction}],
        "_source": told["columns"],
    }
    rows = ask(cluster, table["references"][0]["id"], body)["hits"]["hits"]
    assert rows
    times = [row["sort"][0] for row in rows]
    assert times == sorted(times, reverse=True)
    shown: set[str] = set()
    for row in rows:
        shown |= {name for name in told["columns"] if value_of(row["_source"], name) is not None}
    # Nobody was assigned and nothing was resolved in every row, but each column has something in one of them.
    assert set(told["columns"]) - shown <= {"assignee"}


def value_of(source: Json, name: str) -> Any:
    """`author.name` of a document."""
    found: Any = source
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


@pytest.mark.parametrize("dashboard", of_kind("dashboard"), ids=lambda saved: saved["id"])
def test_a_control_offers_values_and_finds_them_by_prefix(cluster: Cluster, dashboard: Json) -> None:
    for control in dashboard["attributes"]["controlGroupInput"]["panelsJSON"].values():
        field, data_view = control["explicitInput"]["fieldName"], control["explicitInput"]["dataViewId"]
        offers = {"terms": {"field": field, "size": 10}}
        found = ask(cluster, data_view, {"size": 0, "aggs": {"values": offers}})["aggregations"]["values"]["buckets"]
        assert found, field
        typed = {"prefix": {field: {"value": found[0]["key"][:2], "case_insensitive": True}}}
        assert ask(cluster, data_view, {"query": typed})["hits"]["hits"]
