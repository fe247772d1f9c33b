"""Hours of YouTube in a hurry: writing, editing, deleting, failing; nothing is lost, nothing told for nothing."""

import json
from random import Random

from domain.errors import RetryLater
from ingest.youtube import Config, build
from tests.kit.cases_youtube import AURORA, BLOGGER, BRAND
from tests.kit.ingest import NOON, SECRET, Clock, polite_client
from tests.networks.youtube import FAILURES, Channel, Comment, Video, YouTubeServer, youtube

HOURS = 8


class Crowd:
    """People who write, edit and delete, with seeded chance."""

    def __init__(self, tube: YouTubeServer, clock: Clock, seed: int) -> None:
        self.tube, self.clock, self.random = tube, clock, Random(seed)
        self.written: dict[str, float] = {}
        self.deleted: dict[str, float] = {}

    def act(self) -> None:
        """Do what happens in a few minutes."""
        now, chance = self.clock().timestamp(), self.random
        for _ in range(chance.randint(0, 3)):
            video = chance.choice(self.tube.videos)
            tops = [one for one in self.tube.comments if not one.parent and one.video == video.id]
            young = [one for one in tops if one.at > now - 86_400]
            parent = chance.choice(young).id if young and chance.random() < 0.4 else ""
            name = f"{parent}.r{len(self.written)}" if parent else f"Ug{len(self.written)}"
            self.tube.comments.append(Comment(name, video.id, now - 1, f"Aurora Air {name}", parent=parent))
            self.written[name] = now
        alive = [one.id for one in self.tube.comments if one.at > now - 20 * 3_600]
        if alive and chance.random() < 0.1:
            self.tube.edit(chance.choice(alive), f"edited at {now}")
        if alive and chance.random() < 0.05:
            before = {one.id for one in self.tube.comments}
            self.tube.delete(chance.choice(alive))
            self.deleted |= dict.fromkeys(before - {one.id for one in self.tube.comments}, now)
        share = chance.choice([0, 0, 0.3, 1]) if chance.random() < 0.2 else 0
        self.tube.server.misbehave(FAILURES["flaky"] if share else None, share=share or 1)


async def test_a_busy_channel_ends_with_every_comment_told_and_every_deletion_too() -> None:
    clock = Clock()
    async with youtube(clock) as tube, polite_client(clock) as client:
        tube.channels = [Channel(AURORA, "auroraair"), Channel(BLOGGER, "blogger")]
        now = NOON.timestamp()
        tube.videos = [Video("vidgate1", AURORA, now - 9_000), Video("vidfind1", BLOGGER, now - 8_000)]
        tube.page = 10
        told = {"kind": "youtube", "token": SECRET, "channels": ["@auroraair"], "api": tube.server.at("/youtube/v3")}
        config = Config.model_validate({**told, "requests_per_minute": 1_000_000})
        source, cursor = build(config, client=client, clock=clock, brands=[BRAND]), None
        crowd = Crowd(tube, clock, 1)
        heard: dict[str, str] = {}
        gone: set[str] = set()
        twice = 0
        acting = now
        while clock().timestamp() < now + HOURS * 3_600:
            if clock().timestamp() >= acting:
                crowd.act()
                acting = clock().timestamp() + 240
            try:
                page = await source.fetch(cursor)
            except RetryLater as error:
                clock.advance(error.after or 30)
                continue
            cursor = page.cursor
            for record in page.records:
                post = record.post
                if post.deleted:
                    gone.add(post.native_id)
                    continue
                twice += heard.get(post.native_id) == json.dumps([post.version, str(post.engagement)])
                heard[post.native_id] = json.dumps([post.version, str(post.engagement)])
            clock.advance(page.wait)
            if page.wait > 120:
                source = build(config, client=client, clock=clock, brands=[BRAND])
    until = now + HOURS * 3_600 - 7_200
    shown = {name for name, at in crowd.written.items() if at < until and crowd.deleted.get(name, 9e12) - at > 7_200}
    assert len(shown) > 80
    assert shown <= set(heard)
    assert {name for name in shown if crowd.deleted.get(name, 9e12) < until} <= gone
    assert gone <= set(crowd.deleted)
    assert twice == 0
    texts = {one.id: one.text for one in tube.comments}
    assert set(texts) - set(heard) <= set(crowd.written) - shown
