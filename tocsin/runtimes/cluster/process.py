"""From the topic of posts to the topic of mentions: what `tocsin process` does with the posts it was given.

Published and kept first, then remembered; the caller acknowledges last. So what is remembered was published, and a
crash anywhere leaves records that come again and lead to the same messages, which `alert` knows by their origins, and
to the same acts, which are kept once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import NamedTuple, Protocol

from msgspec import Struct
from prometheus_client import Counter as Metric

from domain.act import AnyAct
from domain.dead_letter import DeadLetter
from domain.errors import BrokerUnavailable, Refused, StoreUnavailable
from domain.event import MentionEvent
from domain.mention import Mention
from domain.post import Record
from storage.cluster import Known, Origin, month_of
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Outgoing, Received
from tocsin.runtimes.cluster.intake import Message
from tocsin.runtimes.cluster.unreadable import unreadable
from tocsin.runtimes.cluster.wire import AGAIN, MENTIONS, POSTS, POSTS_DEAD, Heard, Reader, backfill, encode
from tocsin.runtimes.flow import (
    Flow,
    Flowed,
    Version,
    changes,
    count_mentions,
    letter_of,
    recounts,
    runs,
    stamped,
    state_of,
    time_responses,
)
from tocsin.stages import Stage

STAGE = "process"
LEADS_TO = {POSTS: MENTIONS, backfill(POSTS): backfill(MENTIONS)}
_RECORDS = Reader(Record)


class Memory(Protocol):
    """What was last passed on of every post that ever named a brand or answered for one."""

    def recall(self, post_ids: Iterable[str]) -> dict[str, Known]:
        """What is remembered of these posts, by post id."""
        ...

    def remember(self, posts: Mapping[str, Known]) -> list[str]:
        """Write each; return the post ids that another process took further meanwhile."""
        ...


class Desk(Protocol):
    """Where acts are kept: `storage.elasticsearch.ElasticsearchStore`."""

    def answer(self, acts: Sequence[AnyAct]) -> list[Mention]:
        """Keep acts, durably, each once; return the mentions that were not answered before and are now."""
        ...


class Publisher(Protocol):
    """Takes records for the topics."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged; what goes to one partition stays in order."""
        ...


class Arrival(NamedTuple):
    """A post with its version filled in, and where it stood. `again`: it is dealt with even if it is known."""

    topic: str
    origin: Origin
    record: Record
    id: str
    again: bool = False

    @property
    def version(self) -> Version:
        """Which version of which post it is, with which counters; one that is dealt with again is another."""
        state = state_of(self.record)
        return self.id, (state, "again") if self.again else state


class _Turn(Struct):
    """What some posts lead to: messages by topic and brand, acts, and how each changed post is to be remembered."""

    heard: dict[tuple[str, str], list[Heard]] = {}
    known: dict[str, Known] = {}
    acts: list[AnyAct] = []
    letters: list[DeadLetter] = []
    refused: set[Origin] = set()
    fresh: list[Arrival] = []
    recounted: list[Arrival] = []
    repeated: list[Arrival] = []
    redelivered: int = 0


class Begun(Struct):
    """Messages on their way: the topic of each, what each is, and what they lead to until that is told."""

    topics: list[str]
    found: list[Arrival | DeadLetter]
    turn: _Turn | None


class Processor:
    """Leads posts through the simple stages and says what they change, once for every version of a post.

    `generation` tells a topic from one of the same name that was deleted: offsets begin again in the new one, and its
    records must not be taken for those seen before.
    """

    def __init__(
        self,
        *,
        stages: Sequence[Stage],
        memory: Memory,
        desk: Desk,
        producer: Publisher,
        generation: Callable[[str], str],
        clock: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._generation = cache(generation)
        self._flow = Flow(stages, clock=clock, metrics=metrics)
        self._memory, self._desk, self._producer = memory, desk, producer
        self._clock, self._metrics = clock, metrics

    def begin(self, messages: Sequence[Message]) -> Begun:
        """Work out what messages lead to, in their order; nothing is told or kept. Blocks. Raises StoreUnavailable.

        What was begun before and concerns one of the same posts must be settled by then.
        """
        found = [self._arrival(message) for message in messages]
        arrivals = [one for one in found if isinstance(one, Arrival)]
        try:
            turn = self._work_out(arrivals)
        except (BrokerUnavailable, StoreUnavailable):
            raise
        except Exception:  # noqa: BLE001  # poison among them: `settle` seeks it out
            turn = None
        return Begun([message.record.topic for message in messages], found, turn)

    def settle(self, begun: Begun) -> list[bool]:
        """When this returns, all that they lead to is durable. Says of each message whether it became a dead letter.

        What was begun first is settled first. Blocks. Raises BrokerUnavailable and StoreUnavailable: call it again
        then, however much of it was done.
        """
        turn, begun.turn = begun.turn, None
        refused = self._pass_on([one for one in begun.found if isinstance(one, Arrival)], turn)
        # After what may have to be tried again for a long time: each letter once.
        self._publish(_Turn(letters=[one for one in begun.found if isinstance(one, DeadLetter)]))
        self._metrics.batch_posts.observe(len(begun.topics))
        _count(self._metrics.consumed, begun.topics)
        return [isinstance(one, DeadLetter) or one.origin in refused for one in begun.found]

    def _arrival(self, message: Message) -> Arrival | DeadLetter:
        record, found = message.record, message.value
        if isinstance(found, Record) and not (found.post.created_at.tzinfo and found.post.collected_at.tzinfo):
            # No stage could compare it with any other time.
            found = Refused("no_timezone", "the post's created_at or collected_at does not say its time zone")
        if isinstance(found, Refused):
            return unreadable(message, found, stage=STAGE, at=self._clock())
        line = f"{record.topic}-{record.partition}.{self._generation(record.topic)}"
        origin = Origin(line, record.offset, message.place)
        return Arrival(record.topic, origin, stamped(found), found.post.id, record.key == AGAIN)

    def _pass_on(self, arrivals: list[Arrival], turn: _Turn | None = None) -> set[Origin]:
        """Return the origins of those that were refused. What breaks the whole is sought out by halves."""
        try:
            return self._through(arrivals, turn)
        except (BrokerUnavailable, StoreUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  # poison must not stop its partition; it is kept with its reason
            if len(arrivals) == 1:
                return self._give_up(arrivals[0], error)
        half = len(arrivals) // 2
        return self._pass_on(arrivals[:half]) | self._pass_on(arrivals[half:])

    def _give_up(self, arrival: Arrival, error: Exception) -> set[Origin]:
        self._publish(_Turn(letters=[letter_of(arrival.record, STAGE, error, at=self._clock())]))
        return {arrival.origin}

    def _through(self, arrivals: list[Arrival], begun: _Turn | None) -> set[Origin]:
        refused: set[Origin] = set()
        while arrivals:
            turn, begun = begun or self._work_out(arrivals), None
            self._publish(turn)
            answered = self._desk.answer(turn.acts) if turn.acts else []
            behind = set(self._memory.remember(turn.known)) if turn.known else set()
            self._account(turn)
            time_responses(self._metrics, answered)
            refused |= turn.refused
            # Another process passed on another version of these, heard in another line: once more, on top of it.
            passed = {one.origin for one in (*turn.fresh, *turn.recounted)} if behind else set()
            arrivals = [one for one in arrivals if one.id in behind and one.origin in passed]
        return refused

    def _work_out(self, arrivals: list[Arrival]) -> _Turn:
        turn, remembered = _Turn(), self._memory.recall([one.id for one in arrivals])
        for run in runs(arrivals, attrgetter("version")):
            known = {one.id: turn.known.get(one.id) or remembered.get(one.id) for one in run}
            fresh = {one.id for one in run if _is_fresh(one, known[one.id])}
            flowed = self._flow.run(one.record for one in run if one.id in fresh and not one.record.post.deleted)
            poison = {letter.where for letter in flowed.dead_letters}
            turn.letters += flowed.dead_letters
            # In their order, whatever each is: a brand passes over what stands before a place that it has seen.
            for one in run:
                before = known[one.id]
                if before is None or one.id in fresh:
                    _note(turn, one, flowed, before)
                    if poison and one.record.post.place in poison:
                        turn.refused.add(one.origin)
                else:
                    _note_again(turn, one, before)
        return turn

    def _publish(self, turn: _Turn) -> None:
        """Publish messages and letters together: a post that is remembered is not looked at again."""
        counted = [
            (Outgoing(topic, value, brand.encode()), count)
            for (topic, brand), heard in turn.heard.items()
            for value, count in encode(heard)
        ]
        by_source: dict[str, list[DeadLetter]] = {}
        for letter in turn.letters:
            by_source.setdefault(letter.source, []).append(letter)
        counted += [
            (Outgoing(POSTS_DEAD, value, source.encode()), count)
            for source, letters in by_source.items()
            for value, count in encode(letters)
        ]
        if not counted:
            return
        self._producer.publish([record for record, _ in counted])
        for record, count in counted:
            self._metrics.published.labels(record.topic).inc(count)
        for letter in turn.letters:
            self._metrics.dead_letters.labels(letter.stage, letter.reason).inc()

    def _account(self, turn: _Turn) -> None:
        count = self._metrics
        _count(count.posts, (one.record.post.source for one in turn.fresh))
        _count(count.posts_recounted, (one.record.post.source for one in turn.recounted))
        _count(count.posts_repeated, (one.record.post.source for one in turn.repeated))
        if turn.redelivered:
            count.redelivered.labels(STAGE).inc(turn.redelivered)
        events = (one.event for heard in turn.heard.values() for one in heard)
        count_mentions(count, (event.mention for event in events if event.change in {"new", "edited"}))


def read(records: Iterable[Received]) -> list[Message]:
    """Read the messages of records of posts, in order."""
    return [
        Message(record, place, value) for record in records for place, value in enumerate(_RECORDS.read(record.value))
    ]


def _count(metric: Metric, labels: Iterable[str]) -> None:
    for label, times in Counter(labels).items():
        metric.labels(label).inc(times)


def _is_fresh(one: Arrival, known: Known | None) -> bool:
    """Whether it is another version than the one that was passed on last."""
    if known is None:
        return True
    return not known.heard(one.origin) and (one.again or known.version != one.record.post.version)


def _note(turn: _Turn, one: Arrival, flowed: Flowed, known: Known | None) -> None:
    """Say what one version changes; a post that never concerned a brand is not remembered."""
    turn.fresh.append(one)
    post, before = one.record.post, known.mentions if known else ()
    events, acts = list(changes(post, flowed.mentions.get(one.id, []), before)), flowed.acts.get(one.id, [])
    if known is None and not (events or acts):
        return
    turn.acts += acts
    _tell(turn, one, events, known)


def _note_again(turn: _Turn, one: Arrival, known: Known) -> None:
    """Say what the counters of a version change that was passed on before, if anything."""
    if known.heard(one.origin):
        turn.redelivered += 1
    elif events := list(recounts(one.record.post, known.mentions)):
        turn.recounted.append(one)
        _tell(turn, one, events, known)
    else:
        turn.repeated.append(one)


def _tell(turn: _Turn, one: Arrival, events: Sequence[MentionEvent], known: Known | None) -> None:
    """Pass on what one version changes, and remember it."""
    post, before = one.record.post, known.mentions if known else ()
    month = known.month if known else month_of(post)
    for event in events:
        heard = Heard(event=event, origin=one.origin, month=month)
        turn.heard.setdefault((LEADS_TO[one.topic], event.brand), []).append(heard)
    after = {mention.id: mention for mention in (*before, *(event.mention for event in events))}.values()
    if known:
        turn.known[one.id] = known.followed(version=post.version, origin=one.origin, mentions=tuple(after))
    else:
        turn.known[one.id] = Known(version=post.version, origin=one.origin, month=month, mentions=tuple(after))
