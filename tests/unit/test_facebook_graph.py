"""The Graph API's own errors, limits and tokens, whichever network is behind it."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import RetryLater, SourceMisconfigured, SourceStopped
from ingest.facebook import Config, build
from ingest.facebook.pages import pages_source
from ingest.graph.answers import NotAllowed, ObjectGone, TagsUsedUp, TagUnknown, decode, judge
from ingest.graph.api import Graph, Named
from ingest.graph.looking import LookingSource
from ingest.graph.signed import challenge, is_signed
from ingest.graph.usage import Usage, usage
from ingest.graph.words import moment, plain
from ingest.http import PoliteClient
from tests.kit.cases_facebook import POLLED
from tests.kit.ingest import HTML_BOMB, NOON, SECRET, Clock, Rig, harvest, polite_client
from tests.kit.scripted_http import ScriptedServer
from tests.networks.facebook import PAGE, Facebook, Thing, minutes_ago
from tests.networks.graph import APP_SECRET, error, signed

BUSINESS = {
    "x-business-use-case-usage": json.dumps(
        {"77": [{"type": "pages", "call_count": 100, "total_time": 5, "estimated_time_to_regain_access": 12}]}
    )
}


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[PoliteClient]:
    async with polite_client(clock) as client:
        yield client


def config(server: ScriptedServer, **other: Any) -> Config:
    return Config.model_validate({**POLLED, "api": server.url, "calls_per_hour": 1_000_000, **other})


@pytest.fixture
def network(server: ScriptedServer) -> Facebook:
    network = Facebook(server, secret=APP_SECRET)
    network.feed = [Thing(f"{PAGE}_{n}", f"Aurora Air says {n}", minutes_ago(n), by=PAGE) for n in range(1, 4)]
    return network


@pytest.fixture
def source(network: Facebook, client: PoliteClient, clock: Clock) -> LookingSource:
    return pages_source(config(network.server), client=client, clock=clock)


@pytest.mark.parametrize(
    ("code", "subcode", "order", "sentence"),
    [
        (1, 0, RetryLater, "fails for now"),
        (2, 0, RetryLater, "fails for now"),
        (4, 0, RetryLater, "heard enough"),
        (17, 0, RetryLater, "heard enough"),
        (32, 0, RetryLater, "heard enough"),
        (613, 0, RetryLater, "heard enough"),
        (80_001, 0, RetryLater, "heard enough"),
        (80_002, 0, RetryLater, "heard enough"),
        (10, 0, NotAllowed, "lacks a right"),
        (200, 0, NotAllowed, "lacks a right"),
        (230, 0, NotAllowed, "lacks a right"),
        (299, 0, NotAllowed, "lacks a right"),
        (100, 33, ObjectGone, "no such object"),
        (190, 0, SourceStopped, "not valid"),
        (190, 460, SourceStopped, "password was changed"),
        (190, 463, SourceStopped, "has expired"),
        (190, 467, SourceStopped, "was withdrawn"),
        (368, 0, SourceStopped, "policies"),
        (18, 2_207_034, TagsUsedUp, "no further hashtag"),
        (24, 2_207_024, TagUnknown, "no such hashtag"),
        (77_777, 0, RetryLater, "do not know"),
    ],
)
def test_every_code_is_the_right_order(code: int, subcode: int, order: type[Exception], sentence: str) -> None:
    answer = error(code, subcode)
    with pytest.raises(order, match=sentence) as caught:
        judge(answer.status, answer.headers, answer.body)
    assert f"code {code}" in str(caught.value)
    assert SECRET not in str(caught.value), "Meta's own sentence may repeat the token"


def test_what_is_called_transient_is_retried_whatever_its_code() -> None:
    with pytest.raises(RetryLater):
        judge(400, {}, b'{"error": {"code": 100, "is_transient": true}}')


def test_a_refusal_in_no_format_is_retried() -> None:
    with pytest.raises(RetryLater, match="500"):
        judge(500, {}, b"<h1>oops</h1>")


def test_throttling_waits_as_many_minutes_as_meta_says() -> None:
    answer = error(80_001)
    with pytest.raises(RetryLater) as caught:
        judge(answer.status, {**answer.headers, **BUSINESS}, answer.body)
    assert caught.value.after == 12 * 60
    with pytest.raises(RetryLater) as caught:
        judge(answer.status, answer.headers, answer.body)
    assert caught.value.after is None


@pytest.mark.parametrize(
    ("headers", "used"),
    [
        ({}, Usage()),
        ({"x-app-usage": '{"call_count": 28, "total_time": 76, "total_cputime": 25}'}, Usage(76)),
        (BUSINESS, Usage(100, 720)),
        ({"x-app-usage": "broken", "x-business-use-case-usage": "[1]"}, Usage()),
        (
            {"x-app-usage": '{"call_count": "many"}', "x-business-use-case-usage": '{"1": {"a": 1}, "2": [3]}'},
            Usage(),
        ),
    ],
)
def test_the_usage_headers_are_read_without_trust(headers: dict[str, str], used: Usage) -> None:
    assert usage(headers) == used


async def test_above_three_quarters_it_slows_down(network: Facebook, source: LookingSource, clock: Clock) -> None:
    network.headers = {"x-app-usage": '{"call_count": 80}'}
    page = await source.fetch(None)
    assert page.wait == 30, "one thing at a time, with a rest"
    assert len(network.paths) == 3, "the token, the page, its first list"
    network.headers = {"x-app-usage": '{"call_count": 10}'}
    clock.advance(page.wait)
    assert (await source.fetch(page.cursor)).wait != 30


async def test_near_the_limit_it_asks_nothing_until_access_is_regained(
    network: Facebook, source: LookingSource, clock: Clock
) -> None:
    page = await source.fetch(None)
    clock.advance(300)
    network.headers = {**BUSINESS, "x-app-usage": '{"call_count": 20}'}
    page = await source.fetch(page.cursor)
    network.headers = {}
    asked = len(network.paths)
    for minutes in (0, 6):
        clock.advance(minutes * 60)
        with pytest.raises(RetryLater) as caught:
            await source.fetch(page.cursor)
        assert caught.value.after == pytest.approx(720 - minutes * 60)
    assert len(network.paths) == asked
    clock.advance(360)
    await source.fetch(page.cursor)
    assert len(network.paths) > asked


async def test_sources_with_one_token_wait_together(
    network: Facebook, source: LookingSource, client: PoliteClient, clock: Clock
) -> None:
    page = await source.fetch(None)
    clock.advance(300)
    network.refused[f"{PAGE}/tagged"] = replace(error(4), headers=BUSINESS)
    with pytest.raises(RetryLater, match="heard enough"):
        await source.fetch(page.cursor)
    asked = len(network.paths)
    other = pages_source(config(network.server, name="other"), client=client, clock=clock)
    with pytest.raises(RetryLater) as caught:
        await other.fetch(None)
    assert caught.value.after == pytest.approx(720)
    assert len(network.paths) == asked


async def test_a_list_that_was_too_large_is_asked_for_in_smaller_pieces(
    network: Facebook, client: PoliteClient
) -> None:
    graph = Graph(config(network.server), client=client)
    limits = []
    for failing in (True, True, False, False):
        network.fail("huge" if failing else None)
        with suppress(RetryLater):
            await graph.list("111/feed", {})
        limits.append(network.server.asked[-1].query["limit"])
    assert limits == ["100", "50", "25", "50"]


@pytest.mark.parametrize(
    ("days", "hours", "sentence"),
    [
        (9, 0, ""),
        (7, 1, ""),
        (6, 1, "ends in 6 days (2026-11-26 13:00 UTC)"),
        (1, 1, "ends tomorrow"),
        (0, 3, "ends today"),
    ],
)
async def test_the_end_of_the_token_is_told_once_a_day_from_a_week_before(
    network: Facebook, source: LookingSource, clock: Clock, days: int, hours: int, sentence: str
) -> None:
    network.expires_at = int((NOON + timedelta(days=days, hours=hours)).timestamp())
    rig = Rig(make=lambda: source, clock=clock, expected=set())
    cursor, troubles = None, list[str]()
    for _ in range(6):
        page = await source.fetch(cursor)
        troubles += page.troubles
        cursor = page.cursor
    assert network.paths.count("debug_token") == 1
    assert len(troubles) == (1 if sentence else 0)
    assert sentence in "".join(troubles)
    assert SECRET not in "".join(troubles)
    rig.clock.advance(86_400)
    fresh = build(config(network.server), client=source._graph._client, clock=clock)
    again = await fresh.fetch(cursor)
    assert network.paths.count("debug_token") == 2
    assert ("token ends" in "".join(again.troubles)) is (days <= 7), "and every day after"


async def test_the_end_of_access_to_its_data_counts_as_well(network: Facebook, source: LookingSource) -> None:
    network.data_access_expires_at = int((NOON + timedelta(days=2, hours=1)).timestamp())
    assert "ends in 2 days" in (await source.check())
    assert "ends in 2 days" in (await source.fetch(None)).troubles[0]


async def test_check_says_who_the_token_is_and_what_it_lacks(network: Facebook, source: LookingSource) -> None:
    found = await source.check()
    assert "facebook:auroraair can be read" in found
    assert "page token of app Aurora listens; it has every right that is needed; it does not end" in found
    network.scopes = ("pages_read_engagement",)
    assert "it lacks pages_read_user_content" in await source.check()


async def test_a_token_that_may_not_be_asked_about_is_no_reason_to_stop(
    network: Facebook, source: LookingSource
) -> None:
    network.refused["debug_token"] = error(100)
    assert "set app_id and app_secret" in await source.check()
    assert (await source.fetch(None)).records


async def test_a_token_that_is_said_to_be_invalid_stops_the_source(
    network: Facebook, client: PoliteClient, clock: Clock
) -> None:
    dead = pages_source(config(network.server, token=f"dead {SECRET}"), client=client, clock=clock)
    with pytest.raises(SourceStopped, match="not valid"):
        await dead.check()


async def test_calls_carry_the_proof_that_the_token_is_ours(network: Facebook, source: LookingSource) -> None:
    await source.fetch(None)
    proofs = {asked.query.get("appsecret_proof", "") for asked in network.server.asked if "debug" not in asked.path}
    assert "" not in proofs


def test_the_signature_is_over_the_raw_bytes() -> None:
    body = b'{"message": "Aurora Air je zpo\\u017ed\\u011bn\\u00e1"}'
    headers = {name.lower(): text for name, text in signed(body).items()}
    assert is_signed(headers, body, APP_SECRET)
    assert not is_signed(headers, json.dumps(json.loads(body), ensure_ascii=False).encode(), APP_SECRET)
    assert not is_signed(headers, body, "another")
    assert not is_signed({}, body, APP_SECRET)
    assert not is_signed({"x-hub-signature-256": "sha256=ä"}, body, APP_SECRET)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": "<1158>"}, 200, b"<1158>"),
        ({"hub.mode": "subscribe", "hub.verify_token": "guess", "hub.challenge": "1158"}, 403, b""),
        ({"hub.mode": "unsubscribe", "hub.verify_token": SECRET, "hub.challenge": "1158"}, 403, b""),
        ({"hub.mode": "subscribe", "hub.verify_token": "\ud800"}, 403, b""),
        ({}, 403, b""),
    ],
)
def test_the_challenge_is_echoed_to_who_knows_the_token(query: dict[str, str], status: int, said: bytes) -> None:
    answer = challenge(query, SECRET)
    assert answer[0] == status
    if status == 200:
        assert (answer[1]["content-type"], answer[2]) == ("text/plain; charset=utf-8", said)
    assert SECRET.encode() not in answer[2]


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-11-20T12:00:00+0000", NOON),
        ("2026-11-20T15:00:00+03:00", NOON),
        (1_795_176_000, NOON),
        ("1795176000", NOON),
        (1_795_176_000_000, NOON),
    ],
)
def test_times_are_read_in_every_way_they_are_written(told: str | int, at: datetime) -> None:
    assert moment(told) == at
    assert moment(told).tzinfo is UTC


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("yesterday", "isoformat"),
        ("2026-11-20T12:00:00", "without its zone"),
        (10**40, "no time"),
        (float("nan"), "NaN"),
    ],
)
def test_what_is_no_time_is_refused(told: str | float, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        moment(told)


def test_text_stays_as_it_is_and_markup_becomes_text() -> None:
    assert plain("I <3 Aurora\n & you") == "I <3 Aurora\n & you"
    assert plain("one\n<b>two</b>") == "one\ntwo"
    assert plain("x" * 200_000) == "x" * 200_000
    assert plain(None) == ""
    assert "<script" not in plain("Aurora Air" + HTML_BOMB)


def test_half_characters_do_not_make_a_delivery_unreadable() -> None:
    assert decode(b'{"id": "x\\ud83d y", "b": [1]}', Named).id == "x? y"
    for broken in (b"{", b'{"id": "\\ud83d"', b'{"id":' * 100_000, b'{"id": 7}'):
        with pytest.raises(ValueError, match=r"\w"):
            decode(broken, Named)


async def test_all_pages_refused_is_stopped_and_all_unknown_is_misconfigured(
    network: Facebook, client: PoliteClient, clock: Clock
) -> None:
    both = pages_source(config(network.server, pages=["auroraair", "nobody"]), client=client, clock=clock)
    page = await both.fetch(None)
    found = await harvest(Rig(make=lambda: both, clock=clock, expected=set()), both, page.cursor, quiet=2)
    assert len({post.native_id for post in found.posts} | {record.post.native_id for record in page.records}) == 3
    assert "nobody can" not in await both.check()
    assert "not to be read: nobody" in await both.check()
    for refusal, order in ((error(10), SourceStopped), (error(100), SourceMisconfigured)):
        network.refused = {"auroraair": refusal, "nobody": refusal}
        lost = pages_source(config(network.server, pages=["auroraair", "nobody"]), client=client, clock=clock)
        with pytest.raises(order):
            await harvest(Rig(make=lambda: lost, clock=clock, expected=set()), lost, quiet=5)  # noqa: B023  # used at once
