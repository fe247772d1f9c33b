"""What channels held before we listened, read by a person's account."""

from datetime import timedelta

import pytest

from domain.errors import RetryLater, SourceStopped
from tests.kit.ingest import NOON
from tests.networks.telegram_mtproto import CITY_POST, COMMENT, Desk


async def test_history_reads_what_was_written_from_a_day_on_with_its_comments() -> None:
    desk = Desk()
    old, new = desk.post(1, at=NOON - timedelta(days=400)), desk.post(2, at=NOON - timedelta(days=90))
    for post in (old, new):
        desk.telegram.comment(post, 500 + post.id, "Why?", NOON - timedelta(days=89))
    past = desk.source.history(NOON - timedelta(days=100), name="past")
    found, cursor = [], None
    for _ in range(20):
        page = await past.fetch(cursor)
        found += [record.post for record in page.records]
        cursor = page.cursor
        if page.exhausted:
            break
    assert [(one.native_id, one.reply_to, one.origin, one.source) for one in found] == [
        (CITY_POST.format(2), "", "backfill", "past"), (COMMENT.format(502), CITY_POST.format(2), "backfill", "past"),
    ]  # fmt: skip


async def test_history_waits_for_the_flood_that_the_living_source_met() -> None:
    desk = Desk()
    desk.telegram.failure = "busy"
    with pytest.raises(RetryLater):
        await desk.source.fetch(None)
    desk.telegram.failure = None
    with pytest.raises(RetryLater) as wait:
        await desk.source.history(NOON - timedelta(days=1), name="past").fetch(None)
    assert wait.value.after == 7


async def test_history_of_a_closed_channel_is_a_trouble_and_of_closed_ones_alone_stops() -> None:
    desk = Desk(channels=["@nobody_there", "@citytalk"])
    desk.post(7)
    past, cursor, troubles, found = desk.source.history(NOON - timedelta(days=1), name="past"), None, [], 0
    for _ in range(20):
        page = await past.fetch(cursor)
        troubles += page.troubles
        found += len(page.records)
        cursor = page.cursor
        if page.exhausted:
            break
    assert (troubles, found) == (["@nobody_there cannot be read: nobody has this name"], 1)
    closed = Desk(channels=["@nobody_there"])
    with pytest.raises(SourceStopped, match="none of the channels can be read"):
        await closed.source.history(NOON, name="past").fetch(None)
