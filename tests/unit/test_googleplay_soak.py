"""A day of Google Play in a hurry: reviews, replies, edits, deletions, failures; nothing lost or told for nothing."""

from random import Random

from domain.errors import RetryLater
from ingest.googleplay import Config, build
from tests.kit.ingest import NOON, Clock, polite_client
from tests.networks.googleplay import FAILURES, GooglePlayServer, google_play, key_file, review

AIR, CARGO = "com.auroraair.app", "com.auroraair.cargo"
HOURS = 24


def act(play: GooglePlayServer, clock: Clock, chance: Random, gone: dict[str, float]) -> None:
    """What happens in a quarter of an hour."""
    now = clock().timestamp()
    for _ in range(chance.randint(0, 2)):
        app = chance.choice([AIR, CARGO])
        play.apps[app].append(review(f"{app}:{len(play.apps[app])}:{now:.0f}", now, "Late again"))
    names = [one["reviewId"] for app in play.apps.values() for one in app]
    if names and chance.random() < 0.2:
        play.edit(chance.choice(names), f"edited at {now}")
    if names and chance.random() < 0.2:
        name = chance.choice(names)
        if len(play.find(name)[1]["comments"]) == 1:
            play.reply(name, f"Sorry, {name}")
    if names and chance.random() < 0.1:
        name = chance.choice(names)
        play.delete(name)
        gone[name] = now
    share = chance.choice([0.3, 1]) if chance.random() < 0.2 else 0
    play.server.misbehave(FAILURES["flaky"] if share else None, share=share or 1)


async def test_a_busy_day_ends_with_every_review_every_reply_and_every_deletion_told() -> None:
    clock, chance = Clock(), Random(5)
    end = NOON.timestamp() + HOURS * 3_600
    async with google_play(clock) as play, polite_client(clock) as client:
        play.apps, play.page = {AIR: [], CARGO: []}, 6
        told = {"service_account": key_file(play.server.at("/token")), "packages": [AIR, CARGO]}
        settings = {"kind": "googleplay", "api": play.server.url, "requests_per_hour": 100_000, **told}
        source, cursor = build(Config.model_validate(settings), client=client, clock=clock), None
        heard: dict[str, tuple[str, bool]] = {}
        gone: dict[str, float] = {}
        acting, twice = 0.0, 0
        while clock().timestamp() < end:
            if clock().timestamp() >= acting and clock().timestamp() < end - 3 * 3_600:
                act(play, clock, chance, gone)
                acting = clock().timestamp() + 900
            elif clock().timestamp() >= end - 3 * 3_600:
                play.server.misbehave(None)
            try:
                page = await source.fetch(cursor)
            except RetryLater as error:
                clock.advance(error.after or 60)
                continue
            cursor = page.cursor
            for record in page.records:
                post = record.post
                twice += heard.get(post.native_id) == (post.stamp, post.deleted)
                heard[post.native_id] = (post.stamp, post.deleted)
            clock.advance(page.wait)
    alive = {one["reviewId"] for app in play.apps.values() for one in app}
    replies = {f"{one['reviewId']}_reply" for app in play.apps.values() for one in app if len(one["comments"]) == 2}
    assert len(alive) > 40
    assert replies
    assert gone
    assert {name for name, (_, deleted) in heard.items() if not deleted} == alive | replies
    assert set(heard) - alive - replies <= set(gone) | {f"{name}_reply" for name in gone}
    assert twice == 0
