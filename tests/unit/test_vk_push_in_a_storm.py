"""Whatever VK does between two events: each is given once, in the order in which it was said."""

import json
from random import Random

import pytest

from domain.errors import RetryLater
from ingest.source import Source
from ingest.vk.config import Config
from ingest.vk.push.longpoll import LongPollSource
from ingest.vk.push.stream import StreamSource
from tests.kit.cases_vk_push import BRANDS, LONGPOLL, STREAM
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.kit.scripted_http import Asked, Told
from tests.networks.vk_happenings import comment, heard, update
from tests.networks.vk_push import VkPush, vk_push

NOW = NOON.timestamp()
SOON = {"code": 300, "service_message": {"message": "reconnect soon", "service_code": 3000}}


class Listener:
    """Fetches and commits; what is raised as to be tried later is, with a new process now and then."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self.source, self.clock = source, clock
        self.cursor: bytes | None = None
        self.heard: list[str] = []
        self.troubles: list[str] = []

    async def fetch(self, times: int = 1) -> None:
        for _ in range(times):
            try:
                page = await self.source.fetch(self.cursor)
            except RetryLater as later:
                self.clock.advance(later.after or 5)
                continue
            self.heard += [record.post.native_id for record in page.records]
            self.troubles += page.troubles
            self.cursor = page.cursor
            await self.source.committed(page.cursor)

    async def until(self, count: int) -> None:
        for _ in range(60):
            if len(self.heard) >= count:
                return
            await self.fetch()


def stumble(vk: VkPush, path: str, told: Told) -> None:
    """Answer so once in place of what was asked for."""
    good = vk.answers[path]

    def answer(_: Asked) -> Told:
        vk.answers[path] = good
        return told

    vk.answers[path] = answer


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_event_of_the_stream_comes_once(clock: Clock, seed: int) -> None:
    chance, said = Random(seed), 0
    async with vk_push(SECRET) as vk, polite_client(clock) as client:
        config = Config.model_validate({**STREAM, "api": vk.url, "requests_per_second": 1_000})
        source = StreamSource(config, client=client, clock=clock, brands=BRANDS, gather_seconds=0.02)
        listener = Listener(source, clock)
        for _ in range(25):
            match chance.choice(["quiet", "drop", "key", "soon", "names", "rules"]):
                case "drop":
                    vk.hang_up()
                case "key":
                    vk.renew_key()
                case "soon":
                    vk.say(SOON)
                case "names":
                    stumble(vk, "/method/users.get", Told(500, b"oops"))
                case "rules":
                    stumble(vk, "/rules/", Told(502, b"oops"))
            clock.advance(chance.randrange(3))
            for _ in range(chance.randrange(4)):
                said += 1
                place = {"post_owner_id": 12, "post_id": said}
                vk.say(heard("post", place, NOW, f"Aurora Air, {said}", author=9_000 + said))
            await listener.until(said)
        await source.aclose()
    assert listener.heard == [f"12_{number}" for number in range(1, said + 1)]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_event_of_the_long_poll_comes_once(clock: Clock, seed: int) -> None:
    chance, said = Random(seed), 0
    async with vk_push(SECRET) as vk, polite_client(clock) as client:
        config = Config.model_validate({**LONGPOLL, "api": vk.url, "requests_per_second": 1_000})

        def process() -> LongPollSource:
            return LongPollSource(config, client=client, clock=clock, idle_wait=0.05)

        vk.poll_patience = 0.02
        listener = Listener(process(), clock)
        await listener.fetch()
        for _ in range(25):
            match chance.choice(["quiet", "key", "names", "poll", "html", "number", "killed"]):
                case "key":
                    vk.poll_key += 1
                case "names":
                    stumble(vk, "/method/users.get", Told(500, b"oops"))
                case "poll":
                    stumble(vk, "/poll", Told(502, b"oops"))
                case "html":
                    stumble(vk, "/poll", Told(200, b"<html>"))
                case "number":
                    vk.ts_as_text = not vk.ts_as_text
                case "killed":
                    assert isinstance(listener.source, LongPollSource)
                    await listener.source.aclose()
                    listener.source = process()
            for _ in range(chance.randrange(4)):
                said += 1
                told = comment(said, NOW, f"Aurora Air, {said}", author=9_000 + said, post_id=70, owner_id=-501)
                vk.happen(update("wall_reply_new", json.loads(json.dumps(told))))
            await listener.until(said)
        assert isinstance(listener.source, LongPollSource)
        await listener.source.aclose()
    assert listener.heard == [f"-501_70_r{number}" for number in range(1, said + 1)]
    assert listener.troubles == []
