"""X by its filtered stream: rules kept in step, one connection, gaps filled in by search."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.brand import Brand
from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from tests.kit.ingest import NOON
from tests.kit.scripted_http import Asked, Told
from tests.networks.x import DISCONNECT, TOO_MANY, bad_parameter, problem
from tests.networks.x_rig import Desk, desk


@pytest.fixture
async def x() -> AsyncIterator[Desk]:
    async with desk() as found:
        yield found


def values(x: Desk) -> dict[str, str]:
    """The rules that are there, by tag."""
    return {rule.get("tag", ""): rule["value"] for rule in x.network.rules.values()}


async def test_a_post_comes_as_it_is_written(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    number = x.network.write("Aurora Air is late", author="8")
    await x.until(source, lambda: bool(x.posts))
    assert (x.posts[0].native_id, x.posts[0].account) == (number, "x:bob")


async def test_rules_are_kept_in_step_and_those_of_others_left_alone(x: Desk) -> None:
    x.network.rules = {
        "1": {"value": "something else", "tag": "of another program"},
        "2": {"value": "old brand", "tag": "tocsin:0123456789abcdef"},
        "3": {"value": "untagged", "tag": ""},
    }
    await x.fetch(x.stream())
    own = {tag: value for tag, value in values(x).items() if tag.startswith("tocsin:")}
    assert list(own.values()) == ['("Aurora Air" OR @auroraair OR from:auroraair) -is:retweet']
    assert {"something else", "untagged"} < set(values(x).values())
    posted = x.network.paths.count("POST /2/tweets/search/stream/rules")
    await x.fetch(x.stream())
    assert x.network.paths.count("POST /2/tweets/search/stream/rules") == posted, "nothing to change"


async def test_a_rule_that_another_program_has_serves_us_too(x: Desk) -> None:
    value = '("Aurora Air" OR @auroraair OR from:auroraair) -is:retweet'
    x.network.rules = {"1": {"value": value, "tag": "of another program"}}
    source = x.stream()
    await x.fetch(source)
    assert len(x.network.rules) == 1
    x.network.write("Aurora Air")
    await x.until(source, lambda: bool(x.posts))


async def test_posts_of_other_programs_rules_are_passed_over(x: Desk) -> None:
    x.network.rules = {"1": {"value": '("something else")', "tag": "theirs"}}
    source = x.stream()
    await x.fetch(source)
    x.network.write("something else")
    x.network.write("Aurora Air")
    await x.until(source, lambda: bool(x.posts))
    assert x.texts() == ["Aurora Air"]


async def test_a_rule_that_x_does_not_take_is_told_and_the_others_work(x: Desk) -> None:
    source = x.stream(queries=["aurora", "(unbalanced"])
    await x.fetch(source)
    assert any("(unbalanced" in trouble for trouble in x.troubles)
    assert list(values(x).values()) == ["aurora"]
    with pytest.raises(SourceMisconfigured, match="rule"):
        await x.fetch(x.stream(queries=["(unbalanced"]))


async def test_many_phrases_become_several_rules(x: Desk) -> None:
    words = [f"acme{number}" for number in range(300)]
    brands = tuple(Brand(name=f"Acme {n}", query=" OR ".join(words[n * 100 : n * 100 + 100])) for n in range(3))
    await x.fetch(x.stream(brands=brands, backlog_hours=0))
    assert all(len(value) <= 1_000 for value in values(x).values())
    assert len(values(x)) == 4


async def test_what_was_written_while_we_were_away_is_searched_for(x: Desk) -> None:
    x.network.write("Aurora Air before we ever came", NOON - timedelta(minutes=5))
    source = x.stream()
    await x.until(source, lambda: len(x.posts) == 1)
    x.network.write("Aurora Air heard")
    await x.until(source, lambda: len(x.posts) == 2)
    await source.aclose()
    x.clock.advance(600)
    for number in range(150):
        x.network.write(f"Aurora Air missed {number}", x.clock() - timedelta(seconds=number + 1))
    x.network.page = 30
    again = x.stream()
    await x.fetch(again)
    x.network.write("Aurora Air back")
    await x.until(again, lambda: len(x.posts) == 153)
    assert len({post.native_id for post in x.posts}) == 153


async def test_a_stream_that_breaks_off_is_opened_again_at_once(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    x.network.drop()
    x.network.write("Aurora Air in the gap")
    x.clock.advance(1)
    await x.until(source, lambda: bool(x.posts))
    assert x.network.paths.count("GET /2/tweets/search/stream") == 2


async def test_silence_means_that_the_stream_is_dead_and_signs_of_life_that_it_is_not(x: Desk) -> None:
    x.network.keep_alive = 0.05
    source = x.stream(silence=0.3)
    for _ in range(10):
        await x.fetch(source)
    assert x.network.paths.count("GET /2/tweets/search/stream") == 1
    x.network.keep_alive = 60
    await source.aclose()
    deaf = x.stream(silence=0.2)
    began = time.monotonic()
    while x.network.paths.count("GET /2/tweets/search/stream") < 3:
        assert time.monotonic() - began < 10
        await x.fetch(deaf)


async def test_a_stream_that_keeps_breaking_off_is_opened_ever_later(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    waits: list[float] = []
    for _ in range(4):
        x.network.drop()
        try:
            await x.fetch(source)
        except RetryLater as error:
            waits.append(error.after or 0)
    assert waits == sorted(waits)
    assert waits
    assert all(0 < wait <= 16 for wait in waits)


async def test_a_notice_of_the_stream_is_obeyed_after_the_posts_before_it(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    x.network.write("Aurora Air before the notice")
    x.network.say(DISCONNECT)
    x.network.drop()
    await x.until(source, lambda: bool(x.posts))
    x.network.write("Aurora Air after it")
    x.clock.advance(1)
    await x.until(source, lambda: len(x.posts) == 2)


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        (TOO_MANY, [60, 120, 240]),
        (Told(503, b"oops"), [5, 10, 20]),
        (Told(429, b"{}", {"x-rate-limit-reset": f"{int(NOON.timestamp()) + 90}"}), [90, 90, 90]),
    ],
    ids=["crowded", "failing", "limited"],
)
async def test_a_stream_that_does_not_open_is_tried_as_x_wants(x: Desk, told: Told, waits: list[float]) -> None:
    def only_the_stream(asked: Asked) -> Told:
        return told if asked.path.endswith("/stream") else x.network.server._told(asked)

    x.network.server.override = only_the_stream
    source = x.stream()
    found = []
    for _ in waits:
        with pytest.raises(RetryLater) as caught:
            await x.fetch(source)
        found.append(caught.value.after)
    assert found == waits


async def test_a_second_program_with_the_same_app_is_said(x: Desk) -> None:
    x.network.most_connections = 1
    await x.fetch(x.stream())
    with pytest.raises(RetryLater, match="one connection") as caught:
        await x.fetch(x.stream())
    assert caught.value.after == 60


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (problem(403, "client-forbidden", "Client Forbidden"), "project"),
        (problem(402, "credits", "CreditsDepleted"), "top up"),
        (problem(401, "unauthorized", "Unauthorized"), "bearer token"),
    ],
)
async def test_a_stream_that_is_refused_stops_the_source(x: Desk, told: Told, words: str) -> None:
    def only_the_stream(asked: Asked) -> Told:
        return told if asked.path.endswith("/stream") else x.network.server._told(asked)

    x.network.server.override = only_the_stream
    with pytest.raises(SourceStopped, match=words):
        await x.fetch(x.stream())


async def test_the_stream_goes_on_while_search_is_out_of_order(x: Desk) -> None:
    def no_search(asked: Asked) -> Told:
        return Told(503) if "recent" in asked.path else x.network.server._told(asked)

    x.network.server.override = no_search
    source = x.stream()
    await x.fetch(source)
    assert "beside the stream" in x.troubles[0]
    x.network.write("Aurora Air heard all the same")
    await x.until(source, lambda: bool(x.posts))
    x.network.server.override = None
    x.network.write("Aurora Air not heard", NOON - timedelta(minutes=2))
    x.clock.advance(61)
    await x.until(source, lambda: len(x.posts) == 2)


async def test_a_search_that_x_cannot_understand_stops_the_source(x: Desk) -> None:
    def no_search(asked: Asked) -> Told:
        return bad_parameter("query", "q", "bad") if "recent" in asked.path else x.network.server._told(asked)

    x.network.server.override = no_search
    with pytest.raises(SourceMisconfigured):
        await x.fetch(x.stream())


async def test_an_edit_is_heard_as_another_version_of_the_first(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    number = x.network.write("Aurora Air")
    x.clock.advance(60)
    x.network.edit(number, "Aurora Air!")
    x.network.tell(x.network.posts[number])
    await x.until(source, lambda: len(x.posts) == 2)
    await x.fetch(source)
    assert [(post.native_id, post.text) for post in x.posts] == [(number, "Aurora Air"), (number, "Aurora Air!")]


async def test_lines_that_cannot_be_read_are_dead_letters(x: Desk) -> None:
    source = x.stream()
    await x.fetch(source)
    for line in (b"\x00\xff<<<", b'{"meta": 1}', b"[]", b'{"data": {"id": "x"}}'):
        x.network.say(line)
    await x.until(source, lambda: x.letters == 4)


async def test_a_fetch_that_is_cancelled_loses_nothing(x: Desk) -> None:
    x.network.write("Aurora Air before", NOON - timedelta(minutes=3))
    source = x.stream()
    for moment in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        task = asyncio.ensure_future(source.fetch(x.cursor))
        await asyncio.sleep(moment)
        x.network.write(f"Aurora Air {moment}")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    x.clock.advance(1)
    await x.until(source, lambda: len({post.native_id for post in x.posts}) == 7)


async def test_queries_too_long_for_search_are_said_to_leave_gaps(x: Desk) -> None:
    await x.fetch(x.stream(queries=["aurora", f"acme {'lang:ru ' * 80}"]))
    assert any("cannot be filled" in trouble for trouble in x.troubles)


async def test_check_tells_of_the_rules_and_costs_nothing(x: Desk) -> None:
    x.network.rules = {"1": {"value": "something else", "tag": "theirs"}}
    sentence = await x.stream().check()
    assert "0 rules of ours there, 1 wanted, 1 of other programs" in sentence
    assert x.network.spent() == 0


def test_a_source_is_named_without_its_secrets(x: Desk) -> None:
    assert repr(x.stream()) == "StreamSource(name='x')"
