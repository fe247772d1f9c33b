"""The Hacker News source against a scripted search that lags, cuts its answers and repeats itself."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from ingest.hackernews import Config, build
from ingest.http import HttpTransport, PoliteClient
from ingest.source import Page, Source
from tests.kit.cases_hackernews import comment, search, story
from tests.kit.ingest import NOON, Clock
from tests.kit.scripted_http import ScriptedServer, Told

NOW = int(NOON.timestamp())
Make = Callable[..., Source]


@pytest.fixture
async def make(server: ScriptedServer, clock: Clock) -> AsyncIterator[Make]:
    client = PoliteClient(HttpTransport(), clock=clock)

    def source(**settings: object) -> Source:
        config = Config.model_validate({"kind": "hackernews", "api": server.at("/api/"), **settings})
        return build(config, client=client, clock=clock)

    yield source
    await client.aclose()


def serve(server: ScriptedServer, hits: list[Any], *, limit: int = 1_000) -> None:
    server.answers["/api/search_by_date"] = search(hits, limit=limit)


def ids(page: Page) -> list[str]:
    return [record.post.native_id for record in page.records]


async def read_all(source: Source, cursor: bytes | None = None) -> list[Page]:
    pages = [await source.fetch(cursor)]
    while not pages[-1].wait:
        pages.append(await source.fetch(pages[-1].cursor))
    return pages


async def test_the_query_and_the_tags_are_the_operators(server: ScriptedServer, make: Make) -> None:
    serve(server, [])
    await make(query='"aurora air"', tags="comment").fetch(None)
    assert server.asked[0].query["query"] == '"aurora air"'
    assert server.asked[0].query["tags"] == "comment"


async def test_the_first_look_goes_back_as_far_as_config_says(server: ScriptedServer, make: Make) -> None:
    serve(server, [story(1, NOW - 3 * 3_600), story(2, NOW - 90 * 60), story(3, NOW)])
    pages = await read_all(make(backlog_hours=2))
    assert [id_ for page in pages for id_ in ids(page)] == ["2", "3"]


async def test_the_index_may_lag_by_ten_minutes(server: ScriptedServer, make: Make, clock: Clock) -> None:
    hits = [comment(1, NOW - 30, "seen at once")]
    serve(server, hits)
    page = (await read_all(make()))[-1]
    hits.append(comment(2, NOW - 300, "indexed late"))
    clock.advance(page.wait)
    assert ids(await make().fetch(page.cursor)) == ["2"]


async def test_an_edited_comment_comes_again_while_it_is_fresh(
    server: ScriptedServer, make: Make, clock: Clock
) -> None:
    hits = [comment(1, NOW - 30, "late"), comment(2, NOW - 30, "cold")]
    serve(server, hits)
    page = (await read_all(make()))[-1]
    hits[0] = comment(1, NOW - 30, "late, now solved")
    clock.advance(page.wait)
    assert ids(await make().fetch(page.cursor)) == ["1"]


async def test_busy_hours_are_read_in_smaller_slices(server: ScriptedServer, make: Make) -> None:
    serve(server, [comment(n, NOW - n * 3, "x") for n in range(1, 1_000)], limit=50)
    pages = await read_all(make(backlog_hours=1))
    found = [id_ for page in pages for id_ in ids(page)]
    assert sorted(found, key=int) == [str(n) for n in range(1, 1_000)]
    assert max(len(page.records) for page in pages) <= 50
    times = [record.post.created_at for page in pages for record in page.records]
    assert times == sorted(times)


async def test_more_in_one_second_than_the_search_can_tell_is_said(server: ScriptedServer, make: Make) -> None:
    serve(server, [comment(n, NOW - 60, "x") for n in range(30)], limit=20)
    pages = await read_all(make(backlog_hours=1))
    letters = [letter for page in pages for letter in page.dead_letters]
    assert {letter.reason for letter in letters} == {"too_many"}
    assert sum(len(page.records) for page in pages) == 20


async def test_a_quiet_day_takes_few_questions(server: ScriptedServer, make: Make) -> None:
    serve(server, [story(1, NOW - 60)])
    await read_all(make(backlog_hours=24 * 30))
    assert len(server.asked) < 45


async def test_the_cursor_forgets_what_is_never_read_again(server: ScriptedServer, make: Make, clock: Clock) -> None:
    hits: list[Any] = []
    serve(server, hits)
    cursor = (await read_all(make()))[-1].cursor
    for minute in range(60):
        clock.advance(60)
        hits.extend(comment(minute * 10 + n, clock().timestamp() - n, "x") for n in range(10))
        page = (await read_all(make(), cursor))[-1]
        assert len(page.records) == 10
        cursor = page.cursor
    assert len(json.loads(cursor)["seen"]) <= 120


async def test_check_says_how_fresh_the_search_is(server: ScriptedServer, make: Make, clock: Clock) -> None:
    serve(server, [story(1, NOW - 40)])
    assert await make().check() == "search reachable: newest 40 s ago"
    clock.now += timedelta(days=2)
    assert await make().check() == "search reachable: nothing found in the last day"


async def test_an_answer_beyond_the_size_limit_is_asked_for_in_parts(server: ScriptedServer, make: Make) -> None:
    hits = [comment(n, NOW - 60 * n, "x" * 700_000) for n in range(1, 21)]
    serve(server, hits)
    pages = await read_all(make(backlog_hours=1))
    assert {id_ for page in pages for id_ in ids(page)} == {hit["objectID"] for hit in hits}


async def test_a_failing_search_is_an_order_without_its_address(server: ScriptedServer, make: Make) -> None:
    server.override = Told(500)
    with pytest.raises(Exception, match=r"http://127\.0\.0\.1:\d+ fails for now \(500\)"):
        await make().fetch(None)
