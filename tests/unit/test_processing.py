"""The turns of `tocsin process`, with a source and a dealer that do as the test says."""

from collections.abc import Sequence
from random import Random
from threading import Event
from time import sleep
from typing import NamedTuple

import pytest

from domain.errors import BrokerUnavailable, StoreUnavailable
from tests.kit.engine import record
from tests.kit.processing import packed
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.broker import Received
from tocsin.runtimes.cluster.hold import Flooded, Hold, Stopped
from tocsin.runtimes.cluster.intake import Message
from tocsin.runtimes.cluster.processing import HISTORY, Processing
from tocsin.runtimes.cluster.wire import POSTS


class Held(NamedTuple):
    record: Received


class Source:
    """Gives so many records at once; the time passes only while it waits for one."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Held]] = {POSTS: [], HISTORY: []}
        self.acknowledged: list[tuple[str, int]] = []
        self.now = 0.0
        self.at_once = 1

    def bring(self, topic: str, *sizes: int) -> None:
        """Records of so many posts each."""
        posts = [record(number, "aurora") for number in range(sum(sizes))]
        self.waiting[topic] += [Held(one) for one in packed(posts, sizes, topic=topic)]

    def take(self, topic: str, *, seconds: float) -> Sequence[Held]:
        if not self.waiting[topic]:
            self.now += seconds
            return []
        found, self.waiting[topic] = self.waiting[topic][: self.at_once], self.waiting[topic][self.at_once :]
        return found

    def acknowledge(self, held: Sequence[Held]) -> None:
        self.acknowledged += [(one.record.topic, one.record.offset) for one in held]


class Dealer:
    """Notes what it is given to settle. `answers` are raised, or say whether all of a batch is poison."""

    def __init__(self, *answers: Exception | bool) -> None:
        self.answers = list(answers)
        self.batches: list[tuple[str, int]] = []

    def begin(self, messages: Sequence[Message]) -> Sequence[Message]:
        return messages

    def settle(self, begun: Sequence[Message]) -> list[bool]:
        self.batches.append((begun[0].record.topic, len(begun)))
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(begun)


class AtOnce(Random):
    """No delay is the shortest one."""

    def uniform(self, a: float, b: float) -> float:
        del b
        return a


def processing(source: Source, dealer: Dealer, hold: Hold | None = None) -> Processing:
    return Processing(
        source=source,
        processor=dealer,
        hold=hold or Hold(Metrics(), random=AtOnce()),
        close=lambda: None,
        seconds=lambda: source.now,
    )


def test_live_posts_are_dealt_with_as_they_come_and_no_more_than_five_hundred_at_once() -> None:
    source, dealer = Source(), Dealer()
    source.bring(POSTS, 3, 499, 2)
    turns = processing(source, dealer)
    assert [turns.turn() for _ in range(3)] == [500, 4, 0]
    source.at_once = 3
    source.bring(POSTS, 300, 300, 300)
    assert [turns.turn() for _ in range(3)] == [500, 400, 0]


def test_a_record_is_acknowledged_when_the_last_of_its_posts_is_dealt_with() -> None:
    source, dealer = Source(), Dealer()
    source.bring(HISTORY, 70, 10)
    turns = processing(source, dealer)
    source.now = 5.0
    assert [(turns.turn(), list(source.acknowledged)) for _ in range(4)] == [
        (32, []),
        (32, []),
        (16, []),
        (0, [(HISTORY, 0), (HISTORY, 1)]),
    ]


def test_history_waits_until_nothing_live_came_for_a_second() -> None:
    source, dealer = Source(), Dealer()
    source.bring(HISTORY, 1)
    source.bring(POSTS, 1)
    turns = processing(source, dealer)
    while HISTORY not in [topic for topic, _ in dealer.batches]:
        turns.turn()
    assert dealer.batches == [(POSTS, 1), (HISTORY, 1)]
    assert 1.0 <= source.now <= 1.5


def test_a_live_post_waits_for_no_more_than_a_small_piece_of_history() -> None:
    source, dealer = Source(), Dealer()
    source.bring(HISTORY, 500)
    turns = processing(source, dealer)
    source.now = 5.0
    turns.turn()
    source.bring(POSTS, 2)
    turns.turn()
    turns.finish()
    assert dealer.batches == [(HISTORY, 32), (POSTS, 2)]


def test_small_records_of_history_are_dealt_with_together() -> None:
    source, dealer = Source(), Dealer()
    source.at_once = 40
    source.bring(HISTORY, *[1] * 40)
    turns = processing(source, dealer)
    source.now = 5.0
    assert [turns.turn() for _ in range(3)] == [32, 8, 0]


@pytest.mark.parametrize("error", [BrokerUnavailable("Kafka is away"), StoreUnavailable("Elasticsearch is away")])
def test_while_a_server_is_away_the_same_posts_are_tried_again_and_nothing_is_acknowledged(error: Exception) -> None:
    source, dealer = Source(), Dealer(error, error)
    source.bring(POSTS, 3)
    seen: list[list[tuple[str, int]]] = []
    hold = Hold(Metrics(), random=AtOnce())
    turns = processing(source, dealer, hold)
    settle = dealer.settle

    def watched(begun: Sequence[Message]) -> list[bool]:
        seen.append(list(source.acknowledged))
        return settle(begun)

    dealer.settle = watched  # type: ignore[method-assign]  # looked at from outside
    assert turns.turn() == 3
    turns.finish()
    assert dealer.batches == [(POSTS, 3)] * 3
    assert seen == [[], [], []]
    assert source.acknowledged == [(POSTS, 0)]
    assert hold.reasons == {}


def test_told_to_end_while_a_server_is_away_it_acknowledges_nothing() -> None:
    source, dealer = Source(), Dealer(StoreUnavailable("Elasticsearch is away"))
    source.bring(POSTS, 3)
    hold = Hold(Metrics(), random=AtOnce())
    hold.stop()
    turns = processing(source, dealer, hold)
    turns.turn()
    with pytest.raises(Stopped):
        turns.turn()
    turns.close()
    assert source.acknowledged == []


class Noting(Dealer):
    """Notes its steps. A settlement waits a little, or for `until`."""

    def __init__(self, until: Event | None = None) -> None:
        super().__init__()
        self.steps: list[str] = []
        self._until = until

    def begin(self, messages: Sequence[Message]) -> Sequence[Message]:
        self.steps.append(f"begun {len(messages)}")
        if self._until and len(self.steps) > 1:
            self._until.set()
        return messages

    def settle(self, begun: Sequence[Message]) -> list[bool]:
        if self._until:
            assert self._until.wait(30), "the next posts wait for these"
        else:
            sleep(0.05)
        self.steps.append(f"settled {len(begun)}")
        return super().settle(begun)


def test_where_posts_wait_the_next_are_worked_out_while_those_before_are_made_durable() -> None:
    source, dealer = Source(), Noting(Event())
    source.bring(POSTS, 1000)
    turns = processing(source, dealer)
    assert [turns.turn() for _ in range(3)] == [500, 500, 0]
    assert dealer.steps == ["begun 500", "begun 500", "settled 500", "settled 500"]
    turns.close()


def test_a_few_posts_gather_until_those_before_are_durable() -> None:
    source, dealer = Source(), Noting()
    source.bring(POSTS, 3)
    turns = processing(source, dealer)
    turns.turn()
    source.waiting[POSTS] += [Held(one) for one in packed([record(number, "aurora") for number in (7, 8)], (2,))]
    turns.turn()
    turns.close()
    assert dealer.steps == ["begun 3", "settled 3", "begun 2", "settled 2"]


def test_another_version_of_a_post_waits_until_the_one_before_it_is_durable() -> None:
    source, dealer = Source(), Noting()
    source.bring(POSTS, 500)
    source.bring(POSTS, 500)
    turns = processing(source, dealer)
    assert [turns.turn() for _ in range(3)] == [500, 500, 0]
    assert dealer.steps == ["begun 500", "settled 500"] * 2
    turns.close()


def test_what_is_under_way_at_the_end_is_still_acknowledged() -> None:
    source = Source()
    source.bring(POSTS, 3)
    turns = processing(source, Dealer())
    turns.turn()
    turns.close()
    assert source.acknowledged == [(POSTS, 0)]


def test_a_flood_stops_the_line_after_what_became_dead_letters_is_acknowledged() -> None:
    source, dealer = Source(), Dealer(*[True] * 10)
    source.bring(POSTS, *[500] * 4)
    turns = processing(source, dealer)
    assert [turns.turn(), turns.turn()] == [500, 500]
    with pytest.raises(Flooded, match="1,000 messages in a row"):
        turns.turn()
    assert source.acknowledged == [(POSTS, 0), (POSTS, 1)]
    assert (turns.tally.posts, turns.tally.dead_letters) == (1000, 1000)
