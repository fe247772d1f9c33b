"""Design section 6 on a real stream and a real process: killed at will, nothing lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.incident import Incident
from domain.mention import Mention, MentionQuery
from domain.post import Post
from domain.query import analyse, compile_query
from storage.sqlite import open_store
from tests.kit.airlines import QUERIES, configuration, needs_stream, rows
from tests.kit.desk import Desk, open_desk

KILLS = 50
pytestmark = [pytest.mark.shared, needs_stream, pytest.mark.timeout(900), pytest.mark.xdist_group("heavy")]


def tocsin(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "tocsin.cli.main", *words, "--config", str(config)]


def finish(config: Path) -> None:
    done = subprocess.run(
        tocsin(config, "run", "--until-idle"), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def mentions_in(database: Path) -> dict[str, Mention]:
    """Every stored mention by id, but for when this run happened to collect it."""
    store = open_store(database, read_only=True)
    found = store.search(MentionQuery(limit=100_000))
    store.close()
    return {m.id: replace(m, post=replace(m.post, collected_at=m.post.created_at)) for m in found}


def incidents_in(database: Path) -> dict[str, Incident]:
    """Every stored incident by id."""
    store = open_store(database, read_only=True)
    found = store.incidents(limit=10_000)
    store.close()
    return {incident.id: incident for incident in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Desk]:
    folder = tmp_path_factory.mktemp("whole")
    with open_desk() as desk:
        config = folder / "tocsin.toml"
        config.write_text(configuration(folder / "tocsin.db", desk.url))
        finish(config)
    return folder, desk


def test_every_matching_post_of_the_stream_is_stored_once_and_a_second_run_adds_nothing(
    whole: tuple[Path, Desk],
) -> None:
    folder, desk = whole
    stored = mentions_in(folder / "tocsin.db")
    queries = {name: compile_query(query) for name, query in QUERIES.items()}
    wanted = {
        (str(row["id"]), name)
        for row in rows()
        for name, query in queries.items()
        if query.match(analyse(_post(row))) is not None
    }
    assert {(mention.post.native_id, mention.brand) for mention in stored.values()} == wanted
    assert len(wanted) > 5000
    with open_desk() as silent:
        config = folder / "again.toml"
        config.write_text(configuration(folder / "tocsin.db", silent.url))
        finish(config)
    assert mentions_in(folder / "tocsin.db") == stored
    assert silent.ids() == []
    assert sorted(desk.ids()) == sorted(set(desk.ids()))
    assert desk.ids()


def _post(row: dict[str, object]) -> Post:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Post(
        network="file", native_id=str(row["id"]), text=str(row["text"]), created_at=now, collected_at=now, source="x"
    )


def test_fifty_kills_at_random_moments_lose_nothing_and_repeat_nothing_but_the_one_in_flight(
    whole: tuple[Path, Desk], tmp_path: Path
) -> None:
    chance = random.Random(20150216)
    database = tmp_path / "tocsin.db"
    killed_at: list[float] = []
    with open_desk() as desk:
        config = tmp_path / "tocsin.toml"
        config.write_text(configuration(database, desk.url))
        while len(killed_at) < KILLS:
            process = subprocess.Popen(
                tocsin(config, "run", "--until-idle"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(chance.uniform(0.2, 2.6))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed_at.append(time.monotonic())
            process.wait()
            if process.returncode == 0:
                break
        finish(config)
    reference, calm = whole
    assert len(killed_at) == KILLS, "the stream ended before all the kills: widen it"
    assert mentions_in(database) == mentions_in(reference / "tocsin.db")
    assert incidents_in(database) == incidents_in(reference / "tocsin.db")
    assert set(desk.ids()) == set(calm.ids())
    assert_only_the_one_in_flight_is_repeated(desk, killed_at)


def assert_only_the_one_in_flight_is_repeated(desk: Desk, killed_at: list[float]) -> None:
    """A repeat is allowed only when a kill fell between the two, and the first was that run's last delivery."""
    first: dict[str, int] = {}
    for position, delivery in enumerate(desk.heard):
        if delivery.id not in first:
            first[delivery.id] = position
            continue
        earlier = first[delivery.id]
        following = desk.heard[earlier + 1].at
        assert any(desk.heard[earlier].at < kill <= following for kill in killed_at), f"{delivery.id} came twice"
