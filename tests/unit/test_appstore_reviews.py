"""Reviews of the App Store: from a feed of odd shapes, and from App Store Connect."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from domain.dead_letter import DeadLetter
from domain.errors import RetryLater, SourceError, SourceMisconfigured, SourceStopped
from domain.post import Post, Record
from ingest.appstore import Config, build
from ingest.appstore.parse import read_connect, read_entry, read_feed, read_pair
from ingest.source import Page, Source
from tests.kit.cases_appstore import AIR, CARGO, CONNECT
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Told
from tests.networks.appstore import KEY_ID, AppStoreServer, Review, app_store, error

NOW = NOON.timestamp()
Make = Callable[..., Source]


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[AppStoreServer]:
    async with app_store(clock) as store:
        store.apps = {AIR: [], CARGO: []}
        yield store


@pytest.fixture
async def make(store: AppStoreServer, clock: Clock) -> AsyncIterator[Make]:
    async with polite_client(clock) as client:

        def source(**settings: Any) -> Source:
            told = {"kind": "appstore", "apps": [AIR], "api": store.server.url, **settings}
            return build(Config.model_validate(told), client=client, clock=clock)

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


def feed_of(entry: object) -> bytes:
    return json.dumps({"feed": {"author": {}, **({"entry": entry} if entry is not None else {})}}).encode()


def entry_of(told: Any) -> Post:
    (found,) = read_entry(json.dumps(told).encode(), AIR, "kz", source="app", at=NOON)
    assert isinstance(found, Record)
    return found.post


def test_one_review_is_an_object_and_none_is_nothing_at_all() -> None:
    one = Review("1", NOW).entry()
    assert len(read_feed(feed_of([one, one]))) == 2
    assert [json.loads(raw) for raw in read_feed(feed_of(one))] == [one]
    assert read_feed(feed_of(None)) == []


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"feed": 7}', b""])
def test_a_feed_that_is_garbage_is_tried_again(body: bytes) -> None:
    with pytest.raises(RetryLater):
        read_feed(body)


def test_a_review_of_the_feed_is_a_post_with_stars_and_is_addressed_to_the_app() -> None:
    post = entry_of(Review("77", NOW, "At the gate <3", "Late", 2).entry())
    assert (post.network, post.native_id, post.kind, post.rating) == ("appstore", "77", "review", 2)
    assert (post.title, post.text, post.author.name) == ("Late", "At the gate <3", "Inna")
    assert (post.created_at, post.addressed) == (NOON, f"appstore:{AIR}")
    assert post.url == f"https://apps.apple.com/kz/app/id{AIR}?see-all=reviews"


def test_the_app_itself_in_an_older_feed_is_no_review_and_no_mistake() -> None:
    told = {"im:name": {"label": "Aurora Air"}, "id": {"label": "https://apps.apple.com/app"}}
    assert read_entry(json.dumps(told).encode(), AIR, "us", source="app", at=NOON) == []


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"updated": {"label": "soon"}}, "bad_review"),
        ({"im:rating": 7}, "bad_review"),
        ({"id": {"label": ""}}, "no_text"),
        ({"title": {"label": " "}, "content": {"label": ""}}, "no_text"),
    ],
)
def test_what_is_no_review_of_the_feed_is_a_dead_letter(broken: dict[str, Any], reason: str) -> None:
    raw = json.dumps({**Review("1", NOW).entry(), **broken}).encode()
    (found,) = read_entry(raw, AIR, "us", source="app", at=NOON)
    assert isinstance(found, DeadLetter)
    assert (found.reason, found.where) == (reason, f"{AIR}/us")


@pytest.mark.parametrize("from_review", [True, False])
def test_a_response_is_tied_to_its_review_from_either_side(*, from_review: bool) -> None:
    one = Review("a", NOW - 100, response="We are sorry", responded=NOW)
    body = {
        "data": [one.resource(linked=from_review), Review("b", NOW).resource(linked=True)],
        "included": [one.response_resource(linked=not from_review)],
        "links": {"next": "https://x/?cursor=2"},
    }
    pairs, following = read_connect(json.dumps(body).encode())
    assert following == "https://x/?cursor=2"
    review, reply = read_pair(pairs[0], AIR, source="app", at=NOON)
    assert isinstance(review, Record)
    assert isinstance(reply, Record)
    assert (reply.post.native_id, reply.post.reply_to, reply.post.account) == ("a_reply", "a", f"appstore:{AIR}")
    assert (reply.post.created_at, reply.post.text, reply.post.addressed) == (NOON, "We are sorry", "")
    assert review.post.created_at == NOON - timedelta(seconds=100)
    assert len(read_pair(pairs[1], AIR, source="app", at=NOON)) == 1


async def test_each_country_has_a_feed_of_its_own(store: AppStoreServer, make: Make, clock: Clock) -> None:
    store.apps[AIR] = [Review("1", NOW - 5), Review("2", NOW - 6, country="kz"), Review("3", NOW - 6, country="cz")]
    found = posts(await read(make(countries=["us", "KZ"]), clock, rounds=2))
    assert sorted(post.native_id for post in found) == ["1", "2"]


async def test_never_more_than_ten_pages_are_asked_for(store: AppStoreServer, make: Make, clock: Clock) -> None:
    store.page = 3
    store.apps[AIR] = [Review(str(n), NOW - n) for n in range(100)]
    pages = await read(make(), clock)
    assert len(posts(pages)) == 30
    assert not [sentence for page in pages for sentence in page.troubles]


async def test_a_feed_that_is_stale_deletes_nothing_and_what_comes_late_is_found(
    store: AppStoreServer, make: Make, clock: Clock
) -> None:
    store.apps[AIR] = [Review("1", NOW - 5_000)]
    source = make()
    before = await read(source, clock)
    store.stale = True
    between = await read(source, clock, before[-1].cursor, rounds=5)
    assert posts(between) == []
    store.stale = False
    store.apps[AIR] += [Review("2", NOW - 40_000)]
    after = await read(source, clock, between[-1].cursor, rounds=2)
    assert [post.native_id for post in posts(after)] == ["2"]


@pytest.mark.parametrize(
    ("told", "order"),
    [
        (Told(403, b"no"), RetryLater),
        (Told(503, b"no", {"retry-after": "7"}), RetryLater),
        (Told(404, b"no"), SourceMisconfigured),
        (Told(400, b"no"), SourceMisconfigured),
    ],
)
async def test_a_refusal_of_the_feed_is_an_order(
    store: AppStoreServer, make: Make, told: Told, order: type[SourceError]
) -> None:
    store.server.override = told
    with pytest.raises(order):
        await make().fetch(None)


@pytest.mark.parametrize(
    ("told", "order", "after"),
    [
        (error(429, "RATE_LIMIT_EXCEEDED", **{"retry-after": "7"}), RetryLater, 7),
        (error(429, "RATE_LIMIT_EXCEEDED"), RetryLater, None),
        (error(500, "UNEXPECTED_ERROR"), RetryLater, None),
        (Told(200, b"<html>"), RetryLater, None),
        (error(401, "NOT_AUTHORIZED"), SourceStopped, None),
        (error(403, "FORBIDDEN_ERROR"), SourceStopped, None),
        (error(404, "NOT_FOUND"), SourceMisconfigured, None),
        (error(400, "PARAMETER_ERROR.INVALID"), SourceMisconfigured, None),
    ],
)
async def test_a_refusal_of_app_store_connect_is_an_order(
    store: AppStoreServer, make: Make, told: Told, order: type[SourceError], after: float | None
) -> None:
    store.server.override = told
    with pytest.raises(order) as caught:
        await make(**CONNECT).fetch(None)
    assert getattr(caught.value, "after", None) == after
    assert SECRET not in str(caught.value)


async def test_the_key_signs_tokens_that_live_less_than_twenty_minutes(
    store: AppStoreServer, make: Make, clock: Clock
) -> None:
    source, cursor = make(**CONNECT), None
    for _ in range(4):
        cursor = (await read(source, clock, cursor))[-1].cursor
        clock.advance(1_000)
    tokens = list(dict.fromkeys(one.headers["authorization"].partition(" ")[2] for one in store.server.asked))
    assert len(tokens) > 1
    for token in tokens:
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] < 1_200
        assert jwt.get_unverified_header(token)["kid"] == KEY_ID


async def test_the_next_page_is_asked_of_apple_wherever_its_address_leads(
    store: AppStoreServer, make: Make, clock: Clock
) -> None:
    store.page = 4
    store.apps[AIR] = [Review(str(n), NOW - n) for n in range(10)]
    store.arriving = [(AIR, Review(f"late{n}", NOW + n)) for n in range(2)]
    found = [post.native_id for post in posts(await read(make(**CONNECT), clock, rounds=2))]
    assert sorted(found) == sorted(one.id for one in store.apps[AIR])
    assert [one.query.get("cursor") for one in store.server.asked][:3] == [None, "4", "8"]


async def test_a_place_that_is_not_known_any_more_is_read_anew(
    store: AppStoreServer, make: Make, clock: Clock
) -> None:
    store.page = 4
    store.apps[AIR] = [Review(str(n), NOW - n) for n in range(10)]
    source = make(**CONNECT)
    first = await source.fetch(None)
    stale = first.cursor.replace(b"cursor=4", b"cursor=long-ago")
    assert stale != first.cursor
    rest = await read(source, clock, stale)
    assert {post.native_id for post in posts([first, *rest])} == {str(n) for n in range(10)}


async def test_an_hour_that_is_nearly_used_up_is_left_in_peace(store: AppStoreServer, make: Make) -> None:
    store.page, store.hour = 1, 30
    store.apps[AIR] = [Review(str(n), NOW - n) for n in range(20)]
    source, cursor = make(**CONNECT), None
    waits: list[float] = []
    for _ in range(14):
        page = await source.fetch(cursor)
        cursor, waits = page.cursor, [*waits, page.wait]
    assert waits == [0.0] * 10 + [300.0] * 4


async def test_a_response_a_withdrawn_one_and_a_deleted_review_are_noticed(
    store: AppStoreServer, make: Make, clock: Clock
) -> None:
    store.apps[AIR] = [Review(str(n), NOW - 40_000 - n) for n in range(5)]
    store.find("1").response, store.find("1").responded = "Sorry", NOW - 60
    source = make(**CONNECT)
    before = await read(source, clock)
    store.delete("1_reply")
    store.delete("2")
    store.find("3").response, store.find("3").responded = "Sorry", NOW
    clock.advance(3_600)
    after = posts(await read(source, clock, before[-1].cursor, rounds=2))
    assert {(post.native_id, post.deleted) for post in after} == {("1_reply", True), ("2", True), ("3_reply", False)}


async def test_check_says_whose_key_it_is_or_that_there_is_none(store: AppStoreServer, make: Make) -> None:
    store.apps[AIR] = [Review("1", NOW)]
    assert await make(**CONNECT).check() == f"App Store Connect key {KEY_ID} reads {AIR}: 1 reviews on the first page"
    assert "no key is needed" in await make().check()
    store.refused = {AIR}
    with pytest.raises(SourceStopped, match="Customer Support"):
        await make(**CONNECT).check()


async def test_a_key_that_is_none_is_a_mistake_of_the_config(make: Make) -> None:
    with pytest.raises(SourceMisconfigured, match=r"\.p8"):
        await make(**{**CONNECT, "private_key": "nonsense"}).fetch(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"apps": []},
        {"apps": ["com.auroraair.app"]},
        {"countries": ["Kazakhstan"]},
        {"key_id": "X"},
        {"via": "connect"},
        {**CONNECT, "countries": ["us"]},
        {**CONNECT, "issuer_id": ""},
        {"api": "apple"},
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"kind": "appstore", "apps": [AIR], **wrong})


def test_times_of_the_feed_carry_the_zone_of_cupertino_and_are_told_in_utc() -> None:
    told = {**Review("1", NOW).entry(), "updated": {"label": "2026-11-20T04:00:00-08:00"}}
    assert entry_of(told).created_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
