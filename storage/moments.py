"""Times as whole microseconds since 1970 UTC, so that order and equality are exact in every store."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since the epoch."""
    return (moment - _EPOCH) // _MICROSECOND


def optional_micros(moment: datetime | None) -> int | None:
    """Return the same for a time that may be absent."""
    return None if moment is None else micros(moment)


def moment(microseconds: int) -> datetime:
    """Return the UTC time of a stored number."""
    return _EPOCH + timedelta(microseconds=microseconds)
