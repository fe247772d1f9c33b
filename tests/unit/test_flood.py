"""When poison is a flood."""

from itertools import cycle, islice

from tocsin.runtimes.cluster.flood import FloodGuard


def test_a_thousand_refused_in_a_row_are_a_flood_and_one_less_is_not() -> None:
    guard = FloodGuard()
    guard.note([True] * 999)
    assert guard.seen == ""
    guard.note([True])
    assert "1,000 messages in a row" in guard.seen
    assert "dead-letters list" in guard.seen


def test_one_good_message_ends_the_count() -> None:
    guard = FloodGuard(limit=10, latest=100)
    guard.note([*[False] * 100, *[True] * 9, False, *[True] * 9])
    assert guard.seen == ""
    guard.note([True])
    assert "10 messages in a row" in guard.seen


def test_more_bad_than_good_among_the_latest_is_a_flood() -> None:
    guard = FloodGuard()
    guard.note(islice(cycle([True, False]), 10_000))
    assert guard.seen == "", "half of them is not more than half"
    guard.note(islice(cycle([True, True, False]), 2_000))
    assert "of the latest 2,000 messages" in guard.seen


def test_few_bad_ones_at_the_start_are_no_flood_however_many_of_all_they_are() -> None:
    guard = FloodGuard()
    guard.note(islice(cycle([True, True, True, False]), 1_200))
    assert guard.seen == ""


def test_what_was_said_stays_said() -> None:
    guard = FloodGuard(limit=3)
    guard.note([True] * 3)
    said = guard.seen
    guard.note([False] * 5_000)
    assert guard.seen == said
