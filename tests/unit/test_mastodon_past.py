"""What an instance's timelines still show, page by page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.history import History
from ingest.mastodon import Config, MastodonSource
from tests.kit.ingest import Clock, polite_client
from tests.kit.streams import Instance, serving, status

START = datetime(2026, 11, 1, tzinfo=UTC)


def written(number: int, **other: Any) -> dict[str, Any]:
    """A status an hour after the one before it."""
    return status(number, **({"created_at": (START + timedelta(hours=number)).isoformat()} | other))


@asynccontextmanager
async def past(instance: Instance, since: datetime) -> AsyncIterator[History]:
    clock = Clock()
    async with serving(instance), polite_client(clock) as client:
        config = Config(kind="mastodon", name="masto", instance=instance.url, tags=("AuroraAir", "Škoda"))
        source = MastodonSource(config, client=client, clock=clock)
        yield source.history(since, name="past")
        await source.aclose()


async def all_of(history: History, *, most: int = 50) -> list[int]:
    """The numbers of the statuses that come until it ends."""
    cursor, found = None, list[int]()
    for _ in range(most):
        page = await history.fetch(cursor)
        cursor = page.cursor
        found += [int(record.post.native_id.rpartition("/")[2]) for record in page.records]
        if page.exhausted:
            return found
    raise AssertionError("it never ends")


async def test_it_goes_down_every_timeline_to_the_date_and_ends() -> None:
    instance = Instance(statuses=[written(number) for number in range(150)])
    async with past(instance, START + timedelta(hours=60)) as history:
        found = await all_of(history)
    assert set(found) == set(range(60, 150))
    assert len(found) == 2 * 90, "each of the two tags has them"


async def test_an_old_status_that_another_server_brought_late_ends_nothing() -> None:
    late = written(120, created_at=(START - timedelta(days=900)).isoformat())
    instance = Instance(statuses=[late, *(written(number) for number in range(150) if number != 120)])
    async with past(instance, START + timedelta(hours=10)) as history:
        assert set(await all_of(history)) == set(range(10, 150)) - {120}


async def test_a_server_that_shows_the_same_page_whatever_it_is_asked_ends_too() -> None:
    class Forgetful(Instance):
        def _timeline(self, query: dict[str, str]) -> list[dict[str, Any]]:
            return super()._timeline({name: value for name, value in query.items() if name != "max_id"})

    async with past(Forgetful(statuses=[written(number) for number in range(150)]), START) as history:
        assert set(await all_of(history)) == set(range(110, 150))
