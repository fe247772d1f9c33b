"""From the topic of stories to documents, and from the topics of dead letters to theirs: what `tocsin index` does.

Every document has its id and its version, so that what comes again, or late, changes nothing. What Elasticsearch will
never take becomes a dead letter. While it is busy less is asked of it at once, and nothing more is read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import msgspec
import structlog

from domain.dead_letter import RAW_LIMIT, DeadLetter
from domain.errors import Refused, StoreError, StoreUnavailable
from storage.cluster import Versioned
from storage.elasticsearch.bulk import Outcome
from storage.store import Commit
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.flood import FloodGuard
from tocsin.runtimes.cluster.hold import Flooded, Hold
from tocsin.runtimes.cluster.intake import Intake, Message
from tocsin.runtimes.cluster.unreadable import unreadable
from tocsin.runtimes.cluster.wire import MENTIONS_DEAD, POSTS_DEAD, STORIES, Reader, Told, backfill

log = structlog.get_logger("tocsin.index")

GROUP = "index"
HISTORY = (backfill(STORIES),)
_TOLD, _LETTERS = Reader(Told), Reader(DeadLetter)
READERS = {STORIES: _TOLD, backfill(STORIES): _TOLD, POSTS_DEAD: _LETTERS, MENTIONS_DEAD: _LETTERS}

MOST, FEWEST = 1_000, 25
"""Mentions in one request."""
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_RETENTION_EVERY = timedelta(hours=1)


class Documents(Protocol):
    """Where documents are written: `storage.elasticsearch.ElasticsearchStore`."""

    def index(self, told: Sequence[Versioned]) -> Outcome:
        """Write mentions, of each the highest version, corrected as people did; say what became of each."""
        ...

    def commit(self, batch: Commit) -> None:
        """Write what is in it by id."""
        ...

    def drop_expired(self, now: datetime) -> list[str]:
        """Delete the months that are older than is kept; return them."""
        ...


@dataclass
class Tally:
    """What this process did, for the person who started it."""

    written: int = 0
    stale: int = 0
    dead_letters: int = 0


class Indexer:
    """Writes what its partitions bring. For one thread."""

    def __init__(
        self,
        *,
        intake: Intake,
        documents: Documents,
        hold: Hold,
        clock: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self.tally = Tally()
        self._intake, self._documents = intake, documents
        self._hold, self._clock, self._metrics = hold, clock, metrics
        self._flood = FloodGuard(GROUP)
        self._at_once = MOST
        self._retention_due = clock()

    @property
    def oldest(self) -> datetime | None:
        """When the broker took the oldest record under way, if there is one."""
        return self._intake.oldest

    def turn(self) -> int:
        """Write what came; return how many messages it were. Raises Stopped, and Flooded when too much is refused."""
        messages = self._hold.until(self._intake.gather)
        if messages:
            self._write(messages)
        if self._clock() >= self._retention_due:
            self._retain()
        return len(messages)

    def finish(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """Leave the group."""
        self._intake.close()

    def _write(self, messages: Sequence[Message]) -> None:
        """Write all of a turn, whatever it takes, then commit it."""
        read = [_checked(message) for message in messages]
        bad = {
            number: unreadable(message, message.value, stage=GROUP, at=self._clock())
            for number, message in enumerate(read)
            if isinstance(message.value, Refused)
        }
        told = {number: message.value for number, message in enumerate(read) if isinstance(message.value, Told)}
        left = list(told)
        while left:
            done, letters = self._hold.until(partial(self._some, told, left))
            bad |= letters
            left = left[done:]
        brought = [message.value for message in read if isinstance(message.value, DeadLetter)]
        if brought or bad:
            self._hold.until(partial(self._documents.commit, Commit(dead_letters=[*brought, *bad.values()])))
        self._hold.until(partial(self._intake.commit, messages))
        self._account(messages, bad, brought)

    def _some(self, told: Mapping[int, Told], left: Sequence[int]) -> tuple[int, dict[int, DeadLetter]]:
        """Offer the next few, fewer while Elasticsearch is busy; return how many, and the letters of the refused."""
        numbers = left[: self._at_once]
        try:
            refused, pushed_back = self._offer(told, numbers)
        except StoreUnavailable:
            self._slow_down("unavailable", 1)
            raise
        if pushed_back:
            self._slow_down("too_many_requests", pushed_back)
        else:
            self._at_once = min(self._at_once + self._at_once // 4 + 1, MOST)
        return len(numbers), refused

    def _offer(self, told: Mapping[int, Told], numbers: Sequence[int]) -> tuple[dict[int, DeadLetter], int]:
        """Write some; what breaks the whole is sought out by halves. Returns letters, and how much was too much."""
        try:
            outcome = self._documents.index([_versioned(told[number]) for number in numbers])
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # poison must not stop its partition; it is kept with its reason
            if len(numbers) == 1:
                self._metrics.indexed.labels("refused").inc()
                detail = f"{type(error).__name__}: {error}"
                return {numbers[0]: self._letter(told[numbers[0]], "stage_error", detail)}, 0
            half = len(numbers) // 2
            letters, slow = self._offer(told, numbers[:half])
            more, slower = self._offer(told, numbers[half:])
            return letters | more, slow + slower
        self._note(outcome, [told[number] for number in numbers])
        return {
            numbers[one.number]: self._letter(told[numbers[one.number]], one.reason, one.detail)
            for one in outcome.refused
        }, outcome.pushed_back

    def _slow_down(self, why: str, times: int) -> None:
        self._metrics.slowed_down.labels(why).inc(times)
        self._at_once = max(self._at_once // 2, FEWEST)

    def _note(self, outcome: Outcome, told: Sequence[Told]) -> None:
        now = self._clock()
        for number in outcome.places:
            event = told[number].event
            post = event.mention.post
            # A deletion and new counters come long after the post that they carry.
            if post.origin == "live" and event.change in {"new", "edited"}:
                self._metrics.post_to_index.observe(max((now - post.collected_at).total_seconds(), 0.0))
        for fate, count in (
            ("written", outcome.written), ("stale", len(outcome.overtaken)), ("refused", len(outcome.refused))
        ):  # fmt: skip
            self._metrics.indexed.labels(fate).inc(count)
        self.tally.written += outcome.written
        self.tally.stale += len(outcome.overtaken)

    def _letter(self, told: Told, reason: str, detail: str) -> DeadLetter:
        post = told.event.mention.post
        return DeadLetter(
            source=post.source,
            stage=GROUP,
            reason=reason,
            detail=detail,
            where=post.place,
            raw=msgspec.json.encode(told)[:RAW_LIMIT],
            at=self._clock(),
        )

    def _account(
        self, messages: Sequence[Message], bad: Mapping[int, DeadLetter], brought: Sequence[DeadLetter]
    ) -> None:
        for message in messages:
            self._metrics.consumed.labels(message.record.topic).inc()
        for letter in bad.values():
            self._metrics.dead_letters.labels(letter.stage, letter.reason).inc()
        self.tally.dead_letters += len(bad) + len(brought)
        self._flood.note(number in bad for number in range(len(messages)))
        if self._flood.seen:
            raise Flooded(self._flood.seen)

    def _retain(self) -> None:
        """Let go what is older than is kept; what cannot be done now waits for the next time."""
        self._retention_due = self._clock() + _RETENTION_EVERY
        try:
            gone = self._documents.drop_expired(self._clock())
        except StoreError as error:
            log.warning("what is older than is kept stays for now", why=str(error))
        else:
            if gone:
                log.info("months let go", months=gone)


def _checked(message: Message) -> Message:
    """The message, refused if nobody could say where or when its mention belongs."""
    told = message.value
    if not isinstance(told, Told):
        return message
    if not _MONTH.fullmatch(told.month):
        return message._replace(value=Refused("bad_month", f"{told.month[:20]!r} names no month"))
    mention = told.event.mention
    if not (mention.event_at.tzinfo and mention.post.collected_at.tzinfo):
        return message._replace(value=Refused("no_timezone", "a time of the mention does not say its time zone"))
    return message


def _versioned(told: Told) -> Versioned:
    return Versioned(mention=told.event.mention, version=told.sequence, month=told.month)
