"""The scripted YouTube, and what our source asks it, against Google's own description of the interface."""

from collections.abc import AsyncIterator

import pytest

from ingest.youtube import Config, build
from tests.kit.cases_youtube import BRAND, stock
from tests.kit.ingest import SECRET, Clock, Rig, harvest, polite_client
from tests.networks.discovery import Discovery
from tests.networks.youtube import YouTubeServer, youtube

YOUTUBE = Discovery("youtube.v3")


@pytest.fixture
async def tube(clock: Clock) -> AsyncIterator[YouTubeServer]:
    async with youtube(clock) as tube:
        stock(tube)
        yield tube


async def listen(tube: YouTubeServer, clock: Clock, **settings: object) -> None:
    """Read all, again an hour later, and check."""
    told = {"kind": "youtube", "token": SECRET, "api": tube.server.at("/youtube/v3"), **settings}
    config = Config.model_validate(told)
    async with polite_client(clock) as client:
        source = build(config, client=client, clock=clock, brands=[BRAND])
        rig = Rig(make=lambda: source, clock=clock, expected=set())
        whole = await harvest(rig, source)
        clock.advance(3_600)
        await harvest(rig, source, whole.cursors[-1])
        await source.check()


def methods(tube: YouTubeServer) -> set[str]:
    return {asked.path.removeprefix("/youtube/v3/") for asked in tube.server.asked}


async def test_every_question_is_one_that_google_describes(tube: YouTubeServer, clock: Clock) -> None:
    await listen(tube, clock, channels=["@auroraair"], videos=["vidtrip1"])
    assert methods(tube) == {"commentThreads", "comments", "playlistItems", "search", "channels", "videos"}
    wrong = [problem for one in tube.server.asked for problem in YOUTUBE.wrong_with_question(one.path, one.query)]
    assert wrong == []


async def test_every_answer_of_the_scripted_one_is_as_google_describes_it(tube: YouTubeServer, clock: Clock) -> None:
    await listen(tube, clock, channels=["@auroraair"], videos=["vidtrip1"])
    assert {path.removeprefix("/youtube/v3/") for path, _ in tube.given} == methods(tube)
    assert [problem for path, told in tube.given for problem in YOUTUBE.wrong_with_answer(path, told)] == []


async def test_a_key_alone_is_checked_with_a_described_question(tube: YouTubeServer, clock: Clock) -> None:
    await listen(tube, clock)
    last = tube.server.asked[-1]
    assert last.query["chart"] == "mostPopular"
    assert YOUTUBE.wrong_with_question(last.path, last.query) == []


def test_the_description_finds_what_is_wrong() -> None:
    assert YOUTUBE.wrong_with_question("/youtube/v3/search", {"part": "snippet", "order": "newest", "since": "1"})
    assert YOUTUBE.wrong_with_question("/youtube/v3/comments", {"part": "snippet", "maxResults": "500"})
    assert YOUTUBE.wrong_with_question("/youtube/v3/comments", {}) == ["part is missing"]
    assert YOUTUBE.wrong_with_answer("/youtube/v3/comments", {"items": [{"snippet": {"likeCount": "3"}}]})
    assert YOUTUBE.wrong_with_answer("/youtube/v3/comments", {"items": [{"text": "unheard of"}]})
