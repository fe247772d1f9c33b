"""From the topic of mentions to stories, alerts, incidents and orders to notify: what `tocsin alert` decides.

A turn: load the brands' states, skip what they have seen, run the folds, publish the stories, save the states with
what was decided, store what was decided, commit the offsets. Killed between any two steps, the next one to hold the
brand repeats what follows, and all that is repeated is the same: stories by (mention, sequence), decisions by id.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from domain.errors import Refused
from domain.event import Tick
from storage.cluster import BrandState
from storage.elasticsearch.brands import Held
from storage.store import Commit
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.book import Book, Brands
from tocsin.runtimes.cluster.broker import Outgoing, partition_of
from tocsin.runtimes.cluster.flood import FloodGuard
from tocsin.runtimes.cluster.hold import Flooded, Hold
from tocsin.runtimes.cluster.intake import Intake, Message, Moves
from tocsin.runtimes.cluster.unreadable import unreadable
from tocsin.runtimes.cluster.wire import MENTIONS, MENTIONS_DEAD, STORIES, Heard, Reader, Told, backfill, encode
from tocsin.runtimes.folds import FoldRunner
from tocsin.stages import Fold

GROUP = "alert"
LEADS_TO = {MENTIONS: STORIES, backfill(MENTIONS): backfill(STORIES)}
READERS = dict.fromkeys(LEADS_TO, Reader(Heard))

_NOTHING = Commit()
_BEGINNING = (-1, -1)
_LOOK_EVERY = 0.1

News = Sequence[Heard | Tick]
"""What a brand is to hear in one turn, in order."""


class Decisions(Protocol):
    """Where decisions are stored: `storage.elasticsearch.ElasticsearchStore`."""

    def apply(self, states: Sequence[BrandState]) -> None:
        """Store what is pending of each brand's last turn; the same again, or an earlier turn, changes nothing."""
        ...

    def outbox_pending(self) -> int:
        """How many notifications are not yet delivered."""
        ...


class Publisher(Protocol):
    """Takes records for the topics."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


class _Draft(NamedTuple):
    """What a turn makes of one brand: its next state, with what was decided in `pending`, and the stories to tell."""

    held: Held
    told: list[Told]


@dataclass
class Tally:
    """What this process did, for the person who started it."""

    messages: int = 0
    alerts: int = 0
    incidents: set[str] = field(default_factory=set)
    dead_letters: int = 0


class Alerter:
    """Runs the folds for the brands of this process's partitions. For one thread.

    `known` gives the brands there may be: those of assigned partitions are loaded at once, so that what is due of
    them is known and what a crash left undone is done. Unless `live`, no clock ticks: recorded streams keep their own
    time.
    """

    def __init__(
        self,
        *,
        intake: Intake,
        folds: Sequence[Fold[Any]],
        brands: Brands,
        known: Callable[[], Iterable[str]],
        partitions: Callable[[], int],
        decisions: Decisions,
        producer: Publisher,
        hold: Hold,
        clock: Callable[[], datetime],
        metrics: Metrics,
        live: bool,
    ) -> None:
        self.tally = Tally()
        self._intake, self._producer, self._decisions = intake, producer, decisions
        self._known, self._partitions, self._live = known, partitions, live
        self._hold, self._clock, self._metrics = hold, clock, metrics
        self._book = Book(brands)
        self._folds = FoldRunner(folds, self._book)
        self._flood = FloodGuard(GROUP)
        self._count = 1

    @property
    def oldest(self) -> datetime | None:
        """When the broker took the oldest record under way, if there is one."""
        return self._intake.oldest

    def turn(self) -> int:
        """Deal with what came and with the time; return how many messages came.

        Raises Stopped when told to end meanwhile, and Flooded after too many messages that cannot be read.
        """
        messages = self._hold.until(self._intake.gather)
        self._follow(self._intake.moves())
        if messages:
            self._hear([_checked(message) for message in messages])
        if self._live:
            self._ring(self._folds.due_ticks(self._time(messages)))
        return len(messages)

    def finish(self) -> None:
        """Tell the folds that the stream is over, and wait for the delivery of what they held back."""
        self._ring(self._folds.drain_ticks())
        while not self._hold.stopped and self._hold.until(self._decisions.outbox_pending):
            self._hold.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """Leave the group, and disconnect."""
        self._intake.close()
        self._producer.close()

    def _follow(self, moves: Moves) -> None:
        """Let go of the brands that another process answers for, take those that are this one's now."""
        lost = {number for topic, number in moves.lost if topic == MENTIONS}
        gained = {number for topic, number in moves.gained if topic == MENTIONS}
        if lost:
            for brand in self._book.drop(lambda brand: self._partition(brand) in lost):
                self._folds.forget(brand)
        if gained:
            self._count = self._hold.until(self._partitions)
            self._take([brand for brand in self._hold.until(self._known) if self._partition(brand) in gained])

    def _hear(self, messages: Sequence[Message]) -> None:
        topic = messages[0].record.topic
        self._set_aside(messages)
        waiting: dict[str, list[Heard | Tick]] = {}
        for message in messages:
            if isinstance(message.value, Heard):
                waiting.setdefault(message.value.event.brand, []).append(message.value)
        self._decide(waiting, to=LEADS_TO[topic])
        self._hold.until(partial(self._intake.commit, messages))
        self.tally.messages += len(messages)
        self._metrics.consumed.labels(topic).inc(len(messages))
        self._flood.note(isinstance(message.value, Refused) for message in messages)
        if self._flood.seen:
            raise Flooded(self._flood.seen)

    def _ring(self, ticks: Iterable[Tick]) -> None:
        assigned = self._intake.assigned
        mine = {tick.brand: [tick] for tick in ticks if (MENTIONS, self._partition(tick.brand)) in assigned}
        self._decide(mine, to=STORIES)

    def _time(self, messages: Sequence[Message]) -> datetime:
        """The time to tell the folds: that of live messages while they wait, for what comes later is not due yet."""
        live = (message.record.at for message in messages if message.record.topic == MENTIONS)
        return min((self._clock(), *live))

    def _decide(self, waiting: Mapping[str, News], *, to: str) -> None:
        """Let each brand hear its news; once more from its latest state, where another process was ahead."""
        while waiting:
            self._take([brand for brand in waiting if brand not in self._book])
            drafts = [draft for brand, news in waiting.items() if (draft := self._draft(brand, news))]
            self._publish(drafts, to)
            behind = self._save([draft.held for draft in drafts])
            self._apply([draft.held.state for draft in drafts if draft.held.state.brand not in behind])
            waiting = {brand: waiting[brand] for brand in behind}

    def _take(self, brands: Sequence[str]) -> None:
        """Load brands, and store what their last turn decided: a crash may have come between the two."""
        if brands:
            loaded = self._hold.until(partial(self._book.load, brands))
            for brand in brands:
                self._folds.meet(brand)
            self._apply([held.state for held in loaded])

    def _draft(self, brand: str, news: News) -> _Draft | None:
        """Run the folds over what the brand has not seen; nothing when it has seen all."""
        held = self._book[brand]
        before = held.state
        fresh, seen = _unseen(news, before.seen)
        self._metrics.redelivered.labels(GROUP).inc(len(news) - len(fresh))
        if not fresh:
            return None
        commit = Commit()
        months = {one.event.mention.id: one.month for one in fresh if isinstance(one, Heard)}
        events = [one.event if isinstance(one, Heard) else one for one in fresh]
        told = [
            Told(event=event, sequence=sequence, month=months[event.mention.id])
            for sequence, event in enumerate(
                self._folds.run(events, commit, now=self._clock()), start=before.sequence + 1
            )
        ]
        state = BrandState(
            brand=brand,
            sequence=before.sequence + len(told),
            seen=seen,
            folds=before.folds | {fold.fold: fold.state for fold in commit.folds},
            pending=replace(commit, mentions=[], recounted=[], folds=[]),
            turn=before.turn + 1,
        )
        return _Draft(replace(held, state=state), told)

    def _publish(self, drafts: Sequence[_Draft], to: str) -> None:
        records = [
            Outgoing(to, value, key=draft.held.state.brand.encode())
            for draft in drafts
            for value, _ in encode(draft.told)
        ]
        if records:
            self._hold.until(partial(self._producer.publish, records))
            self._metrics.published.labels(to).inc(sum(len(draft.told) for draft in drafts))

    def _save(self, changed: Sequence[Held]) -> set[str]:
        """Save the new states; return the brands that another process was ahead with, no longer in hand."""
        if not changed:
            return set()
        behind = set(self._hold.until(partial(self._book.save, changed)))
        self._book.drop(behind.__contains__)
        self._metrics.conflicts.labels("brand").inc(len(behind))
        return behind

    def _apply(self, states: Sequence[BrandState]) -> None:
        """Store what these turns decided."""
        deciding = [state for state in states if state.pending != _NOTHING]
        if deciding:
            self._hold.until(partial(self._decisions.apply, deciding))
        for state in deciding:
            self._account(state.pending)

    def _set_aside(self, messages: Sequence[Message]) -> None:
        """Publish the dead letters of what cannot be read."""
        letters = [
            unreadable(message, message.value, stage=GROUP, at=self._clock())
            for message in messages
            if isinstance(message.value, Refused)
        ]
        if letters:
            records = [Outgoing(MENTIONS_DEAD, value) for value, _ in encode(letters)]
            self._hold.until(partial(self._producer.publish, records))
            self._metrics.published.labels(MENTIONS_DEAD).inc(len(letters))
        for letter in letters:
            self._metrics.dead_letters.labels(letter.stage, letter.reason).inc()
        self.tally.dead_letters += len(letters)

    def _account(self, batch: Commit) -> None:
        count, tally = self._metrics, self.tally
        tally.alerts += len(batch.alerts)
        tally.incidents.update(incident.id for incident in batch.incidents)
        tally.dead_letters += len(batch.dead_letters)
        for letter in batch.dead_letters:
            count.dead_letters.labels(letter.stage, letter.reason).inc()
        for alert in batch.alerts:
            count.alerts.labels(alert.kind, alert.severity, alert.reason.code).inc()
        for miss in batch.near_misses:
            count.near_misses.labels(miss.kind, miss.reason.code).inc()

    def _partition(self, brand: str) -> int:
        return partition_of(brand.encode(), self._count)


def _unseen(news: News, seen: Mapping[str, tuple[int, int]]) -> tuple[list[Heard | Tick], dict[str, tuple[int, int]]]:
    """What is beyond the places that are seen, and the places seen after it."""
    fresh: list[Heard | Tick] = []
    after = dict(seen)
    for one in news:
        if isinstance(one, Heard):
            place = one.origin.offset, one.origin.place
            if place <= after.get(one.origin.line, _BEGINNING):
                continue
            after[one.origin.line] = place
        fresh.append(one)
    return fresh, after


def _checked(message: Message) -> Message:
    """The message, refused if its times cannot be compared with any other."""
    heard = message.value
    if isinstance(heard, Heard):
        mention = heard.event.mention
        if not (mention.event_at.tzinfo and mention.post.created_at.tzinfo and mention.post.collected_at.tzinfo):
            return message._replace(value=Refused("no_timezone", "a time of the mention does not say its time zone"))
    return message
