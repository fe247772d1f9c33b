"""Runs the pipeline list over a batch of records and says what to store: one `Commit`, written as one transaction.

The engine is synchronous and knows no source, no loop and no network. Both runtimes and the back-fill drive it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused
from domain.event import Event, MentionEvent
from domain.mention import Mention
from domain.post import Record
from storage.store import Commit, Store
from tocsin.metrics import Metrics
from tocsin.runtimes.folds import FoldRunner
from tocsin.stages import Batch, Map, Stage

Flow = list[tuple[Record, Any]]
"""Values on their way through the list, each with the record it came from."""


class Engine:
    """The pipeline list, the states of its folds, and the store they resume from."""

    def __init__(
        self, stages: Sequence[Stage], store: Store, *, clock: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._simple = [stage for stage in stages if isinstance(stage, Map | Batch)]
        folds = [stage for stage in stages if not isinstance(stage, Map | Batch)]
        self._folds = FoldRunner(folds, store)
        self._store = store
        self._clock = clock
        self._metrics = metrics

    def process(
        self,
        records: Sequence[Record],
        dead_letters: Sequence[DeadLetter],
        cursors: dict[str, bytes],
        *,
        again: bool = False,
    ) -> Iterator[Commit]:
        """Yield what to write, in order; each must be written before the next is asked for.

        Usually one commit. A post that comes twice with different contents (an edit, a deletion) starts another, so
        that the second sees what the first stored. Letters and cursors are in the last: a crash before it repeats
        the records, and those already stored are skipped, unless they are to go through `again`.
        """
        runs = list(_without_repeats(records)) or [[]]
        for position, run in enumerate(runs, start=1):
            commit = Commit()
            self._run(run, commit, again=again)
            if position == len(runs):
                commit.dead_letters.extend(dead_letters)
                commit.cursors = cursors
            yield commit

    def tick(self, now: datetime) -> Commit | None:
        """Let the folds that asked for it know the time."""
        return self._ring(self._folds.due_ticks(now))

    def drain(self) -> Commit | None:
        """Tell the folds that the recorded stream is over."""
        return self._ring(self._folds.drain_ticks())

    def _ring(self, ticks: Sequence[Event]) -> Commit | None:
        if not ticks:
            return None
        commit = Commit()
        self._folds.run(ticks, commit, now=self._clock())
        return commit

    def _run(self, records: list[Record], commit: Commit, *, again: bool) -> None:
        known = self._store.known_versions([record.post.id for record in records])
        fresh = [record for record in records if again or known.get(record.post.id) != record.post.version]
        self._count(records, fresh)
        commit.posts = fresh
        alive = [record for record in fresh if not record.post.deleted]
        found = self._flow(alive, commit)
        events = list(self._events(fresh, found, known, commit))
        self._folds.run(events, commit, now=self._clock())

    def _flow(self, records: Iterable[Record], commit: Commit) -> dict[str, list[Mention]]:
        flow: Flow = [(record, record.post) for record in records]
        for stage in self._simple:
            started = time.perf_counter()
            flow = self._batch(stage, flow, commit) if isinstance(stage, Batch) else self._map(stage, flow, commit)
            self._metrics.stage_seconds.labels(stage.name).observe(time.perf_counter() - started)
        found: dict[str, list[Mention]] = {}
        for record, mention in flow:
            found.setdefault(record.post.id, []).append(mention)
        return found

    def _map(self, stage: Map, flow: Flow, commit: Commit) -> Flow:
        passed: Flow = []
        for record, value in flow:
            try:
                passed.extend((record, out) for out in stage.run(value))
            except Refused as refused:
                commit.dead_letters.append(self._letter(record, stage.name, refused.reason, refused.detail))
            except Exception as error:  # noqa: BLE001  # poison must not stop the line; it is kept with its reason
                commit.dead_letters.append(self._letter(record, stage.name, "stage_error", _name(error)))
        return passed

    def _batch(self, stage: Batch, flow: Flow, commit: Commit) -> Flow:
        if not flow:
            return flow
        try:
            judged = stage.run([value for _, value in flow])
        except Exception as error:  # noqa: BLE001  # one poison text must not take the batch with it
            if len(flow) == 1:
                commit.dead_letters.append(self._letter(flow[0][0], stage.name, "stage_error", _name(error)))
                return []
            half = len(flow) // 2
            return self._batch(stage, flow[:half], commit) + self._batch(stage, flow[half:], commit)
        return [(record, value) for (record, _), value in zip(flow, judged, strict=True)]

    def _events(
        self,
        records: Iterable[Record],
        found: dict[str, list[Mention]],
        known: dict[str, str],
        commit: Commit,
    ) -> Iterator[MentionEvent]:
        for record in records:
            post = record.post
            mentions = found.get(post.id, [])
            before = {m.id: m for m in self._store.mentions_of(post.id)} if post.id in known else {}
            if post.deleted:
                commit.deleted_posts[post.id] = post.collected_at
            elif before:
                commit.edited_posts.append(post.id)
            for mention in mentions:
                was = before.pop(mention.id, None)
                edited = was is not None and was.deleted_at is None
                yield MentionEvent(mention=mention, change="edited" if edited else "new")
            for gone in before.values():
                if gone.deleted_at is None:
                    yield MentionEvent(mention=replace(gone, deleted_at=post.collected_at), change="deleted")

    def _letter(self, record: Record, stage: str, reason: str, detail: str) -> DeadLetter:
        return DeadLetter(
            source=record.post.source,
            stage=stage,
            reason=reason,
            detail=detail,
            where=record.post.place,
            raw=(record.raw or record.post.wording.encode("utf-8", "surrogatepass"))[:RAW_LIMIT],
            at=self._clock(),
        )

    def _count(self, records: list[Record], fresh: list[Record]) -> None:
        self._metrics.batch_posts.observe(len(records))
        new = {id(record) for record in fresh}
        for record in records:
            count = self._metrics.posts if id(record) in new else self._metrics.posts_repeated
            count.labels(record.post.source).inc()


def _without_repeats(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Cut the records into runs in which every post id stands once; the same version twice in a row is one."""
    run: dict[str, Record] = {}
    for record in records:
        post = record.post
        stamped = record if post.version else replace(record, post=replace(post, version=post.stamp))
        earlier = run.get(post.id)
        if earlier is not None:
            if earlier.post.version == stamped.post.version:
                continue
            yield list(run.values())
            run = {}
        run[post.id] = stamped
    if run:
        yield list(run.values())


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
