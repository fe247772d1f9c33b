"""Runs the pipeline list over a batch of records and says what to store: one `Commit`, written as one transaction.

The engine is synchronous and knows no source, no loop and no network. Both runtimes and the back-fill drive it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec.structs import replace

from domain.act import Replied
from domain.alert import Alert
from domain.dead_letter import DeadLetter
from domain.event import Event, MentionEvent
from domain.mention import Mention
from domain.post import Record
from storage.store import Commit, Store
from tocsin.metrics import Metrics
from tocsin.runtimes.flow import Flow, changes, runs, stamped, time_responses, version_of
from tocsin.runtimes.folds import FoldRunner
from tocsin.stages import Batch, Map, Stage


class Engine:
    """The pipeline list, the states of its folds, and the store they resume from."""

    def __init__(
        self, stages: Sequence[Stage], store: Store, *, clock: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._flow = Flow(stages, clock=clock, metrics=metrics)
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
        cut = list(runs(map(stamped, records), version_of)) or [[]]
        for position, run in enumerate(cut, start=1):
            commit = Commit()
            self._run(run, commit, again=again)
            if position == len(cut):
                commit.dead_letters.extend(dead_letters)
                commit.cursors = cursors
            yield commit

    def tick(self, now: datetime) -> Commit | None:
        """Let the folds that asked for it know the time."""
        return self._ring(self._folds.due_ticks(now))

    def drain(self) -> Commit | None:
        """Tell the folds that the recorded stream is over."""
        return self._ring(self._folds.drain_ticks())

    def alarm(self, alert: Alert) -> Commit | None:
        """Let the folds know of an alert that no rule made."""
        return self._ring([alert])

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
        found, acts, commit.dead_letters = self._flow.run(alive)
        commit.acts = [act for done in acts.values() for act in done]
        events = list(self._events(fresh, found, known, commit))
        self._folds.run(events, commit, now=self._clock())
        if commit.acts:
            time_responses(self._metrics, self._answered(commit))

    def _events(
        self,
        records: Iterable[Record],
        found: dict[str, list[Mention]],
        known: dict[str, str],
        commit: Commit,
    ) -> Iterator[MentionEvent]:
        for record in records:
            post = record.post
            before = self._store.mentions_of(post.id) if post.id in known else []
            if post.deleted:
                commit.deleted_posts[post.id] = post.collected_at
            elif before:
                commit.edited_posts.append(post.id)
            yield from changes(post, found.get(post.id, []), before)

    def _answered(self, commit: Commit) -> Iterator[Mention]:
        """The mentions that a commit answers for the first time."""
        first: dict[str, datetime] = {}
        for act in commit.acts:
            if isinstance(act, Replied):
                first[act.mention] = min(act.at, first.get(act.mention, act.at))
        told = {mention.id: mention for mention in commit.mentions}
        for mention_id, at in first.items():
            mention = self._store.mention(mention_id) or told.get(mention_id)
            if mention is not None and mention.first_response_at is None:
                yield replace(mention, first_response_at=at)

    def _count(self, records: list[Record], fresh: list[Record]) -> None:
        self._metrics.batch_posts.observe(len(records))
        new = {id(record) for record in fresh}
        for record in records:
            count = self._metrics.posts if id(record) in new else self._metrics.posts_repeated
            count.labels(record.post.source).inc()
