from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.period import moment

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("now", NOW),
        ("2d", NOW - timedelta(days=2)),
        ("90 min", NOW - timedelta(minutes=90)),
        ("3H", NOW - timedelta(hours=3)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T10:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 10:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00+06:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T10:00 06:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
    ],
)
def test_points_in_time_are_read_as_people_write_them(text: str, at: datetime) -> None:
    assert moment(text, now=NOW) == at


def sentence(text: str) -> str:
    try:
        moment(text, now=NOW)
    except ValueError as mistake:
        return str(mistake)
    return ""


@given(st.text(max_size=60))
def test_anything_else_is_a_sentence_with_the_remedy(text: str) -> None:
    said = sentence(text)
    assert not said or "write a date such as" in said


@pytest.mark.parametrize("text", ["999999w", "0001-01-01T00:00+14:00", "2026-13-01", "tomorrow", ""])
def test_impossible_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        moment(text, now=NOW)
