"""What every store promises of incidents, alerts, notifications and dead letters."""

import pytest

from domain.dead_letter import RAW_LIMIT
from domain.errors import StoreError
from storage.store import NEAR_MISSES_KEPT, Commit, MentionStore
from tests.kit.stores import (
    alert,
    at,
    dead_letter,
    incident,
    near_miss,
    notification,
)


def test_an_incident_replaces_what_was_there(store: MentionStore) -> None:
    for number in (1, 3, 2):
        store.commit(Commit(incidents=[incident(minutes=number)]))
    assert store.incidents() == [incident(minutes=2)]


def test_incidents_come_latest_update_first_by_brand_and_status(store: MentionStore) -> None:
    store.commit(
        Commit(
            incidents=[
                incident("i1", minutes=1),
                incident("i2", minutes=3, status="resolved"),
                incident("i3", minutes=2, brand="Borealis Jet"),
            ]
        )
    )
    assert [one.id for one in store.incidents()] == ["i2", "i3", "i1"]
    assert [one.id for one in store.incidents(brand="Aurora Air")] == ["i2", "i1"]
    assert [one.id for one in store.incidents(status="open")] == ["i3", "i1"]
    assert [one.id for one in store.incidents(brand="Aurora Air", status="open")] == ["i1"]
    assert [one.id for one in store.incidents(limit=1, offset=1)] == ["i3"]


def test_alerts_and_near_misses_come_latest_first(store: MentionStore) -> None:
    store.commit(
        Commit(
            alerts=[alert("a1", minutes=1), alert("a2", minutes=2), alert("a3", minutes=3, brand="Borealis Jet")],
            near_misses=[near_miss("n1", minutes=1), near_miss("n2", minutes=2)],
        )
    )
    assert [one.id for one in store.alerts()] == ["a3", "a2", "a1"]
    assert [one.id for one in store.alerts(brand="Aurora Air", limit=1)] == ["a2"]
    assert [one.id for one in store.near_misses(limit=1)] == ["n2"]
    assert store.near_misses(brand="Borealis Jet") == []


def test_only_the_latest_near_misses_of_a_brand_are_kept(store: MentionStore) -> None:
    misses = [near_miss(f"n{number:05}", minutes=number) for number in range(NEAR_MISSES_KEPT + 20)]
    store.commit(Commit(near_misses=misses))
    store.commit(Commit(near_misses=[near_miss("other", brand="Borealis Jet")]))
    kept = store.near_misses(brand="Aurora Air", limit=10 * NEAR_MISSES_KEPT)
    assert kept == misses[: -NEAR_MISSES_KEPT - 1 : -1]
    assert len(store.near_misses(brand="Borealis Jet")) == 1


def test_a_notification_is_due_until_it_is_sent(store: MentionStore) -> None:
    store.commit(Commit(notifications=[notification(minutes=5)]))
    assert store.outbox_due(at(4)) == []
    (entry,) = store.outbox_due(at(5))
    assert (entry.status, entry.attempts, entry.next_at, entry.handle) == ("pending", 0, at(5), "")
    store.mark_sent("o1", at=at(6), handle="ts:1")
    assert store.outbox_due(at(100)) == []
    assert store.outbox_pending() == 0
    (entry,) = store.outbox(status="sent")
    assert (entry.attempts, entry.handle, entry.sent_at) == (1, "ts:1", at(6))
    assert store.outbox(status="pending") == []


def test_a_notification_once_sent_stays_sent(store: MentionStore) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_sent("o1", at=at(1), handle="first")
    store.mark_sent("o1", at=at(2), handle="second")
    store.mark_retry("o1", next_at=at(3), error="late")
    store.mark_refused("o1", at=at(3), error="late")
    store.commit(Commit(notifications=[notification()]))
    (entry,) = store.outbox()
    assert (entry.status, entry.handle, entry.attempts) == ("sent", "first", 1)
    assert store.dead_letters() == []


def test_a_failed_attempt_waits_its_time(store: MentionStore) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_retry("o1", next_at=at(10), error="429")
    assert store.outbox_due(at(9)) == []
    (entry,) = store.outbox_due(at(10))
    assert (entry.attempts, entry.error) == (1, "429")


def test_a_refused_notification_is_kept_as_a_dead_letter_and_can_be_revived(store: MentionStore) -> None:
    store.commit(Commit(notifications=[notification()]))
    store.mark_refused("o1", at=at(2), error="channel_not_found")
    assert store.outbox_due(at(100)) == []
    assert [entry.error for entry in store.outbox(status="refused")] == ["channel_not_found"]
    (row,) = store.dead_letters()
    letter = row.letter
    assert (letter.source, letter.stage, letter.reason, letter.where) == ("duty", "notify", "refused", "o1")
    assert (letter.detail, letter.at) == ("channel_not_found", at(2))
    assert 0 < len(letter.raw) <= RAW_LIMIT
    store.mark_retry("o1", next_at=at(3), error="")
    assert [entry.notification.id for entry in store.outbox_due(at(3))] == ["o1"]


def test_the_outbox_says_so_when_it_does_not_know_a_notification(store: MentionStore) -> None:
    with pytest.raises(StoreError, match="nobody"):
        store.mark_sent("nobody", at=at(0), handle="")
    with pytest.raises(StoreError, match="nobody"):
        store.mark_retry("nobody", next_at=at(0), error="")
    with pytest.raises(StoreError, match="nobody"):
        store.mark_refused("nobody", at=at(0), error="")


def test_notifications_are_due_in_order_of_decision(store: MentionStore) -> None:
    store.commit(Commit(notifications=[notification("o1", minutes=9), notification("o2", minutes=3)]))
    store.commit(Commit(notifications=[notification("o3", minutes=6, receiver="boss")]))
    assert [entry.notification.id for entry in store.outbox_due(at(10))] == ["o1", "o2", "o3"]
    assert store.outbox_pending() == 3
    assert [entry.notification.id for entry in store.outbox_due(at(10), limit=2)] == ["o1", "o2"]
    assert [entry.notification.id for entry in store.outbox()] == ["o3", "o2", "o1"]
    assert [entry.notification.id for entry in store.outbox(limit=1)] == ["o3"]


def test_a_waiting_notification_holds_back_only_its_own_incident_and_receiver(store: MentionStore) -> None:
    store.commit(
        Commit(
            notifications=[
                notification("o1", about="i1"),
                notification("o2", about="i1", sequence=2),
                notification("o3", about="i1", receiver="boss"),
                notification("o4", about="i2"),
            ]
        )
    )
    store.mark_retry("o1", next_at=at(60), error="503")
    assert [entry.notification.id for entry in store.outbox_due(at(1))] == ["o3", "o4"]
    assert [entry.notification.id for entry in store.outbox_due(at(60))] == ["o1", "o2", "o3", "o4"]
    store.mark_refused("o1", at=at(61), error="gone")
    assert "o2" in [entry.notification.id for entry in store.outbox_due(at(61))]


def test_the_handle_of_an_incident_is_that_of_its_first_message(store: MentionStore) -> None:
    store.commit(
        Commit(
            notifications=[
                notification("o1"),
                notification("o2", sequence=2),
                notification("o3", receiver="boss"),
            ]
        )
    )
    assert store.outbox_handle("i1", "duty") == ""
    store.mark_sent("o2", at=at(1), handle="second")
    assert store.outbox_handle("i1", "duty") == "second"
    store.mark_sent("o1", at=at(2), handle="late")
    assert store.outbox_handle("i1", "duty") == "second"
    assert store.outbox_handle("i1", "boss") == ""
    assert store.outbox_handle("i2", "duty") == ""


def test_dead_letters_come_latest_first_and_leave_when_replayed(store: MentionStore) -> None:
    letters = [
        dead_letter(b"1", minutes=1),
        dead_letter(b"2", minutes=2, source="live"),
        dead_letter(b"3", minutes=3, reason="no_text"),
    ]
    store.commit(Commit(dead_letters=letters))
    assert [row.letter.raw for row in store.dead_letters()] == [b"3", b"2", b"1"]
    assert [row.letter.raw for row in store.dead_letters(source="live")] == [b"2"]
    assert [row.letter.raw for row in store.dead_letters(reason="no_text")] == [b"3"]
    assert [row.letter.raw for row in store.dead_letters(limit=1)] == [b"3"]
    assert store.dead_letters()[0].id == letters[2].id
    store.mark_replayed(letters[2].id, at=at(9))
    store.mark_replayed(letters[2].id, at=at(10))
    store.mark_replayed("unknown", at=at(9))
    assert [row.letter.raw for row in store.dead_letters()] == [b"2", b"1"]
    assert [row.replayed_at for row in store.dead_letters(pending=False)] == [at(9), None, None]
