"""What both runtimes do with posts before any fold: the simple stages, and what changed of what was known before."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from msgspec.structs import replace

from domain.act import Act, AnyAct
from domain.acted import as_heard
from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.event import MentionEvent
from domain.mention import Mention
from domain.post import Post, Record
from processors.recount import latest, recount
from tocsin.metrics import Metrics
from tocsin.stages import Batch, Map, Stage

T = TypeVar("T")
Version = tuple[str, object]
"""A post id, and what tells one state of the post from another: its version and its counters."""
Passing = list[tuple[Record, Any]]
"""Values on their way through the list, each with the record it came from."""


class Flowed(NamedTuple):
    """The mentions of each post that has any and the acts of each that is one, by post id; what a stage refused."""

    mentions: dict[str, list[Mention]]
    acts: dict[str, list[AnyAct]]
    dead_letters: list[DeadLetter]


class Flow:
    """The Map and Batch stages of the pipeline list, in its order."""

    def __init__(self, stages: Sequence[Stage], *, clock: Callable[[], datetime], metrics: Metrics) -> None:
        self._stages = [stage for stage in stages if isinstance(stage, Map | Batch)]
        self._clock = clock
        self._metrics = metrics

    def run(self, records: Iterable[Record]) -> Flowed:
        """Lead records through the stages. What one refuses becomes a dead letter, the others go on."""
        letters: list[DeadLetter] = []
        acts: dict[str, list[AnyAct]] = {}
        passing: Passing = [(record, record.post) for record in records]
        for stage in self._stages:
            started = time.perf_counter()
            if isinstance(stage, Batch):
                passing = self._batch(stage, passing, letters)
            else:
                passing = self._map(stage, passing, acts, letters)
            self._metrics.stage_seconds.labels(stage.name).observe(time.perf_counter() - started)
        found: dict[str, list[Mention]] = {}
        for record, mention in passing:
            found.setdefault(record.post.id, []).append(mention)
        return Flowed(found, acts, letters)

    def _map(self, stage: Map, passing: Passing, acts: dict[str, list[AnyAct]], letters: list[DeadLetter]) -> Passing:
        passed: Passing = []
        for record, value in passing:
            try:
                outs = stage.run(value)
            except Exception as error:  # noqa: BLE001  # poison must not stop the line; it is kept with its reason
                letters.append(letter_of(record, stage.name, error, at=self._clock()))
                continue
            for out in outs:
                if isinstance(out, Act):
                    acts.setdefault(record.post.id, []).append(cast("AnyAct", out))
                else:
                    passed.append((record, out))
        return passed

    def _batch(self, stage: Batch, passing: Passing, letters: list[DeadLetter]) -> Passing:
        if not passing:
            return passing
        try:
            judged = self._judged(stage, [value for _, value in passing])
        except Exception as error:  # noqa: BLE001  # one poison text must not take the batch with it
            if len(passing) == 1:
                letters.append(letter_of(passing[0][0], stage.name, error, at=self._clock()))
                return []
            half = len(passing) // 2
            return self._batch(stage, passing[:half], letters) + self._batch(stage, passing[half:], letters)
        return [(record, value) for (record, _), value in zip(passing, judged, strict=True)]

    def _judged(self, stage: Batch, mentions: list[Mention]) -> list[Mention]:
        started = time.perf_counter()
        try:
            return stage.run(mentions)
        finally:
            self._metrics.judged_texts.observe(len(mentions))
            self._metrics.judge_seconds.observe(time.perf_counter() - started)


def letter_of(record: Record, stage: str, error: Exception, *, at: datetime) -> DeadLetter:
    """Make the dead letter of a record that a stage refused, or broke on."""
    known = error if isinstance(error, Refused) else Refused("stage_error", f"{type(error).__name__}: {error}")
    return DeadLetter(
        source=record.post.source,
        stage=stage,
        reason=known.reason,
        detail=known.detail,
        where=record.post.place,
        raw=(record.raw or record.post.wording.encode("utf-8", "surrogatepass"))[:RAW_LIMIT],
        at=at,
    )


def changes(post: Post, mentions: Iterable[Mention], before: Iterable[Mention]) -> Iterator[MentionEvent]:
    """Say what a version of a post changes: `mentions` are made of it, `before` are all that were made of the post.

    What was deleted and is there again is new. What does not match any more, or is of a deleted post, is deleted; it
    is told as it was heard, whatever was done to it since. The latest counters of the post stay, whichever version
    brought them and whichever brands it named.
    """
    known = {mention.id: mention for mention in before}
    counted = latest(mention.post.engagement for mention in known.values())
    for heard in mentions:
        mention, was = recount(heard, counted) or heard, known.pop(heard.id, None)
        edited = was is not None and was.deleted_at is None
        yield MentionEvent(mention=mention, change="edited" if edited else "new")
    for gone in known.values():
        if gone.deleted_at is None:
            yield MentionEvent(mention=replace(as_heard(gone), deleted_at=post.collected_at), change="deleted")


def recounts(post: Post, before: Iterable[Mention]) -> Iterator[MentionEvent]:
    """Say what the counters of a version that is known already change; `before` are all mentions made of the post."""
    if post.deleted or post.engagement.as_of is None:
        return
    for known in before:
        if known.deleted_at is None and (mention := recount(as_heard(known), post.engagement)):
            yield MentionEvent(mention=mention, change="recounted")


def stamped(record: Record) -> Record:
    """The record with the version of its post filled in."""
    post = record.post
    return record if post.version else replace(record, post=replace(post, version=post.stamp))


def runs(arrivals: Iterable[T], version_of: Callable[[T], Version]) -> Iterator[list[T]]:
    """Cut arrivals into runs in which every post stands once; the same version twice in a row is one.

    The same version with other counters is another.
    """
    run: dict[str, tuple[object, T]] = {}
    for arrival in arrivals:
        post_id, version = version_of(arrival)
        earlier = run.get(post_id)
        if earlier is not None:
            if earlier[0] == version:
                continue
            yield [kept for _, kept in run.values()]
            run = {}
        run[post_id] = version, arrival
    if run:
        yield [kept for _, kept in run.values()]


def version_of(record: Record) -> Version:
    """Which version of which post a stamped record holds, with which counters."""
    return record.post.id, state_of(record)


def state_of(record: Record) -> object:
    """Return what tells two states of one post apart."""
    counted = record.post.engagement
    return record.post.version, counted.likes, counted.reposts, counted.replies, counted.views


def time_responses(metrics: Metrics, answered: Iterable[Mention]) -> None:
    """Say how long the authors of mentions waited that were answered for the first time; history is left out."""
    for mention in answered:
        seconds = mention.response_seconds
        if seconds is not None and mention.post.origin == "live":
            metrics.first_response.labels(mention.post.network).observe(seconds)


def count_mentions(metrics: Metrics, mentions: Iterable[Mention]) -> None:
    """Count what was judged."""
    told, doubted = Counter[tuple[str, str, str, str]](), Counter[str]()
    for mention in mentions:
        judged = mention.judgement
        sentiment, urgency = (judged.sentiment, judged.urgency) if judged else ("unscored", "unscored")
        told[mention.post.network, mention.lang, sentiment, urgency] += 1
        doubted[mention.lang] += mention.awaits_review
    for labels, count in told.items():
        metrics.mentions.labels(*labels).inc(count)
    for lang, count in doubted.items():
        metrics.for_review.labels(lang).inc(count)
