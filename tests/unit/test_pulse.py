"""How a source's silence is told from a quiet night."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.runtimes.pulse import EXPECTED, SHORTEST, Pulse, Silence, heard, listened

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def days(number: int, by_hour: list[int], pulse: Pulse | None = None, start: datetime = MIDNIGHT) -> Pulse:
    """Listen for days to a source that brings so many posts in each hour of the day, evenly."""
    pulse = pulse or Pulse()
    for minute in range(number * 24 * 60):
        now = start + minute * MINUTE
        rate = by_hour[now.hour]
        posts = rate * (now.minute + 1) // 60 - rate * now.minute // 60
        pulse, silence = listened(heard(pulse, posts, now), now)
        assert silence is None
    return pulse


def silence_after(
    pulse: Pulse, start: datetime, most: timedelta = timedelta(days=3)
) -> tuple[timedelta, Silence] | None:
    """Bring nothing; return when that is told, and how."""
    now = start
    while now < start + most:
        now += MINUTE
        pulse, silence = listened(heard(pulse, 0, now), now)
        if silence:
            return now - start, silence
    return None


def test_a_source_that_usually_brings_forty_an_hour_is_told_of_within_two_hours() -> None:
    pulse = days(2, [40] * 24)
    found = silence_after(pulse, MIDNIGHT + timedelta(days=2))
    assert found
    after, silence = found
    assert SHORTEST <= after <= timedelta(hours=2)
    assert silence.sentence(MIDNIGHT + timedelta(days=2, hours=2)) == "nothing for 2 h, usually 40 an hour"


def test_a_quiet_night_is_no_silence() -> None:
    office_hours = [0] * 8 + [60] * 10 + [0] * 6
    pulse = days(3, office_hours)
    morning = MIDNIGHT + timedelta(days=3, hours=8)
    found = silence_after(pulse, MIDNIGHT + timedelta(days=3))
    assert found
    assert found[0] + MIDNIGHT + timedelta(days=3) > morning, "the night itself is not told"


def test_nothing_is_told_of_a_source_that_was_not_heard_for_a_day() -> None:
    pulse = heard(Pulse(), 500, MIDNIGHT)
    assert silence_after(pulse, MIDNIGHT) is None


def test_a_rare_source_is_not_told_of_before_many_posts_are_missing() -> None:
    pulse = days(2, [5] * 24)
    found = silence_after(pulse, MIDNIGHT + timedelta(days=2))
    assert found
    assert found[0] >= timedelta(hours=EXPECTED / 5 - 1)


def test_a_post_ends_the_silence_and_the_silence_teaches_nothing() -> None:
    pulse = days(2, [40] * 24)
    now = MIDNIGHT + timedelta(days=2)
    for _ in range(10 * 60):
        now += MINUTE
        pulse, _ = listened(heard(pulse, 0, now), now)
    assert pulse.silent
    pulse, silence = listened(heard(pulse, 3, now), now)
    assert (pulse.silent, silence) == (False, None)
    assert min(usual for usual in pulse.usual if usual is not None) > 20


def test_an_hour_that_was_not_listened_to_as_a_whole_teaches_nothing() -> None:
    pulse = heard(Pulse(), 3, MIDNIGHT + timedelta(minutes=50))
    pulse, _ = listened(pulse, MIDNIGHT + timedelta(hours=1))
    assert set(pulse.usual) == {None}
    slept, _ = listened(heard(pulse, 3, MIDNIGHT + timedelta(hours=1)), MIDNIGHT + timedelta(hours=9))
    assert slept.usual[8] is None


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 100_000)), max_size=60))
def test_whatever_comes_the_shortest_silences_are_never_told(looks: list[tuple[int, int]]) -> None:
    pulse, now, last = Pulse(), MIDNIGHT, MIDNIGHT
    for posts, seconds in looks:
        now += timedelta(seconds=seconds)
        last = now if posts else last
        pulse, silence = listened(heard(pulse, posts, now), now)
        assert silence is None or (now - last >= SHORTEST and silence.since == pulse.last_post_at)
        assert pulse.silent == (silence is not None)
