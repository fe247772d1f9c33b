"""Runs the pipeline list over a batch of records and says what to store: one `Commit`, written as one transaction.

The engine is synchronous and knows no source, no loop and no network. Both runtimes and the back-fill drive it.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
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
from tocsin.runtimes.flow import Flow, changes, recounts, runs, stamped, time_responses, version_of
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
        by_id = {record.post.id: record for record in records}
        known = self._store.known_versions(list(by_id))
        fresh = {
            post_id: record for post_id, record in by_id.items() if again or known.get(post_id) != record.post.version
        }
        commit.posts = list(fresh.values())
        found, acts, commit.dead_letters = self._flow.run(one for one in commit.posts if not one.post.deleted)
        commit.acts = [act for done in acts.values() for act in done]
        before = self._before(by_id, fresh, known)
        told = self._folds.run(self._events(by_id, fresh, found, before, commit), commit, now=self._clock())
        self._count(by_id, fresh, {event.mention.post.id for event in told if event.change == "recounted"})
        if commit.acts:
            time_responses(self._metrics, self._answered(commit))

    def _before(
        self, records: Mapping[str, Record], fresh: Container[str], known: Iterable[str]
    ) -> Mapping[str, list[Mention]]:
        """The stored mentions of known posts that may change, by post id: another version came, or later counters."""
        asked = [one for one in known if one in fresh or records[one].post.engagement.as_of is not None]
        return self._store.mentions_of_each(asked) if asked else {}

    def _events(
        self,
        records: Mapping[str, Record],
        fresh: Container[str],
        found: Mapping[str, list[Mention]],
        before: Mapping[str, list[Mention]],
        commit: Commit,
    ) -> Iterator[MentionEvent]:
        """Say what each post changes, in order; all is by post id."""
        for post_id, record in records.items():
            post, made = record.post, before.get(post_id, [])
            if post_id not in fresh:
                yield from recounts(post, made)
                continue
            if post.deleted:
                commit.deleted_posts[post_id] = post.collected_at
            elif made:
                commit.edited_posts.append(post_id)
            yield from changes(post, found.get(post_id, []), made)

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

    def _count(self, records: Mapping[str, Record], fresh: Container[str], recounted: Container[str]) -> None:
        count = self._metrics
        count.batch_posts.observe(len(records))
        for post_id, record in records.items():
            again = count.posts_recounted if post_id in recounted else count.posts_repeated
            (count.posts if post_id in fresh else again).labels(record.post.source).inc()
