"""The scripted instance as Mastodon.py, a client that others wrote, understands it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from mastodon import Mastodon
from mastodon.return_types import Account, Status

from tests.kit.ingest import SECRET
from tests.kit.streams import Instance, serving, status


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    async with serving(server := Instance(token=SECRET)):
        yield server


async def timeline(instance: Instance, **asked: Any) -> list[Status]:
    def ask() -> list[Status]:
        client = Mastodon(api_base_url=instance.url, access_token=SECRET, version_check_mode="none")
        return list(client.timeline_hashtag("AuroraAir", **asked))

    return await asyncio.to_thread(ask)


def ids(statuses: list[Status]) -> list[int]:
    return [int(one.id) for one in statuses]


async def test_timelines_are_paged_from_either_end_as_that_client_asks_for_them(instance: Instance) -> None:
    instance.statuses = [status(number) for number in range(100, 200)]
    latest = await timeline(instance, limit=40)
    assert ids(latest) == list(range(199, 159, -1))
    before = await timeline(instance, limit=40, max_id=latest[-1].id)
    assert ids(before) == list(range(159, 119, -1))
    after = await timeline(instance, limit=10, min_id=before[0].id)
    assert ids(after) == list(range(169, 159, -1))


async def test_a_status_is_understood_field_by_field(instance: Instance) -> None:
    instance.statuses = [status(7)]
    (one,) = await timeline(instance, limit=5)
    assert one.created_at == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert (one.uri, one.account.acct) == ("https://social.example/users/inna/statuses/7", "inna")
    assert status(7).keys() <= get_type_hints(Status).keys()
    assert status(7)["account"].keys() <= get_type_hints(Account).keys()
