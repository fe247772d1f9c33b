"""Several couriers and one outbox: nobody sends what another is at, and what a dead one held is sent by the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Lock

import pytest

from storage.elasticsearch import ElasticsearchStore, LeasedOutbox, open_store
from storage.store import Commit, OutboxEntry
from tests.kit.elastic import cluster_of
from tests.kit.services import ElasticServer
from tests.kit.stores import at, notification

MINUTE = 60.0


@pytest.fixture
def store(elastic: ElasticServer, index_prefix: str) -> Iterator[ElasticsearchStore]:
    opened = open_store(cluster_of(elastic, index_prefix))
    yield opened
    opened.close()


def names(entries: list[OutboxEntry]) -> list[str]:
    return [entry.notification.id for entry in entries]


def claimed(store: ElasticsearchStore, holder: str, minutes: float = 0, limit: int = 20) -> list[str]:
    return names(store.claim(at(minutes), holder, MINUTE, limit))


def decide(store: ElasticsearchStore, *orders: str, about: str = "", receiver: str = "duty") -> None:
    store.commit(
        Commit(notifications=[notification(order, about=about or order, receiver=receiver) for order in orders])
    )


def test_what_one_has_claimed_the_other_does_not_get_until_the_lease_is_over(store: ElasticsearchStore) -> None:
    decide(store, "o1", "o2", "o3")
    assert claimed(store, "left", limit=2) == ["o1", "o2"]
    assert claimed(store, "right") == ["o3"]
    assert claimed(store, "left", 0.1) == ["o1", "o2"], "what it holds is still its own"
    assert store.outbox_due(at(0.1)) == []
    assert claimed(store, "right", 1.05) == ["o1", "o2", "o3"], "the first died; the second's own lease went on"


def test_a_courier_that_goes_on_asking_keeps_what_it_holds(store: ElasticsearchStore) -> None:
    decide(store, "o1")
    for tenth in range(0, 40, 4):
        assert claimed(store, "left", tenth / 10) == ["o1"]
        assert claimed(store, "right", tenth / 10 + 0.1) == []


def test_what_was_sent_is_nobody_s_and_what_failed_is_anybody_s(store: ElasticsearchStore) -> None:
    decide(store, "o1", "o2")
    assert claimed(store, "left") == ["o1", "o2"]
    store.mark_sent("o1", at=at(0.1), handle="h")
    store.mark_retry("o2", next_at=at(0.5), error="503")
    assert claimed(store, "right", 0.4) == []
    assert claimed(store, "right", 0.5) == ["o2"]


def test_a_later_word_on_an_incident_waits_for_the_earlier_one_in_other_hands(store: ElasticsearchStore) -> None:
    decide(store, "opened", "resolved", about="i1")
    decide(store, "other", about="i2")
    assert claimed(store, "left", limit=1) == ["opened"]
    assert claimed(store, "right") == ["other"]
    assert claimed(store, "left", 0.1) == ["opened", "resolved"], "one courier sends both, in order"
    store.mark_retry("opened", next_at=at(5), error="503")
    assert claimed(store, "left", 0.2) == [], "and the second not before the first"
    store.mark_refused("opened", at=at(5), error="gone")
    assert claimed(store, "right", 5) == ["resolved", "other"]


def test_a_courier_that_leaves_gives_back_what_it_holds(store: ElasticsearchStore) -> None:
    decide(store, "o1", "o2")
    leaving = LeasedOutbox(store, "left")
    assert names(list(leaving.outbox_due(at(0)))) == ["o1", "o2"]
    leaving.mark_sent("o1", at=at(0), handle="h")
    leaving.release()
    assert claimed(store, "right") == ["o2"]
    assert leaving.outbox_handle("o1", "duty") == "h"


def test_the_next_courier_goes_on_in_the_thread_that_another_has_just_begun(
    store: ElasticsearchStore, elastic: ElasticServer, index_prefix: str
) -> None:
    decide(store, "opened", "escalated", about="i1")
    with closing(open_store(cluster_of(elastic, index_prefix))) as other:
        assert claimed(store, "left", limit=1) == ["opened"]
        assert other.outbox_handle("i1", "duty") == ""
        store.mark_sent("opened", at=at(0), handle="first")
        assert other.outbox_handle("i1", "duty") == "first"
        other.mark_sent("escalated", at=at(1), handle="second")
    assert store.outbox_handle("i1", "duty") == "first"


def test_of_many_couriers_at_once_no_two_get_the_same(store: ElasticsearchStore) -> None:
    orders = [f"o{number}" for number in range(120)]
    decide(store, *orders)
    sent: list[str] = []
    lock = Lock()

    def deliver(holder: str) -> None:
        outbox, idle = LeasedOutbox(store, holder), 0
        while idle < 3:
            due = outbox.outbox_due(at(0), limit=7)
            idle = 0 if due else idle + 1
            for entry in due:
                with lock:
                    sent.append(entry.notification.id)
                outbox.mark_sent(entry.notification.id, at=at(0), handle="h")

    with ThreadPoolExecutor(4) as couriers:
        list(couriers.map(deliver, ("a", "b", "c", "d")))
    assert sorted(sent) == sorted(orders)
    assert store.outbox_pending() == 0


def test_decisions_of_many_processes_keep_the_order_of_each(store: ElasticsearchStore) -> None:
    def decide_ten(who: int) -> None:
        for number in range(10):
            decide(store, f"{who}-{number}", about=f"i{who}")

    with ThreadPoolExecutor(4) as processes:
        list(processes.map(decide_ten, range(4)))
    due = names(store.outbox_due(at(0), limit=100))
    assert len(due) == 40
    for who in range(4):
        assert [name for name in due if name.startswith(f"{who}-")] == [f"{who}-{number}" for number in range(10)]


def test_a_long_outage_of_one_receiver_hides_nobody_else_s_notifications(store: ElasticsearchStore) -> None:
    waiting = [notification(f"w{number}", about=f"i{number}", receiver="silent") for number in range(1_500)]
    store.commit(Commit(notifications=[*waiting, notification("o1", about="other")]))
    assert store.outbox_pending() == 1_501
    later = at(0) + timedelta(hours=1)
    for name in names(store.claim(at(0), "left", MINUTE, 2_000))[:-1]:
        if int(name[1:]) < 3:
            store.mark_retry(name, next_at=later, error="503")
    assert claimed(store, "left", limit=1) == ["w3"]
    assert claimed(store, "left", limit=2_000)[-1] == "o1"
