"""Feeds whose hubs tell of their news: asked once, believed only when signed, looked at all the same."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from domain.errors import RetryLater
from domain.post import Post
from ingest.guard import Guard
from ingest.http import HttpTransport, PoliteClient
from ingest.rss import Config, build
from ingest.rss.pushed import PushedSource
from ingest.rss.source import RssSource
from tests.kit.console import console
from tests.kit.feeds import Story, rss
from tests.kit.ingest import NOON, SECRET, Clock
from tests.kit.scripted_http import ScriptedServer, Told
from tests.kit.websub_listening import Listening
from tests.networks.websub import Hub, links

STORIES = [Story(f"n{n}", f"Aurora Air {n}", f"text {n}", NOON - timedelta(minutes=n)) for n in range(3)]
PUBLIC = "https://listen.aurora.example/tocsin/"
LEASE = 864_000
Make = Callable[..., PushedSource]


@pytest.fixture
async def make(server: ScriptedServer, clock: Clock) -> AsyncIterator[Make]:
    async def resolve(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    client = PoliteClient(HttpTransport(guard=Guard(resolve=resolve, public=lambda _: True)), clock=clock)

    def source(*paths: str, **settings: object) -> PushedSource:
        table = {"kind": "rss", "name": "runway", "public_url": PUBLIC, "secret": SECRET, **settings}
        config = Config.model_validate(table | {"urls": [server.at(path) for path in paths or ("/f",)]})
        feeds = RssSource(config, client=client, clock=clock)
        return PushedSource(config, feeds, client=client, clock=clock, commit_wait=2, idle_wait=0.02)

    yield source
    await client.aclose()


@pytest.fixture
async def hub(server: ScriptedServer) -> AsyncIterator[Hub]:
    hub = Hub(server)
    show(server, "/f", STORIES)
    yield hub
    await hub.aclose()


def show(server: ScriptedServer, path: str, stories: list[Story], *, hub: str = "/hub") -> None:
    """Put a feed with its hub on the site."""
    server.answers[path] = Told(body=rss(stories, channel=links(hub=hub, topic=server.at(path))))


def feeds_asked(server: ScriptedServer, path: str = "/f") -> int:
    return [asked.path for asked in server.asked].count(path)


async def test_a_hub_is_asked_once_with_lease_and_secret_and_answers_with_news(
    server: ScriptedServer, make: Make, hub: Hub
) -> None:
    listening = Listening(make(), hub)
    assert [post.title for post in await listening.posts()] == ["Aurora Air 2", "Aurora Air 1", "Aurora Air 0"]
    (asked,) = hub.asked
    assert (asked["hub.mode"], asked["hub.topic"]) == ("subscribe", server.at("/f"))
    assert asked["hub.lease_seconds"] == str(LEASE)
    assert asked["hub.callback"].startswith("https://listen.aurora.example/tocsin/webhooks/runway?feed=")
    assert SECRET not in json.dumps(asked), "what the hub gets is made from the secret"
    assert [one.confirmed for one in hub.subscribers.values()] == [True]
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "just now", NOON)]))
    (post,) = await listening.posts()
    assert (post.native_id, post.title, post.origin) == ("127.0.0.1/f#new", "Grounded", "live")
    assert [answer[0] for answer in hub.answers] == [202]
    assert listening.troubles == []


async def test_what_is_pushed_is_what_would_have_been_found_by_looking(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    fresh = Story("new", "Grounded &amp; cold", "<p>just <b>now</b></p>", NOON, link="/news/9", author="Ayla")
    hub.publish(server.at("/f"), rss([fresh]))
    (pushed,) = await listening.posts()
    show(server, "/f", [fresh, *STORIES])
    (looked,) = [post for post in await Listening(make(), hub).posts() if post.native_id == pushed.native_id]
    assert (looked.native_id, looked.version, looked.text) == (pushed.native_id, pushed.version, pushed.text)
    clock.advance(90_000)
    assert await listening.posts() == [], "found by looking after it was pushed: given once"
    hub.publish(server.at("/f"), rss(STORIES))
    assert await listening.posts() == [], "pushed after it was found by looking: given once"


async def test_an_edit_that_is_taken_back_is_told_and_an_old_copy_of_the_feed_is_not_believed(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    first, second = (Story("n0", title, "x", NOON) for title in ("On time", "Late"))
    show(server, "/f", [first])
    listening = Listening(make(pushed_every=600, every=600), hub)
    heard = [post.title for post in await listening.posts()]
    hub.publish(server.at("/f"), rss([second]))
    heard += [post.title for post in await listening.posts()]
    clock.advance(700)
    heard += [post.title for post in await listening.posts()]
    assert (feeds_asked(server), heard) == (2, ["On time", "Late"])
    hub.publish(server.at("/f"), rss([first, STORIES[1]]))
    heard += [post.title for post in await listening.posts()]
    assert heard == ["On time", "Late", "Aurora Air 1", "On time"]


async def test_a_restart_asks_no_hub_again_and_loses_no_delivery(
    server: ScriptedServer, make: Make, hub: Hub
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    again = Listening(make(), hub, listening.cursor)
    assert await again.posts() == []
    assert len(hub.asked) == 1
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    assert [post.title for post in await again.posts()] == ["Grounded"]
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    restarted = Listening(make(), hub, again.cursor)
    assert await restarted.posts() == []


async def test_another_process_answers_the_hub_though_it_has_asked_nothing(
    server: ScriptedServer, make: Make, hub: Hub
) -> None:
    asking, other = make(), make()
    listening, beside = Listening(asking, hub), Listening(other, hub)  # the hub calls the one beside
    await listening.posts()
    assert [one.confirmed for one in hub.subscribers.values()] == [True]
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    await asyncio.sleep(0.05)
    assert "Grounded" in [post.title for post in await beside.posts(pages=6)]
    assert len(hub.asked) == 1, "it knows from the hub's question that the hub was asked"


async def test_a_feed_whose_hub_tells_us_is_looked_at_rarely(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    for _ in range(80):
        clock.advance(300)
        await listening.posts(pages=1)
    assert feeds_asked(server) == 3, "at the start, soon after, and six hours later"


async def test_the_subscription_is_renewed_before_the_lease_ends(make: Make, hub: Hub, clock: Clock) -> None:
    hub.lease = 86_400
    listening = Listening(make(), hub)
    await listening.posts()
    clock.advance(86_400 * 0.89)
    await listening.posts()
    assert len(hub.asked) == 1
    clock.advance(86_400 * 0.02)
    await listening.posts()
    assert len(hub.asked) == 2
    clock.advance(86_400 * 0.5)
    await listening.posts()
    assert len(hub.asked) == 2
    assert listening.troubles == []


async def test_a_lease_that_ends_without_renewal_is_told_and_the_feed_looked_at_as_before(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    hub.lease = 3_600
    listening = Listening(make(), hub)
    await listening.posts()
    hub.status = 500
    for _ in range(30):
        clock.advance(300)
        await listening.posts(pages=1)
    assert any("tells us no longer" in trouble for trouble in listening.troubles)
    assert any("cannot be asked" in trouble for trouble in listening.troubles)
    assert feeds_asked(server) > 5
    hub.status = 202
    clock.advance(7_200)
    await listening.posts()
    assert [one.confirmed for one in hub.subscribers.values()] == [True]


async def test_a_hub_that_denies_is_left_in_peace_and_the_feed_looked_at_as_before(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    hub.denies = "not for you\u202e"
    listening = Listening(make(), hub)
    await listening.posts()
    await listening.posts()
    assert len(listening.troubles) == 1
    assert "feed 1 (http://127.0.0.1" in listening.troubles[0]
    assert "not for you" in listening.troubles[0]
    for _ in range(24):
        clock.advance(3_600)
        await listening.posts(pages=2)
    assert (len(hub.asked), feeds_asked(server) > 10) == (1, True)
    clock.advance(7 * 86_400)
    await listening.posts()
    assert len(hub.asked) == 2


async def test_a_subscription_that_is_taken_back_later_is_believed(
    server: ScriptedServer, make: Make, hub: Hub
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    before = feeds_asked(server)
    hub.deny(next(iter(hub.subscribers.values())), "closed")
    await listening.posts()
    assert "denies us (closed)" in listening.troubles[0]
    assert feeds_asked(server) == before + 1


async def test_a_hub_that_does_not_come_back_is_asked_again_after_an_hour(make: Make, hub: Hub, clock: Clock) -> None:
    hub.verifies = False
    listening = Listening(make(), hub)
    await listening.posts()
    clock.advance(3_500)
    await listening.posts()
    assert len(hub.asked) == 1
    clock.advance(200)
    await listening.posts()
    assert len(hub.asked) == 2


async def test_a_feed_that_names_another_hub_is_asked_for_there(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    other = Hub(server, "/other")
    other.door = listening.source
    show(server, "/f", STORIES, hub="/other")
    clock.advance(90_000)
    await listening.posts()
    assert (len(hub.asked), len(other.asked)) == (1, 1)


async def test_only_what_we_asked_for_is_confirmed(make: Make, hub: Hub) -> None:
    source = make()
    hub.verifies = False
    await Listening(source, hub).posts()
    (wanted,) = hub.subscribers.values()
    query = dict(part.split("=") for part in wanted.callback.partition("?")[2].split("&"))
    asked = {
        **query,
        "hub.mode": "subscribe",
        "hub.topic": wanted.topic,
        "hub.challenge": "x",
        "hub.lease_seconds": "9",
    }
    assert source.challenge(asked)[::2] == (200, b"x")
    for wrong in (
        {"hub.topic": "https://other.example/feed"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": ""},
        {"proof": "0" * 64},
        {"proof": "ä\ud800"},
        {"feed": "another"},
    ):
        assert source.challenge({**asked, **wrong})[0] == 404
    assert source.challenge({})[0] == 404
    assert source.challenge({**asked, "hub.lease_seconds": "soon"})[0] == 200


async def test_a_hub_is_answered_at_the_products_own_door(server: ScriptedServer, make: Make, hub: Hub) -> None:
    source = make()
    hub.verifies = False
    listening = Listening(source, hub)
    await listening.posts()
    (wanted,) = hub.subscribers.values()
    feed = rss([Story("new", "Grounded", "x", NOON)])
    signature = {"X-Hub-Signature": f"sha256={hmac.new(wanted.secret.encode(), feed, 'sha256').hexdigest()}"}
    async with console(inboxes={"runway": source}) as door:
        at = urlsplit(wanted.callback)
        query = f"{at.path.removeprefix('/tocsin')}?{at.query}"
        asked = {
            "hub.mode": "subscribe",
            "hub.topic": wanted.topic,
            "hub.challenge": "<b>&",
            "hub.lease_seconds": "600",
        }
        answered = await door.get(f"{query}&{urlencode(asked)}")
        assert (answered.status_code, answered.text) == (200, "<b>&")
        assert answered.headers["content-type"].startswith("text/plain")
        assert (await door.get(f"{query}&{urlencode({**asked, 'hub.topic': 'x'})}")).status_code == 404
        sending = asyncio.ensure_future(door.post(query, content=feed, headers=signature))
        posts: list[Post] = []
        while not posts:
            posts = await listening.posts(pages=1)
        assert [post.native_id for post in posts] == ["127.0.0.1/f#new"]
        assert (await sending).status_code == 202
    assert server.asked, "all of it over sockets"


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_method_of_signing_is_understood(
    server: ScriptedServer, make: Make, hub: Hub, method: str
) -> None:
    hub.method = method
    listening = Listening(make(), hub)
    await listening.posts()
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    assert len(await listening.posts()) == 1


async def test_a_wrong_signature_is_answered_kindly_and_passed_over(
    server: ScriptedServer, make: Make, hub: Hub
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    forged = rss([Story("forged", "Aurora Air is bankrupt", "x", NOON)])
    hub.publish(server.at("/f"), forged, secret="guess")
    assert await listening.posts() == []
    assert [answer[0] for answer in hub.answers] == [202]
    for headers in ({}, {"X-Hub-Signature": "md5=00"}, {"X-Hub-Signature": "sha256"}):
        assert (await listening.source.receive(headers, forged))[0] == 202
    assert await listening.posts() == []


async def test_a_delivery_is_answered_only_once_it_is_stored(server: ScriptedServer, make: Make, hub: Hub) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    await asyncio.sleep(0.05)
    page = await listening.source.fetch(listening.cursor)
    assert len(page.records) == 1
    await asyncio.sleep(0.05)
    assert hub.answers == []
    await listening.source.committed(page.cursor)
    await asyncio.sleep(0.05)
    assert [answer[0] for answer in hub.answers] == [202]


async def test_a_delivery_that_is_no_feed_is_a_dead_letter(server: ScriptedServer, make: Make, hub: Hub) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    hub.publish(server.at("/f"), b"<h1>not a feed</h1>")
    await asyncio.sleep(0.05)
    page = await listening.source.fetch(listening.cursor)
    assert [(letter.reason, letter.where) for letter in page.dead_letters] == [
        ("not_a_feed", f"feed 1 ({server.url}) pushed")
    ]


async def test_a_site_that_is_down_does_not_keep_its_hub_from_being_heard(
    server: ScriptedServer, make: Make, hub: Hub, clock: Clock
) -> None:
    listening = Listening(make(), hub)
    await listening.posts()
    server.answers["/f"] = Told(500)
    clock.advance(90_000)
    await listening.posts()
    assert any("500" in trouble for trouble in listening.troubles)
    hub.publish(server.at("/f"), rss([Story("new", "Grounded", "x", NOON)]))
    assert [post.title for post in await listening.posts()] == ["Grounded"]


async def test_a_site_that_is_down_from_the_start_is_an_error(server: ScriptedServer, make: Make, hub: Hub) -> None:
    server.answers["/f"] = Told(500)
    with pytest.raises(RetryLater):
        await Listening(make(), hub).posts()


async def test_a_source_that_gets_a_public_address_goes_on_where_it_stood(make: Make, hub: Hub, clock: Clock) -> None:
    source = make()
    page = await source._feeds.fetch(None)
    assert len(page.records) == 3
    listening = Listening(source, hub, page.cursor)
    clock.advance(3_600)
    assert await listening.posts() == []
    assert len(hub.asked) == 1
    assert (await source._feeds.fetch(listening.cursor)).records == [], "and back again"


async def test_feeds_with_and_without_a_hub_live_side_by_side(server: ScriptedServer, make: Make, hub: Hub) -> None:
    server.answers["/plain"] = Told(body=rss([Story("p", "Plain", "x", NOON)]))
    show(server, "/g", [Story("g", "Second", "x", NOON)])
    listening = Listening(make("/f", "/plain", "/g"), hub)
    assert len(await listening.posts()) == 5
    assert {form["hub.topic"] for form in hub.asked} == {server.at("/f"), server.at("/g")}
    assert len({form["hub.secret"] for form in hub.asked}) == 2, "a hub cannot speak for another's feed"
    assert "hubs are answered at /webhooks/runway" in await listening.source.check()


def test_without_a_public_address_nothing_is_an_inbox(make: Make, clock: Clock) -> None:
    client = PoliteClient(HttpTransport(), clock=clock)
    plain = build(Config(kind="rss", url="https://runway.example/f"), client=client, clock=clock)
    assert not hasattr(plain, "receive")
    assert hasattr(make(), "receive")
