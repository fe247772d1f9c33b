"""Holding the line: tried again until it works, said why, and ended when the process is told to end."""

import threading
from collections.abc import Mapping

import pytest

from domain.errors import BrokerUnavailable, StoreError, StoreUnavailable
from tests.kit.deciding import hold
from tocsin.metrics import Metrics
from tocsin.runtimes.cluster.hold import Hold, Stopped, Why


class Server:
    """Fails in this order, then answers."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.seen: list[Mapping[Why, str]] = []
        self.hold: Hold | None = None

    def __call__(self) -> str:
        if self.hold is not None:
            self.seen.append(self.hold.reasons)
        if self.faults:
            raise self.faults.pop(0)
        return "done"


def test_it_calls_until_the_server_answers_and_says_meanwhile_what_it_waits_for() -> None:
    metrics = Metrics()
    held = hold(metrics)
    server = Server(BrokerUnavailable("Kafka is away"), StoreUnavailable("the disk is full"), StoreError("no index"))
    server.hold = held
    assert held.until(server) == "done"
    assert server.seen == [
        {},
        {"kafka": "Kafka is away"},
        {"kafka": "Kafka is away", "elasticsearch": "the disk is full"},
        {"kafka": "Kafka is away", "elasticsearch": "no index"},
    ]
    assert held.reasons == {}
    assert 'tocsin_holding{why="kafka"} 0.0' in metrics.render().decode()


def test_what_is_no_fault_of_a_server_is_raised() -> None:
    with pytest.raises(KeyError):
        hold().until(Server(KeyError("a bug")))


def test_told_to_end_it_waits_for_nothing_and_the_reason_stays_to_be_seen() -> None:
    metrics = Metrics()
    held = Hold(metrics)
    threading.Timer(0.05, held.stop).start()
    with pytest.raises(Stopped, match="away"):
        held.until(Server(*[BrokerUnavailable("Kafka is away")] * 1_000))
    assert held.stopped
    assert 'tocsin_holding{why="kafka"} 1.0' in metrics.render().decode()


def test_a_flood_holds_until_a_person_acts() -> None:
    held = Hold(Metrics())
    threading.Timer(0.05, held.stop).start()
    with pytest.raises(Stopped, match="poison"):
        held.for_good("dead_letters", "nothing but poison")
    assert held.reasons == {"dead_letters": "nothing but poison"}


def test_what_one_finds_well_again_another_may_still_wait_for() -> None:
    metrics = Metrics()
    held = hold(metrics)
    held.because("kafka", "it takes no record")
    held.because("kafka", "it does not answer", by="measure")
    held.over("kafka", by="measure")
    assert held.reasons == {"kafka": "it takes no record"}
    assert 'tocsin_holding{why="kafka"} 1.0' in metrics.render().decode()
    held.over("kafka")
    assert held.reasons == {}
    assert 'tocsin_holding{why="kafka"} 0.0' in metrics.render().decode()
