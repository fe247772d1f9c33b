"""`tocsin backfill --source`: a network's own past, as a process, against a scripted search service."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.kit.cases_hackernews import FAILURES, comment, search
from tests.kit.cli import demo_configuration, process, rows, tocsin, words
from tests.kit.scripted_http import Asked, ScriptedServer, Told, scripted_server

POSTS = 400


@pytest.fixture
async def service() -> AsyncIterator[ScriptedServer]:
    """A search service that holds forty days of comments."""
    now = datetime.now(UTC).timestamp()
    days = timedelta(days=40).total_seconds()
    hits: list[Any] = [
        comment(number, now - 60 - number * days / POSTS, "Aurora Air lost my bag") for number in range(POSTS)
    ]
    async with scripted_server() as server:
        server.answers["/api/search_by_date"] = search(hits, limit=20)
        yield server


def configured(folder: Path, server: ScriptedServer) -> Path:
    source = f'[[source]]\nkind = "hackernews"\nname = "hn"\napi = "{server.at("/api")}"\n'
    feed = '[[source]]\nkind = "rss"\nname = "feeds"\nurls = ["https://news.example/rss"]\n'
    return demo_configuration(folder, extra=source + feed)


def since(days: int) -> list[str]:
    return ["backfill", "--source", "hn", "--since", f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"]


async def test_the_past_of_a_source_is_loaded_once_and_wakes_nobody(tmp_path: Path, service: ScriptedServer) -> None:
    configured(tmp_path, service)
    first = await asyncio.to_thread(process, *since(60), cwd=tmp_path)
    assert first.returncode == 0, first.stderr.decode()
    assert f"hn: {POSTS} new posts" in first.stderr.decode()
    again = await asyncio.to_thread(process, *since(60), cwd=tmp_path)
    assert "hn: 0 new posts" in again.stderr.decode()
    assert rows(tocsin("incidents", "--json", cwd=tmp_path).stdout) == []
    found = rows(tocsin("mentions", "--json", "--limit", "1", cwd=tmp_path).stdout)
    assert (found[0]["post"]["network"], found[0]["post"]["origin"]) == ("hackernews", "backfill")


async def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, service: ScriptedServer) -> None:
    configured(tmp_path, service)
    answer = service.answers["/api/search_by_date"]
    assert callable(answer)
    halfway, asked = asyncio.Event(), list[Asked]()

    def answers_until_killed(question: Asked) -> Told:
        asked.append(question)
        if len(asked) > 40:
            halfway.set()
            return Told(429, headers={"retry-after": "600"})
        return answer(question)

    service.override = answers_until_killed
    running = await asyncio.create_subprocess_exec(
        *words(*since(60)), cwd=tmp_path, stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"}
    )
    await asyncio.wait_for(halfway.wait(), 60)
    await asyncio.sleep(1)
    running.send_signal(signal.SIGKILL)
    await running.wait()
    before = len(rows(tocsin("mentions", "--json", "--limit", "1000", cwd=tmp_path).stdout))
    assert 0 < before < POSTS
    service.override = None
    rest = await asyncio.to_thread(process, *since(60), cwd=tmp_path)
    assert rest.returncode == 0, rest.stderr.decode()
    assert f"hn: {POSTS - before} new posts" in rest.stderr.decode()


async def test_a_network_that_refuses_is_a_failure_in_a_sentence(tmp_path: Path, service: ScriptedServer) -> None:
    configured(tmp_path, service)
    answer = service.answers["/api/search_by_date"]
    assert callable(answer)
    asked = list[Asked]()

    def refuses_later(question: Asked) -> Told:
        asked.append(question)
        return Told(401) if len(asked) > 3 else answer(question)

    service.override = refuses_later
    done = await asyncio.to_thread(process, *since(60), cwd=tmp_path)
    assert done.returncode == 1
    assert "hn: " in done.stderr.decode()
    assert "refuses us" in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name files to load"),
        (["--source", "hn"], "go together"),
        (["tocsin.toml", "--since", "2026-01-01"], "go together"),
        (["--source", "nobody", "--since", "2026-01-01"], 'no [[source]] is named "nobody"; there are: feeds, hn'),
        (["--source", "feeds", "--since", "2026-01-01"], "tells nothing of its past"),
        (["--source", "hn", "--since", "2099-01-01"], "lies in the future"),
    ],
)
def test_a_past_that_cannot_be_had_is_a_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    demo_configuration(
        tmp_path,
        extra='[[source]]\nkind = "hackernews"\nname = "hn"\n'
        '[[source]]\nkind = "rss"\nname = "feeds"\nurls = ["https://news.example/rss"]\n',
    )
    done = process("backfill", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr.decode()
    assert sentence in " ".join(done.stderr.decode().split())


async def test_what_is_busy_is_waited_for(tmp_path: Path, service: ScriptedServer) -> None:
    configured(tmp_path, service)
    service.override = FAILURES["busy"]
    loading = asyncio.create_task(asyncio.to_thread(process, *since(60), cwd=tmp_path))
    for _ in range(600):
        if service.asked:
            break
        await asyncio.sleep(0.1)
    service.override = None
    done = await loading
    assert done.returncode == 0
    assert f"hn: {POSTS} new posts" in done.stderr.decode()
