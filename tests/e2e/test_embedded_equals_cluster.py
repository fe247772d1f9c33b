"""The property to defend: one process and the cluster say the same of the same stream, to the last field."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from domain.mention import Mention, MentionQuery
from storage.elasticsearch import Cluster, ElasticsearchStore, Settings
from storage.sqlite import open_store
from storage.store import MentionStore
from tests.kit import airlines, cluster
from tests.kit.desk import Desk, open_desk
from tests.kit.services import ElasticServer, KafkaServer

pytestmark = [pytest.mark.shared, airlines.needs_stream, pytest.mark.timeout(900)]

LINE = ("ingest", "process", "alert", "index")


def everything(store: MentionStore) -> dict[str, Any]:
    """All that a person could see, but for when this run happened to collect and count a post."""
    found: dict[str, Any] = {
        "mentions": {m.id: timeless(m) for m in store.search(MentionQuery(limit=100_000))},
        "incidents": {one.id: one for one in store.incidents(limit=10_000)},
        "alerts": {one.id: one for one in store.alerts(limit=10_000)},
        "near misses": {one.id: one for one in store.near_misses(limit=10_000)},
        "outbox": {one.notification.id: (one.notification, one.status) for one in store.outbox(limit=10_000)},
        "stats": store.stats(MentionQuery()),
        "acts": store.acts(),
    }
    store.close()
    return found


def timeless(mention: Mention) -> Mention:
    counted = replace(mention.post.engagement, as_of=None)
    return replace(mention, post=replace(mention.post, collected_at=mention.post.created_at, engagement=counted))


def embedded(folder: Path, desk: Desk, stream: Path) -> dict[str, Any]:
    config = folder / "embedded.toml"
    config.write_text(airlines.configuration(folder / "tocsin.db", desk.url, stream=stream))
    command = [sys.executable, "-m", "tocsin.cli.main", "run", "--until-idle", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return everything(open_store(folder / "tocsin.db", read_only=True))


def test_the_recorded_stream_of_airlines_comes_out_of_both_the_same(
    tmp_path: Path, kafka: KafkaServer, elastic: ElasticServer, topic_prefix: str, index_prefix: str
) -> None:
    stream = tmp_path / "stream.jsonl.gz"
    airlines.answered(stream)
    with open_desk() as first, open_desk() as second:
        expected = embedded(tmp_path, first, stream)
        config = tmp_path / "cluster.toml"
        config.write_text(
            airlines.brands_and_source(stream)
            + cluster.configuration(
                kafka=kafka.address, elastic=elastic.address, topics=topic_prefix, indices=index_prefix,
                partitions=1, receiver=second.url,
            )
        )  # fmt: skip
        cluster.finished(tmp_path, config, ("topics create",), model=True)
        for verb in LINE:
            cluster.finished(tmp_path, config, (f"{verb} --until-idle",), model=True, seconds=600)
        # What was written a moment ago is not searched by itself for some seconds.
        httpx.post(f"{elastic.address}/{index_prefix}*/_refresh", timeout=60).raise_for_status()
        settings = Settings(urls=(elastic.address,), prefix=index_prefix)
        found = everything(ElasticsearchStore(Cluster(settings)))
    assert len(expected["mentions"]) > 5_000
    assert expected["incidents"]
    told = expected["mentions"].values()
    assert len([one for one in told if one.response_seconds == 7 * 60]) > 100, "the earlier reply counts"
    assert len([one for one in told if one.post.engagement.reposts]) > 100, "counted anew"
    for part, wanted in expected.items():
        assert found[part] == wanted, f"{part} differ"
    assert heard(first) == heard(second)


def heard(desk: Desk) -> list[tuple[str, str]]:
    """What was told, but for the time of the telling."""
    return sorted((one.id, json.dumps(one.content, sort_keys=True)) for one in desk.heard)
