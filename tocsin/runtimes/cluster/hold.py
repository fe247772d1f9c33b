"""Holds the line: what Kafka or Elasticsearch cannot do now is tried until they can, and says why it waits."""

import threading
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Literal, TypeVar

import structlog

from domain.errors import BrokerUnavailable, StoreError, TocsinError
from ingest.backoff import Backoff
from tocsin.metrics import Metrics

log = structlog.get_logger("tocsin.hold")

T = TypeVar("T")
Why = Literal["kafka", "elasticsearch", "dead_letters"]

_LONGEST = 10.0
"""Seconds between two tries at most: a server that is back is not kept waiting."""


class Stopped(Exception):
    """The process was told to end while it held the line; nothing of what waits was committed."""


class Flooded(TocsinError):
    """Nothing but poison comes: the line is stopped instead of being drained into dead letters."""


class Hold:
    """What one process waits for, if anything. Usable from any thread."""

    def __init__(self, metrics: Metrics, *, random: Random | None = None) -> None:
        self._metrics = metrics
        self._random = random or Random()  # noqa: S311  # jitter, not a secret
        self._halt = threading.Event()
        self._reasons: dict[tuple[Why, str], str] = {}

    @property
    def reasons(self) -> Mapping[Why, str]:
        """Why the line is held, a sentence for each cause; empty while it flows."""
        return MappingProxyType({why: sentence for (why, _), sentence in list(self._reasons.items())})

    @property
    def stopped(self) -> bool:
        """Whether the process was told to end."""
        return self._halt.is_set()

    def stop(self) -> None:
        """End: nothing is waited for any more."""
        self._halt.set()

    def sleep(self, seconds: float) -> None:
        """Wait so long, or until the process is told to end."""
        self._halt.wait(seconds)

    def until(self, call: Callable[[], T]) -> T:
        """Call until neither server is at fault; return what it gave. Raises Stopped when told to end meanwhile."""
        backoff = Backoff(self._random, cap=_LONGEST)
        held: set[Why] = set()
        while True:
            try:
                found = call()
            except (BrokerUnavailable, StoreError) as error:
                why: Why = "kafka" if isinstance(error, BrokerUnavailable) else "elasticsearch"
                held.add(why)
                delay = backoff.next_delay()
                self.because(why, str(error))
                log.warning("holding the line", why=str(error), seconds=round(delay, 1))
                if self._halt.wait(delay):
                    raise Stopped(str(error)) from None
                continue
            for why in held:
                self.over(why)
            return found

    def for_good(self, why: Why, sentence: str) -> None:
        """Hold until a person acts, which is to say until the process is told to end. Raises Stopped then."""
        self.because(why, sentence)
        log.error("the line is stopped: it needs a person", why=sentence)
        self._halt.wait()
        raise Stopped(sentence)

    def because(self, why: Why, sentence: str, *, by: str = "work") -> None:
        """Note that the line is held, or would be: `by` says who found out, and only that one can say it is over."""
        self._reasons[why, by] = sentence
        self._metrics.holding.labels(why).set(1)

    def over(self, why: Why, *, by: str = "work") -> None:
        """Note that this is no reason any more."""
        found = self._reasons.pop((why, by), None)
        if why not in self.reasons:
            self._metrics.holding.labels(why).set(0)
            if found is not None:
                log.info("the line flows again", after=why)
