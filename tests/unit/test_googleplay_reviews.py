"""Reviews of Google Play: a week of them, with replies, edits, counters, deletions and few questions an hour."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.googleplay import Config, build
from ingest.googleplay.parse import read_review
from ingest.source import Page, Source
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Told
from tests.networks.googleplay import EMAIL, FAILURES, GooglePlayServer, error, google_play, key_file, review

NOW = NOON.timestamp()
AIR, CARGO = "com.auroraair.app", "com.auroraair.cargo"
Make = Callable[..., Source]


@pytest.fixture
async def play(clock: Clock) -> AsyncIterator[GooglePlayServer]:
    async with google_play(clock) as play:
        play.apps = {AIR: [], CARGO: []}
        yield play


@pytest.fixture
async def make(play: GooglePlayServer, clock: Clock) -> AsyncIterator[Make]:
    async with polite_client(clock) as client:

        def source(**settings: Any) -> Source:
            told = {"kind": "googleplay", "service_account": key_file(play.server.at("/token")), "packages": [AIR]}
            config = Config.model_validate({**told, "api": play.server.url, **settings})
            return build(config, client=client, clock=clock)

        yield source


async def read(source: Source, clock: Clock, cursor: bytes | None = None, *, rounds: int = 1) -> list[Page]:
    """Fetch until nothing is due, so many times."""
    pages: list[Page] = []
    for _ in range(300):
        pages.append(await source.fetch(pages[-1].cursor if pages else cursor))
        if pages[-1].exhausted or pages[-1].wait:
            rounds -= 1
            if not rounds:
                return pages
        clock.advance(pages[-1].wait)
    raise AssertionError("it never rests")


def posts(pages: list[Page]) -> list[Post]:
    return [record.post for page in pages for record in page.records]


def post_of(told: dict[str, Any]) -> Post:
    found = read_review(json.dumps(told).encode(), AIR, source="play", at=NOON)
    assert isinstance(found[0], Record)
    return found[0].post


def test_a_review_has_a_title_a_body_stars_and_an_app_that_it_is_addressed_to() -> None:
    post = post_of(review("gp:1", 1_790_000_000, "Late\tAgain at the gate <3", stars=2))
    assert (post.network, post.native_id, post.kind, post.rating) == ("googleplay", "gp:1", "review", 2)
    assert (post.title, post.text, post.lang) == ("Late", "Again at the gate <3", "ru")
    assert post.created_at == datetime.fromtimestamp(1_790_000_000, UTC)
    assert (post.addressed, post.engagement.likes, post.author.name) == (f"googleplay:{AIR}", 2, "Inna")
    assert post.url == f"https://play.google.com/store/apps/details?id={AIR}&reviewId=gp%3A1"


def test_a_review_without_a_title_is_all_body_and_a_translated_one_is_read_as_it_was_written() -> None:
    assert (post_of(review("a", NOW, "just words")).title, post_of(review("a", NOW, "just words")).text) == (
        "",
        "just words",
    )
    assert post_of(review("a", NOW, "late", originalText="опоздал")).text == "опоздал"


def test_another_number_of_stars_is_another_version_and_more_thumbs_are_not() -> None:
    first = post_of(review("a", NOW, "late"))
    assert post_of(review("a", NOW, "late", thumbsUpCount=90)).version == first.version
    assert post_of(review("a", NOW, "late", stars=5)).version != first.version
    assert post_of(review("a", NOW, "late", stars=9)).rating is None


def test_the_brands_reply_is_a_post_of_the_app_that_answers_the_review() -> None:
    told = review("a", NOW, "late")
    told["comments"].append({"developerComment": {"text": "Sorry", "lastModified": {"seconds": str(int(NOW) + 60)}}})
    _, reply = read_review(json.dumps(told).encode(), AIR, source="play", at=NOON)
    assert isinstance(reply, Record)
    post = reply.post
    assert (post.native_id, post.reply_to, post.text, post.addressed) == ("a_reply", "a", "Sorry", "")
    assert (post.account, post.kind, post.rating) == (f"googleplay:{AIR}", "comment", None)
    assert post.created_at == NOON + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (7, "bad_review"),
        ({"reviewId": 7}, "bad_review"),
        ({"reviewId": "a"}, "no_text"),
        (review("a", NOW, " \t "), "no_text"),
        (review("", NOW, "late"), "no_text"),
        (review("a", NOW, "late", lastModified={"seconds": "soon"}), "bad_review"),
        (review("a", NOW, "late", lastModified={"seconds": "9" * 30}), "bad_review"),
        (review("a", NOW, "late", lastModified={"seconds": 5}), "bad_review"),
    ],
)
def test_what_is_no_review_is_a_dead_letter(told: Any, reason: str) -> None:
    (found,) = read_review(json.dumps(told).encode(), AIR, source="play", at=NOON)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.where) == (reason, AIR)


async def test_an_edited_review_keeps_its_time_and_tells_when_it_was_changed(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.apps[AIR] = [review("a", NOW - 5_000, "late")]
    source = make()
    before = await read(source, clock)
    clock.advance(900)
    play.edit("a", "found it")
    changed = clock()
    (after,) = posts(await read(source, clock, before[-1].cursor))
    assert (after.text, after.created_at) == ("found it", NOON - timedelta(seconds=5_000))
    assert after.edited_at == changed


async def test_replies_counters_and_deletions_are_noticed_within_the_hour(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.page = 4
    play.apps[AIR] = [review(f"gp:{n}", NOW - 40_000 - n, f"Gate {n}") for n in range(20)]
    play.reply("gp:5", "Sorry", NOW - 100)
    source = make()
    before = await read(source, clock)
    play.reply("gp:11", "Sorry too")
    play.find("gp:12")[1]["comments"][0]["userComment"]["thumbsUpCount"] = 50
    play.delete("gp:13")
    play.delete("gp:5_reply")
    clock.advance(3_600)
    after = posts(await read(source, clock, before[-1].cursor, rounds=2))
    assert {(post.native_id, post.deleted) for post in after} == {
        ("gp:11_reply", False),
        ("gp:12", False),
        ("gp:13", True),
        ("gp:5_reply", True),
    }


async def test_what_arrives_between_two_pages_is_neither_lost_nor_told_twice(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.page = 3
    play.apps[AIR] = [review(f"gp:{n}", NOW - 100 - n, f"Gate {n}") for n in range(11)]
    play.arriving = [(AIR, review(f"late{n}", NOW - n, "late")) for n in range(3)]
    found = [post.native_id for post in posts(await read(make(), clock, rounds=2))]
    assert sorted(found) == sorted(one["reviewId"] for one in play.apps[AIR])


async def test_a_review_that_is_only_too_old_for_the_list_is_not_deleted(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.apps[AIR] = [review("a", NOW - 7 * 86_400 + 7_200, "late")]
    pages = await read(make(), clock, rounds=20)
    assert [(post.native_id, post.deleted) for post in posts(pages)] == [("a", False)]


async def test_two_hundred_questions_an_hour_and_no_more_also_after_a_restart(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.page = 1
    play.apps[AIR] = [review(f"gp:{n}", NOW - 100 - n, f"Gate {n}") for n in range(40)]
    source, cursor = make(requests_per_hour=15), None
    for _ in range(15):
        clock.advance(10)
        cursor = (await source.fetch(cursor)).cursor
    clock.advance(10)
    with pytest.raises(RetryLater) as caught:
        await source.fetch(cursor)
    assert caught.value.after == 3_600 - 150
    for again in (source, make(requests_per_hour=15)):
        with pytest.raises(RetryLater):
            await again.fetch(cursor)
    assert [one.path.endswith("/reviews") for one in play.server.asked].count(True) == 15
    clock.advance(3_600 - 150)
    async with polite_client(clock) as client:
        told = {"service_account": key_file(play.server.at("/token")), "packages": [AIR], "api": play.server.url}
        config = Config.model_validate({"kind": "googleplay", "requests_per_hour": 15, **told})
        assert (await build(config, client=client, clock=clock).fetch(cursor)).records


async def test_a_token_is_kept_until_shortly_before_its_end(play: GooglePlayServer, make: Make, clock: Clock) -> None:
    source, cursor = make(), None
    for _ in range(12):
        cursor = (await read(source, clock, cursor))[-1].cursor
        clock.advance(600)
    assert [one.path for one in play.server.asked].count("/token") == 2, "one an hour, in less than two"


async def test_a_token_that_is_refused_early_is_renewed_once(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    source = make()
    await source.check()
    play.tokens.clear()
    await read(source, clock)
    assert [one.path for one in play.server.asked].count("/token") == 2


async def test_an_app_that_may_not_be_read_is_a_trouble_and_all_of_them_stop_the_source(
    play: GooglePlayServer, make: Make, clock: Clock
) -> None:
    play.apps[CARGO] = [review("c", NOW - 5, "late")]
    play.refused = {AIR}
    pages = await read(make(packages=[AIR, CARGO]), clock, rounds=3)
    assert [post.native_id for post in posts(pages)] == ["c"]
    assert ["Reply to reviews" in sentence for page in pages for sentence in page.troubles] == [True]
    play.refused = {AIR, CARGO}
    with pytest.raises(SourceStopped, match="Reply to reviews"):
        await read(make(packages=[AIR, CARGO]), clock, rounds=3)
    with pytest.raises(SourceStopped, match="Reply to reviews"):
        await make().check()


async def test_an_app_that_does_not_exist_is_a_mistake_of_the_config(make: Make, clock: Clock) -> None:
    with pytest.raises(SourceMisconfigured, match=r"com\.nobody\.app"):
        await read(make(packages=["com.nobody.app"]), clock)


async def test_check_names_the_account_and_what_it_reads(play: GooglePlayServer, make: Make) -> None:
    play.apps[AIR] = [review("a", NOW, "late")]
    sentence = await make(packages=[AIR, "com.nobody.app"]).check()
    assert EMAIL in sentence
    assert f"{AIR}: 1 reviews" in sentence
    assert "com.nobody.app: Google Play knows no such app" in sentence


@pytest.mark.parametrize(
    ("told", "order", "after"),
    [
        (error(429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", **{"retry-after": "7"}), RetryLater, 7),
        (error(403, "quotaExceeded", "PERMISSION_DENIED"), RetryLater, None),
        (error(500, "backendError", "INTERNAL"), RetryLater, None),
        (Told(200, b"<html>"), RetryLater, None),
        (error(401, "authError", "UNAUTHENTICATED"), SourceStopped, None),
        (error(403, "accessNotConfigured", "PERMISSION_DENIED"), SourceStopped, None),
        (error(403, "permissionDenied", "PERMISSION_DENIED"), SourceStopped, None),
        (error(404, "applicationNotFound", "NOT_FOUND"), SourceMisconfigured, None),
        (error(400, "invalidValue", "INVALID_ARGUMENT"), SourceMisconfigured, None),
    ],
)
async def test_a_refusal_is_an_order(
    play: GooglePlayServer, make: Make, told: Told, order: type[SourceError], after: float | None
) -> None:
    source = make()
    await source.check()
    play.server.override = (
        told if told.status != 401 else lambda one: told if "token" not in one.path else play.answer(one)
    )
    with pytest.raises(order) as caught:
        await source.fetch(None)
    assert getattr(caught.value, "after", None) == after
    assert SECRET not in str(caught.value)


async def test_an_account_that_gets_no_token_stops_the_source(play: GooglePlayServer, make: Make) -> None:
    play.server.override = Told(400, b'{"error": "invalid_grant", "error_description": "account not found"}')
    with pytest.raises(SourceStopped, match=r"invalid_grant.*new key"):
        await make().fetch(None)


@pytest.mark.parametrize("secret", ["not json", "{}", '{"client_email": "a", "private_key": "b"}'])
async def test_a_key_file_that_is_none_is_a_mistake_of_the_config(make: Make, secret: str) -> None:
    with pytest.raises(SourceMisconfigured):
        await make(service_account=secret).fetch(None)


async def test_garbage_from_the_token_endpoint_is_tried_again(play: GooglePlayServer, make: Make) -> None:
    play.server.override = FAILURES["garbage"]
    with pytest.raises(RetryLater):
        await make().fetch(None)


@pytest.mark.parametrize(
    "wrong",
    [{"packages": []}, {"packages": ["aurora"]}, {"backlog_hours": 500}, {"api": "x"}, {"service_account": None}],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"kind": "googleplay", "service_account": "x", "packages": [AIR], **wrong})
