"""Design section 6 on a real stream and a real process: killed at will, nothing lost, nothing twice."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.query import analyse, compile_query
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


def contents(database: Path, table: str) -> dict[str, Any]:
    """Every stored struct of a table, by id."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = connection.execute(f"SELECT id, json FROM {table}").fetchall()  # noqa: S608  # our own table names
    return {row[0]: msgspec.json.decode(row[1]) for row in found}


def without_our_clock(mention: dict[str, Any]) -> dict[str, Any]:
    """A mention but for when this run happened to collect it."""
    post = {key: value for key, value in mention["post"].items() if key != "collected_at"}
    return {**mention, "post": post}


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
    stored = contents(folder / "tocsin.db", "mentions")
    queries = {name: compile_query(query) for name, query in QUERIES.items()}
    posts = {mention["post"]["native_id"] for mention in stored.values()}
    wanted = {
        (str(row["id"]), name)
        for row in rows()
        for name, query in queries.items()
        if query.match(analyse(_post(row))) is not None
    }
    assert {(mention["post"]["native_id"], mention["brand"]) for mention in stored.values()} == wanted
    assert len(wanted) > 5000
    assert len(posts) > 5000
    with open_desk() as silent:
        config = folder / "again.toml"
        config.write_text(configuration(folder / "tocsin.db", silent.url))
        finish(config)
    assert contents(folder / "tocsin.db", "mentions") == stored
    assert silent.ids() == []
    assert sorted(desk.ids()) == sorted(set(desk.ids()))
    assert desk.ids()


def _post(row: dict[str, object]) -> Any:
    from datetime import UTC, datetime

    from domain.post import Post

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
    mentions = contents(database, "mentions")
    expected = contents(reference / "tocsin.db", "mentions")
    assert {key: without_our_clock(value) for key, value in mentions.items()} == {
        key: without_our_clock(value) for key, value in expected.items()
    }
    assert set(contents(database, "incidents")) == set(contents(reference / "tocsin.db", "incidents"))
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
