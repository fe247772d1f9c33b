"""The Elasticsearch store alone, on a real server: mentions a second, posts remembered, answers; and what each costs.

`python -m tests.bench.bench_elasticsearch [--mentions N] [--json]`, after `make services`.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import psutil

from domain.judgement import SENTIMENTS, THEMES, URGENCIES, Judgement
from domain.mention import Mention, MentionQuery, Score
from domain.post import Author, Engagement
from storage.cluster import Known, Origin, Versioned, month_of
from storage.elasticsearch import ElasticsearchStore, PostMemory, open_store
from tests.kit.corpus import brand_name, posts
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer
from tests.kit.stores import START, mention, post

BATCH = 500
BRANDS = 20
QUERIES = {
    "newest": MentionQuery(),
    "refund OR рейс": MentionQuery(text="refund OR рейс"),
    "negative and critical": MentionQuery(sentiment="negative", urgency="critical"),
}
ASKED = 20


def mentions(count: int) -> list[Mention]:
    """Judged mentions with all that a network tells, seeded."""
    chance = random.Random(7)
    made = []
    for number, said in enumerate(posts(count, brands=BRANDS)):
        heard = post(
            f"n{number}",
            str(said["text"]),
            minutes=number / 60,
            url=f"https://example.org/{number}",
            author=Author(id=str(number % 5_000), name=f"Name {number % 5_000}", followers=chance.randrange(10**5)),
            engagement=Engagement(likes=number % 9, reposts=0, replies=1),
        )
        one = mention(heard, brand=brand_name(number % BRANDS), judgement=_judged(chance), score=_scored(chance))
        made.append(one)
    return made


def _judged(chance: random.Random) -> Judgement:
    scores: list[dict[str, float]] = [
        {label: round(chance.random(), 4) for label in labels} for labels in (SENTIMENTS, URGENCIES, THEMES)
    ]
    return Judgement(
        sentiment=chance.choice(SENTIMENTS), urgency=chance.choice(URGENCIES), theme=chance.choice(THEMES),
        model="judge", sentiment_scores=scores[0], urgency_scores=scores[1], theme_scores=scores[2], toxicity=0.1,
    )  # fmt: skip


def _scored(chance: random.Random) -> Score:
    return Score(reach=chance.random(), influence=0.1, priority=chance.random(), parts={"followers": 0.3})


class Meter:
    """Times a job, and the processor time of the server and of this process."""

    def __init__(self, server: ElasticServer) -> None:
        self._server, self._own = psutil.Process(server.pid), psutil.Process()

    def measure(self, what: str, count: int, job: Callable[[], object]) -> dict[str, object]:
        """Run the job over `count` things."""
        before = self._cpu()
        started = time.perf_counter()
        job()
        seconds = time.perf_counter() - started
        server, own = (after - earlier for after, earlier in zip(self._cpu(), before, strict=True))
        return {
            "what": what,
            "count": count,
            "per_second": round(count / seconds),
            "server_us_each": round(server / count * 1e6),
            "own_us_each": round(own / count * 1e6),
        }

    def _cpu(self) -> tuple[float, float]:
        family = [self._server, *self._server.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family), sum(self._own.cpu_times()[:2])


def figures(server: ElasticServer, told: Sequence[Mention]) -> Iterator[dict[str, object]]:
    """Measure one thing after the other; the first round warms the server up."""
    store = open_store(cluster_of(server, "bench-"))
    memory, meter = PostMemory(cluster_of(server, "bench-")), Meter(server)
    half = len(told) // 2
    for what, some in (("mentions indexed, cold", told[:half]), ("mentions indexed", told[half:])):
        yield meter.measure(what, len(some), partial(_index, store, some))
    for what, revision in (("posts recalled and remembered, new", 1), ("posts recalled and remembered, again", 2)):
        yield meter.measure(what, len(told), partial(_remember, memory, told, revision))
    store._cluster.ask("POST", f"/{store.schema.mentions}/_refresh")
    for name, query in QUERIES.items():
        yield meter.measure(f"first pages of: {name}", ASKED, partial(_ask, store.search, query))
    yield meter.measure("stats", ASKED, partial(_ask, store.stats, MentionQuery()))
    store.close()


def _ask(question: Callable[[MentionQuery], object], query: MentionQuery) -> None:
    for _ in range(ASKED):
        question(query)


def _index(store: ElasticsearchStore, told: Sequence[Mention]) -> None:
    for start in range(0, len(told), BATCH):
        batch = told[start : start + BATCH]
        outcome = store.index([Versioned(mention=one, version=1, month=month_of(one.post)) for one in batch])
        assert outcome.written == len(batch)


def _remember(memory: PostMemory, told: Sequence[Mention], revision: int) -> None:
    for start in range(0, len(told), BATCH):
        batch = told[start : start + BATCH]
        memory.recall([one.post.id for one in batch])
        origin = Origin("posts-0", start)
        memory.remember(
            {
                one.post.id: Known(version="1", origin=origin, month="2026-03", mentions=(one,), revision=revision)
                for one in batch
            }
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mentions", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    told = mentions(arguments.mentions)
    assert told[-1].event_at - START < timedelta(days=400)
    with tempfile.TemporaryDirectory() as folder, ElasticServer(Path(folder)) as server:
        for found in figures(server, told):
            print(json.dumps(found) if arguments.json else _sentence(found))


def _sentence(found: dict[str, object]) -> str:
    return (
        f"elasticsearch {found['what']!s:>42}: {found['per_second']:>7,}/s; "
        f"each {found['server_us_each']:>7,} us of the server, {found['own_us_each']:>6,} us here"
    )


if __name__ == "__main__":
    main()
