from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.records.times import read_time

NOON = datetime(2025, 2, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2025-02-20T12:00:00Z",
        "2025-02-20T12:00:00+00:00",
        "2025-02-20 17:00:00 +0500",
        "2025-02-20 12:00:00 UTC",
        "20250220T120000Z",
        "Thu, 20 Feb 2025 12:00:00 GMT",
        "Thu, 20 Feb 2025 13:00:00 +0100",
        "Thu Feb 20 12:00:00 +0000 2025",
        1740052800,
        1740052800.0,
        "1740052800",
        "1740052800.000",
        1740052800000,
        "1740052800000",
        1740052800000000,
        1740052800000000000,
        " 2025-02-20T12:00:00Z ",
        datetime(2025, 2, 20, 12, 0, tzinfo=UTC),
    ],
)
def test_a_time_is_read_however_it_is_written(written: object) -> None:
    assert read_time(written, UTC) == NOON


@pytest.mark.parametrize("written", ["2025-02-20T17:00:00", "2025-02-20 17:00", datetime(2025, 2, 20, 17, 0)])  # noqa: DTZ001  # naive on purpose
def test_a_time_without_zone_is_in_the_configured_one(written: object) -> None:
    assert read_time(written, ZoneInfo("Asia/Almaty")) == NOON


@pytest.mark.parametrize("written", ["2025-02-20", "20250220"])
def test_a_day_is_its_first_moment(written: str) -> None:
    assert read_time(written, UTC) == datetime(2025, 2, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["", "soon", "2025-13-01", 7, "7", True, None, [], {}, float("nan"), float("inf"), 1e300, "9" * 5000]
)
def test_what_is_no_time_is_refused_and_never_guessed(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_time(written, UTC)


def test_a_time_of_1988_is_one() -> None:
    assert read_time(567993600, UTC).year == 1988
