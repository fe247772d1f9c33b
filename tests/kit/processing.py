"""The surroundings of `tocsin process` in memory: a topic of posts, a memory of posts, and what was published."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain.act import AnyAct
from domain.dead_letter import DeadLetter
from domain.event import MentionEvent
from domain.mention import Mention
from domain.post import Record
from storage.cluster import Known
from tests.kit.engine import clock, stages
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Outgoing, Received
from tocsin.runtimes.cluster.intake import Message
from tocsin.runtimes.cluster.process import Processor, read
from tocsin.runtimes.cluster.wire import POSTS, POSTS_DEAD, Heard, Reader, encode
from tocsin.stages import Stage

Effect = Callable[[str], None]
"""Told what is about to be done, and what was done; may raise."""


class Killed(BaseException):
    """The process is gone; no handler of errors sees that."""


def killed_at(number: int) -> Effect:
    """The process dies at that of its steps."""
    left = iter(range(number))

    def die(_: str) -> None:
        if next(left, None) is None:
            raise Killed

    return die


@dataclass
class PostMemory:
    """What is remembered of posts, as Elasticsearch does it: what another took further stays."""

    posts: dict[str, Known] = field(default_factory=dict)
    effect: Effect = lambda _: None

    def recall(self, post_ids: Iterable[str]) -> dict[str, Known]:
        return {one: self.posts[one] for one in post_ids if one in self.posts}

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        behind = []
        for post_id, known in posts.items():
            self.effect(f"remembering {post_id}")
            stored = self.posts.get(post_id)
            if stored is None or known.revision > stored.revision:
                self.posts[post_id] = known
            elif stored != known:
                behind.append(post_id)
        self.effect("remembered")
        return behind


@dataclass
class Desk:
    """Keeps acts once each, as a store does."""

    acts: dict[str, AnyAct] = field(default_factory=dict)
    effect: Effect = lambda _: None

    def answer(self, acts: Sequence[AnyAct]) -> list[Mention]:
        for act in acts:
            self.effect(f"keeping {act.id}")
            self.acts.setdefault(act.id, act)
        self.effect("kept")
        return []


@dataclass
class Topics:
    """What was published, in order. A record may be there although the publisher never heard of it."""

    records: list[Outgoing] = field(default_factory=list)
    effect: Effect = lambda _: None

    def publish(self, records: Sequence[Outgoing]) -> None:
        for record in records:
            self.effect("publishing")
            self.records.append(record)
        self.effect("published")

    def messages(self, topic: str, kind: type[Any]) -> list[Any]:
        """Every message of a topic, in order."""
        reader = Reader(kind)
        return [one for record in self.records if record.topic == topic for one in reader.read(record.value)]

    @property
    def letters(self) -> list[DeadLetter]:
        return self.messages(POSTS_DEAD, DeadLetter)


def heard_once(told: Iterable[Heard]) -> dict[str, list[MentionEvent]]:
    """What `alert` makes of it, by brand: what stands at or below the last place seen of its line is passed over."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    events: dict[str, list[MentionEvent]] = defaultdict(list)
    for one in told:
        line, place = (one.event.brand, one.origin.line), (one.origin.offset, one.origin.place)
        if place > seen.get(line, (-1, 0)):
            seen[line] = place
            events[one.event.brand].append(one.event)
    return events


def received(value: bytes | None, offset: int = 0, *, topic: str = POSTS, partition: int = 0) -> Received:
    """A record of Kafka."""
    return Received(topic, partition, offset, None, value, clock())


def packed(records: Iterable[Record], sizes: Sequence[int] = (3,), *, topic: str = POSTS) -> list[Received]:
    """Records of Kafka that hold so many posts each, over and over, in one partition."""
    left, values = list(records), list[bytes]()
    while left:
        size = sizes[len(values) % len(sizes)]
        values += [value for value, _ in encode(left[:size])]
        left = left[size:]
    return [received(value, offset, topic=topic) for offset, value in enumerate(values)]


def broken(**changes: Any) -> bytes:
    """The JSON of a post that is not as it should be."""
    post = {
        "network": "vk",
        "native_id": "1",
        "text": "aurora",
        "created_at": "2026-03-02T09:00:00Z",
        "collected_at": "2026-03-02T09:00:00Z",
        "source": "kit",
    }
    return msgspec.json.encode({"post": post | changes})


def build_processor(
    memory: PostMemory,
    topics: Topics,
    desk: Desk | None = None,
    *,
    of: Sequence[Stage] | None = None,
    generation: Callable[[str], str] = lambda _: "g1",
    metrics: Metrics | None = None,
) -> Processor:
    """The processor over them, of these stages or the kit's own."""
    return Processor(
        stages=of or stages(),
        memory=memory,
        desk=desk or Desk(),
        producer=topics,
        generation=generation,
        clock=clock,
        metrics=metrics or Metrics(),
    )


def deal(processor: Processor, records: Sequence[Received], *, size: int = 4) -> list[bool]:
    """Deal with records, so many of their messages at a time."""
    messages = read(records)
    return [one for at in range(0, len(messages), size) for one in dealt(processor, messages[at : at + size])]


def dealt(processor: Processor, messages: Sequence[Message]) -> list[bool]:
    """Begin and settle."""
    return processor.settle(processor.begin(messages))
