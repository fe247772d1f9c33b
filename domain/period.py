"""Points in time as people write them: `2d`, `3h`, `2026-03-01`, `2026-03-01T10:00+06:00`."""

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,6})\s*(m|min|h|d|w)")
_UNITS = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
REMEDY = 'write a date such as 2026-03-01, a time such as 2026-03-01T10:00+06:00, or an age such as "2d" or "3h"'


def moment(text: str, *, now: datetime) -> datetime:
    """Read a point in time; ages count back from `now`, a time without a zone is UTC.

    Raises ValueError with a sentence that says what may be written.
    """
    written = text.strip()
    try:
        if written == "now":
            return now
        if ago := _AGO.fullmatch(written.lower()):
            return now - int(ago[1]) * _UNITS[ago[2]]
        # In a web address a bare plus arrives as a blank: "…T10:00 06:00" was meant as "+06:00".
        read = datetime.fromisoformat(re.sub(r"(T\S+) (\d\d:?\d\d)$", r"\1+\2", written))
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        shown = written if len(written) <= 40 else written[:40] + "…"  # noqa: PLR2004  # enough to recognise it
        raise ValueError(f'"{shown}" is not a time: {REMEDY}') from None
