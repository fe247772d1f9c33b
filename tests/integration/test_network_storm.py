"""Every network at once in bad weather; `make storm` for a hundred thousand posts."""

import asyncio
import os
from contextlib import AsyncExitStack, closing
from operator import attrgetter
from pathlib import Path

import pytest

from storage.sqlite import open_store
from tests.kit.engine import build_engine
from tests.kit.ingest import SourceCase, all_cases
from tests.networks.storm import Listening, skipping_time

POSTS = int(os.environ.get("TOCSIN_STORM_POSTS", "3000"))
"""In all networks together."""
A_FEW = 200
CASES = [case for case in all_cases() if case.endless]


async def storm(cases: list[SourceCase], folder: Path, posts: int) -> list[Listening]:
    """Lead all of them through the storm, side by side; return how each stood it."""
    async with AsyncExitStack() as stack:
        stack.enter_context(skipping_time())
        store = stack.enter_context(closing(open_store(folder / "tocsin.db")))
        engine = build_engine(store)
        found = []
        for seed, case in enumerate(cases):
            home = folder / str(seed)
            home.mkdir()
            rig = await stack.enter_async_context(case.start(home))
            found.append(Listening(case, rig, engine, store, seed))
        await asyncio.gather(*(one.run(posts) for one in found))
        lost = {case.id: gone[:5] for case, one in zip(cases, found, strict=True) if (gone := one.missing())}
        assert not lost
    return found


@pytest.mark.parametrize("case", CASES, ids=attrgetter("id"))
async def test_a_network_in_bad_weather_loses_nothing_and_repeats_nothing(case: SourceCase, tmp_path: Path) -> None:
    (one,) = await storm([case], tmp_path, A_FEW)
    assert len(one.published) >= A_FEW
    if case.key and case.http:
        assert one.stopped == 1, "the credential was revoked in the middle"


@pytest.mark.timeout(3_600)
async def test_all_networks_at_once_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    found = await storm(CASES, tmp_path, POSTS // len(CASES) + 1)
    assert sum(len(one.published) for one in found) >= POSTS
    for case, one in zip(CASES, found, strict=True):
        seen = ", ".join(sorted(one.weather.seen))
        print(
            f"{case.id}: {len(one.published)} posts in {one.hours:.1f} h, {one.looks} looks, "
            f"{one.deaths} deaths; {seen}"
        )
