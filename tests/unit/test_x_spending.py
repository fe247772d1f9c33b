"""What X costs is counted as X bills it, told at four fifths of a cap, and never goes beyond it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.errors import RetryLater
from ingest.x import Config
from ingest.x.progress import Progress
from ingest.x.spending import Bill, Purse
from tests.kit.ingest import NOON
from tests.networks.x_rig import Desk, desk


@pytest.fixture
async def x() -> AsyncIterator[Desk]:
    async with desk() as found:
        yield found


def counted(x: Desk) -> float:
    """What the source says that it spent this month."""
    assert x.cursor is not None
    return msgspec.json.decode(x.cursor, type=Progress).bill.month.amount


def purse(daily: float = 1.0, monthly: float = 10.0) -> Purse:
    return Purse(Config.model_validate({"kind": "x", "token": "t", "daily_cap": daily, "monthly_cap": monthly}))


def test_a_cap_is_told_once_when_four_fifths_of_it_are_spent() -> None:
    bill, told = purse().spend(Bill(), 0.79, NOON)
    assert told == []
    bill, told = purse().spend(bill, 0.02, NOON)
    assert told == ["$0.81 of the daily_cap of $1 is spent: X is not read any more once it is used up"]
    assert purse().spend(bill, 0.02, NOON)[1] == []


def test_a_day_that_is_used_up_ends_at_midnight_utc_and_a_month_with_its_last_day() -> None:
    bill, _ = purse().spend(Bill(), 1.5, NOON)
    with pytest.raises(
        RetryLater, match=r"daily_cap of \$1 is spent: X is not read until 2026-11-21 00:00 UTC"
    ) as day:
        purse().check(bill, 0.005, NOON)
    assert day.value.after == 12 * 3_600
    purse().check(bill, 0.005, NOON + timedelta(hours=12))
    bill, _ = purse(20, 10).spend(Bill(), 10, NOON)
    with pytest.raises(RetryLater, match=r"monthly_cap of \$10 is spent: X is not read until 2026-12-01") as month:
        purse(20, 10).check(bill, 0.005, NOON)
    assert month.value.after == (datetime(2026, 12, 1, tzinfo=UTC) - NOON).total_seconds()


def test_a_price_of_nothing_costs_nothing() -> None:
    assert purse().affords(Bill(), 0, NOON, most=100) == 100
    assert purse().for_relooks(Bill(), 0, NOON, most=100) == 100


async def test_the_count_is_what_x_bills(x: Desk) -> None:
    for number in range(150):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 1), author=str(7 + number % 3))
    source = x.search(backlog_hours=24)
    for _ in range(4):
        await x.look(source)
    assert len(x.posts) == 150
    assert counted(x) == pytest.approx(x.network.spent())
    assert counted(x) == pytest.approx(150 * 0.005 + 3 * 0.01 + 0.005)


async def test_accounts_are_read_once_and_posts_with_unknown_ones_come_all_the_same(x: Desk) -> None:
    x.network.write("Aurora Air", NOON - timedelta(minutes=2), author="404")
    x.network.write("Aurora Air", NOON - timedelta(minutes=1), author="7")
    source = x.search()
    await x.look(source)
    assert {post.account for post in x.posts} == {"x:404", "x:ada"}
    x.network.write("Aurora Air again", author="7")
    x.clock.advance(60)
    before = x.network.paths.count("GET /2/users")
    await x.look(source)
    assert len(x.posts) == 3
    assert x.network.paths.count("GET /2/users") == before


async def test_no_account_is_read_where_nobody_wants_them(x: Desk) -> None:
    x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    await x.look(x.search(authors=False))
    assert x.posts[0].account == "x:7"
    assert "GET /2/users" not in x.network.paths


async def test_posts_do_not_wait_for_the_names_of_their_authors(x: Desk) -> None:
    x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    x.network.refuse_users = True
    await x.look(x.search())
    assert x.texts() == ["Aurora Air"]
    assert "without their names" in "".join(x.troubles)


async def test_the_cap_stops_the_source_until_the_next_day_and_nothing_is_lost(x: Desk) -> None:
    for number in range(300):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 1))
    source = x.search(backlog_hours=24, daily_cap=0.5)
    with pytest.raises(RetryLater, match="daily_cap") as stop:
        await x.on_and_on(source)
    assert 80 <= len(x.posts) < 100
    assert any("is spent" in trouble for trouble in x.troubles), "it was told before it stopped"
    assert x.network.spent() <= 0.5 + 1e-9
    assert stop.value.after == 12 * 3_600
    for _ in range(8):
        x.clock.advance(stop.value.after or 0)
        try:
            while not (await x.fetch(source)).wait:
                pass
        except RetryLater as again:
            stop.value.after = again.after
    assert len({post.native_id for post in x.posts}) == 300


async def test_a_stream_hangs_up_when_the_cap_is_reached(x: Desk) -> None:
    source = x.stream(daily_cap=0.1, backlog_hours=0)
    await x.fetch(source)
    for number in range(30):
        x.network.write(f"Aurora Air {number}")
    with pytest.raises(RetryLater, match="daily_cap"):
        await x.on_and_on(source)
    assert len(x.posts) == 30, "what was paid for is given"
    x.clock.advance(1)
    with pytest.raises(RetryLater, match="daily_cap"):
        await x.fetch(source)
    await x.until_hung_up()


async def test_how_much_a_query_finds_is_asked_first_and_told_where_it_is_too_much(x: Desk) -> None:
    for number in range(700):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 90))
    source = x.search(daily_cap=0.4)
    await x.look(source)
    assert x.network.paths[0] == "GET /2/tweets/counts/recent"
    assert "about 100 posts a day for $0.50, but daily_cap is $0.4" in x.troubles[0]
    await x.look(source)
    assert x.network.paths.count("GET /2/tweets/counts/recent") == 1


async def test_looking_again_at_posts_of_yesterday_leaves_half_of_the_money(x: Desk) -> None:
    for number in range(40):
        x.network.write(f"Aurora Air {number}", NOON - timedelta(minutes=number + 1), author="")
    source = x.search(daily_cap=0.3, backlog_hours=24)
    await x.look(source)
    x.clock.advance(13 * 3_600)
    before = x.network.spent()
    for _ in range(10):
        await x.look(source)
    assert 0.1 < x.network.spent() - before <= 0.15 + 1e-9
    assert counted(x) == pytest.approx(x.network.spent())


async def test_looking_again_on_the_same_day_costs_nothing(x: Desk) -> None:
    x.network.write("Aurora Air", NOON - timedelta(minutes=1))
    source = x.search()
    await x.look(source)
    before = x.network.spent()
    for _ in range(8):
        x.clock.advance(3_600)
        await x.look(source)
    assert x.network.paths.count("GET /2/tweets") >= 4
    assert x.network.spent() == before
    assert counted(x) == pytest.approx(before)
